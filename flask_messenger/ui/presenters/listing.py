"""The list of conversations, from its rows to what is shown."""

from datetime import timedelta
from typing import Final

from flask_messenger.inbox.queries import ConversationRow
from flask_messenger.models import Message
from flask_messenger.models.conversations import CLOSED, COMMENTS, SNOOZED
from flask_messenger.models.messages import BY_PERSON, INBOUND
from flask_messenger.outbox.policy import STANDARD, Decision
from flask_messenger.ui.presenters.attachments import attachment_words
from flask_messenger.ui.presenters.inbox import Pill, RowView
from flask_messenger.ui.presenters.messages import WORDLESS
from flask_messenger.ui.presenters.people import avatar_of
from flask_messenger.ui.presenters.reader import Reader, channel_label, iso, person_name
from flask_messenger.ui.presenters.times import snoozed_until, time_ago, time_left
from flask_messenger.ui.presenters.words import MESSAGE_DELETED, STATES, author

SENT_KINDS: Final = {
    "coupon_template": "Sent a coupon",
    "customer_information_template": "Sent a form",
    "feedback_template": "Asked for feedback",
    "generic_template": "Sent cards",
    "heart": "Sent a heart",
    "image_grid": "Sent pictures",
    "images": "Sent pictures",
    "instant_form_template": "Sent a form",
    "list_template": "Sent a list",
    "media_template": "Sent a card",
    "product_template": "Sent products",
    "receipt_template": "Sent a receipt",
    "shared_post": "Shared a post",
    "sticker": "Sent a sticker",
    "utility_template": "Sent a template",
}
"""What stands in the list for a message of ours without words."""
SOON: Final = timedelta(hours=2)
"""A window that closes within this time is shown in the row."""


def row_view(
    row: ConversationRow,
    reader: Reader,
    *,
    decision: Decision,
    human_agent_enabled: bool,
    attachment_type: str = "",
    kept: dict[str, str],
    open_id: str = "",
) -> RowView:
    """Return one row.

    Args:
        row: the conversation and its people.
        reader: who reads.
        decision: what the policy says about an answer now.
        attachment_type: what the last message brought, where it has no words.
        human_agent_enabled: whether another window opens when the first one closes.
        kept: the filters of the list, which the row's address carries on.
        open_id: the conversation that stands beside the list.
    """
    conversation, last = row.conversation, row.last_message
    name = person_name(row.identity, conversation.channel)
    state = STATES.get(last.status) if last.direction != INBOUND else None
    return RowView(
        id=str(conversation.id),
        url=reader.link("messenger_ui.inbox", conversation_id=conversation.id, **kept),
        thread_url=reader.link("messenger_ui.thread", conversation_id=conversation.id, **kept),
        name=name,
        avatar=avatar_of(name, key=row.identity.id, picture_url=row.identity.picture_url),
        channel=conversation.channel,
        channel_label=channel_label(conversation.channel),
        text=preview(last, reader, attachment_type=attachment_type),
        time=time_ago(last.sent_at, now=reader.now, zone=reader.zone),
        time_iso=iso(last.sent_at),
        unread=conversation.unread_count,
        place=place(row, reader),
        state_icon=state.icon if state else "",
        state_word=state.word if state else "",
        state_kind=state.kind if state else "",
        pills=pills(row, reader, closes_in=_closes_in(decision, reader, human_agent_enabled)),
        is_open=str(conversation.id) == open_id,
    )


def _closes_in(
    decision: Decision,
    reader: Reader,
    human_agent_enabled: bool,  # noqa: FBT001 - a value passed on
) -> timedelta | None:
    """Return how long one can answer yet; None where that is over, or not the end of it."""
    goes_on = human_agent_enabled and decision.window == STANDARD
    if not decision.allowed or decision.closes_at is None or goes_on:
        return None
    return decision.closes_at - reader.now


def place(row: ConversationRow, reader: Reader) -> str:
    """Say where they wrote to: location and account, once where both have the same name."""
    location, account = reader.location_name(row.account.location_id), row.account.name
    if location and location in account:
        return account
    return " · ".join(filter(None, [location, account]))


def preview(message: Message, reader: Reader, *, attachment_type: str = "") -> str:
    """Return the first words of a message, with who said them where that was one of us."""
    words = " ".join((message.text or "").split())
    if not words:
        words = _without_words(message, attachment_type)
    if message.direction == INBOUND:
        return words
    who = author(message, reader)
    if message.sent_by == BY_PERSON:
        who = who.split()[0] if who else who
    return f"{who}: {words}"


def _without_words(message: Message, attachment_type: str) -> str:
    if message.deleted_at is not None:
        return MESSAGE_DELETED
    if message.kind in WORDLESS:
        return WORDLESS[message.kind]
    if attachment_type or message.kind == "media":
        return f"Sent {attachment_words(attachment_type)[1]}"
    return SENT_KINDS.get(message.kind, "Sent something that cannot be shown here")


def pills(row: ConversationRow, reader: Reader, *, closes_in: timedelta | None) -> list[Pill]:
    """Return what an agent has to know before opening the row, the most urgent first."""
    found = []
    conversation = row.conversation
    if conversation.kind == COMMENTS:
        found.append(Pill(text="Comment", icon="comment"))
    if row.has_failed:
        found.append(Pill(text="Not delivered", icon="warn", kind="bad"))
    elif closes_in is not None and closes_in < SOON and conversation.status != CLOSED:
        found.append(Pill(text=f"{time_left(closes_in)} left", icon="clock", kind="warn"))
    if conversation.status == SNOOZED and conversation.snoozed_until:
        words = snoozed_until(conversation.snoozed_until, now=reader.now, zone=reader.zone)
        found.append(Pill(text=words, icon="moon"))
    elif conversation.status == CLOSED:
        found.append(Pill(text="Closed", icon="check"))
    return found
