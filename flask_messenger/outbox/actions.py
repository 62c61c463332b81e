"""What a person sees besides messages: that we type, that we have read. Best effort, always."""

import logging
import uuid
from typing import Final

import redis
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.channels.registry import channel_named
from flask_messenger.channels.sending import Recipient
from flask_messenger.crypto import KeyRing
from flask_messenger.errors import GraphError, SecretError
from flask_messenger.graph import messages
from flask_messenger.graph.client import Graph
from flask_messenger.models import Account, Conversation, Identity
from flask_messenger.models.base import utc_now
from flask_messenger.models.conversations import DIRECT
from flask_messenger.models.messages import BY_PERSON
from flask_messenger.outbox.circumstances import Circumstances, our_app_ids
from flask_messenger.outbox.line import endpoint_of
from flask_messenger.state import MessengerState, state_of
from flask_messenger.tenancy import system_scope, workspace_scope
from flask_messenger.tiers import feature_access

logger = logging.getLogger(__name__)

MARK_SEEN: Final = "mark_seen"
TYPING_ON: Final = "typing_on"
TYPING_OFF: Final = "typing_off"

SECONDS_BETWEEN: Final = {MARK_SEEN: 2, TYPING_ON: 8, TYPING_OFF: 2}
"""How often an action of one conversation goes out. Meta shows typing for about 20 seconds."""


def send_action(app: Flask, conversation_id: uuid.UUID, action: str) -> bool:
    """Show the person that we type, or that we have read; return whether Meta was told.

    A failing one hurts nobody: it is logged and forgotten. Nothing goes out where the last one
    was a moment ago, where no answer would be allowed, or where the account cannot send.
    """
    held = state_of(app)
    session: Session = held.db.session
    with system_scope("sender action"):
        row = _load(session, conversation_id)
        session.commit()
    if row is None:
        return False
    conversation, identity, account = row
    with workspace_scope(account.workspace_id):
        if not _is_due(held, session, conversation, account, action):
            return False
        return _send(held, account, identity, action)


def _load(
    session: Session, conversation_id: uuid.UUID
) -> tuple[Conversation, Identity, Account] | None:
    statement = (
        select(Conversation, Identity, Account)
        .join(Identity, Identity.id == Conversation.identity_id)
        .join(Account, Account.id == Conversation.account_id)
        .where(Conversation.id == conversation_id)
    )
    row = session.execute(statement).one_or_none()
    # Detached: what is read now stays readable, and no transaction is open over the call.
    session.expunge_all()
    return (row[0], row[1], row[2]) if row else None


def _is_due(
    held: MessengerState,
    session: Session,
    conversation: Conversation,
    account: Account,
    action: str,
) -> bool:
    is_direct = conversation.kind == DIRECT
    if action not in SECONDS_BETWEEN or not is_direct or not account.can_send:
        return False
    # As strict as without tags: outside the standard window Meta refuses actions, tag or not.
    circumstances = Circumstances.of(conversation, account, human_agent_enabled=False)
    decision = circumstances.decide(
        sender=BY_PERSON,
        our_app_ids=our_app_ids(held.settings.apps, account.app_name),
        now=utc_now(),
    )
    if not decision.allowed:
        return False
    access = feature_access(held, account.workspace_id, channel_named(account.channel).feature)
    session.commit()
    return access.allowed and _is_first_for_a_while(held, conversation.id, action)


def _is_first_for_a_while(held: MessengerState, conversation_id: uuid.UUID, action: str) -> bool:
    """Take the conversation's turn for this action.

    Without Redis there is none: better silent than at Meta's limit.
    """
    key = f"messenger:action:{conversation_id}:{action}"
    try:
        return bool(held.get(redis.Redis).set(key, "1", nx=True, ex=SECONDS_BETWEEN[action]))
    except redis.RedisError:
        return False


def _send(held: MessengerState, account: Account, identity: Identity, action: str) -> bool:
    meta_app = held.settings.apps.get(account.app_name)
    try:
        token = account.open_token(held.get(KeyRing))
        if meta_app is None or token is None:
            return False
        request = channel_named(account.channel).build_action(
            action,
            endpoint=endpoint_of(account),
            recipient=Recipient(id=identity.external_id),
        )
        messages.send_action(held.get(Graph), app=meta_app, token=token, request=request)
    except (GraphError, SecretError) as error:
        logger.info(
            "action_failed account_id=%s action=%s error=%s", account.id, action, error.slug
        )
        return False
    return True
