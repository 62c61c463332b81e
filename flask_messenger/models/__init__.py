"""Our tables. A host may join them; it writes to them through our functions only."""

from flask_messenger.models.accounts import (
    Account,
    DeletionRequest,
    PendingConnection,
    WorkspaceSettings,
)
from flask_messenger.models.audit import AuditEntry
from flask_messenger.models.base import Base, WorkspaceScoped
from flask_messenger.models.conversations import Conversation, Identity
from flask_messenger.models.journal import WebhookEntry
from flask_messenger.models.messages import Attachment, Message, Reaction, Receipt
from flask_messenger.models.privacy import DataRequest, Erasure, ExportPart

__all__ = [
    "Account",
    "Attachment",
    "AuditEntry",
    "Base",
    "Conversation",
    "DataRequest",
    "DeletionRequest",
    "Erasure",
    "ExportPart",
    "Identity",
    "Message",
    "PendingConnection",
    "Reaction",
    "Receipt",
    "WebhookEntry",
    "WorkspaceScoped",
    "WorkspaceSettings",
]
