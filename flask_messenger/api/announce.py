"""Telling the host and open pages what a view changed, after its commit."""

from collections.abc import Iterable

import redis
from flask import current_app

from flask_messenger import realtime, signals
from flask_messenger.inbox.actions import ConversationUpdate
from flask_messenger.state import state


def announce_updates(updates: Iterable[ConversationUpdate]) -> None:
    """Send `conversation_updated` to the host and the changes to open pages."""
    changed = [update for update in updates if update.change is not None]
    for update in changed:
        if update.is_announced:
            signals.emit(
                signals.conversation_updated,
                current_app._get_current_object(),  # type: ignore[attr-defined]  # noqa: SLF001 - Flask's own way to the application behind the proxy
                **update.signal_arguments,
            )
    realtime.publish(state().get(redis.Redis), [update.realtime_change for update in changed])
