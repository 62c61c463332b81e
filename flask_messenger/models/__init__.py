"""Our tables. A host may join them; it writes to them through our functions only."""

from flask_messenger.models.accounts import (
    Account,
    DeletionRequest,
    PendingConnection,
    WorkspaceSettings,
)
from flask_messenger.models.audit import AuditEntry
from flask_messenger.models.base import Base, WorkspaceScoped
from flask_messenger.models.conversations import Conversation, Identity, OptIn
from flask_messenger.models.history import HistoryRun
from flask_messenger.models.journal import WebhookEntry
from flask_messenger.models.media import DiscardedFile, ReusableAttachment, Upload
from flask_messenger.models.messages import Attachment, Message, Reaction, Receipt
from flask_messenger.models.privacy import DataRequest, Erasure, ExportPart
from flask_messenger.models.templates import AccountProfile, Persona, SavedReply, Template

__all__ = [
    "Account",
    "AccountProfile",
    "Attachment",
    "AuditEntry",
    "Base",
    "Conversation",
    "DataRequest",
    "DeletionRequest",
    "DiscardedFile",
    "Erasure",
    "ExportPart",
    "HistoryRun",
    "Identity",
    "Message",
    "OptIn",
    "PendingConnection",
    "Persona",
    "Reaction",
    "Receipt",
    "ReusableAttachment",
    "SavedReply",
    "Template",
    "Upload",
    "WebhookEntry",
    "WorkspaceScoped",
    "WorkspaceSettings",
]
