"""What a mention says, where its event names it only: Meta is asked before the host is told."""

import logging
import uuid
from typing import Final

import redis
from flask import Flask
from sqlalchemy import func, update
from sqlalchemy.orm import Session

from flask_messenger.channels.registry import channel_named
from flask_messenger.channels.sending import Endpoint
from flask_messenger.crypto import KeyRing
from flask_messenger.errors import GraphError, SecretError
from flask_messenger.graph.client import Graph
from flask_messenger.graph.comments import Mention, read_mention
from flask_messenger.graph.request import GraphRequest
from flask_messenger.models import Account, Conversation, Identity, Message
from flask_messenger.models.base import utc_now
from flask_messenger.realtime import Change, publish
from flask_messenger.state import MessengerState, state_of

logger = logging.getLogger(__name__)

MENTION: Final = "mention"
"""The kind of what names the account; see `events.MESSAGE_KINDS`."""


def read_what_it_says(
    app: Flask, session: Session, *, message: Message, conversation: Conversation, account: Account
) -> None:
    """Fill in the words of a mention whose event had none. Commits.

    No transaction is open while Meta is asked. Where Meta does not say, or is away, the mention
    stays as it was told.
    """
    request = _request_for(message, account)
    if request is None:
        return
    held = state_of(app)
    change = Change(
        workspace_id=message.workspace_id,
        type="message",
        ids={
            "conversation_id": str(conversation.id),
            "message_id": str(message.id),
            "account_id": str(account.id),
            "location_id": account.location_id,
        },
    )
    message_id, identity_id = message.id, conversation.identity_id
    mention = _ask(held, session, account, request, message_id=message_id)
    if mention is not None:
        _store(session, message_id, identity_id, mention)
        publish(held.get(redis.Redis), [change])


def _request_for(message: Message, account: Account) -> GraphRequest | None:
    """Return the request for what a message says; None where it is told, or cannot be asked."""
    is_told = message.text is not None or message.deleted_at is not None
    if message.kind != MENTION or is_told or not account.can_send:
        return None
    endpoint = Endpoint(
        external_id=account.external_id,
        page_external_id=account.page_external_id,
        login=account.login,
    )
    return channel_named(account.channel).build_mention(message.content, endpoint=endpoint)


def _ask(
    held: MessengerState,
    session: Session,
    account: Account,
    request: GraphRequest,
    *,
    message_id: uuid.UUID,
) -> Mention | None:
    meta_app = held.settings.apps.get(account.app_name, held.settings.default_app)
    try:
        token = account.open_token(held.get(KeyRing))
        session.commit()
        if token is None:
            return None
        return read_mention(held.get(Graph), app=meta_app, token=token, request=request)
    except (GraphError, SecretError) as error:
        logger.info("mention_not_read message_id=%s error=%s", message_id, error.slug)
        session.rollback()
        return None


def _store(
    session: Session, message_id: uuid.UUID, identity_id: uuid.UUID, mention: Mention
) -> None:
    now = utc_now()
    session.execute(
        update(Message)
        .where(Message.id == message_id, Message.text.is_(None), Message.deleted_at.is_(None))
        .values(text=mention.text, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    if mention.username is not None:
        session.execute(
            update(Identity)
            .where(Identity.id == identity_id)
            .values(username=func.coalesce(Identity.username, mention.username), updated_at=now)
            .execution_options(synchronize_session=False)
        )
    session.commit()
