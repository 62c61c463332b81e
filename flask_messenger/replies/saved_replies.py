"""Saved replies: texts that agents put into the composer by a shortcut."""

import re
import uuid
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.errors import ContentError, InvalidRequestError, NotFoundError
from flask_messenger.hooks import Tenant
from flask_messenger.models import SavedReply
from flask_messenger.models.audit import record
from flask_messenger.models.base import new_id
from flask_messenger.replies.reach import (
    applying_to,
    check_editable,
    check_reach,
    find_account,
    narrowest,
    visible,
)
from flask_messenger.replies.rendering import check_source
from flask_messenger.state import MessengerState

MAX_SHORTCUT: Final = 64
MAX_TITLE: Final = 255
_SHORTCUT: Final = re.compile(r"[^\s/]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedReplyValues:
    """What a saved reply says, how it is called, and where it is good for."""

    shortcut: str
    text: str = field(repr=False)
    title: str = ""
    location_id: str | None = None
    account_id: uuid.UUID | None = None


def list_saved_replies(
    session: Session, *, tenant: Tenant, account_id: uuid.UUID | None = None
) -> list[SavedReply]:
    """Return the saved replies that the person sees, by shortcut.

    With `account_id` only those that are good for it: of several with one shortcut the narrowest.

    Raises:
        InvalidRequestError: the person sees no such account.
    """
    statement = select(SavedReply).where(*visible(SavedReply, tenant))
    if account_id is not None:
        account = find_account(session, tenant=tenant, account_id=account_id)
        statement = statement.where(applying_to(SavedReply, account))
    rows = list(session.scalars(statement.order_by(SavedReply.shortcut, SavedReply.id)))
    return rows if account_id is None else narrowest(rows, lambda each: each.shortcut)


def get_saved_reply(session: Session, *, tenant: Tenant, saved_reply_id: uuid.UUID) -> SavedReply:
    """Return one saved reply that the person sees.

    Raises:
        NotFoundError: there is none of this id for them.
    """
    statement = select(SavedReply).where(
        *visible(SavedReply, tenant), SavedReply.id == saved_reply_id
    )
    reply = session.scalars(statement).one_or_none()
    if reply is None:
        raise NotFoundError("There is no such saved reply.")
    return reply


def create_saved_reply(
    session: Session, held: MessengerState, *, tenant: Tenant, values: SavedReplyValues
) -> SavedReply:
    """Keep a new saved reply. Permission: `settings`. Never commits.

    Raises:
        InvalidRequestError: or (ContentError) its text; names the field.
        PermissionDeniedError: it would be good for locations that the person does not see.
    """
    check_reach(
        session,
        held,
        tenant=tenant,
        location_id=values.location_id,
        account_id=values.account_id,
    )
    reply = SavedReply(
        id=new_id(),
        workspace_id=tenant.workspace_id,
        location_id=values.location_id,
        account_id=values.account_id,
        shortcut=_checked_shortcut(values.shortcut),
        title=_checked_title(values.title),
        text=_checked_text(values.text),
        created_by=tenant.user_id,
    )
    _check_free(session, reply)
    session.add(reply)
    _record(session, tenant, reply, "saved_reply_created")
    return reply


def change_saved_reply(
    session: Session,
    *,
    tenant: Tenant,
    saved_reply_id: uuid.UUID,
    shortcut: str | None = None,
    title: str | None = None,
    text: str | None = None,
) -> SavedReply:
    """Change a saved reply; None leaves a part as it is. Permission: `settings`.

    Raises:
        NotFoundError: there is none of this id for them.
        InvalidRequestError, PermissionDeniedError: as of `create_saved_reply`.
    """
    reply = get_saved_reply(session, tenant=tenant, saved_reply_id=saved_reply_id)
    check_editable(reply, tenant)
    with session.no_autoflush:
        if shortcut is not None:
            reply.shortcut = _checked_shortcut(shortcut)
            _check_free(session, reply)
        if title is not None:
            reply.title = _checked_title(title)
        if text is not None:
            reply.text = _checked_text(text)
    _record(session, tenant, reply, "saved_reply_changed")
    return reply


def delete_saved_reply(
    session: Session, *, tenant: Tenant, saved_reply_id: uuid.UUID
) -> SavedReply:
    """Remove a saved reply. Permission: `settings`. Never commits.

    Raises:
        NotFoundError, PermissionDeniedError: as of `change_saved_reply`.
    """
    reply = get_saved_reply(session, tenant=tenant, saved_reply_id=saved_reply_id)
    check_editable(reply, tenant)
    _record(session, tenant, reply, "saved_reply_deleted")
    session.delete(reply)
    session.flush()
    return reply


def _checked_shortcut(shortcut: str) -> str:
    cleaned = shortcut.strip().removeprefix("/").casefold()
    is_fit = len(cleaned) <= MAX_SHORTCUT and cleaned.isprintable()
    if not is_fit or not _SHORTCUT.fullmatch(cleaned):
        message = f"A shortcut is one word of at most {MAX_SHORTCUT} characters."
        raise InvalidRequestError(message, field="shortcut")
    return cleaned


def _checked_title(title: str) -> str:
    cleaned = " ".join(title.split())
    if len(cleaned) > MAX_TITLE or not (cleaned.isprintable() or not cleaned):
        raise InvalidRequestError(f"A title has at most {MAX_TITLE} characters.", field="title")
    return cleaned


def _checked_text(text: str) -> str:
    if not text.strip():
        raise ContentError("Write something first: the text is empty.", field="text")
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise ContentError("The text contains a character that cannot be sent.", field="text")
    check_source(text, field="text")
    return text


def _check_free(session: Session, reply: SavedReply) -> None:
    """Pass where no other has the shortcut with the same reach: which one would be meant?"""
    statement = select(SavedReply.id).where(
        SavedReply.workspace_id == reply.workspace_id,
        SavedReply.shortcut == reply.shortcut,
        SavedReply.location_id.is_not_distinct_from(reply.location_id),
        SavedReply.account_id.is_not_distinct_from(reply.account_id),
        SavedReply.id != reply.id,
    )
    if session.scalars(statement.limit(1)).one_or_none() is not None:
        message = "Another saved reply has this shortcut already."
        raise InvalidRequestError(message, field="shortcut")


def _record(session: Session, tenant: Tenant, reply: SavedReply, action: str) -> None:
    session.flush()
    record(
        session,
        workspace_id=tenant.workspace_id,
        actor=tenant.user_id,
        action=action,
        subject=str(reply.id),
        location_id=reply.location_id,
        account_id=str(reply.account_id) if reply.account_id else None,
    )
    session.flush()
