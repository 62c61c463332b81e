"""Utility templates of an account: proposed to Meta, cloned from its library, read back."""

import uuid

from flask import Response

from flask_messenger.api.blueprint import bp
from flask_messenger.api.openapi import operation
from flask_messenger.api.schemas.replies import (
    Library,
    LibraryQuery,
    LibraryTemplate,
    LibraryTemplateToClone,
    Template,
    Templates,
    UtilityTemplateToPropose,
)
from flask_messenger.replies import utility
from flask_messenger.state import current_application
from flask_messenger.tenancy import require_permission


@bp.post("/accounts/<uuid:account_id>/utility-templates")
@operation(
    "proposeUtilityTemplate",
    tag="templates",
    answers={201: (Template, "The template, with what Meta says of it.")},
    problems=(400, 402, 403, 404, 409, 415, 502),
)
def propose_utility_template(account_id: uuid.UUID, json: UtilityTemplateToPropose) -> Response:
    """Have Meta approve a template for messages outside the window.

    Needs `settings`.
    """
    row = utility.create_utility_template(
        current_application(),
        tenant=require_permission("settings"),
        account_id=account_id,
        proposal=json.proposal(),
    )
    return Response(Template.of(row).model_dump_json(), status=201, mimetype="application/json")


@bp.post("/accounts/<uuid:account_id>/utility-templates/clone")
@operation(
    "cloneUtilityTemplate",
    tag="templates",
    answers={201: (Template, "The template, with what Meta says of it.")},
    problems=(400, 402, 403, 404, 409, 415, 502),
)
def clone_utility_template(account_id: uuid.UUID, json: LibraryTemplateToClone) -> Response:
    """Make one of Meta's own templates the account's.

    Needs `settings`.
    """
    row = utility.clone_library_template(
        current_application(),
        tenant=require_permission("settings"),
        account_id=account_id,
        **json.model_dump(),
    )
    return Response(Template.of(row).model_dump_json(), status=201, mimetype="application/json")


@bp.post("/accounts/<uuid:account_id>/utility-templates/sync")
@operation(
    "syncUtilityTemplates",
    tag="templates",
    answers={200: (Templates, "The templates that Meta has.")},
    problems=(402, 403, 404, 409, 502),
)
def sync_utility_templates(account_id: uuid.UUID) -> Templates:
    """Read an account's utility templates back from Meta.

    Needs `settings`.
    """
    rows = utility.sync_utility_templates(
        current_application(), tenant=require_permission("settings"), account_id=account_id
    )
    return Templates(items=[Template.of(row) for row in rows])


@bp.get("/accounts/<uuid:account_id>/utility-templates/library")
@operation(
    "searchTemplateLibrary",
    tag="templates",
    answers={200: (Library, "Meta's own templates that fit.")},
    problems=(402, 403, 404, 409, 502),
)
def list_library(account_id: uuid.UUID, query: LibraryQuery) -> Library:
    """Search Meta's own templates.

    Needs `settings`.
    """
    rows = utility.search_library(
        current_application(),
        tenant=require_permission("settings"),
        account_id=account_id,
        words=query.words,
        language=query.language,
    )
    return Library(items=[LibraryTemplate.of(row) for row in rows])
