"""What a host tells us, and the values it tells it with."""

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

PERMISSIONS: Final = frozenset({"assign", "connect", "reply", "settings"})
"""What a tenant may be allowed to do. Reading needs none of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """Who is asking, for one request.

    Attributes:
        workspace_id: the host's own id of the agency or business, as text.
        user_id: the host's own id of the person.
        user_name: shown to colleagues next to what this person sent.
        location_ids: the locations the person may see; None means all of the workspace.
        permissions: any of `PERMISSIONS`.
    """

    workspace_id: str
    user_id: str
    user_name: str = field(default="", repr=False)
    location_ids: frozenset[str] | None = None
    permissions: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Accept any iterables and plain numbers as ids; hold them as frozen text."""
        object.__setattr__(self, "workspace_id", str(self.workspace_id))
        object.__setattr__(self, "user_id", str(self.user_id))
        object.__setattr__(self, "permissions", frozenset(self.permissions))
        if self.location_ids is not None:
            ids = frozenset(str(each) for each in self.location_ids)
            object.__setattr__(self, "location_ids", ids)

    def may(self, permission: str) -> bool:
        """Say whether the host gave this person `permission`."""
        return permission in self.permissions

    def sees_location(self, location_id: str | None) -> bool:
        """Say whether rows of this location are visible to the person."""
        return self.location_ids is None or location_id in self.location_ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """Somebody a conversation can be assigned to."""

    id: str
    name: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A location of a workspace, for our pages to name."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityInfo:
    """The person on the other side, for `contact_resolver` to find or create a contact by.

    Attributes:
        external_id: the person's id as that account sees it (for Messenger the PSID).
        name: None until Meta has told us, or where it does not.
        username: of Instagram, without the @.
        kind: `person`; `commenter` of who is known by public comments only, `user_ref` of who is
            known by a plugin of a website only. A commenter who answers in private is another
            identity on Messenger: it gets the contact of the first.
    """

    workspace_id: str
    location_id: str | None
    channel: str
    account_id: uuid.UUID
    account_name: str
    identity_id: uuid.UUID
    external_id: str = field(repr=False)
    name: str | None = field(default=None, repr=False)
    picture_url: str | None = field(default=None, repr=False)
    username: str | None = field(default=None, repr=False)
    kind: str = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyInfo:
    """The conversation a template is filled in for, for `variables_loader` to find values by.

    Attributes:
        contact_ref: the host's own contact; None where there is none yet.
        user_id: the host's own id of the person who writes; None where nobody does.
    """

    workspace_id: str
    location_id: str | None
    channel: str
    account_id: uuid.UUID
    conversation_id: uuid.UUID
    identity_id: uuid.UUID
    contact_ref: str | None = None
    user_id: str | None = None


@dataclass(slots=True)
class Hooks:
    """The functions a host registered. Those it did not register have a plain answer."""

    tenant: Callable[[], Tenant | None] | None = None
    tier: Callable[[str], str] | None = None
    contact: Callable[[IdentityInfo], str | None] | None = None
    agents: Callable[[str], Iterable[Agent]] | None = None
    locations: Callable[[str], Iterable[Location]] | None = None
    contact_panel: Callable[[str], str | None] | None = None
    variables: Callable[[ReplyInfo], Mapping[str, Any]] | None = None
