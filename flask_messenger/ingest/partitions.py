"""The days of the journal on PostgreSQL: one partition each, made ahead and dropped whole.

Both are done by functions of the database that belong to the owner of the tables: a worker's role
owns nothing. A row whose day has no partition goes to the default one; an INSERT never fails.
What was there before the journal had days is one partition, until the day its name says.
"""

import logging
import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

from sqlalchemy import Date, cast, func, literal, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from flask_messenger.models.upsert import is_transient

logger = logging.getLogger(__name__)

DAYS_AHEAD: Final = 7
_DAY: Final = re.compile(r"messenger_webhook_entries_(until_)?(\d{8})")
_WAITS: Final = frozenset({"57014", "23514"})
"""Cancelled, since reading the default partition took too long; or a row of the day came into it
after it was looked at: it is looked at again the next time."""
_LIST: Final = text(
    "SELECT part.relname FROM pg_inherits JOIN pg_class part ON part.oid = inhrelid"
    " WHERE inhparent = to_regclass('messenger_webhook_entries')"
)


def list_days(session: Session) -> set[date]:
    """Return the days, UTC, that have a partition of their own, and the last before those."""
    return {day for _, day in _list_partitions(session)}


def _list_partitions(session: Session) -> list[tuple[bool, date]]:
    """Return the day of each partition, and whether it holds all before that day, too."""
    found = (_DAY.fullmatch(name) for name in session.scalars(_LIST))
    return [
        (
            match.group(1) is not None,
            datetime.strptime(match.group(2), "%Y%m%d").replace(tzinfo=UTC).date(),
        )
        for match in found
        if match
    ]


def add_days(session: Session, *, now: datetime) -> None:
    """Make the partitions of today and the next days, until one has to wait.

    A day of which the default partition already holds rows stays there. Commits after each.
    """
    today = now.astimezone(UTC).date()
    wanted = {today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD + 1)}
    partitions = _list_partitions(session)
    missing = wanted - {day for _, day in partitions}
    old = max((day for is_all, day in partitions if is_all), default=date.min)
    for day in sorted(each for each in missing if each > old):
        # What one has to wait for, the next would, too; and webhooks wait behind each of them.
        if not _call(session, "messenger_journal_add_partition", day):
            return


def drop_days(session: Session, *, before: date) -> bool:
    """Drop the partitions of days before `before`; say whether none had to wait for a lock.

    A day that still holds an entry nobody has drained stays, whatever its age. Commits after each.
    """
    old = sorted(day for day in list_days(session) if day < before)
    return all(_call(session, "messenger_journal_drop_partition", day) for day in old)


def _call(session: Session, function: str, day: date) -> bool:
    """Call a function of the database; say whether it got the locks it needs."""
    try:
        # The scan of a default partition that has grown large must not make webhooks wait.
        session.execute(text("SET LOCAL statement_timeout = '3s'"))
        changed = session.scalar(select(getattr(func, function)(cast(literal(day), Date))))
        session.commit()
    except DBAPIError as error:
        session.rollback()
        if not (is_transient(error) or getattr(error.orig, "sqlstate", None) in _WAITS):
            raise
        logger.warning("journal_day_waits function=%s day=%s", function, day)
        return False
    if changed:
        logger.info("journal_day_changed function=%s day=%s", function, day)
    return True
