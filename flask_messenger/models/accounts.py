"""Accounts, the connections that make them, and what a workspace chose for all of them."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from flask_messenger.crypto import KeyRing
from flask_messenger.hooks import Tenant
from flask_messenger.models.base import (
    Base,
    CreatedAt,
    HostRef,
    JsonColumn,
    MetaId,
    ShortName,
    UpdatedAt,
    UuidKey,
    WorkspaceScoped,
)

ACTIVE: Final = "active"
NEEDS_REAUTH: Final = "needs_reauth"
ERROR: Final = "error"
DISCONNECTED: Final = "disconnected"

BY_FACEBOOK: Final = "facebook"
BY_INSTAGRAM: Final = "instagram"
"""The login an account came by: Facebook's, or Instagram's own, for accounts without a Page."""


class Account(WorkspaceScoped, Base):
    """One connected endpoint: a Facebook Page, an Instagram account or a WhatsApp number.

    `external_id` is unique per channel over rows that are not disconnected: a Page belongs to one
    workspace at a time, and history stays with the workspace that had it.

    `page_external_id` is the Page that carries an Instagram account which came by Facebook Login:
    its token, kept here too, is what that account is asked and written with.
    """

    __tablename__ = "messenger_accounts"
    __table_args__ = (
        Index(
            "uq_messenger_accounts_live",
            "channel",
            "external_id",
            unique=True,
            postgresql_where=text("status <> 'disconnected'"),
            sqlite_where=text("status <> 'disconnected'"),
        ),
        Index(None, "workspace_id", "channel", "external_id"),
        Index(None, "meta_user_id"),
    )

    id: Mapped[UuidKey]
    location_id: Mapped[HostRef | None]
    channel: Mapped[ShortName]
    external_id: Mapped[MetaId]
    login: Mapped[ShortName] = mapped_column(default=BY_FACEBOOK, server_default=BY_FACEBOOK)
    page_external_id: Mapped[MetaId | None]
    name: Mapped[str] = mapped_column(String(255), default="")
    username: Mapped[str | None] = mapped_column(String(255))  # of Instagram, without the @
    picture_url: Mapped[str | None] = mapped_column(Text)
    category: Mapped[str | None] = mapped_column(String(255))
    status: Mapped[ShortName] = mapped_column(default=ACTIVE)
    status_reason: Mapped[str | None] = mapped_column(String(64))
    status_changed_at: Mapped[datetime | None]
    app_name: Mapped[ShortName] = mapped_column(default="default")
    token_sealed: Mapped[str | None] = mapped_column(Text)
    token_issued_at: Mapped[datetime | None]
    token_expires_at: Mapped[datetime | None]  # None: never, as far as Meta said
    data_access_expires_at: Mapped[datetime | None]
    # When Meta last answered what it thinks of the token, and what was found then.
    checked_at: Mapped[datetime | None]
    findings: Mapped[list[dict[str, Any]]] = mapped_column(
        JsonColumn, default=list, server_default="[]"
    )
    meta_user_id: Mapped[MetaId | None]  # app-scoped id of the person whose grant this is
    connected_by: Mapped[HostRef | None]  # the host's user
    granted_scopes: Mapped[list[str]] = mapped_column(default=list)
    subscribed_fields: Mapped[list[str]] = mapped_column(default=list)
    connected_at: Mapped[datetime | None]
    disconnected_at: Mapped[datetime | None]
    last_inbound_at: Mapped[datetime | None]
    last_sent_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    @property
    def _token_context(self) -> str:
        return f"messenger_accounts:{self.id}:token"

    def seal_token(self, keys: KeyRing, token: str) -> None:
        """Keep `token`, encrypted for this row. The row needs its `id` first."""
        self.token_sealed = keys.seal(token, context=self._token_context)

    def open_token(self, keys: KeyRing) -> str | None:
        """Return the token; None where it was forgotten.

        Raises:
            SecretError: it was sealed with an unknown key or for another row.
        """
        if self.token_sealed is None:
            return None
        return keys.open(self.token_sealed, context=self._token_context)

    @property
    def can_send(self) -> bool:
        """Whether the connection is good for sending, as far as we know."""
        return self.status == ACTIVE and self.token_sealed is not None


class PendingConnection(WorkspaceScoped, Base):
    """One pass through Meta's login dialog, from the click on "Connect" to the choice of Pages.

    Made when the dialog opens (which is what makes its `state` single-use), filled when Meta sends
    the person back, removed when the Pages are chosen or `expires_at` has passed.
    """

    __tablename__ = "messenger_pending_connections"
    __table_args__ = (Index(None, "workspace_id", "user_id"), Index(None, "expires_at"))

    id: Mapped[UuidKey]
    location_id: Mapped[HostRef | None]
    user_id: Mapped[HostRef]
    channel: Mapped[ShortName]
    login: Mapped[ShortName] = mapped_column(default=BY_FACEBOOK, server_default=BY_FACEBOOK)
    app_name: Mapped[ShortName]
    state_hash: Mapped[str] = mapped_column(String(64), unique=True)
    step: Mapped[ShortName] = mapped_column(default="dialog")  # dialog, exchanging, choice
    meta_user_id: Mapped[MetaId | None]
    granted_scopes: Mapped[list[str]] = mapped_column(default=list)
    declined_scopes: Mapped[list[str]] = mapped_column(default=list)
    payload_sealed: Mapped[str | None] = mapped_column(
        Text
    )  # JSON: user token, Pages, their tokens
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime]

    @property
    def _payload_context(self) -> str:
        return f"messenger_pending_connections:{self.id}:payload"

    def seal_payload(self, keys: KeyRing, payload: str) -> None:
        """Keep `payload` (JSON), encrypted for this row. The row needs its `id` first."""
        self.payload_sealed = keys.seal(payload, context=self._payload_context)

    def open_payload(self, keys: KeyRing) -> str | None:
        """Return the payload (JSON); None while Meta has not answered."""
        if self.payload_sealed is None:
            return None
        return keys.open(self.payload_sealed, context=self._payload_context)


class WorkspaceSettings(WorkspaceScoped, Base):
    """What a workspace switched on for all its accounts. No row means the defaults."""

    __tablename__ = "messenger_workspace_settings"
    __table_args__ = (UniqueConstraint("workspace_id"),)

    id: Mapped[UuidKey]
    human_agent_enabled: Mapped[bool] = mapped_column(default=False)
    updated_at: Mapped[UpdatedAt]


class DeletionRequest(Base):
    """A person's request to Meta that we delete what their login gave us.

    It belongs to no workspace: one login may have connected Pages for several.
    """

    __tablename__ = "messenger_deletion_requests"

    id: Mapped[UuidKey]
    confirmation_code: Mapped[str] = mapped_column(String(64), unique=True)
    app_name: Mapped[ShortName]
    state: Mapped[ShortName] = mapped_column(default="pending")  # pending, done
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    requested_at: Mapped[CreatedAt]
    completed_at: Mapped[datetime | None]


def visible_to(tenant: Tenant) -> list[ColumnElement[bool]]:
    """Return what keeps a query on `Account` to what the tenant may see."""
    criteria: list[ColumnElement[bool]] = [Account.workspace_id == tenant.workspace_id]
    if tenant.location_ids is not None:
        criteria.append(Account.location_id.in_(sorted(tenant.location_ids)))
    return criteria
