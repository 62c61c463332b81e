"""Whether Meta's policy lets a message out now: one pure function over one dated table.

| window | lasts | who may write in it | goes out with |
| --- | --- | --- | --- |
| `standard` | 24 hours after the person last did something | people and bots | no tag |
| `human_agent` | 7 days after that | people, where the workspace switched it on | `HUMAN_AGENT` |

What the person does opens the windows; an echo, and whatever we send, never does. Other message
tags ended on 2026-04-27 and are not in the table.

Sources:
    https://developers.facebook.com/docs/messenger-platform/policy/policy-overview
    https://developers.facebook.com/docs/messenger-platform/send-messages/message-tags
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from flask_messenger.errors import PolicyError
from flask_messenger.models.messages import BY_BOT, BY_PERSON

STANDARD: Final = "standard"
HUMAN_AGENT: Final = "human_agent"
HUMAN_AGENT_TAG: Final = "HUMAN_AGENT"

NEVER_WROTE: Final = "never_wrote"
WINDOW_CLOSED: Final = "window_closed"
HUMAN_AGENT_OFF: Final = "human_agent_off"
BOT_WINDOW_CLOSED: Final = "bot_window_closed"
NO_POLICY: Final = "no_policy"

NO_MARGIN: Final = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One row of the policy: how long a window lasts, for whom, and since when that is so.

    Attributes:
        tag: the message tag that messages of this window go out with.
        must_be_switched_on: whether only workspaces that switched it on have it.
        until: when the rule ends; None where no end is known.
    """

    name: str
    lasts: timedelta
    senders: frozenset[str]
    tag: str | None = None
    must_be_switched_on: bool = False
    since: datetime
    until: datetime | None = None

    def is_in_force(self, now: datetime) -> bool:
        """Say whether this is Meta's rule at `now`."""
        return self.since <= now and (self.until is None or now < self.until)


_POLICY_OF_2020: Final = datetime(2020, 3, 4, tzinfo=UTC)

WINDOWS: Final[Mapping[str, tuple[Window, ...]]] = {
    "facebook": (
        Window(
            name=STANDARD,
            lasts=timedelta(hours=24),
            senders=frozenset({BY_PERSON, BY_BOT}),
            since=_POLICY_OF_2020,
        ),
        Window(
            name=HUMAN_AGENT,
            lasts=timedelta(days=7),
            senders=frozenset({BY_PERSON}),
            tag=HUMAN_AGENT_TAG,
            must_be_switched_on=True,
            since=_POLICY_OF_2020,
        ),
    ),
}
"""The windows of each channel, the shortest first: the first that is open is the one used."""

EXPLANATIONS: Final[Mapping[str, str]] = {
    NEVER_WROTE: "This person has not written to you yet.",
    WINDOW_CLOSED: "The time to reply is over.",
    HUMAN_AGENT_OFF: "The 24 hours to reply are over.",
    BOT_WINDOW_CLOSED: "Automated messages end 24 hours after the person last wrote.",
    NO_POLICY: "Nothing can be sent on this channel.",
}
REMEDIES: Final[Mapping[str, str]] = {
    NEVER_WROTE: "You can write as soon as they have sent you a message.",
    WINDOW_CLOSED: "You can answer when they write again.",
    HUMAN_AGENT_OFF: (
        "You can answer when they write again. Replies by people are possible for 7 days"
        " where an admin switches on the human agent window and Meta has approved it."
    ),
    BOT_WINDOW_CLOSED: "A person may still be able to answer.",
    NO_POLICY: "Answer in the app of the channel.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the policy says about one sender and one person at one time.

    Attributes:
        window: the window the message goes out in; None where it may not.
        tag: the message tag it goes out with.
        closes_at: when `window` closes, or when the last window of this sender closed; None
            where none was ever open.
        reason: why not, machine-readable; None where it is allowed.
        remedy: what can be done instead, as a sentence; None where it is allowed.
    """

    allowed: bool
    window: str | None = None
    tag: str | None = None
    closes_at: datetime | None = None
    reason: str | None = None
    remedy: str | None = None

    @property
    def explanation(self) -> str:
        """Why the message may not go out, as a sentence; empty where it may."""
        return EXPLANATIONS[self.reason] if self.reason else ""

    def check(self) -> None:
        """Pass where the message is allowed.

        Raises:
            PolicyError: it is not; carries reason and remedy.
        """
        if self.reason and self.remedy:
            raise PolicyError(self.explanation, reason=self.reason, remedy=self.remedy)


def decide(
    *,
    channel: str,
    last_inbound_at: datetime | None,
    sender: str,
    human_agent_enabled: bool,
    now: datetime,
    margin: timedelta = NO_MARGIN,
) -> Decision:
    """Say whether `sender` may write to a person now, and how the message has to go out.

    Args:
        channel: the stored name, such as `facebook`.
        last_inbound_at: when the person last did something that opens a window, in Meta's time;
            aware. None where they never did.
        sender: `person` or `bot`.
        human_agent_enabled: whether the workspace switched the human agent window on.
        now: aware.
        margin: how much earlier than Meta we close a window, so that what is accepted now is
            not refused after it waited for its turn. `closes_at` is earlier by as much.
    """
    windows = [each for each in WINDOWS.get(channel, ()) if each.is_in_force(now)]
    mine = list(_windows_of(windows, sender=sender, human_agent_enabled=human_agent_enabled))
    if not mine:
        return _refuse(NO_POLICY)
    if last_inbound_at is None:
        return _refuse(NEVER_WROTE)
    for window in mine:
        closes_at = last_inbound_at + window.lasts - margin
        if now < closes_at:
            return Decision(allowed=True, window=window.name, tag=window.tag, closes_at=closes_at)
    return _refuse(
        _why_closed(windows, last_inbound_at, sender=sender, now=now, margin=margin),
        closes_at=last_inbound_at + mine[-1].lasts - margin,
    )


def last_close(
    *,
    channel: str,
    last_inbound_at: datetime | None,
    sender: str,
    human_agent_enabled: bool,
    now: datetime,
    margin: timedelta = NO_MARGIN,
) -> datetime | None:
    """Return when the last window of `sender` closes, unless the person writes again.

    Arguments as of `decide`; None where there is no window.
    """
    windows = [each for each in WINDOWS.get(channel, ()) if each.is_in_force(now)]
    mine = list(_windows_of(windows, sender=sender, human_agent_enabled=human_agent_enabled))
    if not mine or last_inbound_at is None:
        return None
    return last_inbound_at + mine[-1].lasts - margin


def _windows_of(
    windows: list[Window], *, sender: str, human_agent_enabled: bool
) -> Iterator[Window]:
    for window in windows:
        if sender in window.senders and (human_agent_enabled or not window.must_be_switched_on):
            yield window


def _why_closed(
    windows: list[Window],
    last_inbound_at: datetime,
    *,
    sender: str,
    now: datetime,
    margin: timedelta,
) -> str:
    """Name what keeps the sender out: a switch, being a bot, or just the time that passed."""
    still_open = [each for each in windows if now < last_inbound_at + each.lasts - margin]
    if not still_open:
        return WINDOW_CLOSED
    if any(sender in each.senders for each in still_open):
        return HUMAN_AGENT_OFF
    return BOT_WINDOW_CLOSED


def _refuse(reason: str, *, closes_at: datetime | None = None) -> Decision:
    return Decision(allowed=False, closes_at=closes_at, reason=reason, remedy=REMEDIES[reason])
