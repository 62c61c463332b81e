"""Blinker signals a host can listen to. They only ever gain arguments.

All are sent after commit, inside the workspace's scope and an application context, with the Flask
application as sender. A receiver gets ids and loads what it needs through `db.session`; nothing
of a person travels in the arguments. They are sent at least once for what the database holds,
unless the process dies between the commit and the signal, or the host's receivers fall tens of
thousands of them behind the outbox: what must never be missed is read from the tables.
"""

import logging
from typing import Any

from blinker import Namespace, Signal
from flask import Flask
from rq.timeouts import BaseTimeoutException

logger = logging.getLogger(__name__)

_signals = Namespace()

account_connected = _signals.signal("account-connected")
"""An account was connected or reconnected. In the request that did it.

Arguments: `workspace_id` (str), `location_id` (str or None), `account_id` (UUID), `channel` (str).
"""

account_disconnected = _signals.signal("account-disconnected")
"""An account was disconnected, by a person or by Meta. Arguments as of `account_connected`."""

account_needs_reauth = _signals.signal("account-needs-reauth")
"""An account's token is dead; it still receives. In a worker.

Arguments as of `account_connected`, and `reason` (str).
"""

message_received = _signals.signal("message-received")
"""A person wrote to one of our accounts. In the worker.

Arguments: `workspace_id` (str), `location_id` (str or None), `account_id`, `conversation_id`,
`message_id` (UUIDs), `contact_ref` (str or None), `channel` (str).
"""

message_sent = _signals.signal("message-sent")
"""A message went out: Graph accepted ours, or somebody answered from the Page inbox.

Arguments as of `message_received`, and `sent_by` (str: `person`, `bot` or `page_inbox`).
"""

message_status_changed = _signals.signal("message-status-changed")
"""The state of an outbound message changed. In a worker.

Arguments as of `message_received`, and `status` (str).
"""

conversation_updated = _signals.signal("conversation-updated")
"""A conversation was assigned, closed, reopened or snoozed.

Arguments: `workspace_id` (str), `location_id` (str or None), `account_id`, `conversation_id`
(UUIDs), `contact_ref` (str or None), `channel` (str), `change` (str).
"""

person_erased = _signals.signal("person-erased")
"""A person was erased on somebody's request. In a worker, after the commit.

What the host keeps of them is the host's to erase. May come twice.
Arguments: `workspace_id` (str), `account_id`, `identity_id` (UUIDs), `contact_ref` (str or None).
"""


def emit(signal: Signal, app: Flask, **arguments: Any) -> None:
    """Send `signal` to every receiver, whatever an earlier one did.

    Receivers are the host's code: one that raises is logged and must not undo our work, nor keep
    the next from hearing (blinker's own `send` stops at the first).
    """
    for receiver in signal.receivers_for(app):
        try:
            receiver(app, **arguments)
        except BaseTimeoutException:
            raise  # the queue's own: the job has run too long
        except Exception as error:  # noqa: BLE001 - whatever the host raises
            # The exception's text may hold what the receiver read; its type and place do not.
            logger.error(  # noqa: TRY400 - the traceback could print a message's text
                "signal_receiver_failed signal=%s receiver=%s error=%s",
                getattr(signal, "name", "unnamed"),
                getattr(receiver, "__qualname__", type(receiver).__name__),
                type(error).__name__,
            )
