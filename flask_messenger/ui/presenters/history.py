"""What became of reading an account's past, and of comparing it, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flask_messenger.errors import (
    GraphTimeoutError,
    GraphUnavailableError,
    MissingPermissionError,
    RateLimitedError,
    TokenExpiredError,
)
from flask_messenger.history.runs import OPEN_STATES
from flask_messenger.history.work import LOST, NOT_CONNECTED
from flask_messenger.models import Account, HistoryRun
from flask_messenger.models.accounts import ACTIVE
from flask_messenger.models.history import BACKFILL, CANCELLED, DONE, FAILED, QUEUED, RUNNING
from flask_messenger.ui.presenters.reader import Reader
from flask_messenger.ui.presenters.times import short_date, since

SHOWN_AT_ONCE: Final = 5
TITLES: Final = {BACKFILL: "History fetched"}
COMPARED: Final = "Compared with Meta"
STATES: Final = {
    QUEUED: ("Waiting", "off"),
    RUNNING: ("Running", "warn"),
    DONE: ("Done", "good"),
    FAILED: ("Failed", "bad"),
    CANCELLED: ("Cancelled", "off"),
}
AWAY: Final = "Meta is away or busy. It goes on by itself."
ERRORS: Final = {
    GraphTimeoutError.slug: AWAY,
    GraphUnavailableError.slug: AWAY,
    RateLimitedError.slug: AWAY,
    MissingPermissionError.slug: "A permission is missing: reconnect and allow all of them.",
    TokenExpiredError.slug: "The account has to be connected again first.",
    NOT_CONNECTED: "The account is not connected.",
    LOST: "It ended with the worker again and again; the worker's log says why.",
}
REFUSED: Final = "Meta did not show the conversations."
SPANS: Final = (
    ("", "All that Meta shows"),
    ("30", "30 days"),
    ("90", "90 days"),
    ("365", "A year"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One pass over an account's conversations.

    Attributes:
        state_kind: "good", "warn", "bad" or "off".
        done: how many conversations were read; of `total`, as far as Meta has listed them.
    """

    title: str
    words: str
    when: str
    state: str
    state_kind: str
    error: str = ""
    is_open: bool = False
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryView:
    """The part of the account's page; `start_url` is None where nothing can be begun."""

    fragment_url: str
    latest: Sequence[RunView]
    earlier: Sequence[RunView]
    start_url: str | None
    cancel_url: str | None
    spans: Sequence[tuple[str, str]] = SPANS


def history_view(account: Account, runs: Sequence[HistoryRun], reader: Reader) -> HistoryView:
    """Return the runs, the latest first, with what can be done now."""
    is_open = any(each.state in OPEN_STATES for each in runs)
    can_start = account.status == ACTIVE and not is_open
    views = [run_view(each, reader) for each in runs]

    def link(name: str) -> str:
        return reader.link(f"messenger_ui.{name}", account_id=account.id)

    return HistoryView(
        fragment_url=link("history"),
        latest=views[:SHOWN_AT_ONCE],
        earlier=views[SHOWN_AT_ONCE:],
        start_url=link("fetch_history") if can_start else None,
        cancel_url=link("cancel_history") if is_open else None,
    )


def run_view(run: HistoryRun, reader: Reader) -> RunView:
    """Return one run."""
    is_open = run.state in OPEN_STATES
    state, kind = STATES.get(run.state, (run.state, "off"))
    result = run.result
    if run.state == DONE and result.get("missing", 0) > result.get("repaired", 0):
        state, kind = "Gaps left", "warn"
    done = result.get("conversations", 0) + result.get("skipped", 0)
    at = run.completed_at or run.created_at
    return RunView(
        title=_title(run, reader),
        words=_words(run) if done or not is_open else "",
        when=since(at, now=reader.now, zone=reader.zone),
        state="Waiting" if is_open and run.error else state,
        state_kind=kind,
        error=ERRORS.get(run.error, REFUSED) if run.error else "",
        is_open=is_open,
        done=done,
        total=done + len(run.progress.get("pending", [])),
    )


def _title(run: HistoryRun, reader: Reader) -> str:
    title = TITLES.get(run.kind, COMPARED)
    if run.kind != BACKFILL or run.since is None:
        return title
    then, today = run.since.astimezone(reader.zone).date(), reader.now.astimezone(reader.zone)
    return f"{title} since {short_date(then, today.date())}"


def _words(run: HistoryRun) -> str:
    """Say what was found so far; nothing before anything was read."""
    result = run.result
    parts = []
    if run.kind == BACKFILL and "messages" in result:
        parts = [
            f"{_counted(result['messages'], 'message')} looked at",
            f"{result.get('new', 0)} new",
            _counted(result.get("conversations", 0), "conversation"),
        ]
    elif "checked" in result:
        missing = result.get("missing", 0)
        parts = [f"{_counted(result['checked'], 'message')} compared"]
        parts.append(
            f"{missing} missing, {result.get('repaired', 0)} repaired"
            if missing or result.get("repaired")
            else "nothing missing"
        )
    if result.get("skipped"):
        parts.append(f"{_counted(result['skipped'], 'conversation')} could not be read")
    return ", ".join(parts)


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"
