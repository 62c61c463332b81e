"""What surrounds an event: the entry it came in, and who is on which side of it."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from flask_messenger.channels._reading import as_id, as_mapping, clean_json
from flask_messenger.events import PERSON, USER_REF, Author, Event, UnhandledEvent

SAMPLE: Final = "0"
"""The id on entries that the dashboard's Test button sends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Where an event stands.

    Attributes:
        account: the entry's own id.
        at: the time of the event, or of its entry where it has none; aware, UTC.
        entry_at: the time of the entry; None where Meta gives none.
        alias: another account that the event itself names; None where it is none, or the channel
            takes no heed of it.
        is_standby: another app has the thread.
    """

    account: str
    at: datetime
    entry_at: datetime | None = None
    alias: str | None = None
    is_standby: bool = False

    @property
    def address(self) -> dict[str, Any]:
        """What every event says of its account."""
        return {"account_external_id": self.account, "account_alias": self.alias}

    def unhandled(self, kind: str) -> UnhandledEvent:
        """Return what stands for an event that says too little, or nothing to us."""
        return UnhandledEvent(
            account_external_id=self.account, account_alias=self.alias, kind=kind[:64]
        )


Parse = Callable[[Mapping[str, Any], Frame], Event]
"""Reads one event, or one change of a field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What differs between the entries of Messenger and of Instagram.

    Attributes:
        changes: what reads the value of a change, by its field.
        is_routed_by_event: whether an event names its account more surely than its entry does.
    """

    changes: Mapping[str, Parse] = field(default_factory=dict)
    is_routed_by_event: bool = False

    def trusts_event(self, account: str) -> bool:
        """Say whether to look in an event for its account: in samples of the dashboard, too."""
        return self.is_routed_by_event or account == SAMPLE


def is_ours(event: Mapping[str, Any], account: str) -> bool:
    """Say whether our side did it, and the person is on the other."""
    is_echo = bool(as_mapping(event.get("message")).get("is_echo"))
    return is_echo or as_id(as_mapping(event.get("sender")).get("id")) == account


def person_of(event: Mapping[str, Any], *, is_echo: bool) -> str | None:
    """Return the person's id; where they are known by a plugin's reference only, that one."""
    side = as_mapping(event.get("recipient" if is_echo else "sender"))
    return as_id(side.get("id")) or as_id(side.get("user_ref"))


def author_of(event: Mapping[str, Any], *, is_echo: bool = False) -> Author:
    """Return who the person is to the account."""
    side = as_mapping(event.get("recipient" if is_echo else "sender"))
    is_known_by_plugin = not as_id(side.get("id")) and as_id(side.get("user_ref"))
    return Author(kind=USER_REF if is_known_by_plugin else PERSON)


def derived_id(kind: str, account: str, event: Any) -> str:
    """Return the same id for the same event, where Meta gives it none.

    The sorted event is hashed with the account, so a repeated delivery meets itself.
    """
    canonical = json.dumps(event, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(f"{account}\x00{canonical}".encode()).hexdigest()
    return f"{kind}:{digest[:40]}"


def clean_content(**parts: Any) -> dict[str, Any]:
    """Return the parts that say something, as a JSON column can hold them."""
    return {name: clean_json(each) for name, each in parts.items() if each not in (None, {}, [])}
