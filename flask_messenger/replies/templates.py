"""Templates: messages with variables, kept by a workspace for all, a location or an account."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.channels.registry import channel_named
from flask_messenger.errors import ConflictError, InvalidRequestError, NotFoundError
from flask_messenger.hooks import Tenant
from flask_messenger.models import Account, Template
from flask_messenger.models.audit import record
from flask_messenger.models.base import new_id
from flask_messenger.models.templates import OURS, UTILITY
from flask_messenger.replies.contents import check_content, fill, variables_of
from flask_messenger.replies.reach import (
    applying_to,
    check_editable,
    check_reach,
    find_account,
    narrowest,
    visible,
)
from flask_messenger.state import MessengerState

KINDS: Final = (OURS, UTILITY)
MAX_NAME: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateValues:
    """What a template says, and where it is good for: everywhere, or a location, or an account.

    Attributes:
        content_kind: a kind of `content.py`, such as `text` or `button_template`.
        text: the text of a `text`, with variables.
        content: what a message of this kind keeps beside its text, with variables.
    """

    name: str
    content_kind: str = "text"
    text: str | None = field(default=None, repr=False)
    content: Mapping[str, Any] = field(default_factory=dict, repr=False)
    language: str = ""
    location_id: str | None = None
    account_id: uuid.UUID | None = None


def list_templates(
    session: Session,
    *,
    tenant: Tenant,
    account_id: uuid.UUID | None = None,
    kind: str | None = None,
) -> list[Template]:
    """Return the templates that the person sees, by name.

    With `account_id` only those that are good for it: of several with one name the narrowest.

    Raises:
        InvalidRequestError: the person sees no such account.
    """
    statement = select(Template).where(*visible(Template, tenant))
    if kind is not None:
        statement = statement.where(Template.kind == kind)
    if account_id is not None:
        account = find_account(session, tenant=tenant, account_id=account_id)
        statement = statement.where(applying_to(Template, account))
    rows = list(session.scalars(statement.order_by(Template.name, Template.id)))
    if account_id is None:
        return rows
    return narrowest(rows, lambda each: (each.kind, each.name.casefold(), each.language))


def get_template(session: Session, *, tenant: Tenant, template_id: uuid.UUID) -> Template:
    """Return one template that the person sees.

    Raises:
        NotFoundError: there is none of this id for them.
    """
    statement = select(Template).where(*visible(Template, tenant), Template.id == template_id)
    template = session.scalars(statement).one_or_none()
    if template is None:
        raise NotFoundError("There is no such template.")
    return template


def create_template(
    session: Session, held: MessengerState, *, tenant: Tenant, values: TemplateValues
) -> Template:
    """Keep a new template. Permission: `settings`. Never commits.

    Raises:
        InvalidRequestError: or (ContentError) what it says; names the field.
        PermissionDeniedError: it would be good for locations that the person does not see.
    """
    account = check_reach(
        session,
        held,
        tenant=tenant,
        location_id=values.location_id,
        account_id=values.account_id,
    )
    _check_content(account, values.content_kind, values.text, values.content)
    template = Template(
        id=new_id(),
        workspace_id=tenant.workspace_id,
        location_id=values.location_id,
        account_id=values.account_id,
        kind=OURS,
        name=_checked_name(values.name),
        language=values.language,
        content_kind=values.content_kind,
        text=values.text,
        content=dict(values.content),
        created_by=tenant.user_id,
    )
    session.add(template)
    _record(session, tenant, template, "template_created")
    return template


def change_template(
    session: Session,
    *,
    tenant: Tenant,
    template_id: uuid.UUID,
    name: str | None = None,
    content_kind: str | None = None,
    text: str | None = None,
    content: Mapping[str, Any] | None = None,
) -> Template:
    """Change what a template says; None leaves a part as it is. Permission: `settings`.

    Raises:
        NotFoundError: there is none of this id for them.
        ConflictError: Meta approved it as it is.
        InvalidRequestError, PermissionDeniedError: as of `create_template`.
    """
    template = _get_own(session, tenant=tenant, template_id=template_id)
    kind = content_kind or template.content_kind
    new_text = template.text if text is None else text
    new_content = template.content if content is None else dict(content)
    account = session.get(Account, template.account_id) if template.account_id else None
    _check_content(account, kind, new_text, new_content)
    if name is not None:
        template.name = _checked_name(name)
    template.content_kind, template.text, template.content = kind, new_text, new_content
    _record(session, tenant, template, "template_changed")
    return template


def delete_template(session: Session, *, tenant: Tenant, template_id: uuid.UUID) -> Template:
    """Remove a template; what was sent from it stays. Permission: `settings`. Never commits.

    Raises:
        NotFoundError, ConflictError, PermissionDeniedError: as of `change_template`.
    """
    template = _get_own(session, tenant=tenant, template_id=template_id)
    _record(session, tenant, template, "template_deleted")
    session.delete(template)
    session.flush()
    return template


def variables_in(template: Template) -> list[str]:
    """Return the names of the variables a template asks for, sorted."""
    if template.kind != OURS:
        return []
    return sorted(variables_of(template.text, template.content))


def _get_own(session: Session, *, tenant: Tenant, template_id: uuid.UUID) -> Template:
    template = get_template(session, tenant=tenant, template_id=template_id)
    if template.kind != OURS:
        raise ConflictError("Meta approved this template as it is: make another one.")
    check_editable(template, tenant)
    return template


def _check_content(
    account: Account | None, kind: str, text: str | None, content: Mapping[str, Any]
) -> None:
    variables = check_content(kind, text, content)
    if account is not None and not variables:
        channel_named(account.channel).check_content(fill(kind, text, content, {}))


def _checked_name(name: str) -> str:
    cleaned = " ".join(name.split())
    if not 0 < len(cleaned) <= MAX_NAME or not cleaned.isprintable():
        raise InvalidRequestError(f"A name has 1 to {MAX_NAME} characters.", field="name")
    return cleaned


def _record(session: Session, tenant: Tenant, template: Template, action: str) -> None:
    session.flush()
    record(
        session,
        workspace_id=tenant.workspace_id,
        actor=tenant.user_id,
        action=action,
        subject=str(template.id),
        kind=template.kind,
        location_id=template.location_id,
        account_id=str(template.account_id) if template.account_id else None,
    )
    session.flush()
