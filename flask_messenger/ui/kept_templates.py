"""The pages of templates: listed, written with a preview beside it, changed and deleted."""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from flask_messenger.errors import ContentError, GraphError, InvalidRequestError
from flask_messenger.inbox.queries import list_accounts
from flask_messenger.models import Template
from flask_messenger.models.templates import UTILITY
from flask_messenger.replies import templates as kept
from flask_messenger.replies.samples import fill_with_samples
from flask_messenger.replies.utility import delete_utility_template
from flask_messenger.state import current_application, state
from flask_messenger.tenancy import require_permission
from flask_messenger.ui.blueprint import asked_by_script, bp
from flask_messenger.ui.fragments import fragment
from flask_messenger.ui.presenters.drafts import (
    TemplateDraft,
    can_edit,
    content_of,
    draft_of,
    focus_after,
    new_draft,
    read_draft,
    reshape,
)
from flask_messenger.ui.presenters.replies import preview_view
from flask_messenger.ui.presenters.templates import (
    DraftPreview,
    draft_preview,
    editor_view,
    place_of,
    problem_words,
    reach_choices,
    templates_page,
)
from flask_messenger.ui.reading import current_reader

NOBODY = uuid.UUID(int=0)


@bp.get("/settings/templates")
def templates() -> str:
    """Show what is kept, and what Meta approved."""
    return show_templates(notice=request.args.get("notice", ""))


def show_templates(*, notice: str = "", problem: str = "") -> str:
    """Return the list of templates."""
    tenant = require_permission("settings")
    session = state().db.session
    view = templates_page(
        kept.list_templates(session, tenant=tenant),
        list_accounts(session, tenant=tenant),
        current_reader(),
        notice=notice,
        problem=problem,
    )
    return render_template("messenger/templates.html", fm_view=view)


@bp.get("/settings/templates/new")
def new_template() -> str:
    """Show an empty template."""
    require_permission("settings")
    return _show(new_draft(request.args.get("kind", "")))


@bp.post("/settings/templates")
def add_template() -> ResponseReturnValue:
    """Keep a new template."""
    tenant = require_permission("settings")
    draft = read_draft(request.form)
    session = state().db.session
    try:
        text, content = content_of(draft, {})
        values = kept.TemplateValues(
            name=draft.name,
            content_kind=draft.kind,
            text=text,
            content=content,
            **_reach(draft.reach),
        )
        kept.create_template(session, state(), tenant=tenant, values=values)
    except InvalidRequestError as error:
        session.rollback()
        return _show(draft, error=error), 422
    session.commit()
    return _back("saved")


@bp.get("/settings/templates/<uuid:template_id>")
def template(template_id: uuid.UUID) -> ResponseReturnValue:
    """Show one template, to be changed."""
    row = _get(template_id)
    if row.kind == UTILITY:  # Meta's: it stands in the list, and is not changed
        return redirect(url_for("messenger_ui.templates"))
    return _show(draft_of(row), row, notice=request.args.get("notice", ""))


@bp.post("/settings/templates/<uuid:template_id>")
def edit_template(template_id: uuid.UUID) -> ResponseReturnValue:
    """Change a template."""
    tenant = require_permission("settings")
    row = _get(template_id)
    draft = replace(read_draft(request.form), kind=row.content_kind)
    session = state().db.session
    try:
        # What the form does not know stays as it is.
        text, content = content_of(draft, row.content) if can_edit(row) else (None, None)
        kept.change_template(
            session,
            tenant=tenant,
            template_id=template_id,
            name=draft.name,
            text=text,
            content=content,
        )
    except InvalidRequestError as error:
        session.rollback()
        return _show(draft, _get(template_id), error=error), 422
    session.commit()
    return _back("saved")


@bp.post("/settings/templates/<uuid:template_id>/delete")
def drop_template(template_id: uuid.UUID) -> ResponseReturnValue:
    """Remove a template; one that Meta approved there, too."""
    tenant = require_permission("settings")
    session = state().db.session
    row = kept.get_template(session, tenant=tenant, template_id=template_id)
    if row.kind != UTILITY:
        kept.delete_template(session, tenant=tenant, template_id=template_id)
        session.commit()
        return _back("deleted")
    try:
        delete_utility_template(current_application(), tenant=tenant, template_id=template_id)
    except GraphError as error:
        session.rollback()
        return show_templates(problem=error.agent_text), 502
    return _back("deleted")


@bp.post("/settings/templates/draft")
def reshape_template() -> ResponseReturnValue:
    """Return the form with one part more or less; nothing is kept."""
    require_permission("settings")
    given, row = request.form, _row_of_form()
    change = {"add": given.get("add", ""), "remove": given.get("remove", "")}
    draft = reshape(read_draft(given), **change)
    focus = focus_after(draft, **change)
    if not asked_by_script():
        return _show(draft, row, focus=focus)
    view = editor_view(
        draft, current_reader(), template=row, preview=_preview(draft, row), focus=focus
    )
    return fragment("_template_parts.html", editor=view, fm_oob=True)


@bp.post("/settings/templates/preview")
def preview_template() -> ResponseReturnValue:
    """Return what a template would look like; nothing is kept."""
    require_permission("settings")
    preview = _preview(read_draft(request.form), _row_of_form())
    return fragment("_draft_preview.html", preview=preview)


def _row_of_form() -> Template | None:
    """Return the template that is being changed; None for a new one."""
    id_ = request.form.get("template_id", "")
    return _get(uuid.UUID(id_)) if _is_id(id_) else None


def _show(
    draft: TemplateDraft,
    row: Template | None = None,
    *,
    error: InvalidRequestError | None = None,
    focus: str = "",
    notice: str = "",
) -> str:
    reader = current_reader()
    accounts = list_accounts(state().db.session, tenant=reader.tenant)
    by_id = {each.account.id: each.account for each in accounts}
    view = editor_view(
        draft,
        reader,
        template=row,
        place=place_of(row, by_id, reader) if row else "",
        reaches=[] if row else reach_choices(accounts, reader, draft.reach),
        preview=_preview(draft, row),
        problems=problem_words(error) if error else (),
        focus=focus,
        notice=notice,
    )
    return render_template("messenger/template.html", fm_view=view)


def _get(template_id: uuid.UUID) -> Template:
    tenant = require_permission("settings")
    return kept.get_template(state().db.session, tenant=tenant, template_id=template_id)


def _preview(draft: TemplateDraft, row: Template | None = None) -> DraftPreview:
    """Return what would be seen, with something in the place of every variable."""
    reader = current_reader()
    before: Mapping[str, Any] = row.content if row else {}
    kind = row.content_kind if row else draft.kind
    if row and not can_edit(row):
        text, content = row.text, before
    elif draft.is_empty:
        return DraftPreview()
    else:
        text, content = content_of(draft, before)
    try:
        made = fill_with_samples(reader.tenant, kind=kind, text=text, content=content)
    except ContentError as error:
        return DraftPreview(problems=problem_words(error))
    channels = {
        each.account.channel
        for each in list_accounts(state().db.session, tenant=reader.tenant)
        if row is None or row.account_id in {None, each.account.id}
    }
    shown = preview_view(made, template_id=row.id if row else NOBODY)
    return draft_preview(made, shown, channels)


def _reach(reach: str) -> dict[str, Any]:
    """Return whose a template is to be.

    Raises:
        InvalidRequestError: it names no account.
    """
    kind, _, id_ = reach.partition(":")
    if kind == "l":
        return {"location_id": id_}
    if kind != "a":
        return {}
    if not _is_id(id_):
        raise InvalidRequestError("There is no such account.", field="account_id")
    return {"account_id": uuid.UUID(id_)}


def _is_id(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _back(notice: str) -> ResponseReturnValue:
    return redirect(url_for("messenger_ui.templates", notice=notice), code=303)
