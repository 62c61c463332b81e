"""The journal: look into it, and have entries applied again."""

import uuid

from flask import Response
from sqlalchemy.orm import Session

from flask_messenger.api.blueprint import bp
from flask_messenger.api.openapi import operation
from flask_messenger.api.schemas.journal import Entries, EntryBody, JournalQuery, Replay, Replayed
from flask_messenger.ingest import search
from flask_messenger.ingest.replay import MAX_IN_A_REQUEST, Selection, replay
from flask_messenger.ingest.wake import DrainWaker
from flask_messenger.state import state
from flask_messenger.tenancy import require_permission


@bp.get("/journal")
@operation(
    "listEntries",
    tag="journal",
    answers={200: (Entries, "A page, the newest first.")},
    problems=(403,),
)
def list_entries(query: JournalQuery) -> Entries:
    """List what Meta sent for the workspace's accounts.

    Needs `settings`.
    """
    tenant = require_permission("settings")
    session = state().db.session
    selection = search.select_entries(session, tenant=tenant, **query.narrowing())
    page = search.list_entries(session, selection, before=query.cursor, limit=query.limit)
    return Entries.of(page)


@bp.get("/journal/<uuid:entry_id>")
@operation(
    "getEntry",
    tag="journal",
    answers={200: (EntryBody, "The masked body.")},
    problems=(403, 404),
)
def get_entry(entry_id: uuid.UUID) -> EntryBody:
    """Return what Meta sent, with everything that says something of a person masked.

    Needs `settings`.
    """
    tenant = require_permission("settings")
    session = state().db.session
    selection = search.select_entries(session, tenant=tenant, ids=(entry_id,))
    entry = search.get_entry(session, selection)
    return EntryBody(id=entry.id, is_masked=True, body=search.masked_body(entry))


@bp.post("/journal/<uuid:entry_id>/reveal")
@operation(
    "revealEntry",
    tag="journal",
    answers={200: (EntryBody, "The body as it came.")},
    problems=(403, 404),
)
def reveal_entry(entry_id: uuid.UUID) -> EntryBody:
    """Return what Meta sent, with the personal data in it.

    Needs `settings`; the audit log says who looked.
    """
    tenant = require_permission("settings")
    session = state().db.session
    body = search.reveal_body(session, tenant=tenant, entry_id=entry_id)
    session.commit()
    return EntryBody(id=entry_id, is_masked=False, body=body)


@bp.post("/journal/<uuid:entry_id>/replay")
@operation(
    "replayEntry",
    tag="journal",
    answers={202: (Replayed, "It will be applied again in a moment.")},
    problems=(403, 404),
)
def replay_entry(entry_id: uuid.UUID) -> Response:
    """Apply one entry again. Nothing comes twice.

    Needs `settings`.
    """
    tenant = require_permission("settings")
    session = state().db.session
    selection = search.select_entries(session, tenant=tenant, ids=(entry_id,))
    search.get_entry(session, selection)
    return _accept(session, selection, actor=tenant.user_id)


@bp.post("/journal/replay")
@operation(
    "replayEntries",
    tag="journal",
    answers={202: (Replayed, "They will be applied again in a moment.")},
    problems=(400, 403, 415),
)
def replay_entries(json: Replay) -> Response:
    """Apply entries again: by id, account, time or state. Nothing comes twice.

    Needs `settings`.
    """
    tenant = require_permission("settings")
    session = state().db.session
    selection = search.select_entries(session, tenant=tenant, **json.narrowing())
    return _accept(session, selection, actor=tenant.user_id)


def _accept(session: Session, selection: Selection, *, actor: str) -> Response:
    count = replay(session, selection, actor=actor, at_most=MAX_IN_A_REQUEST)
    state().get(DrainWaker).wake()
    answer = Replayed(count=count).model_dump_json()
    return Response(answer, status=202, mimetype="application/json")
