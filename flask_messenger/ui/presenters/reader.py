"""Who reads a page, where and when: what every builder of a view needs beside its rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from flask_messenger.channels.registry import CHANNELS
from flask_messenger.hooks import Tenant
from flask_messenger.models import Identity

YOU = "You"
SOMEBODY = "A colleague"


def no_file(row: Any) -> None:
    """Say that a file is not to be had."""
    del row


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """One request's point of view.

    Attributes:
        locations: names by id; empty where the host names none.
        agents: names by id; empty where the host names none.
        link: the application's `url_for`.
        file_link: where a stored file is to be had, for a while; None where there is none.
        app_ids: by which Meta knows our own apps.
        thumbnail_link: the same of the small picture of it.
    """

    tenant: Tenant
    now: datetime
    zone: tzinfo
    locations: Mapping[str, str] = field(default_factory=dict)
    agents: Mapping[str, str] = field(default_factory=dict, repr=False)
    link: Callable[..., str]
    app_ids: frozenset[str] = frozenset()
    file_link: Callable[[Any], str | None] = field(default=no_file, repr=False)
    thumbnail_link: Callable[[Any], str | None] = field(default=no_file, repr=False)

    def location_name(self, location_id: str | None) -> str:
        """Return what people call a location; "" where it has none."""
        return self.locations.get(location_id, "") if location_id else ""

    def agent_name(self, agent_id: str | None) -> str:
        """Return what people call an agent, from this reader's side; "" for nobody."""
        if not agent_id:
            return ""
        if agent_id == self.tenant.user_id:
            return YOU
        return self.agents.get(agent_id, SOMEBODY)


def channel_label(channel: str) -> str:
    """Return what people call a channel."""
    known = CHANNELS.get(channel)
    return known.label if known else channel.replace("_", " ").title()


def person_name(identity: Identity, channel: str) -> str:
    """Return a person's name, or who they are while Meta has not told it."""
    if identity.name:
        return identity.name
    return f"@{identity.username}" if identity.username else f"Somebody on {channel_label(channel)}"


def iso(at: datetime) -> str:
    """Return the time as HTML wants it."""
    return at.isoformat().replace("+00:00", "Z")
