"""What the settings pages show, as values."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from flask_messenger.ui.presenters.inbox import Choice
from flask_messenger.ui.presenters.people import Avatar


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One sentence about the page as a whole, with at most one thing to do.

    Attributes:
        kind: "good", "warn" or "bad".
        action_url: where a GET leads on; None where there is nothing to do.
        help: steps to try, for what has no single fix.
    """

    kind: str
    title: str
    text: str = ""
    action_url: str | None = None
    action: str = ""
    help: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """What is wrong with one account, what follows from it, and the one way to mend it."""

    kind: str
    title: str
    text: str
    action: str = ""
    url: str | None = None
    is_post: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """One connected account.

    Attributes:
        state_kind: "good", "warn", "bad" or "off".
    """

    id: str
    name: str
    kind: str
    avatar: Avatar
    location: str
    state: str
    state_kind: str
    detail: str
    fix: Fix | None = None
    doctor_url: str | None = None
    disconnect_url: str | None = None
    move_url: str | None = None
    locations: Sequence[Choice] = ()
    facts: Sequence[tuple[str, str]] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """Why a channel cannot be connected on this plan, and what the plan with it brings."""

    plan: str
    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelView:
    """One channel's card.

    Attributes:
        other_login: another login that accounts may come by; "" where there is one way only.
    """

    name: str
    label: str
    summary: str
    accounts: Sequence[AccountView] = ()
    lock: Lock | None = None
    connect_url: str | None = None
    connect_label: str = ""
    connect_fields: Sequence[tuple[str, str]] = ()
    other_login: str = ""
    other_label: str = ""
    locations: Sequence[Choice] = ()
    nothing: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthLine:
    """Whether messages flow, in one line, with the page that says more.

    Attributes:
        kind: "good", "warn" or "bad".
    """

    kind: str
    state: str
    text: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsView:
    """The page /messenger/settings."""

    channels: Sequence[ChannelView]
    notices: Sequence[Notice] = ()
    human_agent: bool = False
    human_agent_url: str | None = None
    health: HealthLine | None = None
    reply_links: Sequence[tuple[str, str]] = ()
    admin_links: Sequence[tuple[str, str]] = ()
    inbox_url: str = ""
    fragment_url: str = ""
    events_url: str = ""
    group: str = ""
    zone: str = "UTC"
    cookie_path: str = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageChoice:
    """One Page of the login.

    Attributes:
        note: what else there is to know: that it is connected, or why it cannot be chosen.
        problem: why connecting it failed just now.
    """

    id: str
    name: str
    detail: str
    avatar: Avatar
    can_choose: bool
    note: str = ""
    problem: str = ""
    is_chosen: bool = False
    locations: Sequence[Choice] = ()
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceView:
    """The page after the login: which Pages to connect."""

    pages: Sequence[PageChoice]
    submit_url: str
    cancel_url: str
    notices: Sequence[Notice] = ()
    person: str = field(default="", repr=False)
    zone: str = "UTC"
    cookie_path: str = "/"
