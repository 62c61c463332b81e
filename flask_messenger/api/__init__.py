"""The JSON API: one file per resource. Views read, call one service function, shape the answer."""

from flask_messenger.api import (
    accounts,
    audit,
    conversations,
    docs,
    events,
    health,
    journal,
    me,
    media,
    messages,
    privacy,
    send,
    settings,
    uploads,
)
from flask_messenger.api.blueprint import bp
from flask_messenger.api.security import protect_blueprint

__all__ = [
    "accounts",
    "audit",
    "bp",
    "conversations",
    "docs",
    "events",
    "health",
    "journal",
    "me",
    "media",
    "messages",
    "privacy",
    "protect_blueprint",
    "send",
    "settings",
    "uploads",
]
