"""Utility templates: proposed to Meta, kept with what it says of them, filled in, deleted.

They may be sent when a conversation's window is closed. Their status comes with a webhook, and with
every look at Meta's list.
"""

import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from flask_messenger.content import UtilityTemplate
from flask_messenger.errors import (
    ConflictError,
    GraphError,
    InvalidGraphRequestError,
    NotFoundError,
)
from flask_messenger.graph import page_templates as at_meta
from flask_messenger.graph.client import Graph
from flask_messenger.graph.page_templates import LibraryTemplate, PageTemplate
from flask_messenger.hooks import Tenant
from flask_messenger.models import Template
from flask_messenger.models.audit import record
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.models.templates import UTILITY
from flask_messenger.presence.asking import Asked, open_account
from flask_messenger.replies.filling import Filled
from flask_messenger.replies.proposals import (
    UTILITY_CATEGORY,
    Proposal,
    body_of,
    check_language,
    check_name,
    fill_utility_content,
    placeholders,
)
from flask_messenger.replies.templates import get_template
from flask_messenger.replies.variables import find_setting, read_values
from flask_messenger.state import MessengerState, state_of

logger = logging.getLogger(__name__)

APPROVED: Final = "approved"
PENDING: Final = "pending"
DELETED: Final = "deleted"
STATUS_WORDS: Final[Mapping[str, str]] = {
    APPROVED: "Meta approved it: it can be sent.",
    PENDING: "Meta is looking at it.",
    "rejected": "Meta rejected it.",
    "paused": "Meta paused it, because people complained.",
    "disabled": "Meta switched it off.",
    "in_appeal": "Meta looks at it once more.",
    "limit_exceeded": "The account has too many templates.",
    "archived": "It is archived.",
    "pending_deletion": "It is being deleted.",
    DELETED: "It was deleted at Meta.",
}
"""Meta's words; there may be others by now."""


def create_utility_template(
    app: Flask, *, tenant: Tenant, account_id: uuid.UUID, proposal: Proposal
) -> Template:
    """Propose a template to Meta, and keep it with its status. Commits by itself.

    Permission: `settings`.

    Raises:
        NotFoundError, TierError, ConflictError: as of `open_account`; ConflictError also where
            the channel has no such templates.
        GraphError: Meta refused, or did not answer.
    """
    asked = _open(app, tenant, account_id)
    found = at_meta.create_template(_graph(app), **_of_page(asked), proposal=proposal.as_dict())
    template = _keep_one(app, tenant, asked, found, action="utility_template_proposed")
    if template.status == PENDING:
        _look_again(app, asked, found)
    return template


def clone_library_template(
    app: Flask,
    *,
    tenant: Tenant,
    account_id: uuid.UUID,
    library_name: str,
    name: str,
    language: str,
    button_inputs: Sequence[Mapping[str, Any]] = (),
) -> Template:
    """Make one of Meta's own templates the account's. Commits by itself. Permission: `settings`.

    Raises:
        InvalidRequestError: name or language.
        NotFoundError, TierError, ConflictError, GraphError: as of `create_utility_template`.
    """
    check_name(name)
    check_language(language)
    asked = _open(app, tenant, account_id)
    proposal: dict[str, Any] = {
        "name": name,
        "language": language,
        "category": UTILITY_CATEGORY,
        "library_template_name": library_name,
    }
    if button_inputs:
        proposal["library_template_button_inputs"] = [dict(each) for each in button_inputs]
    made = at_meta.create_template(_graph(app), **_of_page(asked), proposal=proposal)
    # Its words are Meta's: they are known by reading them back only.
    listed = at_meta.list_templates(_graph(app), **_of_page(asked), name=name)
    found = next((each for each in listed if each.id == made.id), made)
    return _keep_one(app, tenant, asked, found, action="utility_template_cloned")


def sync_utility_templates(app: Flask, *, tenant: Tenant, account_id: uuid.UUID) -> list[Template]:
    """Make our list of an account's utility templates the one that Meta has; return it.

    Commits by itself. Permission: `settings`.

    Raises:
        NotFoundError, TierError, ConflictError, GraphError: as of `create_utility_template`.
    """
    asked = _open(app, tenant, account_id)
    found = list(at_meta.list_templates(_graph(app), **_of_page(asked)))
    session: Session = state_of(app).db.session
    rows = _keep(session, asked, found, read_at=utc_now())
    known = select(Template).where(
        Template.account_id == asked.account_id, Template.kind == UTILITY
    )
    listed = {row.id for row in rows}
    for row in session.scalars(known):
        if row.id not in listed and row.status != DELETED:
            row.status, row.status_at = DELETED, utc_now()
    session.commit()
    return sorted(rows, key=lambda each: (each.name, each.language))


def delete_utility_template(app: Flask, *, tenant: Tenant, template_id: uuid.UUID) -> None:
    """Delete a template at Meta and here. Commits by itself. Permission: `settings`.

    Raises:
        NotFoundError: there is none of this id for the person.
        TierError, ConflictError, GraphError: as of `create_utility_template`.
    """
    session: Session = state_of(app).db.session
    template = _get(session, tenant=tenant, template_id=template_id)
    name, external_id = template.name, template.external_id
    asked = _open(app, tenant, template.account_id or uuid.UUID(int=0))
    try:
        at_meta.delete_template(
            _graph(app), **_of_page(asked), name=name, template_id=external_id or ""
        )
    except InvalidGraphRequestError:
        # Perhaps somebody was quicker; then this is what was wanted.
        left = at_meta.list_templates(_graph(app), **_of_page(asked), name=name)
        if any(each.id == external_id for each in left):
            raise
    template = _get(session, tenant=tenant, template_id=template_id)
    _record(session, tenant, template, "utility_template_deleted")
    session.delete(template)
    session.commit()


def search_library(
    app: Flask,
    *,
    tenant: Tenant,
    account_id: uuid.UUID,
    words: str | None = None,
    language: str | None = None,
) -> list[LibraryTemplate]:
    """Return Meta's own templates that fit, to be cloned.

    Raises:
        NotFoundError, TierError, ConflictError, GraphError: as of `create_utility_template`.
    """
    asked = _open(app, tenant, account_id)
    found = at_meta.search_library(
        _graph(app), app=asked.app, token=asked.token, words=words, language=language
    )
    return list(found)


def fill_utility(
    session: Session,
    held: MessengerState,
    *,
    tenant: Tenant,
    conversation_id: uuid.UUID,
    template_id: uuid.UUID,
    values: Mapping[str, Any] | None = None,
) -> Filled:
    """Return what an approved template makes in a conversation, ready for `compose`.

    A placeholder takes the variable of its name; how numbered ones are called says
    `proposals.placeholders`.

    Raises:
        NotFoundError: the conversation or the template does not exist for the person, or the
            template is another account's.
        ConflictError: Meta has not approved it.
        MissingVariableError: a placeholder has no value.
    """
    setting = find_setting(session, tenant=tenant, conversation_id=conversation_id)
    template = _get(session, tenant=tenant, template_id=template_id)
    if template.account_id != setting.account.id:
        raise NotFoundError("There is no such template for this conversation.")
    if template.status != APPROVED:
        says = STATUS_WORDS.get(template.status, f"Meta says of it: {template.status}.")
        raise ConflictError(f"This template cannot be sent now. {says}")
    known = read_values(held, tenant=tenant, setting=setting, given=values)
    content: UtilityTemplate = fill_utility_content(
        name=template.name,
        language=template.language,
        components=template.content.get("components") or (),
        parameter_format=template.content.get("parameter_format") or "",
        values=known,
    )
    return Filled(content=content, template_id=template.id)


def placeholders_of(template: Template) -> list[str]:
    """Return the names that have to be filled in to send a utility template."""
    return placeholders(template.content.get("components") or ())


def _look_again(app: Flask, asked: Asked, pending: PageTemplate) -> None:
    """Ask once how a template is by now. Commits by itself.

    Meta mostly decides within seconds. The webhook that says so may have come before there was a
    row for it, and no other comes.
    """
    try:
        listed = at_meta.list_templates(_graph(app), **_of_page(asked), name=pending.name)
        found = next((each for each in listed if each.id == pending.id), pending)
    except GraphError as error:
        logger.info("template_unread account_id=%s error=%s", asked.account_id, error.slug)
        return
    if found.status == PENDING:
        return
    session: Session = state_of(app).db.session
    session.execute(
        update(Template)
        .where(
            Template.account_id == asked.account_id,
            Template.external_id == pending.id,
            Template.status == PENDING,  # else a webhook has said more meanwhile
        )
        .values(status=found.status, status_reason=found.reason, status_at=utc_now())
    )
    session.commit()


def _open(app: Flask, tenant: Tenant, account_id: uuid.UUID) -> Asked:
    asked = open_account(state_of(app), tenant=tenant, account_id=account_id)
    if not asked.channel.has_utility_templates:
        raise ConflictError(f"{asked.channel.label} has no utility templates.")
    return asked


def _graph(app: Flask) -> Graph:
    return state_of(app).get(Graph)


def _of_page(asked: Asked) -> dict[str, Any]:
    return {"app": asked.app, "token": asked.token, "page_id": asked.endpoint.external_id}


def _get(session: Session, *, tenant: Tenant, template_id: uuid.UUID) -> Template:
    template = get_template(session, tenant=tenant, template_id=template_id)
    if template.kind != UTILITY:
        raise ConflictError("This is no utility template: it was never proposed to Meta.")
    return template


def _keep_one(
    app: Flask, tenant: Tenant, asked: Asked, found: PageTemplate, *, action: str
) -> Template:
    session: Session = state_of(app).db.session
    template = _keep(session, asked, [found])[0]
    template.created_by = tenant.user_id
    _record(session, tenant, template, action)
    session.commit()
    return template


def _keep(
    session: Session,
    asked: Asked,
    found: Iterable[PageTemplate],
    *,
    read_at: datetime | None = None,
) -> list[Template]:
    """Write down what Meta has, each in the row of its name and language.

    What it says of one just made has no time: the webhook about it may be here already.
    """
    statement = select(Template).where(
        Template.account_id == asked.account_id, Template.kind == UTILITY
    )
    known = {(row.name, row.language): row for row in session.scalars(statement)}
    rows = []
    for theirs in found:
        row = known.get((theirs.name, theirs.language)) or Template(
            id=new_id(),
            workspace_id=asked.workspace_id,
            account_id=asked.account_id,
            kind=UTILITY,
            name=theirs.name,
            language=theirs.language[:64],
            content_kind=UtilityTemplate.kind,
        )
        if read_at is not None and row.status != theirs.status:
            row.status_at = read_at
        row.external_id = theirs.id
        row.status, row.status_reason = theirs.status, theirs.reason
        row.category = theirs.category
        row.text = body_of(theirs.components)
        row.content = {
            "components": [dict(each) for each in theirs.components],
            "parameter_format": theirs.parameter_format,
        }
        session.add(row)
        known[theirs.name, theirs.language] = row
        rows.append(row)
    session.flush()
    return rows


def _record(session: Session, tenant: Tenant, template: Template, action: str) -> None:
    record(
        session,
        workspace_id=template.workspace_id,
        actor=tenant.user_id,
        action=action,
        subject=str(template.id),
        account_id=str(template.account_id),
    )
    session.flush()
