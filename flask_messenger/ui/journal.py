"""The journal's pages: look into what Meta sent, and have it applied again. For admins."""

import uuid
from datetime import UTC, datetime
from typing import Any, Final

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from flask_messenger.errors import InvalidRequestError
from flask_messenger.ingest import search
from flask_messenger.ingest.replay import MAX_IN_A_REQUEST, Selection, count_entries, replay
from flask_messenger.ingest.replay import STATES as STATE_NAMES
from flask_messenger.ingest.wake import DrainWaker
from flask_messenger.models import Account, WebhookEntry
from flask_messenger.state import state
from flask_messenger.tenancy import require_permission
from flask_messenger.ui.blueprint import bp
from flask_messenger.ui.presenters.journal import (
    STATES,
    EntryView,
    JournalView,
    at_least,
    choices,
    entry_rows,
    entry_view,
    figures_view,
)
from flask_messenger.ui.presenters.reader import Reader
from flask_messenger.ui.presenters.settings import Notice
from flask_messenger.ui.reading import cookie_path, current_reader, zone_name

FILTERS: Final = ("state", "account", "since", "until", "error", "id")
NARROWING: Final = frozenset(FILTERS) - {"error"}
ROWS: Final = 50


@bp.get("/journal")
def journal() -> ResponseReturnValue:
    """Show what Meta sent for the workspace's accounts."""
    tenant = require_permission("settings")
    reader = current_reader()
    session = state().db.session
    chosen = _chosen(request.args)
    notices: list[Notice] = _notices()
    try:
        selection = _selection(reader, chosen)
        page = search.list_entries(session, selection, before=_before(), limit=ROWS)
    except InvalidRequestError as error:
        notices = [Notice(kind="bad", title="Nothing was looked for.", text=str(error))]
        chosen = {}
        selection = _selection(reader, chosen)
        page = search.list_entries(session, selection, limit=ROWS)
    accounts = search.seen_accounts(session, tenant=tenant)
    is_narrowed = bool(NARROWING & chosen.keys())
    count = count_entries(session, selection, at_most=search.MAX_COUNT) if is_narrowed else 0
    view = JournalView(
        figures=figures_view(
            search.read_figures(session, search.select_entries(session, tenant=tenant)), reader
        ),
        rows=entry_rows(page, accounts, reader),
        states=choices(
            {name: word for name, (word, _) in STATES.items() if name != "unrouted"},
            chosen.get("state", ""),
            every="In any state",
        ),
        accounts=choices(
            {str(each.id): each.name for each in accounts},
            chosen.get("account", ""),
            every="All accounts",
        ),
        chosen=chosen,
        list_url=url_for("messenger_ui.journal"),
        replay_url=url_for("messenger_ui.replay_entries") if count else None,
        replay_count="1 entry" if count == 1 else f"{at_least(count)} entries",
        older_url=(
            reader.link("messenger_ui.journal", before=page.older, **chosen) if page.older else None
        ),
        notices=notices,
        nothing=_nothing(chosen),
        is_more_open=bool(chosen.keys() - {"state", "account"}),
        settings_url=url_for("messenger_ui.settings"),
        zone=zone_name(),
        cookie_path=cookie_path(),
    )
    return render_template("messenger/journal.html", fm_view=view)


@bp.get("/journal/<uuid:entry_id>")
def journal_entry(entry_id: uuid.UUID) -> ResponseReturnValue:
    """Show one entry, its personal data masked."""
    require_permission("settings")
    reader = current_reader()
    entry = _load(reader, entry_id)
    view = _entry_view(reader, entry, body=search.masked_body(entry), is_revealed=False)
    return render_template("messenger/journal_entry.html", fm_view=view)


@bp.post("/journal/<uuid:entry_id>/reveal")
def reveal_entry(entry_id: uuid.UUID) -> ResponseReturnValue:
    """Show one entry as it came; the audit log says who looked."""
    tenant = require_permission("settings")
    reader = current_reader()
    session = state().db.session
    body = search.reveal_body(session, tenant=tenant, entry_id=entry_id)
    session.commit()
    view = _entry_view(reader, _load(reader, entry_id), body=body, is_revealed=True)
    return render_template("messenger/journal_entry.html", fm_view=view)


@bp.post("/journal/<uuid:entry_id>/replay")
def replay_entry(entry_id: uuid.UUID) -> ResponseReturnValue:
    """Have one entry applied again."""
    require_permission("settings")
    reader = current_reader()
    _load(reader, entry_id)
    _replay(reader, {"id": str(entry_id)})
    url = url_for("messenger_ui.journal_entry", entry_id=entry_id, replayed=1)
    return redirect(url, code=303)


@bp.post("/journal/replay")
def replay_entries() -> ResponseReturnValue:
    """Have the entries of a list applied again."""
    require_permission("settings")
    reader = current_reader()
    chosen = _chosen(request.form)
    count = _replay(reader, chosen)
    return redirect(url_for("messenger_ui.journal", replayed=count), code=303)


def _replay(reader: Reader, chosen: dict[str, str]) -> int:
    session = state().db.session
    count = replay(
        session,
        _selection(reader, chosen),
        actor=reader.tenant.user_id,
        at_most=MAX_IN_A_REQUEST,
    )
    state().get(DrainWaker).wake()
    return count


def _chosen(given: Any) -> dict[str, str]:
    return {name: given[name].strip() for name in FILTERS if given.get(name, "").strip()}


def _selection(reader: Reader, chosen: dict[str, str]) -> Selection:
    """Return what the filters stand for.

    Raises:
        InvalidRequestError: an id or a time is none.
    """
    narrowing: dict[str, Any] = {
        "state": chosen.get("state"),
        "error": chosen.get("error"),
        "since": _read_time(reader, chosen.get("since")),
        "until": _read_time(reader, chosen.get("until")),
    }
    if "id" in chosen:
        narrowing["ids"] = (_read_id(chosen["id"]),)
    if narrowing["state"] not in {None, *STATE_NAMES}:
        raise InvalidRequestError("There is no such state.", field="state")
    account_id = _read_id(chosen["account"]) if "account" in chosen else None
    session = state().db.session
    return search.select_entries(session, tenant=reader.tenant, account_id=account_id, **narrowing)


def _read_id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise InvalidRequestError("The id is not one of an entry or account.") from error


def _read_time(reader: Reader, text: str | None) -> datetime | None:
    """Read a time as the browser writes it: the clock on the wall of whoever looks."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=reader.zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidRequestError("The time is not one we understand.") from error


def _before() -> uuid.UUID | None:
    text = request.args.get("before")
    return _read_id(text) if text else None


def _nothing(chosen: dict[str, str]) -> str:
    return "Nothing matches." if chosen else "Meta has not sent anything for your accounts yet."


def _notices() -> list[Notice]:
    count = request.args.get("replayed", default=-1, type=int)
    if count < 0:
        return []
    words = "1 entry is" if count == 1 else f"{count:,} entries are"
    return [Notice(kind="good", title=f"{words} being applied again.", text="Nothing comes twice.")]


def _load(reader: Reader, entry_id: uuid.UUID) -> WebhookEntry:
    session = state().db.session
    selection = search.select_entries(session, tenant=reader.tenant, ids=(entry_id,))
    return search.get_entry(session, selection)


def _entry_view(reader: Reader, entry: WebhookEntry, *, body: Any, is_revealed: bool) -> EntryView:
    accounts = search.seen_accounts(state().db.session, tenant=reader.tenant)
    return entry_view(
        entry,
        _account_name(entry, accounts),
        reader,
        body=body,
        is_revealed=is_revealed,
        notices=_notices(),
        place={"zone": zone_name(), "cookie_path": cookie_path()},
    )


def _account_name(entry: WebhookEntry, accounts: list[Account]) -> str:
    return next((each.name for each in accounts if each.external_id == entry.external_id), "")
