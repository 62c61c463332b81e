"""Who is asking, and what the workspace chose."""

from pydantic import Field

from flask_messenger.api.schemas.base import Answer, MayOmit, Question, Time


class Feature(Answer):
    """Whether the workspace's plan has a feature."""

    name: str
    allowed: bool
    needed_plan: str | None = Field(description="The lowest plan that has it.")


class Outage(Answer):
    """Meta does not answer; messages wait and go out by themselves when it does."""

    since: Time


class Me(Answer):
    """The tenant of this request."""

    workspace_id: str
    user_id: str
    user_name: str
    location_ids: list[str] | None = Field(description="Null where all locations are visible.")
    permissions: list[str]
    plan: str
    features: list[Feature]
    outage: Outage | None = Field(description="Null while Meta answers.")


class Settings(Answer):
    """What the workspace chose for all its accounts."""

    human_agent_enabled: bool = Field(
        description="Whether people may answer for seven days, with Meta's HUMAN_AGENT tag."
    )


class SettingsChange(Question):
    """What to switch. Fields that are left out stay as they are."""

    human_agent_enabled: MayOmit[bool] = Field(
        None, description="Meta has to approve the app for Human Agent first."
    )
