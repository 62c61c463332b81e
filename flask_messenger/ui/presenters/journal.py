"""What the journal's pages show, as values."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from flask_messenger.ingest.search import MAX_COUNT, JournalFigures, JournalPage, JournalRow
from flask_messenger.models import Account, WebhookEntry
from flask_messenger.models.journal import DONE, FAILED, PENDING, UNROUTED
from flask_messenger.ui.presenters.inbox import Choice
from flask_messenger.ui.presenters.reader import Reader, iso
from flask_messenger.ui.presenters.settings import Notice
from flask_messenger.ui.presenters.times import moment, time_ago_spoken

STATES: Final[Mapping[str, tuple[str, str]]] = {
    PENDING: ("Waiting", "warn"),
    DONE: ("Applied", "good"),
    FAILED: ("Failed", "bad"),
    UNROUTED: ("No account", "off"),
}
UNREADABLE: Final = "This body cannot be read as JSON, so it is not shown while masked."


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRow:
    """One line of the list."""

    id: str
    url: str
    account: str
    time: str
    time_iso: str
    ago: str
    state: str
    kind: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number above the list, and the list it stands for."""

    label: str
    value: str
    url: str
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalView:
    """The page /messenger/journal.

    Attributes:
        chosen: the filters as they were sent, to show again and to replay by.
        is_more_open: whether a filter among those that fold away was used.
        replay_url: None where nothing narrows the list: not everything is replayed at once.
    """

    figures: Sequence[Figure]
    rows: Sequence[EntryRow]
    states: Sequence[Choice]
    accounts: Sequence[Choice]
    chosen: Mapping[str, str] = field(repr=False)
    list_url: str
    replay_url: str | None = None
    replay_count: str = ""
    older_url: str | None = None
    notices: Sequence[Notice] = ()
    nothing: str = ""
    is_more_open: bool = False
    settings_url: str = ""
    zone: str = "UTC"
    cookie_path: str = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryView:
    """The page of one entry. `body` is JSON as text, masked unless `is_revealed`."""

    id: str
    state: str
    kind: str
    facts: Sequence[tuple[str, str]]
    body: str = field(repr=False)
    is_revealed: bool
    reveal_url: str
    replay_url: str | None
    list_url: str
    notices: Sequence[Notice] = ()
    zone: str = "UTC"
    cookie_path: str = "/"


def at_least(count: int) -> str:
    """Return a number as it is shown: beyond a point nobody counted."""
    return f"{count:,}" if count < MAX_COUNT else f"{MAX_COUNT:,} or more"


def figures_view(figures: JournalFigures, reader: Reader) -> list[Figure]:
    """Return what needs somebody, in numbers."""
    oldest = figures.oldest_pending_at
    waiting = at_least(figures.pending)
    if oldest is not None:
        ago = time_ago_spoken(oldest, now=reader.now, zone=reader.zone)
        waiting = f"{waiting}, the oldest came {ago}"
    return [
        Figure(label="Waiting to be applied again", value=waiting, url=_list(reader, PENDING)),
        Figure(
            label="Failed",
            value=at_least(figures.failed),
            url=_list(reader, FAILED),
            kind="bad" if figures.failed else "",
        ),
    ]


def _list(reader: Reader, state: str) -> str:
    return reader.link("messenger_ui.journal", state=state)


def entry_rows(page: JournalPage, accounts: Sequence[Account], reader: Reader) -> list[EntryRow]:
    """Return the lines of the list."""
    names = {each.external_id: each.name for each in accounts}
    return [_entry_row(row, names, reader) for row in page.items]


def _entry_row(row: JournalRow, names: Mapping[str, str], reader: Reader) -> EntryRow:
    word, kind = STATES.get(row.state, (row.state, "off"))
    return EntryRow(
        id=str(row.id),
        url=reader.link("messenger_ui.journal_entry", entry_id=row.id),
        account=names.get(row.external_id or "") or "Unknown account",
        time=_exactly(row.received_at, reader),
        time_iso=iso(row.received_at),
        ago=time_ago_spoken(row.received_at, now=reader.now, zone=reader.zone),
        state=word,
        kind=kind,
        detail=_detail(row),
    )


def _exactly(at: datetime, reader: Reader) -> str:
    return f"{moment(at, now=reader.now, zone=reader.zone)}:{at:%S}"


def _detail(row: JournalRow) -> str:
    if row.error:
        return row.error
    if row.event_count is None:
        return ""
    events = "1 event" if row.event_count == 1 else f"{row.event_count:,} events"
    passed_over = ", ".join(f"{kind} ({count})" for kind, count in sorted(row.unhandled.items()))
    return f"{events}, not used: {passed_over}" if passed_over else events


def choices(values: Mapping[str, str], chosen: str, *, every: str) -> list[Choice]:
    """Return the choices of a filter, with "every one of them" first."""
    found = [
        Choice(value=value, label=label, chosen=value == chosen) for value, label in values.items()
    ]
    return [Choice(value="", label=every, chosen=not chosen), *found]


def entry_view(
    entry: WebhookEntry,
    account_name: str,
    reader: Reader,
    *,
    body: Any,
    is_revealed: bool,
    notices: Sequence[Notice],
    place: Mapping[str, str],
) -> EntryView:
    """Return the page of one entry."""
    word, kind = STATES.get(entry.state, (entry.state, "off"))
    facts = {
        "Account": account_name,
        "Received": _exactly(entry.received_at, reader),
        "Applied": _exactly(entry.processed_at, reader) if entry.processed_at else "",
        "Error": entry.error or "",
        "Events": str(entry.event_count) if entry.event_count is not None else "",
        "Meta app": entry.app_name,
        "Entry": str(entry.id),
    }
    return EntryView(
        id=str(entry.id),
        state=word,
        kind=kind,
        facts=[(name, value) for name, value in facts.items() if value],
        body=_as_text(body),
        is_revealed=is_revealed,
        reveal_url=reader.link("messenger_ui.reveal_entry", entry_id=entry.id),
        replay_url=(
            reader.link("messenger_ui.replay_entry", entry_id=entry.id)
            if entry.state != PENDING
            else None
        ),
        list_url=reader.link("messenger_ui.journal"),
        notices=notices,
        zone=place["zone"],
        cookie_path=place["cookie_path"],
    )


def _as_text(body: Any) -> str:
    if body is None:
        return UNREADABLE
    return body if isinstance(body, str) else json.dumps(body, indent=2, ensure_ascii=False)
