"""The page of an account's profile: a form for what most want, in the default language.

What the form does not know of (other languages, commands, domains) stays as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from werkzeug.datastructures import MultiDict

from flask_messenger.models import Account
from flask_messenger.presence.profile import ProfileState
from flask_messenger.ui.presenters.reader import Reader, channel_label
from flask_messenger.ui.presenters.settings import Notice
from flask_messenger.ui.presenters.times import time_ago_spoken

DEFAULT: Final = "default"
QUESTIONS: Final = 4
ITEMS: Final = 5
"""As many lines as the form has; Messenger shows five items of a menu at once."""
NOTICES: Final = {
    "applied": Notice(
        kind="good", title="Saved.", text="In chats that are open it may show a day later."
    ),
    "read": Notice(kind="good", title="Read from Meta just now."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of the menu: with an address it opens that, without it the title comes back."""

    title: str = field(default="", repr=False)
    url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileForm:
    """What the form holds."""

    greeting: str = field(default="", repr=False)
    questions: Sequence[str] = field(default=(), repr=False)
    items: Sequence[Item] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilePage:
    """The page /messenger/settings/accounts/…/profile."""

    name: str
    channel_label: str
    read: str
    form: ProfileForm
    has_greeting: bool
    has_questions: bool
    has_items: bool
    save_url: str
    read_url: str
    back_url: str
    problem: str = ""
    notices: Sequence[Notice] = ()
    zone: str = "UTC"
    cookie_path: str = "/"


def profile_page(
    account: Account,
    known: ProfileState,
    reader: Reader,
    *,
    form: ProfileForm,
    problem: str = "",
    notice: str = "",
) -> ProfilePage:
    """Return the page with its form, filled out to as many lines as it has."""
    read = "What Meta shows has not been read yet"
    if known.read_at is not None:
        ago = time_ago_spoken(known.read_at, now=reader.now, zone=reader.zone)
        read = f"As Meta showed it {ago}"
    told = NOTICES.get(notice)
    questions = [*form.questions, *[""] * QUESTIONS][: max(QUESTIONS, len(form.questions))]
    items = [*form.items, *[Item()] * ITEMS][: max(ITEMS, len(form.items))]
    return ProfilePage(
        name=account.name,
        channel_label=channel_label(account.channel),
        read=read,
        form=ProfileForm(greeting=form.greeting, questions=questions, items=items),
        has_greeting="greeting" in known.properties,
        has_questions="ice_breakers" in known.properties,
        has_items="persistent_menu" in known.properties,
        save_url=reader.link("messenger_ui.set_profile", account_id=account.id),
        read_url=reader.link("messenger_ui.read_profile", account_id=account.id),
        back_url=reader.link("messenger_ui.account", account_id=account.id),
        problem=problem,
        notices=[told] if told else [],
    )


def read_form(given: MultiDict[str, str]) -> ProfileForm:
    """Return what was sent; empty lines are none."""
    titles, urls = given.getlist("title"), given.getlist("url")
    pairs = zip(titles, [*urls, *[""] * len(titles)], strict=False)
    items = [Item(title=title.strip(), url=url.strip()) for title, url in pairs]
    return ProfileForm(
        greeting=given.get("greeting", "").strip(),
        questions=[each.strip() for each in given.getlist("question") if each.strip()],
        items=[each for each in items if each.title or each.url],
    )


def form_of(known: ProfileState) -> ProfileForm:
    """Return the form as the account shows it, or as it was wanted last."""
    shown = known.wanted if known.live is None else known.live
    greeting = _default(shown.get("greeting")).get("text")
    return ProfileForm(
        greeting=greeting if isinstance(greeting, str) else "",
        questions=[
            str(each.get("question") or "")
            for each in _actions(_default(shown.get("ice_breakers")))
        ],
        items=[
            Item(title=str(each.get("title") or ""), url=str(each.get("url") or ""))
            for each in _actions(_default(shown.get("persistent_menu")))
        ],
    )


def document_of(form: ProfileForm, known: ProfileState) -> dict[str, Any]:
    """Return what is to be set: each property the form knows of, with its other languages kept."""
    shown = known.wanted if known.live is None else known.live
    made: dict[str, dict[str, Any] | None] = {
        "greeting": {"text": form.greeting} if form.greeting else None,
        "ice_breakers": _asked(form, _default(shown.get("ice_breakers"))),
        "persistent_menu": _menu(form, _default(shown.get("persistent_menu"))),
    }
    document: dict[str, Any] = {
        name: _with_others(value, shown.get(name))
        for name, value in made.items()
        if name in known.properties
    }
    needs_start = document.get("persistent_menu") and "get_started" in known.properties
    if needs_start and not shown.get("get_started"):
        document["get_started"] = {"payload": "GET_STARTED"}
    return document


def _asked(form: ProfileForm, before: Mapping[str, Any]) -> dict[str, Any] | None:
    payloads = {each.get("question"): each.get("payload") for each in _actions(before)}
    actions = [{"question": each, "payload": payloads.get(each) or each} for each in form.questions]
    return {"call_to_actions": actions} if actions else None


def _menu(form: ProfileForm, before: Mapping[str, Any]) -> dict[str, Any] | None:
    known = {each.get("title"): each for each in _actions(before)}
    actions = [_action(each, known.get(each.title, {})) for each in form.items]
    kept = {key: value for key, value in before.items() if key not in {"locale", "call_to_actions"}}
    return {**kept, "call_to_actions": actions} if actions else None


def _action(item: Item, before: Mapping[str, Any]) -> dict[str, Any]:
    """Return one item; what it had beside title and address stays with it."""
    if item.url:
        kept = before if before.get("type") == "web_url" else {}
        return {**kept, "type": "web_url", "title": item.title, "url": item.url}
    payload = before.get("payload") or item.title
    return {"type": "postback", "title": item.title, "payload": payload}


def _with_others(value: dict[str, Any] | None, shown: Any) -> list[dict[str, Any]] | None:
    if value is None:
        return None
    others = [each for each in _mappings(shown) if each.get("locale") != DEFAULT]
    return [{"locale": DEFAULT, **value}, *map(dict, others)]


def _default(shown: Any) -> Mapping[str, Any]:
    return next((each for each in _mappings(shown) if each.get("locale", DEFAULT) == DEFAULT), {})


def _actions(entry: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return _mappings(entry.get("call_to_actions"))


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    given = value if isinstance(value, list) else []
    return [each for each in given if isinstance(each, Mapping)]
