"""What is to be stored of a message, and what it is to Meta: a message, or an answer to a comment.

In a direct conversation a draft is a message. In a conversation of comments it is a public answer,
a comment itself; or a private reply, which Meta allows once for each comment and which leaves the
conversation when Meta has said to whom it went.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.content import Content, Text
from flask_messenger.errors import ConflictError, ContentError, InvalidRequestError
from flask_messenger.models import Message
from flask_messenger.models.messages import CANCELLED, DISCARDED, FAILED, INBOUND
from flask_messenger.outbox.extras import COMMENT, NOTHING, Answered, Extras, content_class_of
from flask_messenger.outbox.lane import content_of_message
from flask_messenger.outbox.threads import Thread

POST: Final = "post"
ANSWERABLE: Final = (COMMENT, POST)
"""The kinds of what stands in public and can be answered."""
WITHDRAWN: Final = (FAILED, CANCELLED, DISCARDED)
"""The states of a private reply that leave its comment free for another one."""
ONCE: Final = "This comment was answered in private before. Meta allows that once."


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message before it is a row.

    Attributes:
        kind: as it is stored; of a public answer `comment`, else the content's.
        private_reply_to: Meta's id of the comment or post that it answers in private.
        message_id: of the row that it was made from; None where there is none yet.
    """

    content: Content
    kind: str
    extras: Extras = NOTHING
    reply_to_external_id: str | None = None
    private_reply_to: str | None = None
    message_id: uuid.UUID | None = None

    @classmethod
    def of_message(cls, message: Message) -> "Draft":
        """Return the draft that a stored outbound message was made from.

        Raises:
            ContentError: what is stored cannot be sent again.
        """
        return cls(
            content=content_of_message(message),
            kind=message.kind,
            extras=Extras.stored_in(message.content),
            reply_to_external_id=message.reply_to_external_id,
            private_reply_to=message.private_reply_to,
            message_id=message.id,
        )

    @property
    def content_class(self) -> str:
        """What the policy calls it."""
        return content_class_of(self.kind, self.extras)

    @property
    def commented_at(self) -> datetime | None:
        """When the comment was written that it answers in private."""
        return self.extras.answered.at if self.extras.answered else None

    @property
    def columns(self) -> dict[str, Any]:
        """Return what of a row says what the message is; the same for the same request."""
        return {
            "kind": self.kind,
            "text": self.content.words,
            "content": {**self.content.as_dict(), **self.extras.as_dict()},
            "reply_to_external_id": self.reply_to_external_id,
            "private_reply_to": self.private_reply_to,
        }


def draft_for(
    session: Session,
    thread: Thread,
    content: Content,
    *,
    extras: Extras = NOTHING,
    reply_to_external_id: str | None = None,
    private_reply_to: str | None = None,
) -> Draft:
    """Return what `content` is in this thread.

    Raises:
        InvalidRequestError: what it answers is not of this thread.
        ContentError: a public answer is words only.
        ConflictError: the comment is gone.
    """
    if private_reply_to is not None:
        return _private_reply(session, thread, content, extras, private_reply_to)
    if thread.is_public:
        return _public_answer(session, thread, content, reply_to_external_id)
    if reply_to_external_id is not None:
        _check_is_of_thread(session, thread, reply_to_external_id)
    return Draft(
        content=content,
        kind=content.kind,
        extras=extras,
        reply_to_external_id=reply_to_external_id,
    )


def check_is_first(session: Session, thread: Thread, draft: Draft) -> None:
    """Pass where no other private reply stands to the comment that a draft answers.

    The database says so, too (`uq_messenger_messages_private_reply`); this says it in words.

    Raises:
        ConflictError: one does.
    """
    if draft.private_reply_to is None:
        return
    statement = select(Message.id).where(
        Message.account_id == thread.account.id,
        Message.private_reply_to == draft.private_reply_to,
        Message.status.not_in(WITHDRAWN),
    )
    if draft.message_id is not None:
        statement = statement.where(Message.id != draft.message_id)
    if session.scalars(statement.limit(1)).one_or_none() is not None:
        raise ConflictError(ONCE)


def _private_reply(
    session: Session, thread: Thread, content: Content, extras: Extras, external_id: str
) -> Draft:
    comment = session.scalars(
        _answerable(thread).where(Message.external_id == external_id)
    ).one_or_none()
    if comment is None:
        message = "The comment to answer is not one of this conversation."
        raise InvalidRequestError(message, field="private_reply_to")
    if comment.deleted_at is not None:
        raise ConflictError("This comment was deleted.")
    answered = Answered(
        at=comment.sent_at,
        is_post=comment.kind == POST,
        is_live=bool(comment.content.get("is_live")),
    )
    return Draft(
        content=content,
        kind=content.kind,
        extras=Extras(persona_id=extras.persona_id, answered=answered),
        private_reply_to=external_id,
    )


def _public_answer(
    session: Session, thread: Thread, content: Content, external_id: str | None
) -> Draft:
    if not isinstance(content, Text):
        message = "In public an answer is text. Send anything else as a private reply."
        raise ContentError(message, field="content")
    statement = _answerable(thread).where(Message.deleted_at.is_(None))
    if external_id is not None:
        statement = statement.where(Message.external_id == external_id)
    comment = session.scalars(statement.order_by(Message.sent_at.desc()).limit(1)).one_or_none()
    if comment is None:
        message = "The comment to answer is not one of this conversation."
        raise InvalidRequestError(message, field="reply_to")
    return Draft(content=content, kind=COMMENT, reply_to_external_id=comment.external_id)


def _answerable(thread: Thread) -> Any:
    return select(Message).where(
        Message.account_id == thread.account.id,
        Message.conversation_id == thread.conversation.id,
        Message.direction == INBOUND,
        Message.kind.in_(ANSWERABLE),
        Message.external_id.is_not(None),
    )


def _check_is_of_thread(session: Session, thread: Thread, external_id: str) -> None:
    statement = select(Message.id).where(
        Message.account_id == thread.account.id,
        Message.external_id == external_id,
        Message.conversation_id == thread.conversation.id,
    )
    found: uuid.UUID | None = session.scalar(statement)
    if found is None:
        message = "The message to reply to is not one of this conversation."
        raise InvalidRequestError(message, field="reply_to")
