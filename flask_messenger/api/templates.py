"""Templates: ours, and those that Meta approves."""

import uuid

from flask import Response

from flask_messenger.api.blueprint import bp
from flask_messenger.api.openapi import operation
from flask_messenger.api.schemas.replies import (
    FilledTemplate,
    Template,
    TemplateChange,
    TemplateDraft,
    TemplateFilling,
    Templates,
    TemplatesQuery,
    TemplateToCreate,
    Variable,
    VariableList,
)
from flask_messenger.models.templates import UTILITY
from flask_messenger.replies import templates
from flask_messenger.replies.filling import preview_draft
from flask_messenger.replies.using import fill_kept_template
from flask_messenger.replies.utility import delete_utility_template
from flask_messenger.replies.variables import VARIABLES
from flask_messenger.state import current_application, state
from flask_messenger.tenancy import current_tenant, require_permission


@bp.get("/templates")
@operation("listTemplates", tag="templates", answers={200: (Templates, "Templates, by name.")})
def list_templates(query: TemplatesQuery) -> Templates:
    """List the templates that the tenant sees."""
    rows = templates.list_templates(
        state().db.session,
        tenant=current_tenant(),
        account_id=query.account_id,
        kind=query.kind,
    )
    return Templates(items=[Template.of(row) for row in rows])


@bp.get("/templates/variables")
@operation(
    "listVariables", tag="templates", answers={200: (VariableList, "The variables, by name.")}
)
def list_variables() -> VariableList:
    """List the variables that every template may use."""
    items = [Variable(name=name, description=words) for name, words in VARIABLES.items()]
    return VariableList(items=items)


@bp.get("/templates/<uuid:template_id>")
@operation(
    "getTemplate", tag="templates", answers={200: (Template, "The template.")}, problems=(404,)
)
def get_template(template_id: uuid.UUID) -> Template:
    """Return one template."""
    row = templates.get_template(
        state().db.session, tenant=current_tenant(), template_id=template_id
    )
    return Template.of(row)


@bp.post("/templates")
@operation(
    "createTemplate",
    tag="templates",
    answers={201: (Template, "The template.")},
    problems=(400, 403, 415),
)
def create_template(json: TemplateToCreate) -> Response:
    """Keep a new template.

    Needs `settings`; for the whole workspace also to see all its locations.
    """
    tenant = require_permission("settings")
    session = state().db.session
    row = templates.create_template(session, state(), tenant=tenant, values=json.values())
    session.commit()
    return Response(Template.of(row).model_dump_json(), status=201, mimetype="application/json")


@bp.patch("/templates/<uuid:template_id>")
@operation(
    "changeTemplate",
    tag="templates",
    answers={200: (Template, "The template as it is now.")},
    problems=(400, 403, 404, 409, 415),
)
def change_template(template_id: uuid.UUID, json: TemplateChange) -> Template:
    """Change a template.

    Needs `settings`. One that Meta approved stays as it is.
    """
    tenant = require_permission("settings")
    session = state().db.session
    row = templates.change_template(
        session, tenant=tenant, template_id=template_id, **json.model_dump()
    )
    session.commit()
    return Template.of(row)


@bp.delete("/templates/<uuid:template_id>")
@operation(
    "deleteTemplate",
    tag="templates",
    answers={204: (None, "It is gone.")},
    problems=(402, 403, 404, 409, 502),
)
def delete_template(template_id: uuid.UUID) -> Response:
    """Delete a template; a `utility` one at Meta, too.

    Needs `settings`. What was sent from it stays.
    """
    tenant = require_permission("settings")
    session = state().db.session
    row = templates.get_template(session, tenant=tenant, template_id=template_id)
    if row.kind == UTILITY:
        delete_utility_template(current_application(), tenant=tenant, template_id=template_id)
    else:
        templates.delete_template(session, tenant=tenant, template_id=template_id)
        session.commit()
    return Response(status=204)


@bp.post("/templates/<uuid:template_id>/preview")
@operation(
    "previewTemplate",
    tag="templates",
    answers={200: (FilledTemplate, "What would be sent.")},
    problems=(400, 403, 404, 409, 415),
)
def preview_template(template_id: uuid.UUID, json: TemplateFilling) -> FilledTemplate:
    """Fill a template in for a conversation.

    Needs `reply`. A variable without a value is an error that names it. What comes out can be sent
    as it is: it was held to the limits of the conversation's channel.
    """
    filled = fill_kept_template(
        state().db.session,
        state(),
        tenant=require_permission("reply"),
        conversation_id=json.conversation_id,
        template_id=template_id,
        values=json.variables,
    )
    return FilledTemplate.of(filled)


@bp.post("/conversations/<uuid:conversation_id>/preview")
@operation(
    "previewDraft",
    tag="templates",
    answers={200: (FilledTemplate, "What would be sent.")},
    problems=(400, 403, 404, 415),
)
def preview_new_template(conversation_id: uuid.UUID, json: TemplateDraft) -> FilledTemplate:
    """Fill in a template that nobody saved yet.

    Needs `reply`.
    """
    filled = preview_draft(
        state().db.session,
        state(),
        tenant=require_permission("reply"),
        conversation_id=conversation_id,
        content_kind=json.content_kind,
        text=json.text,
        content=json.content or {},
        values=json.variables,
    )
    return FilledTemplate.of(filled)
