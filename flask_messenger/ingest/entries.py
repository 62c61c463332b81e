"""Journal rows: read what a drain claimed, and write what came of it."""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from flask_messenger.channels._reading import as_id, as_time
from flask_messenger.channels.registry import BY_WEBHOOK_OBJECT
from flask_messenger.errors import PayloadError
from flask_messenger.events import Event, UnhandledEvent
from flask_messenger.ingest.batch import ClaimedEntry, ReadEntry, RoutedAccount
from flask_messenger.ingest.journal import read_entry
from flask_messenger.models import WebhookEntry
from flask_messenger.models.base import RANDOM_BITS
from flask_messenger.models.journal import DONE, FAILED, UNROUTED
from flask_messenger.models.upsert import update_many

AccountKey = tuple[str, str]
"""A channel, and an account's id there."""

OTHER_APP: Final = "signed_by_another_app"
"""Why an entry is unrouted though its account is connected."""
OTHER_WORKSPACE: Final = "of_another_workspace"
"""Why an entry is unrouted though its account is connected: it was another workspace's before."""
NOBODY_ELSE: Final[Mapping[str, frozenset[str]]] = {}


def read_entries(
    claimed: Iterable[ClaimedEntry], *, speaks_for: Mapping[str, frozenset[str]] = NOBODY_ELSE
) -> list[ReadEntry]:
    """Parse each claimed entry; one that cannot be read is failed here and costs no other.

    `speaks_for` says for the accounts of which other apps an app may sign.
    """
    return [
        _read(entry, speaks_for.get(entry.app_name, frozenset()) | {entry.app_name})
        for entry in claimed
    ]


def _read(claimed: ClaimedEntry, app_names: frozenset[str]) -> ReadEntry:
    channel = BY_WEBHOOK_OBJECT.get(claimed.object)
    try:
        content = _timed(read_entry(claimed.raw), claimed.id)
        external_id = as_id(content.get("id"))
        events = tuple(channel.parse(content)) if channel else ()
    except (PayloadError, RecursionError) as error:
        return ReadEntry(
            claimed.id,
            None,
            None,
            state=FAILED,
            error=f"unreadable: {type(error).__name__}",
            workspace_id=claimed.workspace_id,
            owner=claimed.workspace_id,
        )
    unhandled = Counter(each.kind for each in events if isinstance(each, UnhandledEvent))
    return ReadEntry(
        id=claimed.id,
        channel=channel.name if channel else None,
        external_id=external_id,
        events=events,
        # No account of ours yet, as far as reading tells; routing says otherwise.
        state=UNROUTED,
        unhandled=dict(unhandled),
        app_names=app_names,
        workspace_id=claimed.workspace_id,
        owner=claimed.workspace_id,
    )


def _timed(content: Mapping[str, Any], entry_id: uuid.UUID) -> Mapping[str, Any]:
    """Return an entry with a time: where Meta gives none, the one at which it was received.

    A replay finds the same one, as the entry's id holds it.
    """
    if as_time(content.get("time")) is not None:
        return content
    return {**content, "time": entry_id.int >> RANDOM_BITS}


def finish_entries(session: Session, entries: Sequence[ReadEntry], *, now: datetime) -> None:
    """Write each entry's fate to the journal, in one statement."""
    rows: list[dict[str, Any]] = [
        {
            "id": entry.id,
            "state": entry.state,
            "error": entry.error,
            "workspace_id": entry.workspace_id,
            "external_id": entry.external_id,
            "event_count": len(entry.events),
            "unhandled": entry.unhandled or None,
            "processed_at": now,
        }
        for entry in entries
    ]
    update_many(session, WebhookEntry.__table__, rows, is_partitioned=True)


def route(entry: ReadEntry, workspace_ids: set[str]) -> None:
    """Note where an entry went: done if any event had an account, else unrouted."""
    if entry.state == FAILED:
        return
    entry.state = DONE if workspace_ids else UNROUTED
    # An entry that concerns several workspaces belongs to none of them in the journal.
    if workspace_ids:
        entry.workspace_id = next(iter(workspace_ids)) if len(workspace_ids) == 1 else None


def names_of(event: Event) -> tuple[str, ...]:
    """Return by which names the account of an event is looked up: its entry's first."""
    alias = event.account_alias
    return (event.account_external_id,) if alias is None else (event.account_external_id, alias)


def account_of(
    entry: ReadEntry, event: Event, accounts: Mapping[AccountKey, RoutedAccount]
) -> RoutedAccount | None:
    """Return the account of an event: its entry's, and only if nobody knows that, its own.

    Instagram puts another id on some entries than on their events.
    """
    for name in names_of(event):
        found = accounts.get((entry.channel or "", name))
        if found is not None:
            return found
    return None
