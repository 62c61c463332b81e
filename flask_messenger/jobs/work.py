"""The jobs and the pieces, each a few lines; and how each is asked for."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import redis

from flask_messenger.connect import renewal, subscriptions
from flask_messenger.history import work as history
from flask_messenger.ingest import announce as announcing
from flask_messenger.ingest import drain as draining
from flask_messenger.ingest import spool as spooling
from flask_messenger.ingest.wake import drain_started, schedule_drain
from flask_messenger.jobs.running import RUNNING_OUTBOX, STOPPING, as_job, enqueue
from flask_messenger.jobs.taking import as_piece, put_bulk, put_pieces
from flask_messenger.media.fetch import fetch_files
from flask_messenger.outbox import actions
from flask_messenger.outbox.claim import Place
from flask_messenger.outbox.runner import run_outbox
from flask_messenger.outbox.wake import publish_wake
from flask_messenger.privacy import work as personal_data
from flask_messenger.state import current_application, state
from flask_messenger.turns import Piece

ANNOUNCE_CHUNK: Final = 20
ANNOUNCE_SECONDS: Final = 1.0
"""How long one workspace is told of its messages while another may be waiting."""


@as_job
def drain() -> None:
    """Apply what waits in the journal."""
    client = state().get(redis.Redis)
    drain_started(client)
    app = current_application()
    spooling.empty_spool(app)
    if draining.drain_all(app, news=QueuedNews(), stopping=STOPPING.is_set):
        schedule_drain(client)


class QueuedNews:
    """Turns what a drain stored into pieces of work, a few messages each."""

    def stored(self, message_ids: Mapping[uuid.UUID, str]) -> None:
        """Have the host told of messages; `message_ids` gives each one's workspace."""
        by_workspace: dict[str, list[uuid.UUID]] = defaultdict(list)
        for message_id, workspace_id in message_ids.items():
            by_workspace[workspace_id].append(message_id)
        put_news(by_workspace)

    def lifted(self, message_ids: Iterable[uuid.UUID]) -> None:
        """Have the host told of messages that were delivered or read."""
        _put_chunks("announce_status_chunk", _group(message_ids))

    def changed(self, message_ids: Iterable[uuid.UUID]) -> None:
        """Have the host told of messages that were edited, taken back, hidden or reacted to."""
        _put_chunks("announce_change_chunk", _group(message_ids))

    def attached(self, workspace_ids: Iterable[str]) -> None:
        """Have files fetched that messages of these workspaces brought."""
        wake_fetching(workspace_ids)


@as_job
def announce(message_ids: Sequence[str]) -> None:
    """Tell the host of stored messages; fetch profiles and resolve contacts first."""
    left = announcing.announce(current_application(), _uuids(message_ids))
    put_news(_group(left))


@as_job
def announce_statuses(message_ids: Sequence[str]) -> None:
    """Tell the host of messages that were delivered or read."""
    announcing.announce_statuses(current_application(), _uuids(message_ids))


@as_piece
def announce_chunk(message_ids: Sequence[str]) -> tuple[Any, ...] | None:
    """Tell the host of some stored messages of one workspace."""
    left = announcing.announce(
        current_application(), _uuids(message_ids), budget_seconds=ANNOUNCE_SECONDS
    )
    return ([str(each) for each in left],) if left else None


@as_piece
def announce_status_chunk(message_ids: Sequence[str]) -> tuple[Any, ...] | None:
    """Tell the host of some messages of one workspace that were delivered or read."""
    announcing.announce_statuses(current_application(), _uuids(message_ids))
    return None


@as_piece
def announce_change_chunk(message_ids: Sequence[str]) -> tuple[Any, ...] | None:
    """Tell the host of some messages of one workspace that were edited, taken back or so."""
    announcing.announce_changes(current_application(), _uuids(message_ids))
    return None


@as_piece
def work_on_data_request(request_id: str) -> tuple[Any, ...] | None:
    """Export or erase a person's data, a piece of it."""
    has_more = personal_data.work_on(current_application(), uuid.UUID(request_id))
    return (request_id,) if has_more else None


@as_piece
def read_history(run_id: str) -> tuple[Any, ...] | None:
    """Compare some of an account's conversations with what Meta has of them."""
    return (run_id,) if history.work_on(current_application(), uuid.UUID(run_id)) else None


@as_piece
def fetch_media(workspace_id: str) -> tuple[Any, ...] | None:
    """Fetch files that people sent to one workspace, for a few seconds."""
    return (workspace_id,) if fetch_files(current_application(), workspace_id) else None


@as_piece
def check_subscriptions(account_ids: Sequence[str]) -> tuple[Any, ...] | None:
    """Ask Meta what it sends us of some accounts of one workspace, and mend what is missing."""
    left = subscriptions.check_subscriptions(current_application(), _uuids(account_ids))
    return ([str(each) for each in left],) if left else None


@as_piece
def check_accounts(account_ids: Sequence[str]) -> tuple[Any, ...] | None:
    """Examine some accounts of one workspace, and renew what would end."""
    left = renewal.check_accounts(current_application(), _uuids(account_ids))
    return ([str(each) for each in left],) if left else None


@as_job
def run_lane(conversation_id: str) -> None:
    """Send what waits; of a lane that was woken before wakes went to the runner."""
    if RUNNING_OUTBOX.is_set():
        wake_lane(uuid.UUID(conversation_id))
    else:
        run_outbox(current_application(), STOPPING.is_set, until_idle=True, threads=0)


@as_job
def send_action(conversation_id: str, action: str) -> None:
    """Show the person that we type, or that we have read."""
    actions.send_action(current_application(), uuid.UUID(conversation_id), action)


def wake_lane(lane: uuid.UUID | Place) -> None:
    """Tell the runners that a lane has something to send. Call it after the commit.

    Its place spares them a look; a conversation's id will do.
    """
    publish_wake(state().get(redis.Redis), lane)


def wake_action(conversation_id: uuid.UUID, action: str) -> None:
    """Ask for a sender action. Call it after the commit."""
    enqueue("outbox", send_action, str(conversation_id), action)


def wake_data_request(workspace_id: str, request_id: uuid.UUID) -> None:
    """Ask for an export or an erasure to be worked on. Call it after the commit."""
    put_bulk(workspace_id, work_on_data_request, str(request_id), key=str(request_id))


def wake_history(workspace_id: str, run_id: uuid.UUID) -> None:
    """Ask for a run over an account's conversations to be worked on. Call it after the commit."""
    put_bulk(workspace_id, read_history, str(run_id), key=str(run_id))


def wake_fetching(workspace_ids: Iterable[str]) -> None:
    """Ask for files to be fetched. Call it after the commit."""
    for workspace_id in sorted(set(workspace_ids)):
        put_bulk(workspace_id, fetch_media, workspace_id, key=workspace_id)


def put_news(by_workspace: Mapping[str, Sequence[uuid.UUID]]) -> None:
    """Have the host told of stored messages, a few at a time."""
    _put_chunks("announce_chunk", by_workspace)


def _put_chunks(name: str, by_workspace: Mapping[str, Sequence[uuid.UUID]]) -> None:
    pieces = [
        Piece(
            workspace_id=workspace_id,
            name=name,
            args=([str(each) for each in ids[start : start + ANNOUNCE_CHUNK]],),
        )
        for workspace_id, ids in by_workspace.items()
        for start in range(0, len(ids), ANNOUNCE_CHUNK)
    ]
    put_pieces("default", pieces)


def _group(message_ids: Iterable[uuid.UUID]) -> dict[str, list[uuid.UUID]]:
    return announcing.group_by_workspace(state().db.session, message_ids)


def _uuids(texts: Iterable[str]) -> list[uuid.UUID]:
    return [uuid.UUID(each) for each in texts]
