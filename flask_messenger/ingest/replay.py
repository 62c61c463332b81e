"""Replay: put journal entries back, to be applied again. Applying twice changes nothing."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, false, func, select, tuple_, update
from sqlalchemy.orm import Session

from flask_messenger.channels.registry import CHANNELS
from flask_messenger.errors import InvalidRequestError
from flask_messenger.models import Account, WebhookEntry
from flask_messenger.models.audit import record
from flask_messenger.models.journal import DONE, FAILED, PENDING, UNROUTED, first_id

STATES: Final = (PENDING, DONE, FAILED, UNROUTED)
BATCH: Final = 1_000
MAX_IDS: Final = 1_000
MAX_IN_A_REQUEST: Final = 10_000
"""What is put back within a request: ten transactions, and as many lines in the audit log."""
MAX_ERROR_LENGTH: Final = 255


@dataclass(frozen=True, slots=True)
class AccountName:
    """How entries name an account."""

    webhook_object: str
    external_id: str = field(repr=False)

    @classmethod
    def of(cls, account: Account) -> "AccountName":
        """Return how entries name `account`."""
        return cls(CHANNELS[account.channel].webhook_object, account.external_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which entries; what is None narrows nothing.

    Attributes:
        workspace_id: entries of this workspace only; None for an operator, who sees all.
        accounts: entries of these accounts, as they are called in webhooks.
        since: received at or after; aware.
        until: received before; aware.
        error: part of the error.
    """

    workspace_id: str | None
    ids: tuple[uuid.UUID, ...] = ()
    accounts: frozenset[AccountName] | None = None
    since: datetime | None = None
    until: datetime | None = None
    state: str | None = None
    error: str | None = field(default=None, repr=False)

    @property
    def is_everything(self) -> bool:
        """Whether nothing was named: an oversight rather than a wish."""
        return self.accounts is None and not (self.ids or self.since or self.until or self.state)

    def criteria(self) -> Iterator[ColumnElement[bool]]:
        """Yield what a journal row has to meet."""
        if self.workspace_id is not None:
            yield WebhookEntry.workspace_id == self.workspace_id
        if self.ids:
            # The bounds tell PostgreSQL which days are concerned; the list alone does not.
            yield WebhookEntry.id.between(min(self.ids), max(self.ids))
            yield WebhookEntry.id.in_(self.ids)
        if self.since is not None:
            yield WebhookEntry.id >= first_id(self.since)
        if self.until is not None:
            yield WebhookEntry.id < first_id(self.until)
        if self.accounts is not None:
            names = [(each.webhook_object, each.external_id) for each in self.accounts]
            yield tuple_(WebhookEntry.object, WebhookEntry.external_id).in_(sorted(names))
        if self.state is not None:
            yield WebhookEntry.state == self.state if self.state in STATES else false()
        if self.error:
            yield func.lower(WebhookEntry.error).contains(self.error.lower(), autoescape=True)


def count_entries(session: Session, selection: Selection, *, at_most: int | None = None) -> int:
    """Return how many entries a replay would put back: those selected that do not wait already.

    Counting costs what it counts; `at_most` ends it there.
    """
    _refuse_everything(selection)
    some = select(WebhookEntry.id).where(*_replayable(selection)).limit(at_most)
    return int(session.scalar(select(func.count()).select_from(some.subquery())) or 0)


def replay(
    session: Session, selection: Selection, *, actor: str, at_most: int | None = None
) -> int:
    """Put the selected entries back, oldest first, batch by batch; return how many there were.

    Commits after each batch; the caller wakes a drain afterwards. Entries that come in meanwhile
    are not concerned. A request says `at_most`: it has no time for more.

    Raises:
        InvalidRequestError: nothing narrows the selection, or it is of more than `at_most`.
    """
    _refuse_everything(selection)
    if at_most is not None and count_entries(session, selection, at_most=at_most + 1) > at_most:
        raise InvalidRequestError(
            f"These are more than {at_most:,} entries. Narrow the time, or have the operator run"
            " `flask messenger journal replay`."
        )
    count, last_id = 0, None
    found = select(WebhookEntry.id).where(*_replayable(selection))
    newest = session.scalar(found.order_by(WebhookEntry.id.desc()).limit(1))
    while newest is not None:
        ids = _next_ids(session, selection, after=last_id, newest=newest)
        if not ids:
            break
        workspaces = _put_back(session, ids)
        _note(session, selection, workspaces, actor=actor)
        session.commit()
        count += sum(workspaces.values())
        last_id = ids[-1]
    session.rollback()
    return count


def _refuse_everything(selection: Selection) -> None:
    if selection.is_everything:
        raise InvalidRequestError("Say which entries: ids, an account, a time or a state.")
    if len(selection.ids) > MAX_IDS:
        raise InvalidRequestError(f"At most {MAX_IDS} ids at once.", field="ids")


def _replayable(selection: Selection) -> list[ColumnElement[bool]]:
    return [*selection.criteria(), WebhookEntry.state != PENDING]


def _next_ids(
    session: Session, selection: Selection, *, after: uuid.UUID | None, newest: uuid.UUID
) -> list[uuid.UUID]:
    statement = select(WebhookEntry.id).where(*_replayable(selection), WebhookEntry.id <= newest)
    if after is not None:
        statement = statement.where(WebhookEntry.id > after)
    return list(session.scalars(statement.order_by(WebhookEntry.id).limit(BATCH)))


def _put_back(session: Session, ids: list[uuid.UUID]) -> dict[str | None, int]:
    """Set the state of these entries; return how many of which workspace there were."""
    statement = (
        update(WebhookEntry)
        .where(
            WebhookEntry.id.between(ids[0], ids[-1]),
            WebhookEntry.id.in_(ids),
            WebhookEntry.state != PENDING,
        )
        .values(state=PENDING, attempts=0, error=None, processed_at=None)
        .returning(WebhookEntry.workspace_id)
        .execution_options(synchronize_session=False)
    )
    counts: dict[str | None, int] = {}
    for workspace_id in session.scalars(statement):
        counts[workspace_id] = counts.get(workspace_id, 0) + 1
    return counts


def _note(
    session: Session, selection: Selection, workspaces: dict[str | None, int], *, actor: str
) -> None:
    """Tell each workspace's audit log. What belongs to nobody has nobody to tell."""
    for workspace_id, count in workspaces.items():
        if workspace_id is not None:
            record(
                session,
                workspace_id=workspace_id,
                actor=actor,
                action="journal_replayed",
                subject=str(selection.ids[0]) if len(selection.ids) == 1 else None,
                count=count,
                **_described(selection),
            )


def _described(selection: Selection) -> dict[str, Any]:
    times = {"since": selection.since, "until": selection.until}
    return {
        **{name: at.isoformat() for name, at in times.items() if at is not None},
        **({"state": selection.state} if selection.state else {}),
    }
