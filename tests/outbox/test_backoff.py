"""When a failed send is tried again."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from flask_messenger.errors import AccountPausedError, GraphUnavailableError, RateLimitedError
from flask_messenger.outbox.backoff import wait_before_retry

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


def test_account_that_meta_paused_waits_for_half_an_hour_and_then_longer():
    error = AccountPausedError("restricted", code=10, subcode=1893063)
    waits = [wait_before_retry(error, attempts=each, chance=0.0) for each in range(1, 6)]

    assert [each.total_seconds() / 60 for each in waits] == [30, 60, 120, 240, 240]
