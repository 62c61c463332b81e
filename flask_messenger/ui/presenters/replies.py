"""What is kept to be sent again, in the composer."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from flask_messenger.content import Content
from flask_messenger.models import SavedReply, Template
from flask_messenger.ui.presenters.attachments import sent_attachment_views
from flask_messenger.ui.presenters.cards import cards_of, replies_of, says_all
from flask_messenger.ui.presenters.inbox import AttachmentView, CardView
from flask_messenger.ui.presenters.reader import Reader

READY = ("ready", "approved")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyView:
    """One line of the list.

    Attributes:
        words: what one may type to find it.
        text_url: where its words are, ready to be put into the field; "" for a template.
        preview_url: where a template is shown as it would go out; "" for a saved reply.
    """

    name: str = field(repr=False)
    note: str = field(repr=False)
    words: str = field(repr=False)
    text_url: str = ""
    preview_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewView:
    """A template as it would go out."""

    template_id: str
    text: str = field(repr=False)
    cards: Sequence[CardView] = ()
    attachments: Sequence[AttachmentView] = ()
    replies: Sequence[str] = field(default=(), repr=False)


def reply_views(
    saved: Sequence[SavedReply],
    templates: Sequence[Template],
    *,
    conversation_id: uuid.UUID,
    reader: Reader,
) -> list[ReplyView]:
    """Return saved replies by their shortcuts, then the templates that can be sent."""
    found = [
        ReplyView(
            name=f"/{each.shortcut}",
            note=each.title or " ".join(each.text.split())[:80],
            words=f"{each.shortcut} {each.title}".casefold(),
            text_url=reader.link(
                "messenger_ui.saved_reply", conversation_id=conversation_id, saved_reply_id=each.id
            ),
        )
        for each in saved
    ]
    return found + [
        ReplyView(
            name=each.name,
            note="Template",
            words=each.name.casefold(),
            preview_url=reader.link(
                "messenger_ui.template_preview",
                conversation_id=conversation_id,
                template_id=each.id,
            ),
        )
        for each in templates
        if each.status in READY
    ]


def preview_view(content: Content, *, template_id: uuid.UUID) -> PreviewView:
    """Return what would be sent."""
    stored = content.as_dict()
    text = "" if says_all(content.kind) else content.words or ""
    return PreviewView(
        template_id=str(template_id),
        text=text,
        cards=cards_of(content.kind, stored),
        attachments=sent_attachment_views(content.kind, stored),
        replies=replies_of(stored),
    )
