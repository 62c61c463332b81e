"""Public comments, and reactions."""

from typing import Annotated

from pydantic import Field

from flask_messenger.api.schemas.base import Question, StorableText


class CommentVisibility(Question):
    """Whether the public sees a comment."""

    hidden: bool


class ReactionToSend(Question):
    """What the account thinks of a message."""

    emoji: Annotated[StorableText, Field(min_length=1, max_length=64)] | None = Field(
        description="Null takes the reaction back. Instagram knows the heart only."
    )
