"""Meta's policy as a table: which window lets whom send what, since when, on which channel.

A rule that Meta changes is a row that ends and another that begins; nothing else knows them.

Sources:
    https://developers.facebook.com/docs/messenger-platform/policy/policy-overview
    https://developers.facebook.com/docs/messenger-platform/send-messages/message-tags
    https://developers.facebook.com/docs/messenger-platform/discovery/private-replies
    https://developers.facebook.com/docs/messenger-platform/instagram/features/private-replies
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from flask_messenger.models.messages import BY_BOT, BY_PERSON

STANDARD: Final = "standard"
HUMAN_AGENT: Final = "human_agent"
FEEDBACK_WINDOW: Final = "feedback"
TEMPLATE: Final = "template"
COMMENT: Final = "comment"
PUBLIC: Final = "public"
"""The windows; a message keeps none of these names, only the tag it went out with."""

MESSAGE: Final = "message"
FEEDBACK: Final = "feedback"
UTILITY: Final = "utility"
PRIVATE_REPLY: Final = "private_reply"
LIVE_REPLY: Final = "live_private_reply"
PUBLIC_REPLY: Final = "public_reply"
"""What is sent, as far as Meta's policy tells contents apart."""

HUMAN_AGENT_TAG: Final = "HUMAN_AGENT"
FEEDBACK_TAG: Final = "CUSTOMER_FEEDBACK"

FROM_PERSON: Final = "what the person last did"
FROM_COMMENT: Final = "the comment"
ALWAYS: Final = "nothing: always open"
"""What a window is counted from."""

ANYBODY: Final = frozenset({BY_PERSON, BY_BOT})
PEOPLE: Final = frozenset({BY_PERSON})


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One row: how long a window lasts, for what and for whom, and since when that is so.

    Attributes:
        contents: what may go out in it.
        counts_from: `FROM_PERSON`, `FROM_COMMENT` or `ALWAYS`.
        lasts: None where it never closes.
        tag: the message tag that messages of this window go out with.
        must_be_switched_on: whether only workspaces that switched it on have it.
        needs_thread: whether the thread has to be ours, where several apps share it.
        until: when the rule ends; None where no end is known.
    """

    name: str
    contents: frozenset[str]
    counts_from: str = FROM_PERSON
    lasts: timedelta | None
    senders: frozenset[str] = ANYBODY
    tag: str | None = None
    must_be_switched_on: bool = False
    needs_thread: bool = True
    since: datetime
    until: datetime | None = None

    def is_in_force(self, now: datetime) -> bool:
        """Say whether this is Meta's rule at `now`."""
        return self.since <= now and (self.until is None or now < self.until)

    def is_open_to(self, sender: str, *, switched_on: bool) -> bool:
        """Say whether a sender has this window at all."""
        return sender in self.senders and (switched_on or not self.must_be_switched_on)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedTag:
    """A message tag that Meta has done away with; sent today it is an error for good."""

    tag: str
    ended: datetime
    instead: str


_POLICY_OF_2020: Final = datetime(2020, 3, 4, tzinfo=UTC)
_FEEDBACK_OF_2021: Final = datetime(2021, 9, 1, tzinfo=UTC)
_INSTAGRAM_OF_2021: Final = datetime(2021, 6, 2, tzinfo=UTC)
_UTILITY_OF_2025: Final = datetime(2025, 7, 1, tzinfo=UTC)
_TAGS_ENDED: Final = datetime(2026, 4, 27, tzinfo=UTC)

_DAY: Final = timedelta(hours=24)
_WEEK: Final = timedelta(days=7)
_LONGEST_BROADCAST: Final = timedelta(hours=4)
"""Meta takes private replies to comments of a live video only while it is live. When it ends no
webhook says, but none is longer than this; what comes too late all the same Meta refuses."""


def _conversation_windows(since: datetime, *ordinary: str) -> tuple[Window, ...]:
    """Return what every channel of Messenger's platform has, the shortest first.

    `ordinary` is what may go out in the first 24 hours without a tag.
    """
    return (
        Window(
            name=STANDARD,
            contents=frozenset(ordinary),
            lasts=_DAY,
            since=since,
        ),
        Window(
            name=HUMAN_AGENT,
            contents=frozenset({MESSAGE}),
            lasts=_WEEK,
            senders=PEOPLE,
            tag=HUMAN_AGENT_TAG,
            must_be_switched_on=True,
            since=since,
        ),
        Window(
            name=COMMENT,
            contents=frozenset({PRIVATE_REPLY}),
            counts_from=FROM_COMMENT,
            lasts=_WEEK,
            needs_thread=False,
            since=since,
        ),
        Window(
            name=PUBLIC,
            contents=frozenset({PUBLIC_REPLY}),
            counts_from=ALWAYS,
            lasts=None,
            needs_thread=False,
            since=since,
        ),
    )


WINDOWS: Final[Mapping[str, tuple[Window, ...]]] = {
    "facebook": (
        *_conversation_windows(_POLICY_OF_2020, MESSAGE, FEEDBACK),
        Window(
            name=FEEDBACK_WINDOW,
            contents=frozenset({FEEDBACK}),
            lasts=_WEEK,
            tag=FEEDBACK_TAG,
            since=_FEEDBACK_OF_2021,
        ),
        Window(
            name=TEMPLATE,
            contents=frozenset({UTILITY}),
            counts_from=ALWAYS,
            lasts=None,
            since=_UTILITY_OF_2025,
        ),
        Window(
            name=COMMENT,
            contents=frozenset({LIVE_REPLY}),
            counts_from=FROM_COMMENT,
            lasts=_WEEK,
            needs_thread=False,
            since=_POLICY_OF_2020,
        ),
    ),
    "instagram": (
        *_conversation_windows(_INSTAGRAM_OF_2021, MESSAGE),
        Window(
            name=COMMENT,
            contents=frozenset({LIVE_REPLY}),
            counts_from=FROM_COMMENT,
            lasts=_LONGEST_BROADCAST,
            needs_thread=False,
            since=_INSTAGRAM_OF_2021,
        ),
    ),
}
"""The windows of each channel: of those for one content, the first that is open is the one used."""

ENDED_TAGS: Final = tuple(
    EndedTag(tag=tag, ended=_TAGS_ENDED, instead=instead)
    for tag, instead in (
        ("ACCOUNT_UPDATE", "a utility template"),
        ("CONFIRMED_EVENT_UPDATE", "a utility template"),
        ("POST_PURCHASE_UPDATE", "a utility template"),
    )
)


def table_lines() -> Iterator[str]:
    """Yield the table as Markdown, for `docs/policy.md`."""
    yield "| channel | window | what | who | lasts | counted from | goes out with | since | until |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for channel, windows in WINDOWS.items():
        for each in windows:
            cells = (
                channel,
                f"`{each.name}`",
                ", ".join(f"`{name}`" for name in sorted(each.contents)),
                _who(each),
                _how_long(each.lasts),
                each.counts_from,
                f"`{each.tag}`" if each.tag else "no tag",
                f"{each.since:%Y-%m-%d}",
                f"{each.until:%Y-%m-%d}" if each.until else "",
            )
            yield f"| {' | '.join(cells)} |"


def ended_lines() -> Iterator[str]:
    """Yield the tags that are no more as Markdown, for `docs/policy.md`."""
    yield "| tag | ended | instead |"
    yield "| --- | --- | --- |"
    for each in ENDED_TAGS:
        yield f"| `{each.tag}` | {each.ended:%Y-%m-%d} | {each.instead} |"


def _who(window: Window) -> str:
    who = "people and bots" if window.senders == ANYBODY else "people"
    return f"{who}, where switched on" if window.must_be_switched_on else who


def _how_long(lasts: timedelta | None) -> str:
    if lasts is None:
        return "for ever"
    days, hours = lasts.days, int(lasts.total_seconds()) // 3600
    return f"{days} days" if days > 1 else f"{hours} hours"
