"""The pages: settings, health, the choice of Pages after a login, the inbox, a deletion."""

from flask_messenger.ui import acting, deletion, health, inbox, sending, settings
from flask_messenger.ui.blueprint import bp

__all__ = ["acting", "bp", "deletion", "health", "inbox", "sending", "settings"]
