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

account_expiring = _signals.signal("account-expiring")
"""An account's token, or its access to data, will end soon. Once each, in a worker or request.

Arguments as of `account_connected`, `reason` (str: `expiry` or `data_access`) and `expires_at`
(datetime, aware, UTC).
"""

message_received = _signals.signal("message-received")
"""A person wrote to one of our accounts. In the worker.

Arguments: `workspace_id` (str), `location_id` (str or None), `account_id`, `conversation_id`,
`message_id` (UUIDs), `contact_ref` (str or None), `channel` (str), `kind` (str: `text`, `media`,
`postback`, …) and `is_standby` (bool: another app has the thread; nothing may answer by itself).
"""

comment_received = _signals.signal("comment-received")
"""Somebody commented in public on a post, an ad, a reel or a live video, or mentioned the account.

In the worker. Its own signal, because who answers a message does not want to answer a comment with
one. Arguments as of `message_received`; `kind` is `comment`, `post` (of a visitor) or `mention`.
"""

notice_received = _signals.signal("notice-received")
"""Something happened in a thread that nobody said: an opt-in, a linked account, a passed thread.

In the worker. Arguments as of `message_received`; `kind` is one of `events.NOTICE_KINDS`, and what
Meta said of it is the message's `content`.
"""

message_changed = _signals.signal("message-changed")
"""A message was edited, taken back, hidden or shown, or reacted to: the rows say which.

In a worker.

Who copied the text of a message that was taken back has to forget it, too: Meta's terms say so.
Arguments as of `message_received`, and `is_deleted` (bool).
"""

message_sent = _signals.signal("message-sent")
"""A message went out: Graph accepted ours, or somebody answered from the Page inbox.

Arguments as of `message_received`, and `sent_by` (str: `person`, `bot`, `page_inbox` or
`other_app`). A public comment of our side is a message too; its conversation's kind tells.
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
