"""Looking into the journal: lists, one entry, figures."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, func, select
from sqlalchemy.orm import Session

from flask_messenger.channels._reading import as_id
from flask_messenger.channels.registry import CHANNELS
from flask_messenger.errors import InvalidRequestError, NotFoundError, PayloadError
from flask_messenger.hooks import Tenant
from flask_messenger.ingest.bodies import hide_tokens, mask_body
from flask_messenger.ingest.journal import read_entry
from flask_messenger.ingest.replay import AccountName, Selection
from flask_messenger.models import Account, WebhookEntry
from flask_messenger.models.audit import record
from flask_messenger.models.journal import FAILED, PENDING, UNROUTED

MAX_ROWS: Final = 200
MAX_COUNT: Final = 10_000
"""Nobody reads a larger number, and counting costs what it counts."""
COLUMNS: Final = (
    WebhookEntry.id,
    WebhookEntry.object,
    WebhookEntry.state,
    WebhookEntry.error,
    WebhookEntry.attempts,
    WebhookEntry.workspace_id,
    WebhookEntry.external_id,
    WebhookEntry.event_count,
    WebhookEntry.unhandled,
    WebhookEntry.received_at,
    WebhookEntry.processed_at,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRow:
    """What is shown of an entry besides its body."""

    id: uuid.UUID
    object: str
    state: str
    error: str | None
    attempts: int
    workspace_id: str | None
    external_id: str | None
    event_count: int | None
    unhandled: Mapping[str, int] = field(default_factory=dict)
    received_at: datetime
    processed_at: datetime | None

    @classmethod
    def of(cls, row: Row[Any]) -> "JournalRow":
        """Return what is shown of a row of `COLUMNS`."""
        values = row._asdict()
        return cls(**{**values, "unhandled": values["unhandled"] or {}})


@dataclass(frozen=True, slots=True)
class JournalPage:
    """Entries, the newest first; `older` is where the next page begins, None on the last."""

    items: list[JournalRow]
    older: uuid.UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalFigures:
    """How the journal is doing: what waits, what failed, what has no account.

    No number is larger than `MAX_COUNT`: that many, or more.
    """

    pending: int
    failed: int
    unrouted: int
    oldest_pending_at: datetime | None
    errors: Mapping[str, int]


def list_entries(
    session: Session, selection: Selection, *, before: uuid.UUID | None = None, limit: int = 50
) -> JournalPage:
    """Return a page of the selected entries."""
    if not 1 <= limit <= MAX_ROWS:
        raise InvalidRequestError(f"A page has 1 to {MAX_ROWS} rows.", field="limit")
    statement = select(*COLUMNS).where(*selection.criteria())
    if before is not None:
        statement = statement.where(WebhookEntry.id < before)
    found = session.execute(statement.order_by(WebhookEntry.id.desc()).limit(limit + 1)).all()
    items = [JournalRow.of(row) for row in found[:limit]]
    return JournalPage(items, items[-1].id if len(found) > limit else None)


def read_figures(session: Session, selection: Selection) -> JournalFigures:
    """Count what is not done among the selected entries."""
    criteria = list(selection.criteria())
    counts = {state: _count(session, state, criteria) for state in (PENDING, FAILED, UNROUTED)}
    oldest = select(WebhookEntry.received_at).where(WebhookEntry.state == PENDING, *criteria)
    newest = (
        select(WebhookEntry.error)
        .where(WebhookEntry.state == FAILED, *criteria)
        .order_by(WebhookEntry.id.desc())
        .limit(MAX_COUNT)
        .subquery()
    )
    errors = select(newest.c.error, func.count()).group_by(newest.c.error)
    return JournalFigures(
        pending=counts[PENDING],
        failed=counts[FAILED],
        unrouted=counts[UNROUTED],
        oldest_pending_at=session.scalar(oldest.order_by(WebhookEntry.id).limit(1)),
        errors={error or "unknown": count for error, count in session.execute(errors)},
    )


def _count(session: Session, state: str, criteria: list[ColumnElement[bool]]) -> int:
    some = select(WebhookEntry.id).where(WebhookEntry.state == state, *criteria).limit(MAX_COUNT)
    return int(session.scalar(select(func.count()).select_from(some.subquery())) or 0)


def get_entry(session: Session, selection: Selection) -> WebhookEntry:
    """Return the one entry that `selection` names, with its body.

    Raises:
        NotFoundError: there is none, or it is somebody else's.
    """
    entry = session.scalars(select(WebhookEntry).where(*selection.criteria())).one_or_none()
    if entry is None:
        raise NotFoundError("There is no such entry.")
    return entry


def masked_body(entry: WebhookEntry) -> Any:
    """Return the body with its shape, and nothing of a person; None where it is not readable."""
    return mask_body(entry.raw)


def reveal_body(session: Session, *, tenant: Tenant, entry_id: uuid.UUID) -> Any:
    """Return the body with its words and ids, and note in the audit log who saw it.

    Never commits.
    """
    entry = get_entry(session, select_entries(session, tenant=tenant, ids=(entry_id,)))
    record(
        session,
        workspace_id=tenant.workspace_id,
        actor=tenant.user_id,
        action="journal_entry_revealed",
        subject=str(entry.id),
    )
    return plain_body(entry)


def plain_body(entry: WebhookEntry) -> Any:
    """Return the body as it came, without tokens; text where it is not readable JSON."""
    try:
        return hide_tokens(read_entry(entry.raw))
    except PayloadError:
        return entry.raw.decode("utf-8", "replace")


def select_entries(
    session: Session,
    *,
    tenant: Tenant,
    account_id: uuid.UUID | None = None,
    **narrowing: Any,
) -> Selection:
    """Return a selection of what the person may see: of their workspace and their locations.

    `narrowing` is any of `ids`, `since`, `until`, `state` and `error`. Of an account that is not
    theirs there is nothing to see.
    """
    accounts = None
    if account_id is not None or tenant.location_ids is not None:
        seen = seen_accounts(session, tenant=tenant)
        wanted = [each for each in seen if account_id in {None, each.id}]
        accounts = frozenset(AccountName.of(each) for each in wanted)
    return Selection(workspace_id=tenant.workspace_id, accounts=accounts, **narrowing)


def seen_accounts(session: Session, *, tenant: Tenant) -> list[Account]:
    """Return the accounts whose entries the person may look at, connected or not."""
    statement = select(Account).where(Account.workspace_id == tenant.workspace_id)
    found = session.scalars(statement.order_by(Account.name, Account.id))
    return [each for each in found if tenant.sees_location(each.location_id)]


def find_concerned(session: Session, entry: WebhookEntry) -> set[str]:
    """Return the workspaces that have, or had, an account an entry is for. System scope."""
    try:
        named = as_id(read_entry(entry.raw).get("id"))
    except PayloadError:
        named = entry.external_id
    channels = [each.name for each in CHANNELS.values() if each.webhook_object == entry.object]
    found = select(Account.workspace_id).where(
        Account.channel.in_(channels), Account.external_id == (named or "")
    )
    return set(session.scalars(found))
