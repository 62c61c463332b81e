"""Work in turns: what waits in a group, a piece of each workspace after the other."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import redis
from rq import Queue
from rq.timeouts import BaseTimeoutException

from flask_messenger.jobs.running import QUEUES, STOPPING, as_job, enqueue
from flask_messenger.models.outage import name_error
from flask_messenger.monitor.beats import count_workers
from flask_messenger.state import state
from flask_messenger.turns import Piece, Turn, Turns, share_of

logger = logging.getLogger(__name__)

TICKETS: Final = 4
"""Tickets that wait in a queue at once: each one goes on taking turns while there are any."""
TURNS_SECONDS: Final = 10.0

PIECES: Final[dict[str, Callable[..., "tuple[Any, ...] | None"]]] = {}
"""What can be done in turns, by name; see `as_piece`."""

IN_HAND: Final[list[tuple[Turns, Turn]]] = []
"""The turns that this process has taken and not finished."""


def as_piece(
    function: Callable[..., "tuple[Any, ...] | None"],
) -> Callable[..., "tuple[Any, ...] | None"]:
    """Make a function one that can be done in turns.

    It works for a few seconds at most and returns None, or the arguments for its next turn where
    there is more to do. Like jobs, pieces wait in Redis by name and are never renamed.
    """
    PIECES[function.__name__] = function
    return function


def take_turns(group: str) -> None:
    """Do what waits in a group, a piece of each workspace in turn. What a ticket is for."""
    turns = Turns(state().get(redis.Redis), group)
    ends_at = time.monotonic() + TURNS_SECONDS
    cap = _share(group)
    while time.monotonic() < ends_at and not STOPPING.is_set():
        turn = turns.take(cap=cap)
        if turn is None:
            return
        _take_turn(turns, turn)
    if turns.has_waiting():
        enqueue(group, take_turns, group)


def _take_turn(turns: Turns, turn: Turn) -> None:
    piece = turn.piece
    more: tuple[Any, ...] | None = None
    IN_HAND.append((turns, turn))
    try:
        function = PIECES[piece.name]
        more = as_job(function)(*piece.args)
    except BaseTimeoutException:
        raise
    except Exception as error:  # noqa: BLE001 - the next workspace's turn comes, whatever it is
        # The type only: what the database or the host's code says may quote a message.
        logger.error("piece_failed name=%s error=%s", piece.name, name_error(error))  # noqa: TRY400
    finally:
        IN_HAND.remove((turns, turn))
        turns.finish(turn)
    if more is not None:
        again = Piece(workspace_id=piece.workspace_id, name=piece.name, args=more, key=piece.key)
        turns.put([again])


def keep_turns() -> None:
    """Say of what this process has in hand that it is under way. The heartbeat calls it.

    Raises:
        redis.RedisError: Redis is away.
    """
    for turns, turn in IN_HAND:
        turns.extend(turn)


def _share(group: str) -> int:
    """Return how many pieces of one workspace may be under way at once."""
    settings = state().settings
    workers = count_workers(state().get(redis.Redis), group)
    at_most = settings.bulk_jobs_per_workspace if group == "bulk" else workers
    return share_of(workers, share=settings.workspace_share, at_most=at_most)


def put_bulk(
    workspace_id: str,
    function: Callable[..., tuple[Any, ...] | None],
    *args: object,
    key: str = "",
) -> bool:
    """Let a piece of bulk work (made with `as_piece`) wait for its workspace's turn.

    Call it after the commit. What must not be lost has a row in the database, and a part of the
    sweep that puts it here again: Redis may come back empty. Returns False where Redis is away.

    Args:
        workspace_id: whose work it is.
        function: what does it; returns the arguments of its next turn, or None.
        args: plain values: ids, names, numbers.
        key: where given, the piece is not put beside an equal one that waits or is under way.
    """
    name = function.__name__
    if name not in PIECES:
        raise LookupError(name)
    piece = Piece(workspace_id=workspace_id, name=name, args=args, key=key and f"{name}:{key}")
    return put_pieces("bulk", [piece])


def put_pieces(group: str, pieces: Sequence[Piece]) -> bool:
    """Let pieces wait, with a ticket; where Redis is away the sweeper finds the work later."""
    if not pieces:
        return True
    client = state().get(redis.Redis)
    try:
        Turns(client, group).put(pieces)
        issue_ticket(group)
    except redis.RedisError as error:
        logger.warning("put_failed group=%s error=%s", group, type(error).__name__)
        return False
    return True


def issue_ticket(group: str) -> None:
    """Have a worker take turns, where not enough are asked to already."""
    if Queue(QUEUES[group], connection=state().get(redis.Redis)).count < TICKETS:
        enqueue(group, take_turns, group)
