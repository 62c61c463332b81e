"""A template of either kind, filled in for one conversation."""

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from flask_messenger.hooks import Tenant
from flask_messenger.models.templates import UTILITY
from flask_messenger.replies.filling import Filled, fill_template
from flask_messenger.replies.templates import get_template
from flask_messenger.replies.utility import fill_utility
from flask_messenger.state import MessengerState


def fill_kept_template(
    session: Session,
    held: MessengerState,
    *,
    tenant: Tenant,
    conversation_id: uuid.UUID,
    template_id: uuid.UUID,
    values: Mapping[str, Any] | None = None,
) -> Filled:
    """Return what a template makes in a conversation, whether Meta approved it or it is ours.

    Raises:
        NotFoundError, ConflictError, MissingVariableError, ContentError: as of `fill_template`
            and `fill_utility`.
    """
    template = get_template(session, tenant=tenant, template_id=template_id)
    fill = fill_utility if template.kind == UTILITY else fill_template
    return fill(
        session,
        held,
        tenant=tenant,
        conversation_id=conversation_id,
        template_id=template_id,
        values=values,
    )
