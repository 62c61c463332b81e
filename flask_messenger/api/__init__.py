"""The JSON API: one file per resource. Views read, call one service function, shape the answer."""

from flask_messenger.api import (
    accounts,
    audit,
    comments,
    conversations,
    docs,
    events,
    health,
    journal,
    me,
    media,
    messages,
    privacy,
    routing,
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
    "comments",
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
    "routing",
    "send",
    "settings",
    "uploads",
]
