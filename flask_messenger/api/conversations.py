"""Conversations: list, look, and act on them."""

import uuid
from datetime import timedelta

from flask import Response

from flask_messenger import jobs
from flask_messenger.api.blueprint import bp
from flask_messenger.api.openapi import operation
from flask_messenger.api.schemas.conversations import (
    ConversationChange,
    Conversations,
    ConversationsQuery,
    OpenConversation,
    SeenUntil,
)
from flask_messenger.errors import InvalidRequestError
from flask_messenger.hooks import Tenant
from flask_messenger.inbox import actions, queries
from flask_messenger.inbox.actions import ConversationUpdate
from flask_messenger.inbox.announce import announce_updates
from flask_messenger.inbox.filters import ME
from flask_messenger.inbox.settings import read_settings
from flask_messenger.models.base import utc_now
from flask_messenger.models.conversations import CLOSED, COMMENTS, OPEN, SNOOZED
from flask_messenger.models.messages import BY_PERSON
from flask_messenger.outbox.actions import MARK_SEEN, TYPING_ON
from flask_messenger.outbox.circumstances import Circumstances, our_app_ids
from flask_messenger.outbox.policy_table import MESSAGE, PUBLIC_REPLY
from flask_messenger.state import state
from flask_messenger.tenancy import current_tenant, require_permission


@bp.get("/conversations")
@operation(
    "listConversations",
    tag="conversations",
    answers={200: (Conversations, "A page, the conversation written in last first.")},
)
def list_conversations(query: ConversationsQuery) -> Conversations:
    """List conversations that have a message."""
    page = queries.list_conversations(
        state().db.session,
        tenant=current_tenant(),
        filters=query.filters(),
        cursor=query.cursor,
        limit=query.limit,
    )
    return Conversations.of(page)


@bp.get("/conversations/<uuid:conversation_id>")
@operation(
    "getConversation",
    tag="conversations",
    answers={200: (OpenConversation, "The conversation.")},
    problems=(404,),
)
def get_conversation(conversation_id: uuid.UUID) -> OpenConversation:
    """Return one conversation."""
    return _load(current_tenant(), conversation_id)


@bp.patch("/conversations/<uuid:conversation_id>")
@operation(
    "changeConversation",
    tag="conversations",
    answers={200: (OpenConversation, "The conversation as it is now.")},
    problems=(400, 403, 404, 415),
)
def change_conversation(conversation_id: uuid.UUID, json: ConversationChange) -> OpenConversation:
    """Assign, close, reopen or snooze a conversation.

    Assigning needs the permission `assign`, the rest `reply`. All of a request happens, or nothing.
    """
    tenant = current_tenant()
    updates = []
    if "assignee" in json.model_fields_set:
        updates.append(_change_assignee(conversation_id, json.assignee))
    if json.status is not None or json.snoozed_until is not None:
        updates.append(_change_status(conversation_id, json))
    state().db.session.commit()
    announce_updates(updates)
    return _load(tenant, conversation_id)


@bp.post("/conversations/<uuid:conversation_id>/seen")
@operation(
    "markConversationSeen",
    tag="conversations",
    answers={200: (OpenConversation, "The conversation as it is now.")},
    problems=(400, 403, 404, 415),
)
def mark_seen(conversation_id: uuid.UUID, json: SeenUntil) -> OpenConversation:
    """Note that the team has read the conversation.

    The person sees that too. Needs `reply`.
    """
    tenant = require_permission("reply")
    update = actions.mark_seen(
        state().db.session,
        tenant=tenant,
        conversation_id=conversation_id,
        until_message_id=json.message_id,
    )
    state().db.session.commit()
    if update.change is not None:
        announce_updates([update])
        jobs.wake_action(conversation_id, MARK_SEEN)
    return _load(tenant, conversation_id)


@bp.post("/conversations/<uuid:conversation_id>/typing")
@operation(
    "showTyping",
    tag="conversations",
    answers={204: (None, "The person will see it for some seconds.")},
    problems=(403, 404),
)
def show_typing(conversation_id: uuid.UUID) -> Response:
    """Show the person that somebody is typing.

    Needs `reply`.
    """
    tenant = require_permission("reply")
    queries.get_conversation(state().db.session, tenant=tenant, conversation_id=conversation_id)
    jobs.wake_action(conversation_id, TYPING_ON)
    return Response(status=204)


def _load(tenant: Tenant, conversation_id: uuid.UUID) -> OpenConversation:
    session = state().db.session
    row = queries.get_conversation(session, tenant=tenant, conversation_id=conversation_id)
    enabled = read_settings(session, tenant=tenant).human_agent_enabled
    circumstances = Circumstances.of(row.conversation, row.account, human_agent_enabled=enabled)
    decision = circumstances.decide(
        sender=BY_PERSON,
        our_app_ids=our_app_ids(state().settings.apps, row.account.app_name),
        now=utc_now(),
        margin=timedelta(seconds=state().settings.window_margin_seconds),
        content_class=PUBLIC_REPLY if row.conversation.kind == COMMENTS else MESSAGE,
    )
    return OpenConversation.with_window(row, decision)


def _change_assignee(conversation_id: uuid.UUID, assignee: str | None) -> ConversationUpdate:
    tenant = require_permission("assign")
    session = state().db.session
    if assignee is None:
        return actions.unassign(session, tenant=tenant, conversation_id=conversation_id)
    agents = state().hooks.agents
    return actions.assign(
        session,
        tenant=tenant,
        conversation_id=conversation_id,
        agent_id=tenant.user_id if assignee == ME else assignee,
        agents=agents(tenant.workspace_id) if agents else (),
    )


def _change_status(conversation_id: uuid.UUID, wanted: ConversationChange) -> ConversationUpdate:
    tenant = require_permission("reply")
    session = state().db.session
    status = wanted.status or SNOOZED
    if status == SNOOZED:
        if wanted.snoozed_until is None:
            raise InvalidRequestError("Say until when.", field="snoozed_until")
        return actions.snooze(
            session,
            tenant=tenant,
            conversation_id=conversation_id,
            until=wanted.snoozed_until,
            now=utc_now(),
        )
    if wanted.snoozed_until is not None:
        message = "Only a snoozed conversation has a time until when."
        raise InvalidRequestError(message, field="snoozed_until")
    change = {CLOSED: actions.close, OPEN: actions.reopen}[status]
    return change(session, tenant=tenant, conversation_id=conversation_id)
