"""Whose a thread is, and whether bots may write in it."""

import uuid
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from flask_messenger.api.schemas.base import Answer, HostId, MayOmit, Question, StorableText, Time
from flask_messenger.graph.routing import LONGEST_EXTENSION_SECONDS, MAX_METADATA_LENGTH
from flask_messenger.inbox.routing import Routed


class ControlChange(Question):
    """What is to become of a thread."""

    action: Literal["take", "pass", "request", "release", "extend", "ask"] = Field(
        description="`ask` has Meta say whose it is."
    )
    app_id: MayOmit[HostId] = Field(None, description="With `pass`: whom to pass it to.")
    metadata: MayOmit[Annotated[StorableText, Field(max_length=MAX_METADATA_LENGTH)]] = Field(
        None, description="With `pass` and `request`. Other apps see it."
    )
    seconds: MayOmit[Annotated[int, Field(ge=1, le=LONGEST_EXTENSION_SECONDS)]] = Field(
        None, description="With `extend`: at most seven days."
    )

    @model_validator(mode="after")
    def check_together(self) -> "ControlChange":
        """Refuse an action without what it needs."""
        if self.action == "pass" and self.app_id is None:
            raise PydanticCustomError("app_id", "Name the app to pass the thread to as `app_id`")
        if self.action == "extend" and self.seconds is None:
            raise PydanticCustomError("seconds", "Say for how many `seconds`")
        return self


class BotPause(Question):
    """Until when bots are quiet."""

    paused_until: Time | None = Field(description="In the future; null lets bots go on.")


class ThreadControl(Answer):
    """Whose a thread is now."""

    conversation_id: uuid.UUID
    owner: str = Field(description="`ours`, `theirs` or `free`.")
    app_id: str | None = Field(description="Meta's id of the app that has it; `0` where unknown.")
    owner_name: str = Field(description="Who that is, for people.")
    until: Time | None = Field(description="When control ends by itself.")
    bot_paused_until: Time | None

    @classmethod
    def of(cls, conversation_id: uuid.UUID, routed: Routed) -> "ThreadControl":
        """Return what is shown of `routed`."""
        return cls(
            conversation_id=conversation_id,
            owner=routed.control.owner,
            app_id=routed.control.app_id,
            owner_name=routed.control.name,
            until=routed.control.until,
            bot_paused_until=routed.bot_paused_until,
        )
