"""Keeping accounts and apps below Meta's limits."""

import time
from datetime import timedelta

import pytest
import redis

from flask_messenger.errors import RateLimitedError
from flask_messenger.graph.usage import Usage
from flask_messenger.models.base import new_id
from flask_messenger.outbox.board import Board
from flask_messenger.outbox.pacing import Pace, Pacer, gap_for
from tests.outbox.conftest import redis_that_is_away

APP = "default"
MINUTE = timedelta(minutes=1)


def pacer_of(client, **values):
    return Pacer(client, Board(client), Pace(**values))


@pytest.fixture
def client(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def pacer(client):
    return pacer_of(client)


@pytest.mark.parametrize("values", [{"account_per_second": 10}, {"app_per_second": 10}])
def test_rate_holds_over_all_workers(client, values):
    account_id = new_id()
    pacers = [pacer_of(client, **values) for _ in range(2)]

    assert 1 <= take_forty(pacers, account_id) <= most_of(10)


def take_forty(pacers, account_id):
    """Ask for forty permits in turns; return how many were given, and note how long it took."""
    started = time.monotonic()
    taken = sum(pacers[turn % len(pacers)].take(account_id, APP, 1) for turn in range(40))
    take_forty.seconds = time.monotonic() - started
    return taken


def most_of(rate):
    """Return what a rate allows in the time that `take_forty` took, with what was in hand."""
    return rate * (take_forty.seconds + 2)


def test_one_account_does_not_use_up_what_another_may(client):
    pacer = pacer_of(client, account_per_second=10)
    busy = new_id()

    assert pacer.take(busy, APP, 100) <= 10
    assert pacer.take(new_id(), APP, 1) == 1


def test_permits_that_were_not_used_are_given_back(client):
    pacer = pacer_of(client, account_per_second=10, app_per_second=10)
    account_id = new_id()
    given = pacer.take(account_id, APP, 10)

    pacer.give_back(account_id, APP, given)

    assert pacer.take(account_id, APP, given) == given


def test_audio_and_video_have_a_rate_of_their_own(client):
    pacer = pacer_of(client, media_per_second=2)
    account_id = new_id()

    taken = [pacer.take_media(account_id) for _ in range(20)]

    assert taken[0]
    assert not all(taken)
    assert pacer.take(account_id, APP, 1) == 1


def test_paused_account_is_held_and_others_are_not(pacer):
    account_id = new_id()

    pacer.pause(account_id, timedelta(seconds=300))

    held_until = pacer.held_until(account_id, APP)
    assert 200 < held_until - time.time() <= 300
    assert pacer.held_until(new_id(), APP) is None


def test_paused_app_holds_all_its_accounts(pacer):
    pacer.pause(APP, MINUTE)

    assert pacer.held_until(new_id(), APP) is not None
    assert pacer.held_until(new_id(), "other") is None


def test_other_workers_learn_of_a_pause(client, pacer):
    account_id = new_id()
    other = pacer_of(client)

    pacer.pause(account_id, MINUTE)

    assert other.held_until(account_id, APP) is not None


def test_pause_ends_by_itself(pacer):
    account_id = new_id()
    pacer.pause(account_id, timedelta(0))

    ends_at = time.monotonic() + 10
    while pacer.held_until(account_id, APP) is not None:
        assert time.monotonic() < ends_at


@pytest.mark.parametrize(
    ("percent", "seconds"), [(0, 0), (74.9, 0), (75, 0), (85, 5), (95, 10), (100, 10)]
)
def test_gap_grows_with_the_usage(percent, seconds):
    assert gap_for(percent, Pace()) == timedelta(seconds=seconds)


def test_usage_spreads_the_sends_before_meta_refuses(client, pacer):
    account_id = new_id()
    other_worker = pacer_of(client)

    pacer.note_usage(account_id, APP, Usage(percent=94.9))

    assert pacer.take(account_id, APP, 5) == 1
    assert pacer.take(account_id, APP, 5) == 0
    assert other_worker.take(account_id, APP, 5) == 0
    assert pacer.take(new_id(), APP, 5) == 5


def test_who_wants_nothing_gets_nothing_of_an_account_that_is_slowed_down(pacer):
    account_id = new_id()
    pacer.note_usage(account_id, APP, Usage(percent=94.9))

    assert pacer.take(account_id, APP, 0) == 0
    assert pacer.take(account_id, APP, 5) == 1


def test_turn_that_nothing_was_sent_for_is_given_back(client, pacer):
    account_id = new_id()
    pacer.note_usage(account_id, APP, Usage(percent=94.9))
    assert pacer.take(account_id, APP, 1) == 1

    pacer.give_back(account_id, APP, 1)

    assert pacer_of(client).take(account_id, APP, 1) == 1
    assert pacer.take(account_id, APP, 1) == 0


def test_account_keeps_its_turn_where_the_app_has_none(pacer):
    account_id, other = new_id(), new_id()
    pacer.note_usage(account_id, APP, Usage(percent=94.9))
    pacer.note_usage(other, APP, Usage(app_percent=94.9))
    assert pacer.take(other, APP, 1) == 1
    assert pacer.take(account_id, APP, 1) == 0

    pacer.note_usage(other, APP, Usage(app_percent=1))

    assert pacer.take(account_id, APP, 1) == 1


def test_usage_of_the_app_spreads_the_sends_of_all_accounts(pacer):
    pacer.note_usage(new_id(), APP, Usage(app_percent=94.9))

    assert [pacer.take(new_id(), APP, 5) for _ in range(2)] == [1, 0]


def test_usage_that_fell_lets_the_account_go(pacer):
    account_id = new_id()
    pacer.note_usage(account_id, APP, Usage(percent=94.9))

    pacer.note_usage(account_id, APP, Usage(percent=10))

    assert pacer.take(account_id, APP, 5) == 5


def test_usage_that_is_nearly_all_pauses_until_meta_says(pacer):
    told, untold = new_id(), new_id()

    pacer.note_usage(told, APP, Usage(percent=96, wait_seconds=600))
    pacer.note_usage(untold, APP, Usage(percent=96))

    assert 500 < pacer.held_until(told, APP) - time.time() < 601
    assert 20 < pacer.held_until(untold, APP) - time.time() < 61


@pytest.mark.parametrize(
    ("code", "subcode", "account", "app"),
    [(613, None, True, False), (4, None, True, True), (10, 2018300, False, False)],
)
def test_refusal_pauses_what_it_is_about(pacer, code, subcode, account, app):
    account_id = new_id()
    error = RateLimitedError("busy", code=code, subcode=subcode)

    pacer.note_limit(account_id, APP, error, MINUTE)

    assert (pacer.held_until(account_id, APP) is not None) is account
    assert (pacer.held_until(new_id(), APP) is not None) is app


def test_without_redis_a_worker_counts_for_itself():
    pacer = pacer_of(redis_that_is_away(), account_per_second=10)
    account_id, paused = new_id(), new_id()

    pacer.pause(paused, MINUTE)

    assert 1 <= take_forty([pacer], account_id) <= most_of(10)
    assert pacer.held_until(paused, APP) is not None
    assert pacer.held_until(account_id, APP) is None


def test_board_says_things_once_and_forgets_them(client):
    boards = [Board(client), Board(client), Board(redis_that_is_away())]

    assert [board.put_new("messenger:x", "1", seconds=60) for board in boards] == [
        True,
        False,
        True,
    ]
    assert [board.get_many(["messenger:x", "messenger:y"]) for board in boards] == [["1", None]] * 3
    for board in boards:
        board.drop("messenger:x")
    assert [board.get_many(["messenger:x"]) for board in boards] == [[None]] * 3
    assert boards[2].put_new("messenger:x", "2", seconds=60)
    assert not boards[2].put_new("messenger:x", "3", seconds=60)
