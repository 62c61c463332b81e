"""Saved replies."""

import uuid

from flask import Response

from flask_messenger.api.blueprint import bp
from flask_messenger.api.openapi import operation
from flask_messenger.api.schemas.replies import (
    FilledReply,
    ForAccountQuery,
    SavedReplies,
    SavedReply,
    SavedReplyChange,
    SavedReplyFilling,
    SavedReplyToCreate,
)
from flask_messenger.replies import saved_replies
from flask_messenger.replies.filling import fill_saved_reply
from flask_messenger.state import state
from flask_messenger.tenancy import current_tenant, require_permission


@bp.get("/saved-replies")
@operation(
    "listSavedReplies",
    tag="templates",
    answers={200: (SavedReplies, "Saved replies, by shortcut.")},
)
def list_saved_replies(query: ForAccountQuery) -> SavedReplies:
    """List the saved replies that the tenant sees."""
    rows = saved_replies.list_saved_replies(
        state().db.session, tenant=current_tenant(), account_id=query.account_id
    )
    return SavedReplies(items=[SavedReply.of(row) for row in rows])


@bp.get("/saved-replies/<uuid:saved_reply_id>")
@operation(
    "getSavedReply",
    tag="templates",
    answers={200: (SavedReply, "The saved reply.")},
    problems=(404,),
)
def get_saved_reply(saved_reply_id: uuid.UUID) -> SavedReply:
    """Return one saved reply."""
    row = saved_replies.get_saved_reply(
        state().db.session, tenant=current_tenant(), saved_reply_id=saved_reply_id
    )
    return SavedReply.of(row)


@bp.post("/saved-replies")
@operation(
    "createSavedReply",
    tag="templates",
    answers={201: (SavedReply, "The saved reply.")},
    problems=(400, 403, 415),
)
def create_saved_reply(json: SavedReplyToCreate) -> Response:
    """Keep a new saved reply.

    Needs `settings`; for the whole workspace also to see all its locations.
    """
    tenant = require_permission("settings")
    session = state().db.session
    row = saved_replies.create_saved_reply(session, state(), tenant=tenant, values=json.values())
    session.commit()
    shown = SavedReply.of(row).model_dump_json()
    return Response(shown, status=201, mimetype="application/json")


@bp.patch("/saved-replies/<uuid:saved_reply_id>")
@operation(
    "changeSavedReply",
    tag="templates",
    answers={200: (SavedReply, "The saved reply as it is now.")},
    problems=(400, 403, 404, 415),
)
def change_saved_reply(saved_reply_id: uuid.UUID, json: SavedReplyChange) -> SavedReply:
    """Change a saved reply.

    Needs `settings`.
    """
    tenant = require_permission("settings")
    session = state().db.session
    row = saved_replies.change_saved_reply(
        session, tenant=tenant, saved_reply_id=saved_reply_id, **json.model_dump()
    )
    session.commit()
    return SavedReply.of(row)


@bp.delete("/saved-replies/<uuid:saved_reply_id>")
@operation(
    "deleteSavedReply",
    tag="templates",
    answers={204: (None, "It is gone.")},
    problems=(403, 404),
)
def delete_saved_reply(saved_reply_id: uuid.UUID) -> Response:
    """Delete a saved reply.

    Needs `settings`.
    """
    tenant = require_permission("settings")
    session = state().db.session
    saved_replies.delete_saved_reply(session, tenant=tenant, saved_reply_id=saved_reply_id)
    session.commit()
    return Response(status=204)


@bp.post("/saved-replies/<uuid:saved_reply_id>/preview")
@operation(
    "previewSavedReply",
    tag="templates",
    answers={200: (FilledReply, "The text, for the composer.")},
    problems=(400, 403, 404, 415),
)
def preview_saved_reply(saved_reply_id: uuid.UUID, json: SavedReplyFilling) -> FilledReply:
    """Fill a saved reply in for a conversation.

    Needs `reply`. A variable without a value is an error that names it.
    """
    text = fill_saved_reply(
        state().db.session,
        state(),
        tenant=require_permission("reply"),
        conversation_id=json.conversation_id,
        saved_reply_id=saved_reply_id,
    )
    return FilledReply(text=text)
