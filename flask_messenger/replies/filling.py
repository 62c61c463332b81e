"""A template or saved reply, filled in for one conversation: to look at, or to send."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.channels.registry import channel_named
from flask_messenger.content import Content, Text
from flask_messenger.errors import ConflictError, NotFoundError
from flask_messenger.hooks import Tenant
from flask_messenger.models import SavedReply, Template
from flask_messenger.models.templates import OURS
from flask_messenger.replies.contents import fill
from flask_messenger.replies.reach import Model, applying_to, visible
from flask_messenger.replies.rendering import render
from flask_messenger.replies.variables import Setting, find_setting, read_values
from flask_messenger.state import MessengerState


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What would be sent: content that the conversation's channel can carry.

    Attributes:
        template_id: what it was made from; None where it was a draft.
    """

    content: Content = field(repr=False)
    template_id: uuid.UUID | None = None

    @property
    def text(self) -> str | None:
        """The text, where that is all there is."""
        return self.content.text if isinstance(self.content, Text) else None


def fill_template(
    session: Session,
    held: MessengerState,
    *,
    tenant: Tenant,
    conversation_id: uuid.UUID,
    template_id: uuid.UUID,
    values: Mapping[str, Any] | None = None,
) -> Filled:
    """Return what a template makes in a conversation, ready for `compose`.

    Args:
        session: of the caller's transaction.
        held: what the application holds.
        tenant: who writes; sees the conversation.
        conversation_id: where it would be sent.
        template_id: one that is good for the conversation's account.
        values: of variables that only the caller knows; they come first.

    Raises:
        NotFoundError: the conversation or the template does not exist for the person, or the
            template is not good there.
        ConflictError: Meta keeps this template; `replies.utility` fills it in.
        MissingVariableError: a variable has no value.
        ContentError: what comes out breaks a limit of the channel.
    """
    setting = find_setting(session, tenant=tenant, conversation_id=conversation_id)
    template = session.scalars(
        _good_for(Template, tenant, setting).where(Template.id == template_id)
    ).one_or_none()
    if template is None:
        raise NotFoundError("There is no such template for this conversation.")
    if template.kind != OURS:
        raise ConflictError("This is a template of Meta's: it is sent with its parameters.")
    known = read_values(held, tenant=tenant, setting=setting, given=values)
    content = fill(template.content_kind, template.text, template.content, known)
    channel_named(setting.account.channel).check_content(content)
    return Filled(content=content, template_id=template.id)


def preview_draft(
    session: Session,
    held: MessengerState,
    *,
    tenant: Tenant,
    conversation_id: uuid.UUID,
    content_kind: str,
    text: str | None,
    content: Mapping[str, Any],
    values: Mapping[str, Any] | None = None,
) -> Filled:
    """Return what a template that nobody saved yet would make. Raises as `fill_template` does."""
    setting = find_setting(session, tenant=tenant, conversation_id=conversation_id)
    known = read_values(held, tenant=tenant, setting=setting, given=values)
    found = fill(content_kind, text, content, known)
    channel_named(setting.account.channel).check_content(found)
    return Filled(content=found)


def fill_saved_reply(
    session: Session,
    held: MessengerState,
    *,
    tenant: Tenant,
    conversation_id: uuid.UUID,
    saved_reply_id: uuid.UUID,
) -> str:
    """Return the text of a saved reply in a conversation, for the composer.

    Its length is not looked at: whoever puts it there may still change it.

    Raises:
        NotFoundError: the conversation or the saved reply does not exist for the person, or the
            reply is not good there.
        MissingVariableError: a variable has no value.
    """
    setting = find_setting(session, tenant=tenant, conversation_id=conversation_id)
    statement = _good_for(SavedReply, tenant, setting).where(SavedReply.id == saved_reply_id)
    reply = session.scalars(statement).one_or_none()
    if reply is None:
        raise NotFoundError("There is no such saved reply for this conversation.")
    known = read_values(held, tenant=tenant, setting=setting)
    return render(reply.text, known, field="text")


def _good_for(model: Model, tenant: Tenant, setting: Setting) -> Any:
    return select(model).where(*visible(model, tenant), applying_to(model, setting.account))
