"""Reading the messages of a conversation: a page of them, or one, with all that hangs on it."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from flask_messenger.errors import InvalidRequestError, NotFoundError
from flask_messenger.hooks import Tenant
from flask_messenger.inbox.pages import Position, beyond, check_limit, decode_cursor, encode_cursor
from flask_messenger.inbox.queries import get_conversation
from flask_messenger.models import Account, Attachment, Message, Reaction
from flask_messenger.models.accounts import visible_to
from flask_messenger.models.messages import CANCELLED, DISCARDED, FAILED

IN_PUBLIC: Final = ("comment", "post")
"""Kinds of messages that can be answered in private, once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRow:
    """A message with its attachments, in their order, and the reactions it has now.

    Attributes:
        quoted: the message it answers, where we have that.
        private_reply: of a comment, what answered it in private.
    """

    message: Message
    attachments: Sequence[Attachment]
    reactions: Sequence[Reaction] = ()
    quoted: Message | None = None
    private_reply: Message | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage:
    """Some messages of one conversation, oldest first: the order in which one reads.

    Attributes:
        older_cursor: `before` of the page with what was written earlier; None at the beginning.
        newer_cursor: `after` of what will be written later; None where the page is empty and
            nothing was asked for.
    """

    items: Sequence[MessageRow]
    older_cursor: str | None
    newer_cursor: str | None


def list_messages(
    session: Session,
    *,
    tenant: Tenant,
    conversation_id: uuid.UUID,
    before: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> MessagePage:
    """Return the newest messages of a conversation, or those `before` or `after` a cursor.

    A message can arrive late and then sorts before a page that was read already; whoever shows
    a conversation as it grows listens for changes too and does not rely on `after` alone.

    Raises:
        NotFoundError: the conversation does not exist, or the tenant may not see it.
        InvalidRequestError: a cursor or `limit` is not valid.
    """
    wanted = check_limit(limit)
    if before is not None and after is not None:
        raise InvalidRequestError("Ask with `before` or with `after`, not both.", field="after")
    get_conversation(session, tenant=tenant, conversation_id=conversation_id)
    statement = select(Message).where(
        Message.workspace_id == tenant.workspace_id, Message.conversation_id == conversation_id
    )
    key = (Message.sent_at, Message.id)
    if before is not None:
        position = decode_cursor(before, field="before")
        statement = statement.where(beyond(*key, position, older=True))
    if after is not None:
        position = decode_cursor(after, field="after")
        statement = statement.where(beyond(*key, position, older=False))
    forward = after is not None
    order = key if forward else tuple(column.desc() for column in key)
    messages = list(session.scalars(statement.order_by(*order).limit(wanted + 1)))
    more = len(messages) > wanted
    messages = messages[:wanted] if forward else messages[:wanted][::-1]
    return _message_page(_with_attachments(session, messages), after=after, more=more)


def _message_page(rows: Sequence[MessageRow], *, after: str | None, more: bool) -> MessagePage:
    if not rows:
        return MessagePage(items=rows, older_cursor=None, newer_cursor=after)
    has_older = more or after is not None
    return MessagePage(
        items=rows,
        older_cursor=_message_cursor(rows[0].message) if has_older else None,
        newer_cursor=_message_cursor(rows[-1].message),
    )


def get_message(session: Session, *, tenant: Tenant, message_id: uuid.UUID) -> MessageRow:
    """Return one message.

    Raises:
        NotFoundError: it does not exist, or the tenant may not see it.
    """
    statement = (
        select(Message)
        .join(Account, Account.id == Message.account_id)
        .where(
            *visible_to(tenant),
            Message.workspace_id == tenant.workspace_id,
            Message.id == message_id,
        )
    )
    message = session.scalars(statement).one_or_none()
    if message is None:
        raise NotFoundError("There is no such message.")
    return _with_attachments(session, [message])[0]


def read_attachment_types(
    session: Session, *, tenant: Tenant, message_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, str]:
    """Return the type of the first attachment of each message that has one."""
    if not message_ids:
        return {}
    statement = select(Attachment.message_id, Attachment.type).where(
        Attachment.workspace_id == tenant.workspace_id,
        Attachment.message_id.in_(message_ids),
        Attachment.position == 0,
    )
    return {row.message_id: row.type for row in session.execute(statement)}


def _with_attachments(session: Session, messages: Sequence[Message]) -> Sequence[MessageRow]:
    by_message: dict[uuid.UUID, list[Attachment]] = {message.id: [] for message in messages}
    if by_message:
        statement = (
            select(Attachment)
            .where(Attachment.message_id.in_(by_message))
            .order_by(Attachment.message_id, Attachment.position)
        )
        for attachment in session.scalars(statement):
            by_message[attachment.message_id].append(attachment)
    reactions = _reactions_to(session, messages)
    quoted = _quoted_by(session, messages)
    private_replies = _private_replies_to(session, messages)
    return [
        MessageRow(
            message=message,
            attachments=by_message[message.id],
            reactions=reactions[message.id],
            quoted=quoted.get((message.account_id, message.reply_to_external_id or "")),
            private_reply=private_replies.get((message.account_id, message.external_id or "")),
        )
        for message in messages
    ]


def _quoted_by(
    session: Session, messages: Sequence[Message]
) -> dict[tuple[uuid.UUID, str], Message]:
    """Return the messages that some answer; asks for those only that are not among them."""
    found = {(each.account_id, each.external_id or ""): each for each in messages}
    keys = {(each.account_id, each.reply_to_external_id) for each in messages}
    missing = [key for key in keys if key[1] is not None and key not in found]
    if missing:
        statement = select(Message).where(
            tuple_(Message.account_id, Message.external_id).in_(missing)
        )
        for each in session.scalars(statement):
            found[each.account_id, each.external_id or ""] = each
    return found


def _private_replies_to(
    session: Session, messages: Sequence[Message]
) -> dict[tuple[uuid.UUID, str], Message]:
    """Return what answered comments in private; asks nothing where there are no comments."""
    keys = [(each.account_id, each.external_id) for each in messages if each.kind in IN_PUBLIC]
    if not keys:
        return {}
    statement = select(Message).where(
        tuple_(Message.account_id, Message.private_reply_to).in_(keys),
        Message.private_reply_to.is_not(None),
        Message.status.not_in((FAILED, CANCELLED, DISCARDED)),
    )
    return {
        (each.account_id, each.private_reply_to or ""): each for each in session.scalars(statement)
    }


def _reactions_to(session: Session, messages: Sequence[Message]) -> dict[uuid.UUID, list[Reaction]]:
    by_message: dict[uuid.UUID, list[Reaction]] = {message.id: [] for message in messages}
    if by_message:
        statement = (
            select(Reaction)
            .where(Reaction.message_id.in_(by_message), Reaction.is_removed.is_(False))
            .order_by(Reaction.at, Reaction.actor)
        )
        for reaction in session.scalars(statement):
            by_message[reaction.message_id].append(reaction)
    return by_message


def _message_cursor(message: Message) -> str:
    return encode_cursor(Position(message.sent_at, message.id))
