"""Which files are to be fetched, and taking some of them: no two workers fetch the same."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.orm import Session

from flask_messenger.media.discard import GRACE, discard_files
from flask_messenger.media.keeping import Keys
from flask_messenger.models import Account, Attachment, Message
from flask_messenger.models.messages import ATTACHMENT_PENDING

LEASE: Final = timedelta(minutes=10)
"""How long a file counts as being fetched; longer than it may take, shorter than `GRACE`."""

_attachments: Final = Attachment.__table__
_messages: Final = Message.__table__
_accounts: Final = Account.__table__
_FOUND: Final = (
    select(
        _attachments,
        _messages.c.conversation_id,
        _messages.c.external_id,
        _messages.c.account_id,
        _accounts.c.location_id,
        _accounts.c.app_name,
        _accounts.c.login,
        _accounts.c.token_sealed,
    )
    .join_from(_attachments, _messages, _messages.c.id == _attachments.c.message_id)
    .join(_accounts, _accounts.c.id == _messages.c.account_id)
    .where(_attachments.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(_attachments.c.id)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The account that received a file, and what it takes to ask Graph in its name."""

    account_id: uuid.UUID
    location_id: str | None
    app_name: str
    login: str
    token_sealed: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A file that is to be fetched, and whose it is.

    Attributes:
        attempts: how often it was tried, this time included.
        keys: where it goes.
        message_external_id: what Graph is asked about for a fresh address.
    """

    id: uuid.UUID
    workspace_id: str
    type: str
    position: int
    url: str | None = field(repr=False)
    attempts: int
    keys: Keys
    message_id: uuid.UUID
    conversation_id: uuid.UUID | None
    message_external_id: str | None = field(repr=False)
    owner: Owner


def find_waiting(session: Session, *, now: datetime, limit: int = 100) -> list[str]:
    """Return workspaces that have files to fetch now. System scope."""
    statement = select(_attachments.c.workspace_id).where(*_is_due(now)).distinct().limit(limit)
    return list(session.scalars(statement))


def claim_files(
    session: Session, workspace_id: str, *, now: datetime, limit: int
) -> Sequence[Wanted]:
    """Take the next files of a workspace, the oldest first. Commits.

    Counted before it begins: a file that kills its worker is not tried for ever. Where it goes is
    noted as to be removed, until it is kept.
    """
    some = (
        select(_attachments.c.id)
        .where(_attachments.c.workspace_id == workspace_id, *_is_due(now))
        .order_by(_attachments.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(session.scalars(some))
    if not ids:
        session.rollback()
        return []
    session.execute(
        update(_attachments)
        .where(_attachments.c.id.in_(ids))
        .values(attempts=_attachments.c.attempts + 1, next_attempt_at=now + LEASE)
    )
    wanted = [_wanted(row, now=now) for row in session.execute(_FOUND, {"ids": ids})]
    keys = [(each.workspace_id, key) for each in wanted for key in each.keys.both]
    discard_files(session, keys, due_at=now + GRACE)
    session.commit()
    return wanted


def _is_due(now: datetime) -> tuple[Any, ...]:
    return (
        _attachments.c.state == ATTACHMENT_PENDING,
        or_(_attachments.c.next_attempt_at.is_(None), _attachments.c.next_attempt_at <= now),
    )


def _wanted(row: Any, *, now: datetime) -> Wanted:
    return Wanted(
        id=row.id,
        workspace_id=row.workspace_id,
        type=row.type,
        position=row.position,
        url=row.url,
        attempts=row.attempts,
        keys=Keys.new(row.workspace_id, now),
        message_id=row.message_id,
        conversation_id=row.conversation_id,
        message_external_id=row.external_id,
        owner=Owner(
            account_id=row.account_id,
            location_id=row.location_id,
            app_name=row.app_name,
            login=row.login,
            token_sealed=row.token_sealed,
        ),
    )
