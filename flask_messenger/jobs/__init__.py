"""Every RQ job, each a few lines; the queues; the schedule.

RQ stores the dotted path of a job in Redis, and a piece waits there by its name: what is named
here may move from file to file, but is never renamed. Jobs take ids and plain values, may run
twice, and must not mind. They run inside an application context, which `flask messenger worker`
gives them.

Work of one workspace that could stand before another's goes through turns (`turns.py`):
RQ carries tickets, and whoever holds one does the next piece in turn.
"""

from flask_messenger.jobs.polling import keep_outbox, poll
from flask_messenger.jobs.running import QUEUES, RUNNING_OUTBOX, STOPPING
from flask_messenger.jobs.schedule import SCHEDULE, Part, keep_schedule, sweep
from flask_messenger.jobs.taking import PIECES, as_piece, keep_turns, put_bulk, take_turns
from flask_messenger.jobs.work import (
    ANNOUNCE_CHUNK,
    announce,
    announce_chunk,
    announce_status_chunk,
    announce_statuses,
    check_accounts,
    check_subscriptions,
    drain,
    fetch_media,
    read_history,
    run_lane,
    send_action,
    wake_action,
    wake_data_request,
    wake_fetching,
    wake_history,
    wake_lane,
    work_on_data_request,
)

__all__ = [
    "ANNOUNCE_CHUNK",
    "PIECES",
    "QUEUES",
    "RUNNING_OUTBOX",
    "SCHEDULE",
    "STOPPING",
    "Part",
    "announce",
    "announce_chunk",
    "announce_status_chunk",
    "announce_statuses",
    "as_piece",
    "check_accounts",
    "check_subscriptions",
    "drain",
    "fetch_media",
    "keep_outbox",
    "keep_schedule",
    "keep_turns",
    "poll",
    "put_bulk",
    "read_history",
    "run_lane",
    "send_action",
    "sweep",
    "take_turns",
    "wake_action",
    "wake_data_request",
    "wake_fetching",
    "wake_history",
    "wake_lane",
    "work_on_data_request",
]
