"""What narrows the list of conversations: read from the address, shown as tabs and chips."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from flask_messenger.channels.registry import CHANNELS
from flask_messenger.inbox.filters import ME, NONE, STATUSES, ConversationFilters
from flask_messenger.inbox.queries import COUNT_LIMIT, ConversationCounts
from flask_messenger.models.conversations import CLOSED, COMMENTS, DIRECT, OPEN, SNOOZED
from flask_messenger.ui.presenters.inbox import Choice, Filter, Tab
from flask_messenger.ui.presenters.reader import Reader

MINE: Final = "mine"
UNASSIGNED: Final = "unassigned"
ALL: Final = "all"
ASSIGNEES: Final = {MINE: ME, UNASSIGNED: NONE, ALL: None}
ANY: Final = "any"
STATUS_WORDS: Final = {OPEN: "Open", SNOOZED: "Snoozed", CLOSED: "Closed", ANY: "Any status"}
KIND_WORDS: Final = {"": "All kinds", DIRECT: "Messages", COMMENTS: "Comments"}
LONGEST_SEARCH: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """What the reader chose. Unknown values of an address count as not chosen."""

    tab: str
    status: str = OPEN
    channel: str = ""
    kind: str = ""
    location: str = ""
    query: str = field(default="", repr=False)

    @property
    def filters(self) -> ConversationFilters:
        """The same for the query."""
        return ConversationFilters(
            channel=self.channel or None,
            kind=self.kind or None,
            location_id=self.location or None,
            status=None if self.status == ANY else self.status,
            assignee=ASSIGNEES[self.tab],
            text=self.query or None,
        )

    @property
    def kept(self) -> dict[str, str]:
        """What an address has to carry for another page to narrow in the same way."""
        values = {
            "tab": self.tab,
            "status": "" if self.status == OPEN else self.status,
            "channel": self.channel,
            "kind": self.kind,
            "location": self.location,
            "q": self.query,
        }
        return {name: value for name, value in values.items() if value}


def read_narrowing(
    given: Mapping[str, str], reader: Reader, *, count: Callable[[], ConversationCounts]
) -> Narrowing:
    """Read what an address says; who does not say which tab gets the first that has something.

    `count` is asked in that case only: most of our own addresses do say.
    """
    return Narrowing(
        tab=given.get("tab", "") if given.get("tab") in ASSIGNEES else first_tab(count()),
        status=_one_of(given.get("status"), (*STATUSES, ANY)) or OPEN,
        channel=_one_of(given.get("channel"), CHANNELS),
        kind=_one_of(given.get("kind"), KIND_WORDS),
        location=_one_of(given.get("location"), reader.locations),
        query=_searchable(given.get("q", "")),
    )


def first_tab(counts: ConversationCounts) -> str:
    """Return where there is something to do for this reader."""
    if counts.mine:
        return MINE
    return UNASSIGNED if counts.unassigned else ALL


def _one_of(value: str | None, known: Mapping[str, object] | tuple[str, ...]) -> str:
    return value if value and value in known else ""


def _searchable(text: str) -> str:
    kept = "".join(char for char in text if char.isprintable() and not "\ud800" <= char <= "\udfff")
    return kept.strip()[:LONGEST_SEARCH]


def tabs(chosen: Narrowing, counts: ConversationCounts, reader: Reader) -> list[Tab]:
    """Return the three tabs, each keeping the other filters."""
    numbers = {MINE: counts.mine, UNASSIGNED: counts.unassigned, ALL: counts.open}
    labels = {MINE: "Mine", UNASSIGNED: "Unassigned", ALL: "All"}
    return [
        Tab(
            label=label,
            count=_how_many(numbers[tab]),
            url=reader.link("messenger_ui.inbox", **{**chosen.kept, "tab": tab}),
            fragment_url=reader.link("messenger_ui.listing", **{**chosen.kept, "tab": tab}),
            is_current=tab == chosen.tab,
        )
        for tab, label in labels.items()
    ]


def _how_many(number: int) -> str:
    return str(number) if number < COUNT_LIMIT else f"{COUNT_LIMIT - 1}+"


def chips(chosen: Narrowing, reader: Reader) -> list[Filter]:
    """Return the filters; the one by location only where there is a choice."""
    channels = {"": "All channels", **{name: each.label for name, each in CHANNELS.items()}}
    locations = {"": "All locations", **reader.locations}
    found = [
        _filter("status", "Status", STATUS_WORDS, chosen.status, is_set=chosen.status != ANY),
        _filter("channel", "Channel", channels, chosen.channel, is_set=bool(chosen.channel)),
    ]
    is_set = bool(chosen.kind)
    found.append(_filter("kind", "Kind", KIND_WORDS, chosen.kind, is_set=is_set))
    if len(reader.locations) > 1:
        is_set = bool(chosen.location)
        found.append(_filter("location", "Location", locations, chosen.location, is_set=is_set))
    return found


def _filter(
    name: str, label: str, words: Mapping[str, str], chosen: str, *, is_set: bool
) -> Filter:
    choices = [
        Choice(value=value, label=each, chosen=value == chosen) for value, each in words.items()
    ]
    return Filter(name=name, label=label, choices=choices, is_set=is_set)


def nothing_words(chosen: Narrowing, *, has_accounts: bool) -> tuple[str, str]:
    """Say why a list is empty, and what would fill it."""
    if chosen.query:
        return "Nothing found", "No person and no message has these words."
    if not has_accounts:
        return "No account is connected yet", "Connect one, and its messages arrive here."
    if chosen.channel or chosen.kind or chosen.location or chosen.status != OPEN:
        return "Nothing here", "No conversation fits what you chose above."
    return {
        MINE: ("Nothing is yours to answer", "Conversations assigned to you come here."),
        UNASSIGNED: ("Everything has somebody", "Conversations nobody has taken come here."),
        ALL: ("No open conversations", "New messages appear here by themselves."),
    }[chosen.tab]
