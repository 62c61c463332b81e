"""The pages: settings, health, journal, personal data, choice of Pages, inbox, deletion."""

from flask_messenger.ui import (
    accounts,
    acting,
    attention,
    comments,
    deletion,
    files,
    health,
    inbox,
    journal,
    outage,
    privacy,
    profile,
    replies,
    routing,
    saved_replies,
    sending,
    settings,
)
from flask_messenger.ui.blueprint import bp

__all__ = [
    "accounts",
    "acting",
    "attention",
    "bp",
    "comments",
    "deletion",
    "files",
    "health",
    "inbox",
    "journal",
    "outage",
    "privacy",
    "profile",
    "replies",
    "routing",
    "saved_replies",
    "sending",
    "settings",
]
