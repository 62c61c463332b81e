"""The usual design, to compare with: one RQ job per webhook, rows through the ORM, a commit each.

Written as one would write it: look the account, the person and the thread up, add what is missing
and the message, sum the thread up, commit.
"""

from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.models import Account, Conversation, Identity, Message
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.state import state
from flask_messenger.tenancy import system_scope


def store_webhook(body: bytes) -> None:
    """Store one delivery; the job of the usual design."""
    session: Session = state().db.session
    with system_scope("benchmark"):
        for entry in orjson.loads(body)["entry"]:
            for event in entry["messaging"]:
                _store(session, entry["id"], event)
        session.commit()
    session.remove()


def _store(session: Session, page_id: str, event: dict[str, Any]) -> None:
    account = session.scalars(select(Account).filter_by(external_id=page_id)).one()
    external_id = event["message"]["mid"]
    known = select(Message).filter_by(account_id=account.id, external_id=external_id)
    if session.scalars(known).one_or_none() is not None:
        return
    identity = _find_identity(session, account, event["sender"]["id"])
    conversation = _find_conversation(session, account, identity)
    message = Message(
        id=new_id(),
        workspace_id=account.workspace_id,
        account_id=account.id,
        conversation_id=conversation.id,
        external_id=external_id,
        direction="inbound",
        kind="text",
        text=event["message"]["text"],
        status="received",
        sent_by="customer",
        sent_at=datetime.fromtimestamp(event["timestamp"] / 1000, UTC),
        announced_at=None,
    )
    session.add(message)
    account.last_inbound_at = message.sent_at
    conversation.last_message_at = conversation.last_inbound_at = message.sent_at
    conversation.last_message_id = message.id
    conversation.unread_count += 1


def _find_identity(session: Session, account: Account, external_id: str) -> Identity:
    wanted = select(Identity).filter_by(account_id=account.id, external_id=external_id)
    identity = session.scalars(wanted).one_or_none()
    if identity is None:
        identity = Identity(
            id=new_id(),
            workspace_id=account.workspace_id,
            account_id=account.id,
            external_id=external_id,
        )
        session.add(identity)
        session.flush()
    return identity


def _find_conversation(session: Session, account: Account, identity: Identity) -> Conversation:
    wanted = select(Conversation).filter_by(account_id=account.id, identity_id=identity.id)
    conversation = session.scalars(wanted).one_or_none()
    if conversation is None:
        conversation = Conversation(
            id=new_id(),
            workspace_id=account.workspace_id,
            account_id=account.id,
            identity_id=identity.id,
            channel=account.channel,
            unread_count=0,
            created_at=utc_now(),
        )
        session.add(conversation)
        session.flush()
    return conversation
