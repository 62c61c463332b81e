"""The pages of templates: what is kept, what Meta approved, and one being written."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from flask_messenger.channels.registry import CHANNELS, channel_named
from flask_messenger.content import Content
from flask_messenger.errors import ContentError, InvalidRequestError
from flask_messenger.inbox.queries import AccountRow
from flask_messenger.models import Account, Template
from flask_messenger.models.templates import UTILITY
from flask_messenger.replies.utility import APPROVED, STATUS_WORDS
from flask_messenger.replies.variables import VARIABLES
from flask_messenger.ui.presenters import drafts
from flask_messenger.ui.presenters.drafts import TemplateDraft
from flask_messenger.ui.presenters.inbox import Choice
from flask_messenger.ui.presenters.reader import Reader, channel_label
from flask_messenger.ui.presenters.replies import PreviewView
from flask_messenger.ui.presenters.settings import Notice

NOTICES: Final = {
    "saved": Notice(kind="good", title="Saved."),
    "deleted": Notice(kind="good", title="Deleted."),
    "read": Notice(kind="good", title="Read from Meta just now."),
    "proposed": Notice(
        kind="good", title="Proposed.", text="Meta usually decides within seconds, and says so."
    ),
}
STATUS_KINDS: Final = {
    APPROVED: "good",
    "rejected": "bad",
    "disabled": "bad",
    "deleted": "off",
    "archived": "off",
    "pending_deletion": "off",
}
PARTS: Final = {
    "elements": "card",
    "buttons": "button",
    "quick_replies": "reply",
    "default_action.url": "address",
    "image_url": "picture",
    "payload": "value",
    "url": "address",
}
_NUMBERED: Final = re.compile(r"(\w+)\[(\d+)\]\.?")


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateRow:
    """One line of the list.

    Attributes:
        state: what Meta says of it; "" for one of ours.
        state_kind: "good", "warn", "bad" or "off".
        drop_url: where it is deleted from the list itself; None where its own page does that.
    """

    name: str = field(repr=False)
    kind: str
    words: str = field(repr=False)
    place: str
    url: str | None = None
    drop_url: str | None = None
    state: str = ""
    state_kind: str = ""
    says: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplatesPage:
    """The page /messenger/settings/templates."""

    rows: Sequence[TemplateRow]
    new: Sequence[tuple[str, str]]
    utility: Sequence[TemplateRow]
    read_urls: Sequence[tuple[str, str]]
    propose_url: str | None
    library_url: str = ""
    back_url: str
    notices: Sequence[Notice] = ()
    problem: str = ""
    zone: str = "UTC"
    cookie_path: str = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class EditorView:
    """One template being written.

    Attributes:
        problems: what is wrong, each with where.
        focus: the part that one goes on in, as `card-2-0`, or `add-` and what can be added.
        is_known: whether the form knows all that it is made of; else it is only looked at.
    """

    draft: TemplateDraft
    id: str = ""
    heading: str
    kind_word: str
    save_url: str
    shape_url: str
    preview_url: str
    back_url: str
    drop_url: str | None = None
    reaches: Sequence[Choice] = ()
    place: str = ""
    problems: Sequence[str] = ()
    preview: "DraftPreview | None" = None
    focus: str = ""
    is_known: bool = True
    variables: Sequence[tuple[str, str]] = tuple(VARIABLES.items())
    button_types: Sequence[tuple[str, str]] = tuple(drafts.BUTTON_TYPES.items())
    most_replies: int = drafts.MOST_REPLIES
    most_buttons: int = drafts.MOST_BUTTONS
    most_cards: int = drafts.MOST_CARDS
    notices: Sequence[Notice] = ()
    zone: str = "UTC"
    cookie_path: str = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftPreview:
    """What it would look like, and on which channels.

    Attributes:
        fits: of each channel its name, whether it can carry this, and why not.
    """

    shown: PreviewView | None = None
    problems: Sequence[str] = field(default=(), repr=False)
    fits: Sequence[tuple[str, bool, str]] = field(default=(), repr=False)


def templates_page(
    templates: Sequence[Template],
    accounts: Sequence[AccountRow],
    reader: Reader,
    *,
    notice: str = "",
    problem: str = "",
) -> TemplatesPage:
    """Return the list: ours first, then those that Meta looks at, by account."""
    known = NOTICES.get(notice)
    by_id = {row.account.id: row.account for row in accounts}
    able = [row.account for row in accounts if _approves(row.account)]
    return TemplatesPage(
        rows=[_row(each, by_id, reader) for each in templates if each.kind != UTILITY],
        new=[
            (label, reader.link("messenger_ui.new_template", kind=kind))
            for kind, label in drafts.KINDS.items()
        ],
        utility=[_utility_row(each, by_id, reader) for each in templates if each.kind == UTILITY],
        read_urls=[
            (each.name, reader.link("messenger_ui.read_templates", account_id=each.id))
            for each in able
        ],
        propose_url=reader.link("messenger_ui.new_proposal") if able else None,
        library_url=reader.link("messenger_ui.template_library"),
        back_url=reader.link("messenger_ui.settings"),
        notices=[known] if known else [],
        problem=problem,
    )


def _approves(account: Account) -> bool:
    channel = CHANNELS.get(account.channel)
    return channel is not None and channel.has_utility_templates


def _row(template: Template, accounts: Mapping[Any, Account], reader: Reader) -> TemplateRow:
    kind = template.content_kind
    return TemplateRow(
        name=template.name,
        kind=drafts.KINDS.get(kind, kind.replace("_", " ").capitalize()),
        words=template.text or _titles(template.content),
        place=place_of(template, accounts, reader),
        url=reader.link("messenger_ui.template", template_id=template.id),
    )


def _utility_row(
    template: Template, accounts: Mapping[Any, Account], reader: Reader
) -> TemplateRow:
    status = template.status
    says = STATUS_WORDS.get(status, f"Meta says of it: {status}.")
    reason = template.status_reason or ""
    return TemplateRow(
        name=template.name,
        kind=template.language,
        words=template.text or "",
        place=place_of(template, accounts, reader),
        drop_url=reader.link("messenger_ui.drop_template", template_id=template.id),
        state=status.replace("_", " ").capitalize(),
        state_kind=STATUS_KINDS.get(status, "warn"),
        says="" if status == APPROVED else f"{says} {reason}".strip(),
    )


def _titles(content: Mapping[str, Any]) -> str:
    elements = content.get("elements")
    given = elements if isinstance(elements, list) else []
    return ", ".join(str(each.get("title", "")) for each in given if isinstance(each, Mapping))


def place_of(template: Template, accounts: Mapping[Any, Account], reader: Reader) -> str:
    """Say whose a template is; nothing where it is everybody's."""
    account = accounts.get(template.account_id)
    return account.name if account else reader.location_name(template.location_id)


def reach_choices(accounts: Sequence[AccountRow], reader: Reader, chosen: str) -> list[Choice]:
    """Return whose a new template can be; who sees some locations makes none for all."""
    choices = [Choice(value="", label="Everybody")] if reader.tenant.location_ids is None else []
    choices += [
        Choice(value=f"l:{id_}", label=name, note="Location", chosen=chosen == f"l:{id_}")
        for id_, name in reader.locations.items()
    ]
    return choices + [
        Choice(
            value=f"a:{row.account.id}",
            label=f"{row.account.name} ({channel_label(row.account.channel)})",
            note="Account",
            chosen=chosen == f"a:{row.account.id}",
        )
        for row in accounts
    ]


def editor_view(
    draft: TemplateDraft,
    reader: Reader,
    *,
    template: Template | None = None,
    place: str = "",
    reaches: Sequence[Choice] = (),
    preview: DraftPreview | None = None,
    problems: Sequence[str] = (),
    focus: str = "",
    notice: str = "",
) -> EditorView:
    """Return the editor of a new template, or of one that is kept."""
    known = NOTICES.get(notice)
    save, drop_url, ids = "add_template", None, {}
    if template is not None:
        save, ids = "edit_template", {"template_id": template.id}
        drop_url = reader.link("messenger_ui.drop_template", **ids)
    word = drafts.KINDS.get(draft.kind, draft.kind.replace("_", " ").capitalize())
    return EditorView(
        draft=draft,
        id=str(template.id) if template else "",
        heading=template.name if template else f"New template: {word.lower()}",
        kind_word=word,
        save_url=reader.link(f"messenger_ui.{save}", **ids),
        shape_url=reader.link("messenger_ui.reshape_template"),
        preview_url=reader.link("messenger_ui.preview_template"),
        back_url=reader.link("messenger_ui.templates"),
        drop_url=drop_url,
        reaches=reaches,
        place=place,
        problems=problems,
        preview=preview,
        focus=focus,
        is_known=template is None or drafts.can_edit(template),
        notices=[known] if known else [],
    )


def draft_preview(content: Content, shown: PreviewView, channels: Iterable[str]) -> DraftPreview:
    """Return what it would look like, and what keeps a channel from carrying it."""
    fits = []
    for name in CHANNELS:
        if name in channels:
            why = " ".join(_unfit(content, name))
            fits.append((channel_label(name), not why, why))
    return DraftPreview(shown=shown, fits=fits)


def _unfit(content: Content, channel: str) -> list[str]:
    try:
        channel_named(channel).check_content(content)
    except ContentError as error:
        return problem_words(error)
    return []


def problem_words(error: InvalidRequestError) -> list[str]:
    """Say what is wrong, each with where: "Card 2, button 1, title: …"."""
    problems = error.problems if isinstance(error, ContentError) else ()
    if not problems:
        return [str(error)]
    return [f"{where}: {words}" if (where := _where(path)) else words for path, words in problems]


def _where(path: str) -> str:
    """Return a path such as `elements[1].buttons[0].title` as people count."""
    found = [
        f"{PARTS.get(name, name.replace('_', ' '))} {int(number) + 1}"
        for name, number in _NUMBERED.findall(path)
    ]
    last = _NUMBERED.sub("", path)
    if last and found:
        found.append(PARTS.get(last, last.replace("_", " ")))
    return ", ".join(found).capitalize()
