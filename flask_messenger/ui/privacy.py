"""Pages about personal data: exports, erasures, and who did what. For admins."""

import uuid

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from flask_messenger import jobs
from flask_messenger.api.privacy import hand_over
from flask_messenger.crypto import KeyRing
from flask_messenger.errors import InvalidRequestError
from flask_messenger.models import Conversation
from flask_messenger.privacy import requests
from flask_messenger.privacy.audit import list_acts
from flask_messenger.privacy.requests import PersonRow
from flask_messenger.state import state
from flask_messenger.tenancy import require_permission
from flask_messenger.ui.blueprint import bp
from flask_messenger.ui.presenters.privacy import (
    AuditView,
    DataRequestsView,
    act_rows,
    person_data_view,
    request_rows,
)
from flask_messenger.ui.presenters.settings import Notice
from flask_messenger.ui.reading import cookie_path, current_reader, zone_name

NOTICES = {
    "export": Notice(
        kind="good",
        title="The export is being collected.",
        text="It can be downloaded here when it is ready.",
    ),
    "erase": Notice(
        kind="good",
        title="The person is being erased.",
        text="The conversation is gone in a moment, the journal a little later.",
    ),
    "retry": Notice(kind="good", title="It is being tried again.", text="See below how far it is."),
}


@bp.get("/personal-data")
def personal_data() -> ResponseReturnValue:
    """Show exports and erasures, and how far they are."""
    tenant = require_permission("settings")
    reader = current_reader()
    rows = requests.list_requests(state().db.session, tenant=tenant)
    notice = NOTICES.get(request.args.get("notice", ""))
    view = DataRequestsView(
        rows=request_rows(rows, reader),
        notices=[notice] if notice else [],
        audit_url=url_for("messenger_ui.audit"),
        inbox_url=url_for("messenger_ui.inbox"),
        zone=zone_name(),
        cookie_path=cookie_path(),
    )
    return render_template("messenger/personal_data.html", fm_view=view)


@bp.post("/people/<uuid:identity_id>/export")
def export_person(identity_id: uuid.UUID) -> ResponseReturnValue:
    """Collect everything that is kept of a person."""
    tenant = require_permission("settings")
    session = state().db.session
    asked = requests.ask_for_export(session, tenant=tenant, identity_id=identity_id)
    jobs.wake_data_request(asked.workspace_id, asked.id)
    return redirect(url_for("messenger_ui.personal_data", notice="export"), code=303)


@bp.get("/people/<uuid:identity_id>/data")
def person_data(identity_id: uuid.UUID) -> ResponseReturnValue:
    """Show what can be done with a person's data; ask whether they are really to be erased."""
    tenant = require_permission("settings")
    person = requests.get_person(state().db.session, tenant=tenant, identity_id=identity_id)
    return _show(person, problem="")


@bp.post("/people/<uuid:identity_id>/erase")
def erase_person(identity_id: uuid.UUID) -> ResponseReturnValue:
    """Erase everything that is kept of a person, for good."""
    tenant = require_permission("settings")
    session = state().db.session
    try:
        asked = requests.ask_for_erasure(
            session,
            state().get(KeyRing),
            tenant=tenant,
            identity_id=identity_id,
            confirmation=request.form.get("confirmation", ""),
        )
    except InvalidRequestError as error:
        person = requests.get_person(session, tenant=tenant, identity_id=identity_id)
        return _show(person, problem=str(error)), 422
    jobs.wake_data_request(asked.workspace_id, asked.id)
    return redirect(url_for("messenger_ui.personal_data", notice="erase"), code=303)


@bp.post("/personal-data/<uuid:request_id>/document")
def download_export(request_id: uuid.UUID) -> ResponseReturnValue:
    """Hand over the document of an export that is done."""
    return hand_over(request_id)


@bp.post("/personal-data/<uuid:request_id>/retry")
def retry_data_request(request_id: uuid.UUID) -> ResponseReturnValue:
    """Have an export or an erasure that failed tried again."""
    tenant = require_permission("settings")
    asked = requests.retry_request(state().db.session, tenant=tenant, request_id=request_id)
    jobs.wake_data_request(asked.workspace_id, asked.id)
    return redirect(url_for("messenger_ui.personal_data", notice="retry"), code=303)


@bp.get("/audit")
def audit() -> ResponseReturnValue:
    """Show who did what in the workspace."""
    tenant = require_permission("settings")
    reader = current_reader()
    page = list_acts(state().db.session, tenant=tenant, before=_before())
    view = AuditView(
        rows=act_rows(page.items, reader),
        older_url=url_for("messenger_ui.audit", before=page.older) if page.older else None,
        is_own=tenant.location_ids is not None,
        settings_url=url_for("messenger_ui.settings"),
        zone=zone_name(),
        cookie_path=cookie_path(),
    )
    return render_template("messenger/audit.html", fm_view=view)


def _before() -> uuid.UUID | None:
    """Return where the page begins; an address somebody broke begins at the newest."""
    try:
        return uuid.UUID(request.args.get("before", ""))
    except ValueError:
        return None


def _show(person: PersonRow, *, problem: str) -> str:
    conversation_id = state().db.session.scalar(
        select(Conversation.id).where(Conversation.identity_id == person.identity.id)
    )
    view = person_data_view(
        person,
        current_reader(),
        problem=problem,
        cancel_url=url_for("messenger_ui.inbox", conversation_id=conversation_id),
        place={"zone": zone_name(), "cookie_path": cookie_path()},
    )
    return render_template("messenger/person_data.html", fm_view=view)
