"""What is kept to be sent again, in the composer."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from flask_messenger.content import Content
from flask_messenger.models import SavedReply, Template
from flask_messenger.replies.variables import VARIABLES
from flask_messenger.ui.presenters.attachments import sent_attachment_views
from flask_messenger.ui.presenters.cards import cards_of, replies_of, says_all
from flask_messenger.ui.presenters.inbox import AttachmentView, CardView, Choice
from flask_messenger.ui.presenters.integrations import location_choices
from flask_messenger.ui.presenters.reader import Reader
from flask_messenger.ui.presenters.settings import Notice

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A saved reply as a form has it; `id` is empty for a new one."""

    id: str = ""
    shortcut: str = field(default="", repr=False)
    title: str = field(default="", repr=False)
    text: str = field(default="", repr=False)
    location_id: str = ""


NO_DRAFT = Draft()


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedReplyForm:
    """One form of the page, with what was wrong with what was sent."""

    draft: Draft
    place: str = ""
    problem: str = ""
    edit_url: str = ""
    drop_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedRepliesPage:
    """The page /messenger/settings/replies."""

    new: SavedReplyForm
    rows: Sequence[SavedReplyForm]
    new_url: str
    back_url: str
    variables: Sequence[tuple[str, str]]
    locations: Sequence[Choice] = ()
    notices: Sequence[Notice] = ()
    zone: str = "UTC"
    cookie_path: str = "/"


NOTICES = {
    "saved": Notice(kind="good", title="Saved."),
    "deleted": Notice(kind="good", title="Deleted."),
}


def saved_replies_page(
    saved: Sequence[SavedReply],
    reader: Reader,
    *,
    draft: Draft = NO_DRAFT,
    problem: str = "",
    notice: str = "",
) -> SavedRepliesPage:
    """Return the page; what was refused stays in its form, with the reason."""
    known = NOTICES.get(notice)
    return SavedRepliesPage(
        new=SavedReplyForm(
            draft=NO_DRAFT if draft.id else draft, problem="" if draft.id else problem
        ),
        rows=[_form(each, reader, draft=draft, problem=problem) for each in saved],
        new_url=reader.link("messenger_ui.add_saved_reply"),
        back_url=reader.link("messenger_ui.settings"),
        variables=list(VARIABLES.items()),
        locations=location_choices(reader, draft.location_id) if len(reader.locations) > 1 else (),
        notices=[known] if known else [],
    )


def _form(row: SavedReply, reader: Reader, *, draft: Draft, problem: str) -> SavedReplyForm:
    is_refused = draft.id == str(row.id)
    kept = Draft(id=str(row.id), shortcut=row.shortcut, title=row.title, text=row.text)
    return SavedReplyForm(
        draft=draft if is_refused else kept,
        place=reader.location_name(row.location_id),
        problem=problem if is_refused else "",
        edit_url=reader.link("messenger_ui.edit_saved_reply", saved_reply_id=row.id),
        drop_url=reader.link("messenger_ui.drop_saved_reply", saved_reply_id=row.id),
    )
