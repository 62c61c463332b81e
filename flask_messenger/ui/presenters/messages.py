"""The messages of one conversation, from rows to days of bubbles."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import groupby
from typing import Any, Final

from flask_messenger.channels.registry import channel_named
from flask_messenger.content import HEART
from flask_messenger.inbox.messages import IN_PUBLIC, MessageRow
from flask_messenger.models import Conversation, Message, Reaction
from flask_messenger.models.conversations import COMMENTS as IN_COMMENTS
from flask_messenger.models.messages import (
    BY_BOT,
    BY_OTHER_APP,
    BY_PAGE_INBOX,
    DISCARDED,
    FAILED,
    INBOUND,
    NOTICE,
    QUEUED,
    SENDING,
    UNKNOWN,
)
from flask_messenger.ui.presenters.attachments import attachments_of
from flask_messenger.ui.presenters.cards import cards_of, received_cards, replies_of, says_all
from flask_messenger.ui.presenters.inbox import (
    ActionView,
    CardView,
    DayView,
    MessageView,
    QuoteView,
    ReactionChoice,
    ReactionView,
    StateView,
)
from flask_messenger.ui.presenters.notices import notice_words, touch_words
from flask_messenger.ui.presenters.people import safe_url
from flask_messenger.ui.presenters.reader import Reader, iso
from flask_messenger.ui.presenters.times import clock, day_label, moment
from flask_messenger.ui.presenters.words import (
    MESSAGE_DELETED,
    SCHEDULED,
    STATES,
    author,
    cause,
)

PAGE_KEY: Final = re.compile(r"[0-9a-f]{32}")
"""The shape of the keys our own pages make; another sender's key may be anything."""

TAPS: Final = ("postback", "quick_reply")
COMMENTS: Final = ("comment", "mention", "post")
QUOTED_LENGTH: Final = 160
PRIVATE_REPLY_LASTS: Final = timedelta(days=7)
"""How long a way to answer in private is shown; the policy decides."""
EMOJIS: Final = (
    HEART,
    "\N{THUMBS UP SIGN}",
    "\N{FACE WITH TEARS OF JOY}",
    "\N{FACE WITH OPEN MOUTH}",
    "\N{CRYING FACE}",
    "\N{PERSON WITH FOLDED HANDS}",
)
"""What is offered where any emoji would do."""
KIND_NOTES: Final = {
    "ephemeral": "seen once",
    "mention": "mentioned you",
    "post": "wrote on your Page",
    "story_mention": "mentioned you in their story",
    "story_reply": "answered your story",
}
WORDLESS: Final = {
    "appointment": "An appointment",
    "comment": "A comment without words",
    "ephemeral": "Something that could be seen once",
    "location": "A place",
    "mention": "Mentioned you",
    "order": "An order",
    "post": "A post without words",
    "postback": "Tapped a button",
    "quick_reply": "Tapped a button",
    "story_mention": "Mentioned you in their story",
    "story_reply": "Answered your story",
}
"""What stands for the words of a message that has none, and brings nothing to look at."""
AUTHOR_ICONS: Final = {BY_PAGE_INBOX: "page", BY_BOT: "bot", BY_OTHER_APP: "page"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What a conversation says of all its messages.

    Attributes:
        is_public: whether they stand under a post, for everybody to read.
        emojis: what one of our side can react with; empty where nobody can.
    """

    is_public: bool = False
    emojis: tuple[str, ...] = ()


DIRECT: Final = Traits()


def traits_of(conversation: Conversation) -> Traits:
    """Return what a conversation says of its messages."""
    if conversation.kind == IN_COMMENTS:
        return Traits(is_public=True)
    limits = channel_named(conversation.channel).limits
    return Traits(emojis=EMOJIS if limits.reactions is None else (HEART,))


def days_of(rows: Sequence[MessageRow], reader: Reader, traits: Traits = DIRECT) -> list[DayView]:
    """Return the messages by day of the reader's own zone, oldest first.

    What somebody discarded is gone from the page.
    """
    today = reader.now.astimezone(reader.zone).date()

    def day(row: MessageRow) -> date:
        return row.message.sent_at.astimezone(reader.zone).date()

    shown = [row for row in rows if row.message.status != DISCARDED]
    return [
        DayView(
            key=when.isoformat(),
            label=day_label(when, today=today),
            messages=[message_view(row, reader, traits) for row in group],
        )
        for when, group in groupby(shown, key=day)
    ]


def message_view(row: MessageRow, reader: Reader, traits: Traits = DIRECT) -> MessageView:
    """Return one bubble, or the line of a notice."""
    message = row.message
    if message.direction == NOTICE:
        return _notice(message, reader)
    is_inbound = message.direction == INBOUND
    attachments = [] if message.deleted_at else attachments_of(row, reader)
    cards = [] if message.deleted_at else _cards(row)
    has_more = bool(attachments or cards)
    return MessageView(
        id=str(message.id),
        dom_id=dom_id(message),
        is_inbound=is_inbound,
        look=_look(message),
        text=_words(message, has_more=has_more),
        time=clock(message.sent_at, reader.zone),
        time_iso=iso(message.sent_at),
        author="" if is_inbound else author(message, reader),
        author_icon=AUTHOR_ICONS.get(message.sent_by, ""),
        note=_note(message),
        quote=_quote(row, reader),
        attachments=attachments,
        cards=cards,
        replies=[] if is_inbound else replies_of(message.content or {}),
        reactions=[_reaction(reaction) for reaction in row.reactions],
        state=None if is_inbound else _state(message, reader),
        actions=[*_actions(message, reader), *_public_actions(row, reader, traits)],
        **_ways_to_answer(row, reader, traits),
    )


def _ways_to_answer(row: MessageRow, reader: Reader, traits: Traits) -> dict[str, Any]:
    """Return how a message can be answered: by its name, in private, by a reaction."""
    message = row.message
    if not _is_at_meta(message) or not reader.tenant.may("reply"):
        return {}
    if traits.is_public:
        is_theirs = message.direction == INBOUND and message.kind in IN_PUBLIC
        is_recent = reader.now - message.sent_at < PRIVATE_REPLY_LASTS
        return {
            "can_answer": is_theirs,
            "can_answer_privately": is_theirs and is_recent and row.private_reply is None,
        }
    ours = {each.emoji for each in row.reactions if each.direction != INBOUND}
    may_react = message.direction == INBOUND and bool(traits.emojis)
    return {
        "can_answer": True,
        "react_url": (
            reader.link("messenger_ui.react_to", message_id=message.id) if may_react else None
        ),
        "emojis": [ReactionChoice(emoji=each, is_ours=each in ours) for each in traits.emojis],
    }


def _is_at_meta(message: Message) -> bool:
    is_on_its_way = message.status in {FAILED, QUEUED, SENDING, UNKNOWN}
    return message.external_id is not None and message.deleted_at is None and not is_on_its_way


def _public_actions(row: MessageRow, reader: Reader, traits: Traits) -> list[ActionView]:
    """Return what can be done about a public comment besides answering it."""
    message, found = row.message, []
    if row.private_reply is not None:
        conversation_id = row.private_reply.conversation_id
        url = reader.link("messenger_ui.inbox", conversation_id=conversation_id)
        found.append(ActionView(label="Answered in private", url=url, is_link=True))
    if not traits.is_public or not _is_at_meta(message) or not reader.tenant.may("reply"):
        return found
    if message.direction == INBOUND:
        label, view = ("Hide", "hide") if message.hidden_at is None else ("Show again", "show")
        found.append(_action(reader, label, view, message))
    question = "Delete this comment for everybody?"
    return [*found, _action(reader, "Delete", "delete", message, question=question)]


def _action(
    reader: Reader, label: str, view: str, message: Message, *, question: str = ""
) -> ActionView:
    url = reader.link(f"messenger_ui.{view}", message_id=message.id)
    return ActionView(label=label, url=url, question=question)


def _notice(message: Message, reader: Reader) -> MessageView:
    words, icon = notice_words(message, reader.app_ids)
    return MessageView(
        id=str(message.id),
        dom_id=dom_id(message),
        is_inbound=False,
        look="notice",
        text=words,
        time=clock(message.sent_at, reader.zone),
        time_iso=iso(message.sent_at),
        author_icon=icon,
    )


def _cards(row: MessageRow) -> list[CardView]:
    received = [each for each in row.attachments if each.type == "template"]
    if received:
        return [card for each in received for card in received_cards(each.payload or {})]
    return cards_of(row.message.kind, row.message.content or {})


def _quote(row: MessageRow, reader: Reader) -> QuoteView | None:
    """Return what the message answers: one of the thread, or a story."""
    story = (row.message.content or {}).get("story")
    if isinstance(story, dict):
        url = safe_url(story.get("url"))
        return QuoteView(who="Your story", text="" if url else "It is gone", url=url)
    if row.message.reply_to_external_id is None or row.message.kind in COMMENTS:
        return None
    quoted = row.quoted
    if quoted is None:
        return QuoteView(who="An earlier message", text="")
    words = quoted.text or _nothing_to_show(quoted, has_more=False) or "An attachment"
    who = "They" if quoted.direction == INBOUND else author(quoted, reader)
    return QuoteView(who=who, text=words[:QUOTED_LENGTH], dom_id=dom_id(quoted))


def dom_id(message: Message) -> str:
    """Return the bubble's id in the page: made from the key the page gave it, where it did."""
    key = message.idempotency_key or ""
    return f"fm-k-{key}" if PAGE_KEY.fullmatch(key) else f"fm-m-{message.id}"


def _note(message: Message) -> str:
    """Say what happened other than writing."""
    if message.deleted_at is not None:
        return ""
    content = message.content or {}
    came = touch_words(content.get("referral"))
    notes = [
        (f"tapped “{message.text}”" if message.text else "tapped") if message.kind in TAPS else "",
        KIND_NOTES.get(message.kind, ""),
        f"came by: {came}" if came else "",
        "edited" if message.edited_at is not None else "",
        "hidden from the public" if message.hidden_at is not None else "",
        "another app was answering" if content.get("standby") else "",
        "a test of Meta's" if content.get("test") else "",
    ]
    return " · ".join(filter(None, notes))


def _reaction(reaction: Reaction) -> ReactionView:
    look = reaction.emoji or reaction.name or "•"
    who = "Their reaction" if reaction.direction == INBOUND else "Your reaction"
    return ReactionView(look=look, words=f"{who}: {look}")


def _look(message: Message) -> str:
    if message.deleted_at is not None:
        return "gone"
    if message.hidden_at is not None:
        return "hidden"
    if message.direction == INBOUND:
        return "in"
    if message.status == FAILED:
        return "bad"
    if message.status == UNKNOWN:
        return "unsure"
    return "other" if message.sent_by in AUTHOR_ICONS else "out"


def _words(message: Message, *, has_more: bool) -> str:
    if has_more and says_all(message.kind):
        return ""
    return message.text or _nothing_to_show(message, has_more=has_more)


def _nothing_to_show(message: Message, *, has_more: bool) -> str:
    """Return what stands where the words would be."""
    if message.deleted_at is not None:
        return MESSAGE_DELETED
    if has_more:
        return ""
    return WORDLESS.get(message.kind, "Something that cannot be shown here")


def _state(message: Message, reader: Reader) -> StateView | None:
    if message.status == QUEUED and message.send_at is not None and message.send_at > reader.now:
        detail = moment(message.send_at, now=reader.now, zone=reader.zone)
        return replace(SCHEDULED, detail=detail)
    state = STATES.get(message.status)
    if state is None or message.status not in (FAILED, UNKNOWN):
        return state
    detail = cause(message.error_slug) if message.error_slug else ""
    return StateView(word=state.word, icon=state.icon, kind=state.kind, detail=detail)


def _actions(message: Message, reader: Reader) -> list[ActionView]:
    """Return what can be done about a message that waits, or that somebody has to decide about."""
    is_settled = message.direction == INBOUND or message.deleted_at is not None
    if is_settled or not reader.tenant.may("reply"):
        return []
    choices = {
        FAILED: (("Try again", "retry"), ("Discard", "discard")),
        QUEUED: (("Cancel", "cancel"),),
        UNKNOWN: (("Send again", "retry"), ("Mark as sent", "mark_sent"), ("Discard", "discard")),
    }.get(message.status, ())
    return [
        ActionView(label=label, url=reader.link(f"messenger_ui.{action}", message_id=message.id))
        for label, action in choices
    ]
