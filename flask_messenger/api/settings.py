"""What the workspace chose for all its accounts."""

from flask_messenger.api.blueprint import bp
from flask_messenger.api.openapi import operation
from flask_messenger.api.schemas.workspace import Settings, SettingsChange
from flask_messenger.inbox import settings as choices
from flask_messenger.state import state
from flask_messenger.tenancy import current_tenant, require_permission


@bp.get("/settings")
@operation("getSettings", tag="workspace", answers={200: (Settings, "The settings.")})
def get_settings() -> Settings:
    """Return what the workspace chose."""
    chosen = choices.read_settings(state().db.session, tenant=current_tenant())
    return Settings(human_agent_enabled=chosen.human_agent_enabled)


@bp.patch("/settings")
@operation(
    "changeSettings",
    tag="workspace",
    answers={200: (Settings, "The settings as they are now.")},
    problems=(400, 403, 415),
)
def change_settings(json: SettingsChange) -> Settings:
    """Switch settings of the workspace.

    Needs the permission `settings`.
    """
    tenant = require_permission("settings")
    session = state().db.session
    if json.human_agent_enabled is not None:
        choices.switch_human_agent(session, tenant=tenant, enabled=json.human_agent_enabled)
        session.commit()
    chosen = choices.read_settings(session, tenant=tenant)
    return Settings(human_agent_enabled=chosen.human_agent_enabled)
