"""What a workspace switched on for all its accounts."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.hooks import Tenant
from flask_messenger.models import AuditEntry, WorkspaceSettings
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.models.upsert import insert_for


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxSettings:
    """Settings of a workspace.

    Attributes:
        human_agent_enabled: whether people may answer up to seven days after the last message,
            with Meta's HUMAN_AGENT tag. Meta has to approve the app for it.
    """

    human_agent_enabled: bool


def read_settings(session: Session, *, tenant: Tenant) -> InboxSettings:
    """Return the settings of the tenant's workspace; the defaults where nothing was switched."""
    statement = select(WorkspaceSettings.human_agent_enabled).where(
        WorkspaceSettings.workspace_id == tenant.workspace_id
    )
    return InboxSettings(human_agent_enabled=bool(session.scalars(statement).one_or_none()))


def switch_human_agent(session: Session, *, tenant: Tenant, enabled: bool) -> InboxSettings:
    """Allow, or stop allowing, people to answer for seven days. Permission: `settings`."""
    if read_settings(session, tenant=tenant).human_agent_enabled == enabled:
        return InboxSettings(human_agent_enabled=enabled)
    row = {
        "id": new_id(),
        "workspace_id": tenant.workspace_id,
        "human_agent_enabled": enabled,
        "updated_at": utc_now(),
    }
    statement = insert_for(session, WorkspaceSettings.__table__).values(row)
    changed = {key: row[key] for key in ("human_agent_enabled", "updated_at")}
    session.execute(statement.on_conflict_do_update(index_elements=["workspace_id"], set_=changed))
    session.add(
        AuditEntry(
            workspace_id=tenant.workspace_id,
            actor=tenant.user_id,
            action="setting_switched",
            subject="human_agent_enabled",
            details={"enabled": enabled},
        )
    )
    session.flush()
    return InboxSettings(human_agent_enabled=enabled)
