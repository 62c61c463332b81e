"""The JSON API: one file per resource. Views read, call one service function, shape the answer."""

from flask_messenger.api import (
    accounts,
    conversations,
    docs,
    events,
    me,
    messages,
    send,
    settings,
)
from flask_messenger.api.blueprint import bp
from flask_messenger.api.security import protect_blueprint

__all__ = [
    "accounts",
    "bp",
    "conversations",
    "docs",
    "events",
    "me",
    "messages",
    "protect_blueprint",
    "send",
    "settings",
]
