"""Trying a file again that was given up."""

import uuid
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.errors import ConflictError, NotFoundError
from flask_messenger.hooks import Tenant
from flask_messenger.media import words
from flask_messenger.models import Account, Attachment, Message
from flask_messenger.models.accounts import visible_to
from flask_messenger.models.messages import (
    ATTACHMENT_FAILED,
    ATTACHMENT_PENDING,
    ATTACHMENT_REFUSED,
)

FORBIDDEN: Final = frozenset({None, words.POLICY})
"""Of a refused file: it was never ours to fetch."""


def find_attachment(
    session: Session, *, tenant: Tenant, attachment_id: uuid.UUID, lock: bool = False
) -> Attachment:
    """Return an attachment that the tenant sees.

    Raises:
        NotFoundError: there is none.
    """
    statement = (
        select(Attachment)
        .join(Message, Message.id == Attachment.message_id)
        .join(Account, Account.id == Message.account_id)
        .where(
            Attachment.id == attachment_id,
            Attachment.workspace_id == tenant.workspace_id,
            *visible_to(tenant),
        )
    )
    if lock:
        statement = statement.with_for_update(of=Attachment)
    found = session.scalars(statement.execution_options(populate_existing=True)).one_or_none()
    if found is None:
        raise NotFoundError("There is no such attachment.")
    return found


def retry_attachment(
    session: Session, *, tenant: Tenant, attachment_id: uuid.UUID, now: datetime
) -> Attachment:
    """Have a file fetched again. Never commits; fetching is woken after the commit.

    One that is waiting for its next try is tried at once.

    Raises:
        NotFoundError: no such attachment for this tenant.
        ConflictError: it is there, is no file, or Meta's terms do not allow keeping it.
    """
    found = find_attachment(session, tenant=tenant, attachment_id=attachment_id, lock=True)
    if found.state == ATTACHMENT_REFUSED and found.error_slug in FORBIDDEN:
        raise ConflictError(words.explain(words.POLICY))
    if found.state not in {ATTACHMENT_FAILED, ATTACHMENT_REFUSED, ATTACHMENT_PENDING}:
        raise ConflictError("There is nothing to try again.")
    if found.state != ATTACHMENT_PENDING:
        found.state, found.attempts, found.error_slug = ATTACHMENT_PENDING, 0, None
        found.next_attempt_at = None
    elif found.error_slug is not None:  # it waits; else somebody is fetching it just now
        found.next_attempt_at = now
    return found
