"""When a failed send is tried again."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from flask_messenger.errors import GraphUnavailableError, RateLimitedError
from flask_messenger.graph.usage import Usage
from flask_messenger.outbox.backoff import wait_before_retry
from flask_messenger.outbox.pacing import concerns_account, pause_for

UNAVAILABLE = GraphUnavailableError("away")


def seconds(error, attempts, chance=0.0):
    return wait_before_retry(error, attempts=attempts, chance=chance).total_seconds()


def test_wait_doubles_up_to_a_quarter_of_an_hour():
    waits = [seconds(UNAVAILABLE, attempts) for attempts in (1, 2, 3, 9, 10, 1000)]

    assert waits == [2, 4, 8, 512, 900, 900]


def test_rate_limit_waits_a_minute_at_least():
    assert seconds(RateLimitedError("busy"), 1) == 60


def test_what_meta_asks_for_is_kept():
    assert seconds(RateLimitedError("busy", retry_after_seconds=300), 1) == 300
    assert seconds(RateLimitedError("busy", retry_after_seconds=86400), 1) == 3600


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_wait_is_spread_but_bounded(attempts, chance):
    wait = wait_before_retry(UNAVAILABLE, attempts=attempts, chance=chance)

    assert timedelta(seconds=2) <= wait <= timedelta(seconds=900 * 1.25)


def test_account_slows_down_near_its_limit():
    assert pause_for(Usage(percent=80)) == timedelta(0)
    assert pause_for(Usage(percent=90)) == timedelta(seconds=5)
    assert pause_for(Usage(percent=100)) == timedelta(minutes=1)
    assert pause_for(Usage(percent=100, wait_seconds=120)) == timedelta(minutes=2)


def test_limit_of_one_thread_is_not_the_accounts():
    assert concerns_account(RateLimitedError("busy", code=80006))
    assert concerns_account(RateLimitedError("busy"))
    assert not concerns_account(RateLimitedError("another app", code=10, subcode=2018300))
