"""What messages and their states are called on the pages: one table for each."""

from typing import Final

from flask_messenger.models import Message
from flask_messenger.models.messages import (
    BY_BOT,
    BY_CUSTOMER,
    BY_OTHER_APP,
    BY_PAGE_INBOX,
    CANCELLED,
    DELIVERED,
    FAILED,
    QUEUED,
    READ,
    SENDING,
    SENT,
    UNKNOWN,
)
from flask_messenger.outbox.reasons import reason_of
from flask_messenger.ui.presenters.inbox import StateView
from flask_messenger.ui.presenters.reader import SOMEBODY, Reader

PAGE_INBOX: Final = "Page inbox"
BOT: Final = "Bot"
OTHER_APP: Final = "Another app"
MESSAGE_DELETED: Final = "Message deleted"

STATES: Final = {
    QUEUED: StateView(word="Queued", icon="clock"),
    SENDING: StateView(word="Sending", icon="up"),
    SENT: StateView(word="Sent", icon="check"),
    DELIVERED: StateView(word="Delivered", icon="checks"),
    READ: StateView(word="Read", icon="checks", kind="read"),
    FAILED: StateView(word="Not sent", icon="warn", kind="bad"),
    UNKNOWN: StateView(word="Could not confirm", icon="question", kind="warn"),
    CANCELLED: StateView(word="Cancelled", icon="close"),
}
SCHEDULED: Final = StateView(word="Scheduled", icon="clock")


def cause(error_slug: str | None) -> str:
    """Say why a message was not sent, without a full stop: it stands in a line of its own."""
    return reason_of(error_slug or "").rstrip(".")


def author(message: Message, reader: Reader) -> str:
    """Say who of our side wrote an outbound message, as this reader knows them."""
    if message.sent_by == BY_PAGE_INBOX:
        return PAGE_INBOX
    if message.sent_by == BY_OTHER_APP:
        return OTHER_APP
    if message.sent_by == BY_BOT:
        return message.sent_by_name or BOT
    if message.sent_by == BY_CUSTOMER:
        return ""
    if message.sent_by_ref == reader.tenant.user_id:
        return reader.agent_name(message.sent_by_ref)
    return message.sent_by_name or reader.agent_name(message.sent_by_ref) or SOMEBODY
