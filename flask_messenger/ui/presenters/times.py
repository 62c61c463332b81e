"""Times in the words of the pages. Pure: `now` and the reader's zone are arguments."""

import math
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
WEEK_DAYS: Final = 7
MORNING: Final = time(9, 0)


def zone_named(name: str | None) -> tzinfo:
    """Return the zone a browser named, or UTC where it named none that we know."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def time_ago(at: datetime, *, now: datetime, zone: tzinfo) -> str:
    """Say when something was, in as few letters as a row of a list has room for."""
    seconds = (now - at).total_seconds()
    if seconds < MINUTE:
        return "now"
    if seconds < HOUR:
        return f"{int(seconds // MINUTE)} min"
    then, today = at.astimezone(zone).date(), now.astimezone(zone).date()
    days = (today - then).days
    if days == 0:
        return f"{int(seconds // HOUR)} h"
    if days == 1:
        return "Yesterday"
    if days < WEEK_DAYS:
        return f"{then:%a}"
    return short_date(then, today)


def time_ago_spoken(at: datetime, *, now: datetime, zone: tzinfo) -> str:
    """Say when something was, as the end of a sentence: "2 min ago", "on 14 Nov"."""
    short = time_ago(at, now=now, zone=zone)
    if short == "now":
        return "just now"
    if short.endswith((" min", " h")):
        return f"{short} ago"
    if short == "Yesterday":
        return "yesterday"
    return f"on {short}"


def since(at: datetime, *, now: datetime, zone: tzinfo) -> str:
    """Name a moment, with its clock time where that still helps: "today, 09:14"."""
    then, today = at.astimezone(zone), now.astimezone(zone).date()
    days = (today - then.date()).days
    if days == 0:
        return f"today, {then:%H:%M}"
    if days == 1:
        return f"yesterday, {then:%H:%M}"
    return short_date(then.date(), today)


def moment(at: datetime, *, now: datetime, zone: tzinfo) -> str:
    """Name a moment of the past or the future exactly: "Mon 23 Nov, 09:00"."""
    then, today = at.astimezone(zone), now.astimezone(zone).date()
    days = (then.date() - today).days
    near = {-1: "yesterday", 0: "today", 1: "tomorrow"}.get(days)
    return f"{near or f'{then:%a} {short_date(then.date(), today)}'}, {then:%H:%M}"


def in_days(at: datetime, *, now: datetime, zone: tzinfo) -> str:
    """Say how far off a day to come is: "today", "tomorrow", "in 5 days"."""
    days = (at.astimezone(zone).date() - now.astimezone(zone).date()).days
    return {0: "today", 1: "tomorrow"}.get(days) or f"in {days} days"


def short_date(day: date, today: date) -> str:
    """Return "14 Nov", with its year where that is not this year."""
    text = f"{day.day} {day:%b}"
    return text if day.year == today.year else f"{text} {day.year}"


def day_label(day: date, *, today: date) -> str:
    """Name the day above the messages of that day."""
    days = (today - day).days
    if days in (-1, 0, 1):
        return ("Today", "Yesterday", "Tomorrow")[days]
    label = f"{day:%A} {day.day} {day:%B}"
    return label if day.year == today.year else f"{label} {day.year}"


def clock(at: datetime, zone: tzinfo) -> str:
    """Return "17:05"."""
    return f"{at.astimezone(zone):%H:%M}"


def time_left(left: timedelta) -> str:
    """Say how long something lasts yet: "6 d 3 h", "23 h 48 m", "12 m"; whole minutes, rounded up.

    Rounded up, because "0 m left" while one can still write would be wrong, and a window that
    just opened has 24 hours, not 23.
    """
    minutes = max(1, math.ceil(left.total_seconds() / MINUTE))
    hours, minutes = divmod(minutes, 60)
    days, rest_hours = divmod(hours, 24)
    if days >= 1 and hours > 24:  # noqa: PLR2004 - hours of a day
        return f"{days} d {rest_hours} h" if rest_hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} m" if minutes else f"{hours} h"
    return f"{minutes} m"


def snooze_choices(*, now: datetime, zone: tzinfo) -> list[tuple[str, datetime]]:
    """Return the ways to put a conversation off, each with its moment (aware, UTC).

    Whole minutes, so that the page does not differ from one second to the next.
    """
    now = now.replace(second=0, microsecond=0)
    here = now.astimezone(zone)
    tomorrow = datetime.combine(here.date() + timedelta(days=1), MORNING, tzinfo=zone)
    monday_in_days = (7 - here.weekday()) % 7 or 7
    monday = datetime.combine(here.date() + timedelta(days=monday_in_days), MORNING, tzinfo=zone)
    choices = [
        ("In 1 hour", now + timedelta(hours=1)),
        ("In 3 hours", now + timedelta(hours=3)),
        ("Tomorrow morning", tomorrow),
    ]
    if monday != tomorrow:
        choices.append(("Monday morning", monday))
    return [(words, at.astimezone(UTC)) for words, at in choices]


def snoozed_until(at: datetime, *, now: datetime, zone: tzinfo) -> str:
    """Return what a row says of a conversation put off: "Snoozed to Mon"."""
    then, today = at.astimezone(zone), now.astimezone(zone).date()
    days = (then.date() - today).days
    if days == 0:
        return f"Snoozed to {then:%H:%M}"
    if 0 < days < WEEK_DAYS:
        return f"Snoozed to {then:%a}"
    return f"Snoozed to {short_date(then.date(), today)}"
