"""What a message carries beside its content: kept with it as JSON, under a key of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flask_messenger.channels.sending import ThreadControl
from flask_messenger.outbox.policy_table import (
    FEEDBACK,
    LIVE_REPLY,
    MESSAGE,
    PRIVATE_REPLY,
    PUBLIC_REPLY,
    UTILITY,
)

COMMENT: Final = "comment"
"""The kind of a public answer to a comment, which is a comment itself."""
KEY: Final = "options"
"""Of `Message.content`; contents themselves have no such key."""

CLASSES: Final[Mapping[str, str]] = {
    COMMENT: PUBLIC_REPLY,
    "feedback_template": FEEDBACK,
    "utility_template": UTILITY,
}
"""What the policy calls a message of a kind, where that is not an ordinary message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The public comment, or visitor's post, that a private reply answers.

    Attributes:
        at: when it was written, in Meta's time.
        is_post: whether it is a post on the Page, and not a comment.
        is_live: whether it was written under a live video.
    """

    at: datetime
    is_post: bool = False
    is_live: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What goes beside the content.

    Attributes:
        persona_id: Meta's id of whom the person sees as the sender.
        notification_type: `REGULAR`, `SILENT_PUSH` or `NO_PUSH`; None leaves it to Meta.
        thread_control: what becomes of the thread once the message is out.
        answered: of a private reply: what it answers.
    """

    persona_id: str | None = None
    notification_type: str | None = None
    thread_control: ThreadControl | None = None
    answered: Answered | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return what is stored: empty where there is nothing to say."""
        found: dict[str, Any] = {}
        if self.persona_id:
            found["persona_id"] = self.persona_id
        if self.notification_type:
            found["notification_type"] = self.notification_type
        if self.thread_control:
            found["thread_control"] = self.thread_control.as_dict()
        if self.answered:
            found["answers"] = {
                "at": self.answered.at.isoformat(),
                "is_post": self.answered.is_post,
                "is_live": self.answered.is_live,
            }
        return {KEY: found} if found else {}

    @classmethod
    def stored_in(cls, content: Mapping[str, Any]) -> "Extras":
        """Return what `as_dict` put there."""
        found = content.get(KEY)
        if not found:
            return NOTHING
        control, answers = found.get("thread_control"), found.get("answers")
        return cls(
            persona_id=found.get("persona_id"),
            notification_type=found.get("notification_type"),
            thread_control=ThreadControl(**control) if control else None,
            answered=Answered(**{**answers, "at": datetime.fromisoformat(answers["at"])})
            if answers
            else None,
        )


NOTHING: Final = Extras()


def content_class_of(kind: str, extras: Extras) -> str:
    """Return what the policy calls a message."""
    if extras.answered is not None:
        return LIVE_REPLY if extras.answered.is_live else PRIVATE_REPLY
    return CLASSES.get(kind, MESSAGE)
