"""Keeping an account below Meta's limits."""

from datetime import timedelta

import pytest
import redis
from limits import RateLimitItemPerHour

from flask_messenger.errors import RateLimitedError
from flask_messenger.graph.usage import Usage
from flask_messenger.models.base import new_id
from flask_messenger.outbox.pacing import SENDS_PER_SECOND, Pacer
from tests.outbox.conftest import redis_that_is_away


@pytest.fixture
def pacer(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        yield Pacer(client)


def test_account_is_held_below_its_rate_whoever_sends(redis_url):
    account_id, other_id = new_id(), new_id()
    rate = RateLimitItemPerHour(10)
    with redis.Redis.from_url(redis_url) as one, redis.Redis.from_url(redis_url) as two:
        pacers = [Pacer(one, rate), Pacer(two, rate)]
        taken = [pacers[turn % 2].may_send(account_id) for turn in range(12)]

        assert taken == [True] * 10 + [False] * 2
        assert pacers[0].may_send(other_id)


def test_rate_is_below_what_meta_allows():
    assert SENDS_PER_SECOND.amount < 300
    assert SENDS_PER_SECOND.get_expiry() == 1


def test_paused_account_sends_nothing_and_others_do(pacer):
    account_id = new_id()

    pacer.pause(account_id, timedelta(seconds=30))

    assert not pacer.may_send(account_id)
    assert pacer.may_send(new_id())


def test_pause_ends_by_itself(pacer):
    account_id = new_id()

    pacer.pause(account_id, timedelta(0))

    for _ in range(1000):
        if pacer.may_send(account_id):
            return
    pytest.fail("the pause did not end")


def test_usage_and_limits_pause_the_account(pacer):
    used, limited, threaded = new_id(), new_id(), new_id()
    wait = timedelta(minutes=1)

    pacer.note_usage(used, Usage(percent=99))
    pacer.note_limit(limited, RateLimitedError("busy", code=613), wait)
    pacer.note_limit(threaded, RateLimitedError("taken", code=10, subcode=2018300), wait)

    assert [pacer.may_send(each) for each in (used, limited, threaded)] == [False, False, True]


def test_without_redis_nothing_is_held_back():
    pacer = Pacer(redis_that_is_away())

    pacer.pause(new_id(), timedelta(seconds=30))

    assert pacer.may_send(new_id())
