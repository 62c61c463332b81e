"""Telling the host and open pages what a view changed, after its commit."""

from collections.abc import Iterable

import redis

from flask_messenger import realtime, signals
from flask_messenger.inbox.actions import ConversationUpdate
from flask_messenger.models import Message
from flask_messenger.outbox.announce import StatusChange, announce_status
from flask_messenger.outbox.lane import find_lane
from flask_messenger.state import current_application, state


def announce_updates(updates: Iterable[ConversationUpdate]) -> None:
    """Send `conversation_updated` to the host and the changes to open pages."""
    changed = [update for update in updates if update.change is not None]
    for update in changed:
        if update.is_announced:
            signals.emit(
                signals.conversation_updated, current_application(), **update.signal_arguments
            )
    realtime.publish(state().get(redis.Redis), [update.realtime_change for update in changed])


def announce_decision(message: Message, *, is_sent_news: bool = False) -> None:
    """Send `message_status_changed` to the host and the change to open pages.

    Args:
        message: committed.
        is_sent_news: whether it counts as sent from now on, so that `message_sent` is due too.
    """
    if message.conversation_id is None:
        return
    lane = find_lane(state().db.session, message.conversation_id)
    if lane is not None:
        change = StatusChange(
            message_id=message.id,
            lane=lane,
            status=message.status,
            sent_by=message.sent_by,
            kind=message.kind,
        )
        announce_status(current_application(), [change], is_sent_news=is_sent_news)
