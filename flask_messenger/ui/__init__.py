"""The pages: settings, the choice of Pages after a login, the inbox, the status of a deletion."""

from flask_messenger.ui import acting, deletion, inbox, sending, settings
from flask_messenger.ui.blueprint import bp

__all__ = ["acting", "bp", "deletion", "inbox", "sending", "settings"]
