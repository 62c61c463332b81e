"""Whether Meta's policy lets a message out now: one pure function over one dated table.

The table is `policy_table.WINDOWS`. What the person does opens the windows of a conversation, a
comment opens the one of its private reply; an echo, and whatever we send, never opens any. Beside
the windows three things keep a message in: Meta blocked the account, the thread is another app's,
or a person is answering and the message is a bot's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flask_messenger.errors import PolicyError
from flask_messenger.models.messages import BY_BOT
from flask_messenger.outbox.ownership import FREE, THEIRS
from flask_messenger.outbox.policy_table import (
    ALWAYS,
    FEEDBACK_TAG,
    FROM_COMMENT,
    HUMAN_AGENT,
    HUMAN_AGENT_TAG,
    MESSAGE,
    STANDARD,
    WINDOWS,
    Window,
)

__all__ = [
    "FEEDBACK_TAG",
    "HUMAN_AGENT",
    "HUMAN_AGENT_TAG",
    "MESSAGE",
    "STANDARD",
    "WINDOWS",
    "Decision",
    "Window",
    "decide",
    "last_close",
]

NEVER_WROTE: Final = "never_wrote"
WINDOW_CLOSED: Final = "window_closed"
HUMAN_AGENT_OFF: Final = "human_agent_off"
BOT_WINDOW_CLOSED: Final = "bot_window_closed"
COMMENT_TOO_OLD: Final = "comment_too_old"
NOT_ON_CHANNEL: Final = "not_on_channel"
NO_POLICY: Final = "no_policy"
ACCOUNT_BLOCKED: Final = "account_blocked"
THREAD_TAKEN: Final = "thread_taken"
BOT_PAUSED: Final = "bot_paused"

OBSTACLES: Final = frozenset({ACCOUNT_BLOCKED, BOT_PAUSED, COMMENT_TOO_OLD, NOT_ON_CHANNEL})
"""Reasons that a failed message keeps by their own names; the others are a closed window."""

NO_MARGIN: Final = timedelta(0)

EXPLANATIONS: Final[Mapping[str, str]] = {
    NEVER_WROTE: "This person has not written to you yet.",
    WINDOW_CLOSED: "The time to reply is over.",
    HUMAN_AGENT_OFF: "The 24 hours to reply are over.",
    BOT_WINDOW_CLOSED: "Automated messages end 24 hours after the person last wrote.",
    COMMENT_TOO_OLD: "The time to answer this comment in private is over.",
    NOT_ON_CHANNEL: "This kind of message does not exist on this channel.",
    NO_POLICY: "Nothing can be sent on this channel.",
    ACCOUNT_BLOCKED: "Meta has blocked this account from sending.",
    THREAD_TAKEN: "Another app has this conversation now.",
    BOT_PAUSED: "A person is answering here, so automated messages wait.",
}
REMEDIES: Final[Mapping[str, str]] = {
    NEVER_WROTE: "You can write as soon as they have sent you a message.",
    WINDOW_CLOSED: "You can answer when they write again.",
    HUMAN_AGENT_OFF: (
        "You can answer when they write again. Replies by people are possible for 7 days"
        " where an admin switches on the human agent window and Meta has approved it."
    ),
    BOT_WINDOW_CLOSED: "A person may still be able to answer.",
    COMMENT_TOO_OLD: "Answer the comment in public, or wait until they write to you.",
    NOT_ON_CHANNEL: "Send it as an ordinary message.",
    NO_POLICY: "Answer in the app of the channel.",
    ACCOUNT_BLOCKED: "See what Meta objects to in the account's support inbox, and appeal there.",
    THREAD_TAKEN: "Take control of the conversation, or request it from the app that has it.",
    BOT_PAUSED: "Send it as a person, or let the bot go on.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the policy says about one sender and one person at one time.

    Attributes:
        window: the window the message goes out in; None where it may not.
        tag: the message tag it goes out with.
        closes_at: when `window` closes, or when the last window of this sender closed; None
            where none was ever open, or where it never closes.
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
    content_class: str = MESSAGE,
    commented_at: datetime | None = None,
    thread_owner: str = FREE,
    bot_paused_until: datetime | None = None,
    is_blocked: bool = False,
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
        content_class: what is sent, such as `message` or `utility`; see `policy_table`.
        commented_at: when the comment was written that a private reply answers.
        thread_owner: `ours`, `theirs` or `free`; see `ownership`.
        bot_paused_until: until when bots are quiet in this conversation.
        is_blocked: whether Meta has blocked the account from sending.
    """
    if is_blocked:
        return _refuse(ACCOUNT_BLOCKED)
    clock = _Clock(last_inbound_at, commented_at, now, margin)
    rules = [each for each in WINDOWS.get(channel, ()) if each.is_in_force(now)]
    windows = [each for each in rules if content_class in each.contents]
    mine = [each for each in windows if each.is_open_to(sender, switched_on=human_agent_enabled)]
    if not mine:
        return _refuse(NOT_ON_CHANNEL if rules else NO_POLICY)
    window = next((each for each in mine if clock.is_open(each)), None)
    if window is None:
        return _refuse(_why_closed(windows, clock, sender), closes_at=clock.closes_at(mine[-1]))
    closes_at = clock.closes_at(window)
    if window.needs_thread and thread_owner == THEIRS:
        return _refuse(THREAD_TAKEN, closes_at=closes_at)
    if sender == BY_BOT and bot_paused_until is not None and now < bot_paused_until:
        return _refuse(BOT_PAUSED, closes_at=closes_at)
    return Decision(allowed=True, window=window.name, tag=window.tag, closes_at=closes_at)


def last_close(
    *,
    channel: str,
    last_inbound_at: datetime | None,
    sender: str,
    human_agent_enabled: bool,
    now: datetime,
    margin: timedelta = NO_MARGIN,
) -> datetime | None:
    """Return when the last window of `sender` for messages closes, unless the person writes again.

    Arguments as of `decide`; None where there is no window.
    """
    clock = _Clock(last_inbound_at, None, now, margin)
    ends = [
        clock.closes_at(each)
        for each in WINDOWS.get(channel, ())
        if each.is_in_force(now)
        and MESSAGE in each.contents
        and each.is_open_to(sender, switched_on=human_agent_enabled)
    ]
    return max((each for each in ends if each is not None), default=None)


@dataclass(frozen=True, slots=True)
class _Clock:
    """What windows are counted from, and what time it is."""

    last_inbound_at: datetime | None
    commented_at: datetime | None
    now: datetime
    margin: timedelta

    def closes_at(self, window: Window) -> datetime | None:
        """Return when a window closes; None where it never opened, or never closes."""
        began_at = self.commented_at if window.counts_from == FROM_COMMENT else self.last_inbound_at
        if began_at is None or window.lasts is None:
            return None
        return began_at + window.lasts - self.margin

    def is_open(self, window: Window) -> bool:
        """Say whether a window is open now."""
        closes_at = self.closes_at(window)
        return window.counts_from == ALWAYS or (closes_at is not None and self.now < closes_at)


def _why_closed(windows: list[Window], clock: _Clock, sender: str) -> str:
    """Name what keeps the sender out: a switch, being a bot, or just the time that passed."""
    if all(each.counts_from == FROM_COMMENT for each in windows):
        return COMMENT_TOO_OLD
    if clock.last_inbound_at is None:
        return NEVER_WROTE
    still_open = [each for each in windows if clock.is_open(each)]
    if not still_open:
        return WINDOW_CLOSED
    if any(sender in each.senders for each in still_open):
        return HUMAN_AGENT_OFF
    return BOT_WINDOW_CLOSED


def _refuse(reason: str, *, closes_at: datetime | None = None) -> Decision:
    return Decision(allowed=False, closes_at=closes_at, reason=reason, remedy=REMEDIES[reason])
