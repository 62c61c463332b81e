"""What one does with a conversation besides writing: assign, close, reopen, snooze, see, type."""

import uuid
from datetime import datetime

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from flask_messenger import jobs
from flask_messenger.errors import InvalidRequestError
from flask_messenger.inbox import actions
from flask_messenger.inbox.actions import ConversationUpdate
from flask_messenger.inbox.announce import announce_updates
from flask_messenger.inbox.queries import get_conversation
from flask_messenger.models.base import utc_now
from flask_messenger.outbox.actions import MARK_SEEN, TYPING_ON
from flask_messenger.state import state
from flask_messenger.tenancy import require_permission
from flask_messenger.ui.blueprint import asked_by_script, bp

CHANGED = {"HX-Trigger": "fm:changed"}
"""Our script hears this and brings every part of the page up to date."""


@bp.post("/inbox/<uuid:conversation_id>/assign")
def assign(conversation_id: uuid.UUID) -> ResponseReturnValue:
    """Give the conversation to an agent, or to nobody."""
    tenant = require_permission("assign")
    session = state().db.session
    agent_id = request.form.get("assignee", "")
    if not agent_id:
        update = actions.unassign(session, tenant=tenant, conversation_id=conversation_id)
        return _done(update)
    agents = state().hooks.agents
    update = actions.assign(
        session,
        tenant=tenant,
        conversation_id=conversation_id,
        agent_id=agent_id,
        agents=agents(tenant.workspace_id) if agents else (),
    )
    return _done(update)


@bp.post("/inbox/<uuid:conversation_id>/close")
def close(conversation_id: uuid.UUID) -> ResponseReturnValue:
    """Put the conversation away until the person writes again."""
    tenant = require_permission("reply")
    session = state().db.session
    return _done(actions.close(session, tenant=tenant, conversation_id=conversation_id))


@bp.post("/inbox/<uuid:conversation_id>/reopen")
def reopen(conversation_id: uuid.UUID) -> ResponseReturnValue:
    """Bring the conversation back."""
    tenant = require_permission("reply")
    session = state().db.session
    return _done(actions.reopen(session, tenant=tenant, conversation_id=conversation_id))


@bp.post("/inbox/<uuid:conversation_id>/snooze")
def snooze(conversation_id: uuid.UUID) -> ResponseReturnValue:
    """Put the conversation away until a time."""
    tenant = require_permission("reply")
    update = actions.snooze(
        state().db.session,
        tenant=tenant,
        conversation_id=conversation_id,
        until=_read_time(request.form.get("until", "")),
        now=utc_now(),
    )
    return _done(update)


@bp.post("/inbox/<uuid:conversation_id>/seen")
def seen(conversation_id: uuid.UUID) -> ResponseReturnValue:
    """Note that the team has read the conversation, and let the person see that."""
    tenant = require_permission("reply")
    session = state().db.session
    update = actions.mark_seen(session, tenant=tenant, conversation_id=conversation_id)
    session.commit()
    if update.change is not None:
        announce_updates([update])
        jobs.wake_action(conversation_id, MARK_SEEN)
    return "", 204


@bp.post("/inbox/<uuid:conversation_id>/typing")
def typing(conversation_id: uuid.UUID) -> ResponseReturnValue:
    """Show the person that somebody is typing."""
    tenant = require_permission("reply")
    get_conversation(state().db.session, tenant=tenant, conversation_id=conversation_id)
    jobs.wake_action(conversation_id, TYPING_ON)
    return "", 204


def _read_time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidRequestError("Say until when.", field="until") from error


def _done(update: ConversationUpdate) -> ResponseReturnValue:
    """Commit, tell everybody, and let the page show what is different now."""
    conversation_id = update.conversation.id
    state().db.session.commit()
    announce_updates([update])
    return changed(conversation_id)


def changed(conversation_id: uuid.UUID) -> ResponseReturnValue:
    """Return what makes the page look again: our script does, a plain form comes back to it."""
    if asked_by_script():
        return "", 204, CHANGED
    return redirect(url_for("messenger_ui.inbox", conversation_id=conversation_id), code=303)
