"""How an account presents itself in a chat: what each channel has of it, compared and asked for.

Sources:
    https://developers.facebook.com/docs/messenger-platform/reference/messenger-profile-api
    https://developers.facebook.com/docs/messenger-platform/instagram/features/ice-breakers
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from flask_messenger.channels._profile_checks import (
    Check,
    Trouble,
    check_commands,
    check_domains,
    check_get_started,
    check_greeting,
    check_ice_breakers,
    check_linking_url,
    check_menu,
    check_plain_menu,
    in_locales,
)
from flask_messenger.channels.sending import Endpoint
from flask_messenger.errors import ProfileError
from flask_messenger.graph.client import node
from flask_messenger.graph.request import GRAPH, INSTAGRAM, GraphRequest
from flask_messenger.models.accounts import BY_INSTAGRAM

GET_STARTED: Final = "get_started"
MENU: Final = "persistent_menu"
ICE_BREAKERS: Final = "ice_breakers"
DOMAINS: Final = "whitelisted_domains"
SHOWN_QUESTION: Final = 80
SHOWN_MENU_ITEMS: Final = 5
"""What fits on a screen; Meta takes more."""
UNSAID: Final[Mapping[str, Any]] = {
    "composer_input_disabled": False,
    "disabled_surfaces": [],
    "messenger_extensions": False,
    "webview_height_ratio": "full",
    "webview_share_button": "show",
}
"""What Meta may add when it reads a property back; saying it or not is the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileDiff:
    """What has to be done so that an account shows what is wanted.

    Attributes:
        changes: properties to set, with what they will be.
        removals: properties to remove.
        notes: what Meta takes, and still may surprise, as sentences.
    """

    changes: Mapping[str, Any] = field(default_factory=dict)
    removals: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether everything is like that already."""
        return not self.changes and not self.removals

    @property
    def calls(self) -> int:
        """How many calls to Meta it takes."""
        return bool(self.changes) + bool(self.removals)

    def apply_to(self, live: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the account shows once this is done."""
        kept = {name: value for name, value in live.items() if name not in self.removals}
        return {**kept, **self.changes}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRules:
    """The profile of one channel's accounts.

    Attributes:
        label: what people call the channel.
        checks: the properties it has, in the order in which Meta wants them, each with its check.
        platform: what Meta calls the channel where one edge serves several; None for the first.
    """

    label: str
    checks: Mapping[str, Check] = field(repr=False)
    platform: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The properties it has."""
        return tuple(self.checks)

    def check(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is wanted, as Meta takes it; None for a property that is to go.

        Raises:
            ProfileError: names every field that is wrong.
        """
        trouble = Trouble()
        wanted: dict[str, Any] = {}
        for name, value in document.items():
            check = self.checks.get(name)
            if check is None:
                trouble.add(str(name)[:100], f"{self.label} has {', '.join(self.names)} only.")
            elif value is None or value in ([], {}, ""):
                wanted[name] = None
            else:
                wanted[name] = check(value, name, trouble)
        if trouble.found:
            raise ProfileError(trouble.found)
        return {name: wanted[name] for name in self.names if name in wanted}

    def compare(self, document: Mapping[str, Any], live: Mapping[str, Any]) -> ProfileDiff:
        """Return what differs between what is wanted and what Meta shows.

        A property that is not in `document` stays as it is.

        Raises:
            ProfileError: as of `check`, or what would be left makes no sense together.
        """
        wanted = self.check(document)
        diff = ProfileDiff(
            changes={
                name: value
                for name, value in wanted.items()
                if value is not None and not _is_same(name, value, live.get(name))
            },
            removals=tuple(
                name for name, value in wanted.items() if value is None and live.get(name)
            ),
            notes=_notes_on(wanted),
        )
        self._check_together(diff.apply_to(live))
        return diff

    def read(self, endpoint: Endpoint) -> GraphRequest:
        """Return the request that reads the whole profile."""
        return self._request("GET", endpoint, {"fields": ",".join(self.names)})

    def write(self, endpoint: Endpoint, changes: Mapping[str, Any]) -> GraphRequest:
        """Return the request that sets properties: all in one, the first before the others."""
        ordered = {name: changes[name] for name in self.names if name in changes}
        return self._request("POST", endpoint, ordered)

    def remove(self, endpoint: Endpoint, names: Sequence[str]) -> GraphRequest:
        """Return the request that removes properties."""
        return self._request("DELETE", endpoint, {"fields": json.dumps(list(names))})

    def from_answer(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a read says that the account shows; nothing where it says nothing."""
        found = body.get("data")
        items = found if isinstance(found, list) else []
        shown = {
            name: value
            for item in items
            if isinstance(item, Mapping)
            for name, value in item.items()
        }
        live = {name: shown[name] for name in self.names if shown.get(name)}
        if ICE_BREAKERS in live:
            live[ICE_BREAKERS] = in_locales(live[ICE_BREAKERS])
        return live

    def _check_together(self, whole: Mapping[str, Any]) -> None:
        if GET_STARTED in self.checks and MENU in whole and GET_STARTED not in whole:
            message = "Meta shows no menu without a Get Started button: set both, or remove both."
            raise ProfileError([{"field": GET_STARTED, "message": message}])

    def _request(self, method: str, endpoint: Endpoint, body: Mapping[str, Any]) -> GraphRequest:
        platform = {"platform": self.platform} if self.platform else {}
        if endpoint.login == BY_INSTAGRAM:
            host, owner = INSTAGRAM, "me"
        else:
            host, owner = GRAPH, node(endpoint.page_external_id or endpoint.external_id)
        path = f"{owner}/messenger_profile"
        return GraphRequest(method=method, host=host, path=path, body={**body, **platform})


def _is_same(name: str, wanted: Any, live: Any) -> bool:
    return live is not None and _comparable(name, wanted) == _comparable(name, live)


def _comparable(name: str, value: Any) -> Any:
    """Return a property without what makes no difference: order of languages, Meta's additions."""
    if name == DOMAINS and isinstance(value, list):
        return sorted({str(each).rstrip("/").lower() for each in value})
    if name == ICE_BREAKERS:
        value = in_locales(value)
    tidy = _tidied(value)
    is_by_locale = isinstance(tidy, list) and all(
        isinstance(each, dict) and "locale" in each for each in tidy
    )
    return {each["locale"]: each for each in tidy} if is_by_locale else tidy


def _tidied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            name: _tidied(each)
            for name, each in value.items()
            if each is not None and UNSAID.get(name, ...) != each
        }
    return [_tidied(each) for each in value] if isinstance(value, list | tuple) else value


def _notes_on(wanted: Mapping[str, Any]) -> tuple[str, ...]:
    notes = []
    for entry in wanted.get(ICE_BREAKERS) or ():
        longest = max(len(each["question"]) for each in entry["call_to_actions"])
        if longest > SHOWN_QUESTION:
            notes.append(
                f"A question of {longest} characters may be refused or cut: {SHOWN_QUESTION} fit."
            )
    for entry in wanted.get(MENU) or ():
        count = len(entry.get("call_to_actions") or ())
        if count > SHOWN_MENU_ITEMS:
            notes.append(f"A menu of {count} items has to be scrolled: {SHOWN_MENU_ITEMS} fit.")
    return tuple(notes)


MESSENGER_PROFILE: Final = ProfileRules(
    label="Messenger",
    checks={
        "greeting": check_greeting,
        GET_STARTED: check_get_started,  # before the menu, which needs it
        MENU: check_menu,
        ICE_BREAKERS: check_ice_breakers,
        "commands": check_commands,
        DOMAINS: check_domains,
        "account_linking_url": check_linking_url,
    },
)
INSTAGRAM_PROFILE: Final = ProfileRules(
    label="Instagram",
    platform="instagram",
    checks={MENU: check_plain_menu, ICE_BREAKERS: check_ice_breakers},
)
