"""What people asked of their data: exports, erasures, and who must not come back."""

import hashlib
import uuid
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from flask_messenger.crypto import KeyRing
from flask_messenger.models.base import (
    Base,
    CreatedAt,
    HostRef,
    ShortName,
    UuidKey,
    WorkspaceScoped,
)

EXPORT: Final = "export"
ERASE: Final = "erase"

QUEUED: Final = "queued"
RUNNING: Final = "running"
DONE: Final = "done"
FAILED: Final = "failed"
EXPIRED: Final = "expired"
OPEN: Final = (QUEUED, RUNNING)

GONE: Final = "person_gone"
"""Why an export failed: the person was erased meanwhile."""
LOST: Final = "worker_lost"
"""Why a request failed: each worker died of it before it could say why."""


class DataRequest(WorkspaceScoped, Base):
    """Somebody asked for the data of one person to be exported, or erased.

    It outlives the person's own rows, so it holds their id of ours and no more. What the work
    needs of Meta's id once those rows are gone, and the finished export, are sealed.
    """

    __tablename__ = "messenger_data_requests"
    __table_args__ = (
        Index(None, "workspace_id", "id"),
        # A second click finds the request that is under way.
        Index(
            "uq_messenger_data_requests_open",
            "identity_id",
            "kind",
            unique=True,
            postgresql_where=text("state IN ('queued', 'running')"),
            sqlite_where=text("state IN ('queued', 'running')"),
        ),
    )

    id: Mapped[UuidKey]
    kind: Mapped[ShortName]
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("messenger_accounts.id"))
    identity_id: Mapped[uuid.UUID]  # no foreign key: an erasure removes the row
    state: Mapped[ShortName] = mapped_column(default=QUEUED)
    progress: Mapped[dict[str, Any]] = mapped_column(default=dict)  # where to go on
    result: Mapped[dict[str, Any]] = mapped_column(default=dict)  # how many of what
    error: Mapped[str | None] = mapped_column(String(255))
    requested_by: Mapped[HostRef]
    person_sealed: Mapped[str | None] = mapped_column(Text)
    document_sealed: Mapped[str | None] = mapped_column(Text)
    requested_at: Mapped[CreatedAt]
    worked_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]  # when the document of an export is removed

    def _context(self, what: str) -> str:
        return f"messenger_data_requests:{self.id}:{what}"

    def seal_person(self, keys: KeyRing, external_id: str) -> None:
        """Keep Meta's id of the person until the work is done."""
        self.person_sealed = keys.seal(external_id, context=self._context("person"))

    def open_person(self, keys: KeyRing) -> str | None:
        """Return Meta's id of the person; None where it was forgotten.

        Raises:
            SecretError: it was sealed with an unknown key or for another row.
        """
        if self.person_sealed is None:
            return None
        return keys.open(self.person_sealed, context=self._context("person"))

    def seal_document(self, keys: KeyRing, document: str) -> None:
        """Keep the finished export (JSON)."""
        self.document_sealed = keys.seal(document, context=self._context("document"))

    def open_document(self, keys: KeyRing) -> str | None:
        """Return the export (JSON); None where there is none, or no longer.

        Raises:
            SecretError: it was sealed with an unknown key or for another row.
        """
        if self.document_sealed is None:
            return None
        return keys.open(self.document_sealed, context=self._context("document"))


class ExportPart(WorkspaceScoped, Base):
    """A part of an export's document: the parts in the order of their numbers are the document.

    Written a few at a time, so that no work and no memory grows with what a person wrote.
    """

    __tablename__ = "messenger_export_parts"
    __table_args__ = (UniqueConstraint("request_id", "number"),)

    id: Mapped[UuidKey]
    request_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("messenger_data_requests.id"))
    number: Mapped[int]
    content_sealed: Mapped[str] = mapped_column(Text)

    @staticmethod
    def context(part_id: uuid.UUID) -> str:
        """Return the place that the text of a part is sealed for."""
        return f"messenger_export_parts:{part_id}:content"

    def seal_content(self, keys: KeyRing, content: str) -> None:
        """Keep the text of the part; its id is known."""
        self.content_sealed = keys.seal(content, context=self.context(self.id))


class Erasure(WorkspaceScoped, Base):
    """A person who was erased: what Meta sends again of before must not bring them back.

    Only a hash is kept. What they send after `before`, in Meta's time, is a new contact.
    """

    __tablename__ = "messenger_erasures"
    __table_args__ = (UniqueConstraint("account_id", "person_hash"),)

    id: Mapped[UuidKey]
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("messenger_accounts.id"))
    person_hash: Mapped[str] = mapped_column(String(64))
    before: Mapped[datetime]


def hash_person(account_id: uuid.UUID, external_id: str) -> str:
    """Return what stands for an erased person: of no use without knowing whom to look for."""
    return hashlib.sha256(f"{account_id}\x00{external_id}".encode()).hexdigest()
