"""Which variables a template may use, and their values in one conversation."""

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.errors import NotFoundError
from flask_messenger.hooks import Hooks, ReplyInfo, Tenant
from flask_messenger.models import Account, Conversation, Identity
from flask_messenger.models.accounts import visible_to
from flask_messenger.replies.rendering import clean_values
from flask_messenger.state import MessengerState

logger = logging.getLogger(__name__)

VARIABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "name": "The person's name, as Meta tells it",
        "first_name": "The first word of it",
        "agent_name": "Your name",
        "agent_first_name": "The first word of it",
        "account_name": "The name of the Page or account that is written from",
        "location": "The name of its location",
    }
)
"""Ours; a host's `variables_loader` may know more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The conversation that a template is filled in for, with both its sides."""

    conversation: Conversation
    identity: Identity
    account: Account


def find_setting(session: Session, *, tenant: Tenant, conversation_id: uuid.UUID) -> Setting:
    """Return a conversation that the person sees, with both its sides.

    Raises:
        NotFoundError: there is none of this id for them.
    """
    statement = (
        select(Conversation, Identity, Account)
        .join(Identity, Identity.id == Conversation.identity_id)
        .join(Account, Account.id == Conversation.account_id)
        .where(*visible_to(tenant), Conversation.id == conversation_id)
    )
    row = session.execute(statement).one_or_none()
    if row is None:
        raise NotFoundError("There is no such conversation.")
    return Setting(conversation=row[0], identity=row[1], account=row[2])


def read_values(
    held: MessengerState,
    *,
    tenant: Tenant,
    setting: Setting,
    given: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the values of all variables that have one there.

    What the caller has `given` comes before what the host says, and that before what we know.
    """
    found = {
        **_own_values(held.hooks, tenant, setting),
        **_ask_host(held.hooks, tenant, setting),
        **(given or {}),
    }
    return clean_values(found)


def _own_values(hooks: Hooks, tenant: Tenant, setting: Setting) -> dict[str, Any]:
    return {
        "name": setting.identity.name,
        "first_name": _first_word(setting.identity.name),
        "agent_name": tenant.user_name,
        "agent_first_name": _first_word(tenant.user_name),
        "account_name": setting.account.name,
        "location": _location_name(hooks, setting.account),
    }


def _first_word(name: str | None) -> str | None:
    return next(iter((name or "").split()), None)


def _location_name(hooks: Hooks, account: Account) -> str | None:
    if account.location_id is None or hooks.locations is None:
        return None
    try:
        found = {str(each.id): each.name for each in hooks.locations(account.workspace_id)}
    except Exception as error:  # noqa: BLE001 - the host's code
        logger.error("locations_failed error=%s", type(error).__name__)  # noqa: TRY400
        return None
    return found.get(account.location_id)


def _ask_host(hooks: Hooks, tenant: Tenant, setting: Setting) -> Mapping[str, Any]:
    """Return what the host's `variables_loader` says.

    Where it fails, its variables are missing: a template that needs one says so, by name.
    """
    if hooks.variables is None:
        return {}
    asked = ReplyInfo(
        workspace_id=setting.account.workspace_id,
        location_id=setting.account.location_id,
        channel=setting.account.channel,
        account_id=setting.account.id,
        conversation_id=setting.conversation.id,
        identity_id=setting.identity.id,
        contact_ref=setting.identity.contact_ref,
        user_id=tenant.user_id or None,
    )
    try:
        return dict(hooks.variables(asked) or {})
    except Exception as error:  # noqa: BLE001 - the host's code; its text may quote anybody
        logger.error("variables_failed error=%s", type(error).__name__)  # noqa: TRY400
        return {}
