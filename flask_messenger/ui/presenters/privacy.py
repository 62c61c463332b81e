"""What the pages about personal data and the audit log show, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from flask_messenger.models import AuditEntry, DataRequest
from flask_messenger.models.privacy import (
    DONE,
    ERASE,
    EXPIRED,
    EXPORT,
    FAILED,
    GONE,
    LOST,
    QUEUED,
    RUNNING,
)
from flask_messenger.privacy.requests import PersonRow, RequestRow, can_be_retried
from flask_messenger.ui.presenters.people import Avatar, avatar_of
from flask_messenger.ui.presenters.reader import (
    SOMEBODY,
    YOU,
    Reader,
    channel_label,
    iso,
    person_name,
)
from flask_messenger.ui.presenters.settings import Notice
from flask_messenger.ui.presenters.times import moment, time_ago_spoken

STATES: Final[Mapping[str, tuple[str, str]]] = {
    QUEUED: ("Waiting", "warn"),
    RUNNING: ("Under way", "warn"),
    DONE: ("Done", "good"),
    FAILED: ("Failed", "bad"),
    EXPIRED: ("No longer kept", "off"),
}
KINDS: Final = {EXPORT: "Export", ERASE: "Erasure"}
ERRORS: Final = {
    GONE: "The person was erased meanwhile.",
    LOST: "The worker was lost each time; see its memory and its log.",
    "SecretError": "What it needs is sealed with a key that is not configured.",
}
ACTIONS: Final[Mapping[str, str]] = {
    "account_connected": "Connected an account",
    "account_disconnected": "Disconnected an account",
    "account_moved": "Moved an account to another location",
    "account_needs_reauth": "An account needs to be reconnected",
    "account_reconnected": "Reconnected an account",
    "history_cancelled": "Stopped fetching an account's history",
    "history_started": "Began to fetch an account's history",
    "journal_entry_revealed": "Looked at personal data in the journal",
    "journal_replayed": "Replayed journal entries",
    "login_deleted": "Deleted what a login gave us",
    "message_cancelled": "Cancelled a message",
    "message_discarded": "Gave up a message",
    "message_marked_sent": "Marked a message as sent",
    "message_retried": "Sent a message again",
    "persona_created": "Made a persona",
    "persona_given": "Changed whose a persona is",
    "persona_removed": "Took a persona away",
    "person_erase_requested": "Asked for a person to be erased",
    "person_erase_failed": "Could not erase a person",
    "person_erase_retried": "Had an erasure tried again",
    "person_erased": "Erased a person",
    "person_export_downloaded": "Downloaded a person's data",
    "person_export_failed": "Could not collect a person's data",
    "person_export_retried": "Had an export tried again",
    "person_export_requested": "Asked for a person's data",
    "person_exported": "Collected a person's data",
    "profile_applied": "Changed how an account presents itself",
    "saved_reply_changed": "Changed a saved reply",
    "saved_reply_created": "Saved a reply",
    "saved_reply_deleted": "Deleted a saved reply",
    "setting_switched": "Switched a setting",
    "subscription_lost": "A Page no longer sends us its messages",
    "subscription_restored": "Subscribed to a Page again",
    "template_changed": "Changed a template",
    "template_created": "Saved a template",
    "template_deleted": "Deleted a template",
    "utility_template_cloned": "Took over a template of Meta's",
    "utility_template_deleted": "Deleted a template at Meta",
    "utility_template_proposed": "Proposed a template to Meta",
}
ACTORS: Final = {"meta": "Meta", "system": "The operator"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRequestRow:
    """One export or erasure."""

    id: str
    title: str
    detail: str
    time: str
    state: str
    kind: str
    note: str = ""
    download_url: str | None = None
    retry_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRequestsView:
    """The page /messenger/personal-data."""

    rows: Sequence[DataRequestRow]
    notices: Sequence[Notice] = ()
    audit_url: str
    inbox_url: str
    zone: str = "UTC"
    cookie_path: str = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonDataView:
    """The page of one person's data.

    Attributes:
        word: what has to be typed before they are erased.
    """

    name: str = field(repr=False)
    where: str
    avatar: Avatar
    word: str = field(repr=False)
    export_url: str
    erase_url: str
    cancel_url: str
    problem: str = ""
    zone: str = "UTC"
    cookie_path: str = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActRow:
    """One act."""

    id: str
    who: str
    what: str
    detail: str
    time: str
    time_iso: str
    ago: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditView:
    """The page /messenger/audit."""

    rows: Sequence[ActRow]
    older_url: str | None
    is_own: bool
    settings_url: str
    zone: str = "UTC"
    cookie_path: str = "/"


def request_rows(rows: Sequence[RequestRow], reader: Reader) -> list[DataRequestRow]:
    """Return the lines of the list, the newest first."""
    return [_request_row(row, reader) for row in rows]


def _request_row(row: RequestRow, reader: Reader) -> DataRequestRow:
    request = row.request
    word, kind = STATES[request.state]
    name = row.name or "somebody who is not known any more"
    is_ready = request.kind == EXPORT and request.state == DONE
    return DataRequestRow(
        id=str(request.id),
        title=f"{KINDS[request.kind]} of {name}",
        detail=f"{row.account.name} · asked by {_by(request.requested_by, reader)}",
        time=time_ago_spoken(request.requested_at, now=reader.now, zone=reader.zone),
        state=word,
        kind=kind,
        note=_note(row, reader),
        download_url=(
            reader.link("messenger_ui.download_export", request_id=request.id) if is_ready else None
        ),
        retry_url=(
            reader.link("messenger_ui.retry_data_request", request_id=request.id)
            if can_be_retried(request)
            else None
        ),
    )


def _note(row: RequestRow, reader: Reader) -> str:
    request = row.request
    if request.error:
        why = ERRORS.get(request.error, f"It ended in an error ({request.error}).")
        return why if request.state == FAILED else f"{why} It is tried again by itself."
    if request.state == RUNNING:
        return _so_far(request)
    if request.kind == EXPORT and request.state == DONE and request.expires_at:
        return f"Kept until {moment(request.expires_at, now=reader.now, zone=reader.zone)}"
    if request.kind == ERASE and request.state == DONE:
        messages = int(request.result.get("messenger_messages", 0))
        return "1 message removed" if messages == 1 else f"{messages:,} messages removed"
    return ""


def _so_far(request: DataRequest) -> str:
    """Return how far it is: messages first, then what the journal holds."""
    is_export = request.kind == EXPORT
    messages = int(request.result.get("messages" if is_export else "messenger_messages", 0))
    words = "1 message" if messages == 1 else f"{messages:,} messages"
    return f"{words} so far" if is_export else f"{words} removed so far"


def person_data_view(
    row: PersonRow, reader: Reader, *, problem: str, cancel_url: str, place: Mapping[str, str]
) -> PersonDataView:
    """Return the page of one person's data."""
    channel = row.account.channel
    name = person_name(row.identity, channel)
    return PersonDataView(
        name=name,
        where=f"{channel_label(channel)} · {row.account.name}",
        avatar=avatar_of(name, key=row.identity.id, picture_url=row.identity.picture_url),
        word=row.confirmation,
        export_url=reader.link("messenger_ui.export_person", identity_id=row.identity.id),
        erase_url=reader.link("messenger_ui.erase_person", identity_id=row.identity.id),
        cancel_url=cancel_url,
        problem=problem,
        zone=place["zone"],
        cookie_path=place["cookie_path"],
    )


def act_rows(entries: Sequence[AuditEntry], reader: Reader) -> list[ActRow]:
    """Return the lines of the audit log."""
    return [_act_row(entry, reader) for entry in entries]


def _act_row(entry: AuditEntry, reader: Reader) -> ActRow:
    return ActRow(
        id=str(entry.id),
        who=_name_of(entry.actor, reader),
        what=ACTIONS.get(entry.action, entry.action.replace("_", " ").capitalize()),
        detail=_act_detail(entry),
        time=moment(entry.at, now=reader.now, zone=reader.zone),
        time_iso=iso(entry.at),
        ago=time_ago_spoken(entry.at, now=reader.now, zone=reader.zone),
    )


def _act_detail(entry: AuditEntry) -> str:
    """Return the plain values of the details; ids of ours tell a person nothing."""
    count = entry.details.get("count")
    if isinstance(count, int):
        return "1 entry" if count == 1 else f"{count:,} entries"
    return ""


def _by(actor: str, reader: Reader) -> str:
    name = _name_of(actor, reader)
    return name.lower() if name == YOU else name


def _name_of(actor: str, reader: Reader) -> str:
    """Return who did something; a colleague whom the host does not name goes by their id."""
    if actor in ACTORS:
        return ACTORS[actor]
    name = reader.agent_name(actor)
    return f"{SOMEBODY} ({actor})" if name == SOMEBODY else name
