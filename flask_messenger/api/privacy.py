"""Personal data: exports and erasures."""

import uuid
from collections.abc import Iterator

from flask import Flask, Response

from flask_messenger import jobs
from flask_messenger.api.blueprint import bp
from flask_messenger.api.openapi import operation
from flask_messenger.api.schemas.privacy import (
    Confirmation,
    ExportDocument,
    PersonalDataRequest,
    PersonalDataRequests,
    RequestsQuery,
)
from flask_messenger.crypto import KeyRing
from flask_messenger.models import DataRequest
from flask_messenger.privacy import requests
from flask_messenger.privacy.parts import read_part
from flask_messenger.privacy.requests import Document
from flask_messenger.state import current_application, state, state_of
from flask_messenger.tenancy import require_permission, workspace_scope


@bp.post("/people/<uuid:identity_id>/export")
@operation(
    "exportPerson",
    tag="privacy",
    answers={202: (PersonalDataRequest, "The request; ask for it until it is `done`.")},
    problems=(403, 404, 409),
)
def export_person(identity_id: uuid.UUID) -> Response:
    """Collect everything that is kept of a person.

    Needs `settings`.
    """
    tenant = require_permission("settings")
    session = state().db.session
    request = requests.ask_for_export(session, tenant=tenant, identity_id=identity_id)
    return _asked(request)


@bp.post("/people/<uuid:identity_id>/erase")
@operation(
    "erasePerson",
    tag="privacy",
    answers={202: (PersonalDataRequest, "The request; ask for it until it is `done`.")},
    problems=(400, 403, 404, 409, 415),
)
def erase_person(identity_id: uuid.UUID, json: Confirmation) -> Response:
    """Erase everything that is kept of a person, for good.

    Needs `settings`, and the person's name as a confirmation.
    """
    tenant = require_permission("settings")
    request = requests.ask_for_erasure(
        state().db.session,
        state().get(KeyRing),
        tenant=tenant,
        identity_id=identity_id,
        confirmation=json.confirmation,
    )
    return _asked(request)


@bp.get("/data-requests")
@operation(
    "listDataRequests",
    tag="privacy",
    answers={200: (PersonalDataRequests, "The newest requests.")},
    problems=(403,),
)
def list_data_requests(query: RequestsQuery) -> PersonalDataRequests:
    """List exports and erasures.

    Needs `settings`.
    """
    tenant = require_permission("settings")
    rows = requests.list_requests(state().db.session, tenant=tenant, limit=query.limit)
    return PersonalDataRequests(items=[PersonalDataRequest.of(row.request) for row in rows])


@bp.get("/data-requests/<uuid:request_id>")
@operation(
    "getDataRequest",
    tag="privacy",
    answers={200: (PersonalDataRequest, "The request.")},
    problems=(403, 404),
)
def get_data_request(request_id: uuid.UUID) -> PersonalDataRequest:
    """Return an export or an erasure, and how far it is.

    Needs `settings`.
    """
    tenant = require_permission("settings")
    row = requests.get_request(state().db.session, tenant=tenant, request_id=request_id)
    return PersonalDataRequest.of(row.request)


@bp.post("/data-requests/<uuid:request_id>/retry")
@operation(
    "retryDataRequest",
    tag="privacy",
    answers={202: (PersonalDataRequest, "The request, which waits again.")},
    problems=(403, 404, 409),
)
def retry_data_request(request_id: uuid.UUID) -> Response:
    """Have a request that failed tried again, from where it came to.

    Needs `settings`.
    """
    tenant = require_permission("settings")
    session = state().db.session
    return _asked(requests.retry_request(session, tenant=tenant, request_id=request_id))


@bp.post("/data-requests/<uuid:request_id>/document")
@operation(
    "downloadExport",
    tag="privacy",
    answers={200: (ExportDocument, "The document.")},
    problems=(403, 404, 409),
)
def download_export(request_id: uuid.UUID) -> Response:
    """Return the document of an export that is done.

    Needs `settings`; the audit log says who took it.
    """
    return hand_over(request_id)


def hand_over(request_id: uuid.UUID) -> Response:
    """Answer with the document of an export, as a file; for the API and the page alike."""
    tenant = require_permission("settings")
    session = state().db.session
    document = requests.open_document(
        session, state().get(KeyRing), tenant=tenant, request_id=request_id
    )
    parts = _read(current_application(), tenant.workspace_id, document)
    answer = Response(parts, mimetype="application/json")
    answer.headers.set("Content-Disposition", "attachment", filename=f"person-{request_id}.json")
    return answer


def _read(app: Flask, workspace_id: str, document: Document) -> Iterator[str]:
    """Yield the document a part at a time; no connection waits for a slow reader."""
    yield document.whole
    held = state_of(app)
    for part_id in document.part_ids:
        with app.app_context(), workspace_scope(workspace_id):
            text = read_part(held.db.session, held.get(KeyRing), part_id)
        yield text


def _asked(request: DataRequest) -> Response:
    """Wake the work and return the request as it is now."""
    shown = PersonalDataRequest.of(request).model_dump_json()
    jobs.wake_data_request(request.workspace_id, request.id)
    return Response(shown, status=202, mimetype="application/json")
