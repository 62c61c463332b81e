"""After the commit: get to know new people, then tell the host what was stored.

This is where the host's own code runs (`contact_resolver`, signal receivers), so it is a job of
its own: however slow it is, the next delivery does not wait for it.
"""

import logging
import time
import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Final

from flask import Flask
from rq.timeouts import BaseTimeoutException
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from flask_messenger.events import STANDBY
from flask_messenger.hooks import IdentityInfo
from flask_messenger.ingest.mentions import read_what_it_says
from flask_messenger.ingest.profiles import is_profile_due, learn_profiles
from flask_messenger.ingest.waiting import WAITING_KEPT
from flask_messenger.models import Account, Conversation, Identity, Message
from flask_messenger.models.base import utc_now
from flask_messenger.models.conversations import COMMENTS
from flask_messenger.models.messages import BY_OTHER_APP, BY_PAGE_INBOX, INBOUND, NOTICE
from flask_messenger.signals import (
    comment_received,
    emit,
    message_changed,
    message_received,
    message_sent,
    message_status_changed,
    notice_received,
)
from flask_messenger.state import state_of
from flask_messenger.tenancy import workspace_scope

logger = logging.getLogger(__name__)

BUDGET_SECONDS: Final = 60.0
LOST_AFTER: Final = timedelta(minutes=2)
ELSEWHERE: Final = frozenset({BY_OTHER_APP, BY_PAGE_INBOX})
"""Who sent what is not ours: we know no more of it than that it is there."""


def announce(
    app: Flask, message_ids: Sequence[uuid.UUID], *, budget_seconds: float = BUDGET_SECONDS
) -> list[uuid.UUID]:
    """Fetch profiles, resolve contacts and send the signals for stored messages.

    Works for `budget_seconds` at most; returns the ids that are left.
    """
    session: Session = state_of(app).db.session
    ends_at = time.monotonic() + budget_seconds
    left = list(message_ids)
    while left and time.monotonic() < ends_at:
        row = _load(session, left[0])
        if row is not None:
            with workspace_scope(row[0].workspace_id):
                _announce_one(app, session, row, left)
        del left[0]
    return left


def _announce_one(app: Flask, session: Session, row: Any, ids: Sequence[uuid.UUID]) -> None:
    """Tell of one message. `ids` begins with it: whoever the others are of is asked about too."""
    message, conversation, identity, account = row
    message_id = message.id
    if is_profile_due(state_of(app), identity):
        learn_profiles(app, session, account, ids)
    read_what_it_says(app, session, message=message, conversation=conversation, account=account)
    if identity.contact_ref is None:
        _resolve_contact(app, session, identity=identity, account=account)
    _emit(app, message, conversation, identity, account)
    session.rollback()  # what a receiver left uncommitted is its own to commit
    session.execute(update(Message).where(Message.id == message_id).values(announced_at=utc_now()))
    session.commit()


def find_unannounced(
    session: Session, *, limit: int, lost_after: timedelta = LOST_AFTER
) -> dict[str, list[uuid.UUID]]:
    """Return messages the host was never told of: a job was lost, or a worker died.

    By workspace, the oldest of each first and up to `limit` of each: one that lost thousands does
    not hide another's.
    """
    place = func.row_number().over(partition_by=Message.workspace_id, order_by=Message.created_at)
    unannounced = (
        select(Message.workspace_id, Message.id, place.label("place"))
        .where(
            Message.announced_at.is_(None),
            Message.conversation_id.is_not(None),
            Message.created_at < utc_now() - lost_after,
            # What is in no thread by then never will be: it is passed over by the index, too.
            Message.created_at > utc_now() - WAITING_KEPT,
        )
        .subquery()
    )
    statement = (
        select(unannounced.c.workspace_id, unannounced.c.id)
        .where(unannounced.c.place <= limit)
        .order_by(unannounced.c.place)
    )
    found: dict[str, list[uuid.UUID]] = {}
    for workspace_id, message_id in session.execute(statement):
        found.setdefault(workspace_id, []).append(message_id)
    session.rollback()
    return found


def group_by_workspace(
    session: Session, message_ids: Iterable[uuid.UUID]
) -> dict[str, list[uuid.UUID]]:
    """Return which of these messages are of which workspace, the oldest of each first."""
    ids = list(message_ids)
    found: dict[str, list[uuid.UUID]] = {}
    if ids:
        statement = (
            select(Message.workspace_id, Message.id).where(Message.id.in_(ids)).order_by(Message.id)
        )
        for workspace_id, message_id in session.execute(statement):
            found.setdefault(workspace_id, []).append(message_id)
        session.rollback()
    return found


def announce_statuses(app: Flask, message_ids: Sequence[uuid.UUID]) -> None:
    """Tell the host of messages of our side whose state a receipt changed."""
    session: Session = state_of(app).db.session
    for message_id in message_ids:
        row = _load(session, message_id, is_told=True)
        if row is not None:
            message, conversation, identity, account = row
            with workspace_scope(message.workspace_id):
                arguments = _arguments(message, conversation, identity, account)
                emit(message_status_changed, app, status=message.status, **arguments)
                session.rollback()


def announce_changes(app: Flask, message_ids: Sequence[uuid.UUID]) -> None:
    """Tell the host of messages that were edited, taken back, hidden or reacted to."""
    session: Session = state_of(app).db.session
    for message_id in message_ids:
        row = _load(session, message_id, is_told=True)
        if row is not None:
            message, conversation, identity, account = row
            with workspace_scope(message.workspace_id):
                arguments = _arguments(message, conversation, identity, account)
                is_deleted = message.deleted_at is not None
                emit(message_changed, app, is_deleted=is_deleted, **arguments)
                session.rollback()


def _load(session: Session, message_id: uuid.UUID, *, is_told: bool = False) -> Any:
    """Return the message with its thread, or None where it is gone or was told of already."""
    statement = (
        select(Message, Conversation, Identity, Account)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .join(Identity, Identity.id == Conversation.identity_id)
        .join(Account, Account.id == Message.account_id)
        .where(Message.id == message_id)
    )
    if not is_told:
        statement = statement.where(Message.announced_at.is_(None))
    return session.execute(statement).one_or_none()


def _resolve_contact(app: Flask, session: Session, *, identity: Identity, account: Account) -> None:
    resolver = state_of(app).hooks.contact
    if resolver is None:
        return
    known = _contact_of_other_side(session, identity)
    if known is not None:
        _keep_contact(session, identity.id, known)
        return
    info = IdentityInfo(
        workspace_id=identity.workspace_id,
        location_id=account.location_id,
        channel=account.channel,
        account_id=account.id,
        account_name=account.name,
        identity_id=identity.id,
        external_id=identity.external_id,
        name=identity.name,
        picture_url=identity.picture_url,
        username=identity.username,
        kind=identity.kind,
    )
    try:
        reference = resolver(info)
    except BaseTimeoutException:
        raise  # the queue's own: the job has run too long
    except Exception as error:  # noqa: BLE001 - whatever the host raises
        # The host's code: its failure must not undo ours, and its text may quote a person.
        session.rollback()
        logger.error(  # noqa: TRY400 - the traceback could print a name
            "contact_resolver_failed identity_id=%s error=%s",
            info.identity_id,
            type(error).__name__,
        )
        return
    if reference is not None:
        _keep_contact(session, info.identity_id, str(reference))


def _contact_of_other_side(session: Session, identity: Identity) -> str | None:
    """Return the contact of who somebody was before they answered in private, if there is one."""
    if identity.linked_identity_id is None:
        return None
    statement = select(Identity.contact_ref).where(Identity.id == identity.linked_identity_id)
    return session.scalar(statement)


def _keep_contact(session: Session, identity_id: uuid.UUID, reference: str) -> None:
    session.execute(
        update(Identity).where(Identity.id == identity_id).values(contact_ref=reference)
    )
    session.commit()


def _emit(
    app: Flask,
    message: Message,
    conversation: Conversation,
    identity: Identity,
    account: Account,
) -> None:
    arguments = _arguments(message, conversation, identity, account)
    if message.direction == NOTICE:
        emit(notice_received, app, **arguments)
        return
    if message.direction == INBOUND:
        is_comment = conversation.kind == COMMENTS
        emit(comment_received if is_comment else message_received, app, **arguments)
        return
    emit(message_sent, app, sent_by=message.sent_by, **arguments)
    if message.sent_by not in ELSEWHERE:
        emit(message_status_changed, app, status=message.status, **arguments)


def _arguments(
    message: Message, conversation: Conversation, identity: Identity, account: Account
) -> dict[str, Any]:
    return {
        "workspace_id": message.workspace_id,
        "location_id": account.location_id,
        "account_id": account.id,
        "conversation_id": conversation.id,
        "message_id": message.id,
        "contact_ref": identity.contact_ref,
        "channel": account.channel,
        "kind": message.kind,
        "is_standby": message.content.get(STANDBY) is True,
    }
