"""Storing the messages of a batch: each once, echoes of our own beside the row that sent them."""

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.events import MessageEvent
from flask_messenger.ingest.batch import Batch, RoutedMessage, StoredMessage
from flask_messenger.ingest.people import People, lock_more
from flask_messenger.ingest.summaries import NO_TROUBLE, NewMessage
from flask_messenger.models import Attachment, Message
from flask_messenger.models import messages as words
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.models.conversations import OPEN
from flask_messenger.models.upsert import insert_missing, match_many, update_many

MessageKey = tuple[uuid.UUID, str]

_messages: Final = Message.__table__
_KEY: Final = (_messages.c.account_id, _messages.c.external_id)
_KNOWN: Final = select(
    _messages.c.id,
    *_KEY,
    _messages.c.conversation_id,
    _messages.c.status,
    _messages.c.sent_at,
    _messages.c.sent_by,
    _messages.c.error_slug,
    _messages.c.sent_by_ref,
    _messages.c.sent_by_name,
    _messages.c.private_reply_to,
)
_KNOWN_LOCKED: Final = _KNOWN.order_by(_messages.c.id).with_for_update()

SETTLED_BY_ECHO: Final = frozenset(
    {words.QUEUED, words.SENDING, words.FAILED, words.UNKNOWN, words.DISCARDED}
)
"""States that an echo ends: what Meta echoes was sent, whatever we believed."""

INBOX_APPS: Final = frozenset({"26390203743090", "263902037430900", "1217981644879628"})
"""Meta's own inboxes, as they sign their echoes: a person sits there.

Source: https://developers.facebook.com/docs/messenger-platform/conversation-routing
"""
BY_ACCOUNT: Final = ("thread_", "label_")
"""What notices begin with that tell of our side, or of Meta, and not of the person."""


@dataclass(slots=True)
class Stored:
    """What storing did: new messages, own messages that an echo settled, threads to refresh."""

    added: list[StoredMessage] = field(default_factory=list)
    settled: list[StoredMessage] = field(default_factory=list)
    grown: dict[uuid.UUID, list[NewMessage]] = field(default_factory=dict)
    """Threads with new messages."""
    rearranged: set[uuid.UUID] = field(default_factory=set)
    """Threads in which a message that was there already changed."""
    reopened: set[uuid.UUID] = field(default_factory=set)
    answered: set[uuid.UUID] = field(default_factory=set)
    """Threads with a message of our side that is new, or newly known as sent."""
    noticed: set[uuid.UUID] = field(default_factory=set)
    """Threads in which something new happened that nobody said."""
    ours: set[MessageKey] = field(default_factory=set)
    """Echoes of rows that we sent."""
    attached_in: set[str] = field(default_factory=set)
    """Workspaces with files to fetch."""
    private_replies: dict[uuid.UUID, str] = field(default_factory=dict)
    """Private answers to comments, with the person they went to: only their echo says who."""
    paused: dict[uuid.UUID, datetime] = field(default_factory=dict)
    """Threads in which somebody answered from elsewhere, and until when bots are quiet."""
    keys: set[MessageKey] = field(default_factory=set)
    twins: dict[MessageKey, "_Known"] = field(default_factory=dict)
    """Echoes of a row of ours that is another message of Meta's already, with that row: it was
    sent once more after nobody knew whether it had been."""

    @property
    def conversation_ids(self) -> set[uuid.UUID]:
        """All threads that storing touched."""
        return self.rearranged | set(self.grown) | self.noticed


@dataclass(frozen=True, slots=True)
class _Known:
    id: uuid.UUID
    account_id: uuid.UUID
    external_id: str | None
    conversation_id: uuid.UUID | None
    status: str
    sent_at: datetime
    sent_by: str
    error_slug: str | None
    sent_by_ref: str | None
    sent_by_name: str | None = field(repr=False)
    private_reply_to: str | None = field(repr=False)


def store_messages(session: Session, batch: Batch, people: People) -> Stored:
    """Insert what is new, settle what an echo is of, and leave the rest as it is."""
    unique = _merge_repeats(batch.messages)
    stored = Stored(keys=set(unique))
    # An echo of a row of ours is known by that row; nearly all others are new, and the insert
    # itself finds out which are not.
    echoes = [each for each in unique.values() if _echoed_id(each)]
    others = [each for each in unique.values() if not _echoed_id(each)]
    new = others + _change_known(session, echoes, people, stored)
    known = _insert(session, new, people, stored)
    # Meta or another drain was here before. Ours may say more: whom an echo went to.
    _change_known(session, known, people, stored)
    return stored


def _change_known(
    session: Session, messages: Collection[RoutedMessage], people: People, stored: Stored
) -> list[RoutedMessage]:
    """Bring messages that are there already up to date; return those that are not."""
    known = _find_known(session, messages)
    rows = set(known.values())
    # An echo that names nobody may be of a row in a thread that is not locked yet, or in none.
    if lock_more(session, people, {row.conversation_id for row in rows}) or any(
        row.conversation_id is None for row in rows
    ):
        known = _find_known(session, messages, is_locking=True)
    new: list[RoutedMessage] = []
    changes: list[dict[str, Any]] = []
    settled: list[dict[str, Any]] = []
    # In one order whatever the batch: of several echoes of one row of ours the first is put to it.
    for routed in sorted(messages, key=lambda each: (each.event.sent_at, each.key)):
        row = _own_row(routed, known) or known.get(routed.key)
        if row is None:
            new.append(routed)
            twin = known.get(_echoed_id(routed))
            if twin and twin.account_id == routed.account.id and _is_ours(twin):
                stored.twins[routed.key] = twin
            continue
        _note_ours(stored, row, routed)
        if change := _change_of(row, routed, people):
            if _settles(row, routed):
                settled.append(change | NO_TROUBLE | {"status": words.SENT, "announced_at": None})
            else:
                changes.append(change)
            _note_known(stored, row, routed, people)
            known[row.id] = replace(row, external_id=routed.event.external_id)
    update_many(session, Message.__table__, changes)
    update_many(session, Message.__table__, settled)
    return new


def _note_ours(stored: Stored, row: _Known, routed: RoutedMessage) -> None:
    if not _is_ours(row):
        return
    stored.ours.add(routed.key)
    person = routed.event.identity_external_id
    if row.private_reply_to is not None and person is not None and not routed.event.subject:
        stored.private_replies[row.id] = person


def _merge_repeats(messages: Iterable[RoutedMessage]) -> dict[MessageKey, RoutedMessage]:
    """Make one of each message that came several times, by rules that no order changes.

    A repeat may say more than the first (an echo that names its recipient); of several times the
    earliest counts, as it does for a repeat that comes in a later batch.
    """
    unique: dict[MessageKey, RoutedMessage] = {}
    for each in messages:
        first = unique.setdefault(each.key, each)
        if first is not each:
            unique[each.key] = RoutedMessage(each.account, _merge(first.event, each.event))
    return unique


def _merge(first: MessageEvent, second: MessageEvent) -> MessageEvent:
    return replace(
        first,
        identity_external_id=first.identity_external_id or second.identity_external_id,
        echo_of=first.echo_of or second.echo_of,
        app_id=first.app_id or second.app_id,
        sent_at=min(first.sent_at, second.sent_at),
    )


def _find_known(
    session: Session, messages: Iterable[RoutedMessage], *, is_locking: bool = False
) -> dict[Any, _Known]:
    """Return the rows there already, by (account, external id) and by their own id."""
    keys = {each.key for each in messages}
    own_ids = {own_id for each in messages if (own_id := _echoed_id(each))}
    statement = _KNOWN_LOCKED if is_locking else _KNOWN
    rows = match_many(session, statement, _KEY, keys)
    rows += match_many(session, statement, (_messages.c.id,), own_ids)
    known: dict[Any, _Known] = {}
    for row in rows:
        found = _Known(*row)
        known[found.id] = found
        known[found.account_id, found.external_id] = found
    return known


def _echoed_id(routed: RoutedMessage) -> uuid.UUID | None:
    if not routed.event.echo_of:
        return None
    try:
        return uuid.UUID(routed.event.echo_of)
    except ValueError:
        return None


def _own_row(routed: RoutedMessage, known: dict[Any, _Known]) -> _Known | None:
    """Return the row this is the echo of, by our metadata.

    Another account's row is never matched, and neither is one that has another external id
    already: metadata comes from outside.
    """
    row = known.get(_echoed_id(routed))
    if row is None or row.account_id != routed.account.id:
        return None
    if row.external_id not in {None, routed.event.external_id} or routed.key in known:
        return known.get(routed.key)
    return row


def _change_of(row: _Known, routed: RoutedMessage, people: People) -> dict[str, Any] | None:
    """Return what an event that was there already still changes; None where nothing."""
    event = routed.event
    conversation_id = row.conversation_id or _conversation_of(routed, people)
    # A row of ours has our time until Meta tells its own; any other has Meta's already.
    sent_at = event.sent_at if _is_ours(row) else min(row.sent_at, event.sent_at)
    before = (row.external_id, row.conversation_id, row.sent_at)
    if before == (event.external_id, conversation_id, sent_at) and not _settles(row, routed):
        return None
    return {
        "id": row.id,
        "external_id": event.external_id,
        "conversation_id": conversation_id,
        "sent_at": sent_at,
        "updated_at": utc_now(),
    }


def _is_ours(row: _Known) -> bool:
    return row.sent_by in {words.BY_PERSON, words.BY_BOT}


def _settles(row: _Known, routed: RoutedMessage) -> bool:
    # Meta's own word that it failed came after Meta had taken it, which is all an echo says.
    is_undelivered = row.status == words.FAILED and row.error_slug == words.UNDELIVERED
    return routed.event.is_echo and row.status in SETTLED_BY_ECHO and not is_undelivered


def _conversation_of(routed: RoutedMessage, people: People) -> uuid.UUID | None:
    key = routed.thread_key
    return people.conversation_of[key] if key else None


def _note_known(stored: Stored, row: _Known, routed: RoutedMessage, people: People) -> None:
    conversation_id = row.conversation_id or _conversation_of(routed, people)
    if conversation_id is not None and conversation_id in people.account_of:
        stored.rearranged.add(conversation_id)
        stored.answered.add(conversation_id)
        # Whoever moves a row to `sent` tells the host of it: here the echo did.
        if _settles(row, routed):
            stored.settled.append(
                StoredMessage(row.id, routed.account, conversation_id, words.OUTBOUND)
            )


def _insert(
    session: Session, new: list[RoutedMessage], people: People, stored: Stored
) -> list[RoutedMessage]:
    """Insert messages; return those that are there already."""
    if not new:
        return []
    rows = {
        each.key: _row(each, people, stored.twins.get(each.key))
        for each in sorted(new, key=lambda each: each.key)
    }
    # Another drain may hold the same redelivery. The constraint stops the second one; the SELECT
    # above would not.
    inserted = {
        (row[0], row[1])
        for row in insert_missing(
            session,
            Message.__table__,
            list(rows.values()),
            key=("account_id", "external_id"),
            returning=("account_id", "external_id"),
        )
    }
    attachments: list[dict[str, Any]] = []
    for routed in new:
        if routed.key not in inserted:
            continue
        row = rows[routed.key]
        _note_added(stored, row, routed, people)
        attachments += _attachment_rows(row["id"], routed)
        if any(each.state == words.ATTACHMENT_PENDING for each in routed.event.attachments):
            stored.attached_in.add(routed.account.workspace_id)
    insert_missing(session, Attachment.__table__, attachments, key=("message_id", "position"))
    return [routed for routed in new if routed.key not in inserted]


def _note_added(stored: Stored, row: dict[str, Any], routed: RoutedMessage, people: People) -> None:
    conversation_id = row["conversation_id"]
    stored.added.append(StoredMessage(row["id"], routed.account, conversation_id, row["direction"]))
    if conversation_id is None:
        return
    if routed.event.is_notice:
        stored.noticed.add(conversation_id)
        return
    is_echo = routed.event.is_echo
    new = NewMessage(row["id"], row["sent_at"], is_inbound=not is_echo)
    stored.grown.setdefault(conversation_id, []).append(new)
    if is_echo:
        stored.answered.add(conversation_id)
    elif people.heads[conversation_id].status != OPEN:
        stored.reopened.add(conversation_id)


def _row(routed: RoutedMessage, people: People, twin: _Known | None) -> dict[str, Any]:
    """Return the row of a message; it looks like its twin, since which came first is chance."""
    event = routed.event
    now = utc_now()
    sent_by, app_id = _sender_of(event)
    thread = _conversation_of(routed, people)
    return {
        "id": new_id(),
        "workspace_id": routed.account.workspace_id,
        "account_id": routed.account.id,
        "conversation_id": thread or (twin.conversation_id if twin else None),
        "external_id": event.external_id,
        "direction": _direction_of(event),
        "kind": event.kind,
        "text": event.text,
        "content": dict(event.content),
        "status": words.SENT if event.is_echo else words.RECEIVED,
        "sent_at": event.sent_at,
        "sent_by": twin.sent_by if twin else sent_by,
        "sent_by_ref": twin.sent_by_ref if twin else app_id,
        "sent_by_name": twin.sent_by_name if twin else event.author.name or event.author.username,
        "reply_to_external_id": event.reply_to_external_id,
        "attempts": 0,
        "announced_at": now if _is_for_nobody(event) else None,
        "created_at": now,
        "updated_at": now,
    }


def _is_for_nobody(event: MessageEvent) -> bool:
    """Say whether nobody is told of it: our own comment on a post of ours is in nobody's thread."""
    return bool(event.is_echo and event.subject and not event.reply_to_external_id)


def _direction_of(event: MessageEvent) -> str:
    if event.is_notice:
        return words.NOTICE
    return words.OUTBOUND if event.is_echo else words.INBOUND


def _sender_of(event: MessageEvent) -> tuple[str, str | None]:
    """Return who it is from, and of another app its id; an echo without one is a person's."""
    if event.is_notice:
        is_of_account = event.kind.startswith(BY_ACCOUNT)
        return words.BY_PAGE_INBOX if is_of_account else words.BY_CUSTOMER, None
    if not event.is_echo:
        return words.BY_CUSTOMER, None
    if event.app_id is None or event.app_id in INBOX_APPS or event.echo_of:
        return words.BY_PAGE_INBOX, None
    return words.BY_OTHER_APP, event.app_id


def _attachment_rows(message_id: uuid.UUID, routed: RoutedMessage) -> list[dict[str, Any]]:
    now = utc_now()
    return [
        {
            "id": new_id(),
            "workspace_id": routed.account.workspace_id,
            "message_id": message_id,
            "position": position,
            "type": attachment.type,
            "url": attachment.url,
            "title": attachment.title,
            "payload": dict(attachment.payload),
            "state": attachment.state,
            "created_at": now,
        }
        for position, attachment in enumerate(routed.event.attachments)
    ]
