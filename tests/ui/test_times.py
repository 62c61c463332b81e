from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from flask_messenger.ui.presenters.times import (
    clock,
    day_label,
    moment,
    since,
    snooze_choices,
    snoozed_until,
    time_ago,
    time_ago_spoken,
    time_left,
    zone_named,
)

NOW = datetime(2026, 11, 21, 17, 12, tzinfo=UTC)  # a Saturday
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=-5), "now"),  # Meta's clock and ours differ a little
        (timedelta(seconds=59), "now"),
        (timedelta(minutes=1), "1 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=2), "2 h"),
        (timedelta(hours=17), "17 h"),
        (timedelta(hours=18), "Yesterday"),
        (timedelta(days=2), "Thu"),
        (timedelta(days=6), "Sun"),
        (timedelta(days=7), "14 Nov"),
        (timedelta(days=400), "17 Oct 2025"),
    ],
)
def test_time_ago_fits_into_a_row(ago: timedelta, words: str) -> None:
    assert time_ago(NOW - ago, now=NOW, zone=UTC) == words


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=3), "just now"),
        (timedelta(minutes=2), "2 min ago"),
        (timedelta(hours=3), "3 h ago"),
        (timedelta(days=1), "yesterday"),
        (timedelta(days=3), "on Wed"),
        (timedelta(days=30), "on 22 Oct"),
    ],
)
def test_time_ago_ends_a_sentence(ago: timedelta, words: str) -> None:
    assert time_ago_spoken(NOW - ago, now=NOW, zone=UTC) == words


def test_days_are_the_readers_days() -> None:
    late = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)  # half past midnight in Berlin

    assert time_ago(late, now=NOW, zone=UTC) == "Yesterday"
    assert time_ago(late, now=NOW, zone=BERLIN) == "17 h"
    assert clock(late, BERLIN) == "00:30"


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(seconds=10), "1 m"),
        (timedelta(minutes=12), "12 m"),
        (timedelta(hours=1, minutes=12), "1 h 12 m"),
        (timedelta(hours=2), "2 h"),
        (timedelta(hours=23, minutes=47, seconds=30), "23 h 48 m"),
        (timedelta(hours=24), "24 h"),
        (timedelta(days=6, hours=3), "6 d 3 h"),
        (timedelta(days=5), "5 d"),
    ],
)
def test_time_left_is_rounded_up_to_minutes(left: timedelta, words: str) -> None:
    assert time_left(left) == words


def test_days_have_names() -> None:
    today = NOW.date()

    assert day_label(today, today=today) == "Today"
    assert day_label(today - timedelta(days=1), today=today) == "Yesterday"
    assert day_label(today - timedelta(days=4), today=today) == "Tuesday 17 November"
    assert day_label(today - timedelta(days=365), today=today) == "Friday 21 November 2025"


def test_moments_have_names() -> None:
    def at(**ago: float) -> datetime:
        return NOW - timedelta(**ago)

    assert since(at(hours=8), now=NOW, zone=UTC) == "today, 09:12"
    assert since(at(days=1), now=NOW, zone=UTC) == "yesterday, 17:12"
    assert since(at(days=9), now=NOW, zone=UTC) == "12 Nov"
    assert moment(at(days=-1), now=NOW, zone=UTC) == "tomorrow, 17:12"
    assert moment(at(days=-2), now=NOW, zone=UTC) == "Mon 23 Nov, 17:12"


def test_snooze_is_offered_to_mornings_of_the_readers_zone() -> None:
    choices = dict(snooze_choices(now=NOW, zone=BERLIN))

    assert choices["In 1 hour"] == NOW + timedelta(hours=1)
    assert choices["Tomorrow morning"] == datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
    assert choices["Monday morning"] == datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def test_snooze_does_not_offer_the_same_morning_twice() -> None:
    sunday = NOW + timedelta(days=1)

    assert "Monday morning" not in dict(snooze_choices(now=sunday, zone=UTC))


def test_snoozed_rows_say_until_when() -> None:
    def until(**ahead: float) -> str:
        return snoozed_until(NOW + timedelta(**ahead), now=NOW, zone=UTC)

    assert until(hours=1) == "Snoozed to 18:12"
    assert until(days=2) == "Snoozed to Mon"
    assert until(days=20) == "Snoozed to 11 Dec"


@pytest.mark.parametrize("name", [None, "", "Mars/Base", "../etc/passwd", "a" * 5000, "\x00"])
def test_an_unknown_zone_is_utc(name: str | None) -> None:
    assert zone_named(name) is UTC


def test_a_known_zone_is_taken() -> None:
    assert zone_named("Europe/Berlin") == BERLIN
