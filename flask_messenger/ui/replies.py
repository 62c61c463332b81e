"""Saved replies and templates, in the composer: listed, filled in, looked at before they go out."""

import uuid

from flask.typing import ResponseReturnValue

from flask_messenger.inbox.queries import get_conversation
from flask_messenger.replies.filling import fill_saved_reply
from flask_messenger.replies.saved_replies import list_saved_replies
from flask_messenger.replies.templates import list_templates
from flask_messenger.replies.using import fill_kept_template
from flask_messenger.state import state
from flask_messenger.tenancy import require_permission
from flask_messenger.ui.blueprint import bp
from flask_messenger.ui.fragments import fragment
from flask_messenger.ui.presenters.replies import preview_view, reply_views
from flask_messenger.ui.reading import current_reader


@bp.get("/inbox/<uuid:conversation_id>/replies")
def replies(conversation_id: uuid.UUID) -> ResponseReturnValue:
    """Return what is kept for the account of this conversation."""
    tenant = require_permission("reply")
    session = state().db.session
    row = get_conversation(session, tenant=tenant, conversation_id=conversation_id)
    account_id = row.account.id
    views = reply_views(
        list_saved_replies(session, tenant=tenant, account_id=account_id),
        list_templates(session, tenant=tenant, account_id=account_id),
        conversation_id=conversation_id,
        reader=current_reader(),
    )
    return fragment("_replies.html", replies=views)


@bp.get("/inbox/<uuid:conversation_id>/replies/<uuid:saved_reply_id>")
def saved_reply(conversation_id: uuid.UUID, saved_reply_id: uuid.UUID) -> ResponseReturnValue:
    """Return the words of a saved reply, filled in for this conversation."""
    tenant = require_permission("reply")
    text = fill_saved_reply(
        state().db.session,
        state(),
        tenant=tenant,
        conversation_id=conversation_id,
        saved_reply_id=saved_reply_id,
    )
    return {"text": text}


@bp.get("/inbox/<uuid:conversation_id>/templates/<uuid:template_id>")
def template_preview(conversation_id: uuid.UUID, template_id: uuid.UUID) -> ResponseReturnValue:
    """Show a template as it would go out."""
    tenant = require_permission("reply")
    filled = fill_kept_template(
        state().db.session,
        state(),
        tenant=tenant,
        conversation_id=conversation_id,
        template_id=template_id,
    )
    view = preview_view(filled.content, template_id=template_id)
    return fragment("_template_preview.html", preview=view)
