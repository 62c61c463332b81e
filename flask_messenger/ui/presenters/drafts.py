"""A template as a form has it: read from what was sent, made longer and shorter, put into JSON.

The form knows texts, buttons and cards. What a template has beside them, such as the height of a
button's page, stays with the part that has it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from werkzeug.datastructures import MultiDict

from flask_messenger.channels.registry import CHANNELS
from flask_messenger.content import parts
from flask_messenger.models import Template

TEXT: Final = "text"
BUTTONS: Final = "button_template"
CARDS: Final = "generic_template"
KINDS: Final = {TEXT: "Text", BUTTONS: "Text with buttons", CARDS: "Cards"}
BUTTON_TYPES: Final = {
    parts.WEB_URL: "Opens a page",
    parts.POSTBACK: "Sends an answer",
    parts.PHONE_NUMBER: "Calls a number",
}
VALUE_OF: Final = {parts.WEB_URL: "url"}
"""Where a button's value is kept: in `payload`, where nothing else is said."""
_LIMITS: Final = [each.limits for each in CHANNELS.values()]
MOST_REPLIES: Final = max(each.quick_replies for each in _LIMITS)
MOST_BUTTONS: Final = max(each.buttons for each in _LIMITS)
MOST_CARDS: Final = max(each.elements for each in _LIMITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ButtonDraft:
    """One button; `value` is where it leads, whom it calls, or what comes back."""

    type: str = parts.WEB_URL
    title: str = field(default="", repr=False)
    value: str = field(default="", repr=False)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was written."""
        return not self.title.strip() and not self.value.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class CardDraft:
    """One card; `url` is what a tap on it opens."""

    title: str = field(default="", repr=False)
    subtitle: str = field(default="", repr=False)
    image_url: str = field(default="", repr=False)
    url: str = field(default="", repr=False)
    buttons: Sequence[ButtonDraft] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was written."""
        words = (self.title, self.subtitle, self.image_url, self.url)
        return not any(each.strip() for each in words) and all(b.is_empty for b in self.buttons)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateDraft:
    """The whole form.

    Attributes:
        kind: one of `KINDS`.
        reach: whose it is: "" for everybody's, `l:` and a location's id, `a:` and an account's.
    """

    name: str = field(default="", repr=False)
    kind: str = TEXT
    reach: str = ""
    text: str = field(default="", repr=False)
    replies: Sequence[str] = field(default=(), repr=False)
    buttons: Sequence[ButtonDraft] = ()
    cards: Sequence[CardDraft] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was written that a person would see."""
        words = any(each.strip() for each in (self.text, *self.replies))
        buttons = any(not each.is_empty for each in self.buttons)
        return not words and not buttons and all(each.is_empty for each in self.cards)


def new_draft(kind: str) -> TemplateDraft:
    """Return a form to begin with."""
    if kind == BUTTONS:
        return TemplateDraft(kind=BUTTONS, buttons=(ButtonDraft(),))
    if kind == CARDS:
        return TemplateDraft(kind=CARDS, cards=(CardDraft(buttons=(ButtonDraft(),)),))
    return TemplateDraft()


def read_draft(given: MultiDict[str, str]) -> TemplateDraft:
    """Return what a form sent; lines that nothing is in stay."""
    cards = []
    for number in range(MOST_CARDS):
        at = f"card-{number}"
        if f"{at}-title" in given:
            names = ("title", "subtitle", "image_url", "url")
            values = {name: given.get(f"{at}-{name}", "").strip() for name in names}
            cards.append(CardDraft(**values, buttons=_read_buttons(given, at)))
    kind = given.get("kind", TEXT)
    return TemplateDraft(
        name=given.get("name", ""),
        kind=kind if kind in KINDS else TEXT,
        reach=given.get("reach", ""),
        text=given.get("text", "").replace("\r\n", "\n"),
        replies=tuple(given.getlist("reply")[:MOST_REPLIES]),
        buttons=_read_buttons(given, "button"),
        cards=tuple(cards),
    )


def _read_buttons(given: MultiDict[str, str], at: str) -> tuple[ButtonDraft, ...]:
    types, titles = given.getlist(f"{at}-b-type"), given.getlist(f"{at}-b-title")
    values = given.getlist(f"{at}-b-value")
    read = zip(types, titles, values, strict=False)
    return tuple(
        ButtonDraft(
            type=type_ if type_ in BUTTON_TYPES else parts.WEB_URL,
            title=title.strip(),
            value=value.strip(),
        )
        for type_, title, value in list(read)[:MOST_BUTTONS]
    )


def reshape(draft: TemplateDraft, *, add: str, remove: str) -> TemplateDraft:
    """Return the form with one part more or less; `add` and `remove` name it, as in `card-2-0`."""
    if add:
        return _longer(draft, add)
    return _shorter(draft, remove) if remove else draft


def focus_after(draft: TemplateDraft, *, add: str, remove: str) -> str:
    """Return where one goes on: in the part that is new, else where another can be added."""
    name, _, at = (add or remove).partition("-")
    card = at.partition("-")[0]
    if not add:
        return f"add-card-{card}" if name == "card" and "-" in at else f"add-{name}"
    if name == "card" and at:
        found = [each for number, each in enumerate(draft.cards) if str(number) == card]
        return f"card-{card}-{len(found[0].buttons) - 1}" if found else ""
    parts_ = {"reply": draft.replies, "button": draft.buttons}.get(name, draft.cards)
    return f"{name}-{len(parts_) - 1}"


def _longer(draft: TemplateDraft, part: str) -> TemplateDraft:
    name, _, at = part.partition("-")
    if name == "reply":
        return replace(draft, replies=[*draft.replies, ""][:MOST_REPLIES])
    if name == "button":
        return replace(draft, buttons=[*draft.buttons, ButtonDraft()][:MOST_BUTTONS])
    if not at:
        return replace(draft, cards=[*draft.cards, CardDraft()][:MOST_CARDS])
    return _with_card(
        draft,
        at,
        lambda card: replace(card, buttons=[*card.buttons, ButtonDraft()][:MOST_BUTTONS]),
    )


def _shorter(draft: TemplateDraft, part: str) -> TemplateDraft:
    name, _, at = part.partition("-")
    if name == "reply":
        return replace(draft, replies=_without(draft.replies, at))
    if name == "button":
        return replace(draft, buttons=_without(draft.buttons, at))
    card, _, button = at.partition("-")
    if not button:
        return replace(draft, cards=_without(draft.cards, card))
    return _with_card(
        draft, card, lambda each: replace(each, buttons=_without(each.buttons, button))
    )


def _with_card(draft: TemplateDraft, at: str, change: Any) -> TemplateDraft:
    cards = [change(each) if str(number) == at else each for number, each in enumerate(draft.cards)]
    return replace(draft, cards=cards)


def _without(items: Sequence[Any], at: str) -> list[Any]:
    return [each for number, each in enumerate(items) if str(number) != at]


def draft_of(template: Template) -> TemplateDraft:
    """Return the form of what is kept."""
    content = template.content
    reach = f"l:{template.location_id}" if template.location_id else ""
    return TemplateDraft(
        name=template.name,
        kind=template.content_kind,
        reach=f"a:{template.account_id}" if template.account_id else reach,
        text=template.text or "",
        replies=[_text(each.get("title")) for each in _mappings(content.get("quick_replies"))],
        buttons=_button_drafts(content.get("buttons")),
        cards=[
            CardDraft(
                title=_text(each.get("title")),
                subtitle=_text(each.get("subtitle")),
                image_url=_text(each.get("image_url")),
                url=_text(_mapping(each.get("default_action")).get("url")),
                buttons=_button_drafts(each.get("buttons")),
            )
            for each in _mappings(content.get("elements"))
        ],
    )


def can_edit(template: Template) -> bool:
    """Say whether the form knows all that a template is made of."""
    replies = _mappings(template.content.get("quick_replies"))
    lists = [template.content, *_mappings(template.content.get("elements"))]
    types = [button.get("type") for each in lists for button in _mappings(each.get("buttons"))]
    return (
        template.content_kind in KINDS
        and all(each in BUTTON_TYPES for each in types)
        and all(each.get("type", parts.REPLY_TEXT) == parts.REPLY_TEXT for each in replies)
    )


def content_of(
    draft: TemplateDraft, before: Mapping[str, Any]
) -> tuple[str | None, dict[str, Any]]:
    """Return text and content of a template; empty lines are none."""
    if draft.kind == CARDS:
        kept = _mappings(before.get("elements"))
        cards = [each for each in draft.cards if not each.is_empty]
        elements = [_element(card, _at(kept, number)) for number, card in enumerate(cards)]
        return None, {**before, "elements": elements}
    if draft.kind == BUTTONS:
        return draft.text, {**before, "buttons": _buttons(draft.buttons, before.get("buttons"))}
    titles = [each.strip() for each in draft.replies if each.strip()]
    known = {_text(each.get("title")): each for each in _mappings(before.get("quick_replies"))}
    replies = [{"payload": title, **known.get(title, {}), "title": title} for title in titles]
    rest = {name: value for name, value in before.items() if name != "quick_replies"}
    return draft.text, {**rest, "quick_replies": replies} if replies else rest


def _element(card: CardDraft, before: Mapping[str, Any]) -> dict[str, Any]:
    action = {**_mapping(before.get("default_action")), "url": card.url} if card.url else None
    made = {
        "title": card.title,
        "subtitle": card.subtitle or None,
        "image_url": card.image_url or None,
        "default_action": action,
        "buttons": _buttons(card.buttons, before.get("buttons")) or None,
    }
    return {name: value for name, value in {**before, **made}.items() if value is not None}


def _buttons(drafts: Sequence[ButtonDraft], before: Any) -> list[dict[str, Any]]:
    kept = _mappings(before)
    written = [each for each in drafts if not each.is_empty]
    return [_button(each, _at(kept, number)) for number, each in enumerate(written)]


def _button(draft: ButtonDraft, before: Mapping[str, Any]) -> dict[str, Any]:
    kept = before if before.get("type") == draft.type else {}
    value = draft.value
    if draft.type == parts.POSTBACK:
        value = value or draft.title
    name = VALUE_OF.get(draft.type, "payload")
    return {**kept, "type": draft.type, "title": draft.title, name: value}


def _button_drafts(given: Any) -> list[ButtonDraft]:
    drafts = []
    for each in _mappings(given):
        type_ = _text(each.get("type"))
        value = _text(each.get(VALUE_OF.get(type_, "payload")))
        drafts.append(ButtonDraft(type=type_, title=_text(each.get("title")), value=value))
    return drafts


def _at(items: Sequence[Mapping[str, Any]], number: int) -> Mapping[str, Any]:
    return items[number] if number < len(items) else {}


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    given = value if isinstance(value, list | tuple) else []
    return [each for each in given if isinstance(each, Mapping)]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
