"""Meta's channels inside a Flask product. What a host may import is here, nothing else."""

from flask_messenger.errors import ConfigurationError, MessengerError
from flask_messenger.extension import Messenger
from flask_messenger.hooks import Agent, IdentityInfo, Location, ReplyInfo, Tenant
from flask_messenger.signals import (
    account_connected,
    account_disconnected,
    account_expiring,
    account_needs_reauth,
    comment_received,
    conversation_updated,
    message_changed,
    message_received,
    message_sent,
    message_status_changed,
    notice_received,
    person_erased,
)
from flask_messenger.tenancy import system_scope, workspace_scope

__all__ = [
    "Agent",
    "ConfigurationError",
    "IdentityInfo",
    "Location",
    "Messenger",
    "MessengerError",
    "ReplyInfo",
    "Tenant",
    "account_connected",
    "account_disconnected",
    "account_expiring",
    "account_needs_reauth",
    "comment_received",
    "conversation_updated",
    "message_changed",
    "message_received",
    "message_sent",
    "message_status_changed",
    "notice_received",
    "person_erased",
    "system_scope",
    "workspace_scope",
]
