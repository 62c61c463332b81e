"""Looking for words in what people wrote, and in their names."""

from typing import Any, Final

from sqlalchemy import Select, func, select, union
from sqlalchemy.orm import Session

from flask_messenger.models.conversations import Conversation, Identity
from flask_messenger.models.messages import Message
from flask_messenger.models.upsert import dialect_of

MOST: Final = 500
"""Conversations that a search finds: those with the newest messages that match."""


def conversations_with(session: Session, words: str) -> Any:
    """Return a subquery of the ids of conversations where `words` occur, whatever their case.

    In a message or in the person's name, of the workspace in scope. PostgreSQL finds words by
    their beginnings (`messenger_search`, see the migrations); SQLite finds them anywhere.
    """
    pattern = "%" + words.replace("/", "//").replace("%", "/%").replace("_", "/_") + "%"
    if dialect_of(session) == "postgresql":
        return select(func.messenger_search(words, pattern, MOST).column_valued("found"))
    return _anywhere(pattern)


def _anywhere(pattern: str) -> Any:
    in_names: Select[Any] = (
        select(Conversation.id)
        .join(Identity, Identity.id == Conversation.identity_id)
        .where(Identity.name.ilike(pattern, escape="/"))
    )
    in_messages: Select[Any] = select(Message.conversation_id).where(
        Message.conversation_id.is_not(None), Message.text.ilike(pattern, escape="/")
    )
    return select(union(in_names, in_messages).subquery().c[0])
