"""The page where a template is written that Meta is to approve."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from werkzeug.datastructures import MultiDict

from flask_messenger.models import Account
from flask_messenger.replies.proposals import BUTTONS, MAX_BUTTONS, Proposal
from flask_messenger.ui.presenters.inbox import Choice
from flask_messenger.ui.presenters.reader import Reader

URL, POSTBACK = BUTTONS
BUTTON_WORDS: Final = {URL: "Opens a page", POSTBACK: "Sends an answer"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedButton:
    """One button; `url` is where it leads, if anywhere."""

    type: str = URL
    text: str = field(default="", repr=False)
    url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalDraft:
    """What the form holds."""

    account_id: str = ""
    name: str = field(default="", repr=False)
    language: str = "en"
    header: str = field(default="", repr=False)
    body: str = field(default="", repr=False)
    buttons: Sequence[ProposedButton] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalPage:
    """The page /messenger/settings/templates/propose."""

    draft: ProposalDraft
    accounts: Sequence[Choice]
    save_url: str
    back_url: str
    problem: str = ""
    button_types: Sequence[tuple[str, str]] = tuple(BUTTON_WORDS.items())
    zone: str = "UTC"
    cookie_path: str = "/"


def read_proposal(given: MultiDict[str, str]) -> ProposalDraft:
    """Return what was sent."""
    names = ("account_id", "name", "language", "header", "body")
    types, texts = given.getlist("b-type"), given.getlist("b-text")
    found = zip(types, texts, given.getlist("b-url"), strict=False)
    return ProposalDraft(
        **{name: given.get(name, "").replace("\r\n", "\n").strip() for name in names},
        buttons=[
            ProposedButton(type=type_, text=text.strip(), url=url.strip())
            for type_, text, url in found
            if text.strip() or url.strip()
        ],
    )


def proposal_of(draft: ProposalDraft) -> Proposal:
    """Return what Meta is asked.

    Raises:
        InvalidRequestError: names what Meta would refuse.
    """
    components: list[dict[str, Any]] = []
    if draft.header:
        components.append({"type": "HEADER", "format": "TEXT", "text": draft.header})
    components.append({"type": "BODY", "text": draft.body})
    if draft.buttons:
        components.append({"type": "BUTTONS", "buttons": [_button(each) for each in draft.buttons]})
    return Proposal(name=draft.name, language=draft.language, components=components)


def _button(button: ProposedButton) -> dict[str, str]:
    made = {"type": button.type, "text": button.text}
    return {**made, "url": button.url} if button.type == URL else made


def proposal_page(
    draft: ProposalDraft, accounts: Sequence[Account], reader: Reader, *, problem: str = ""
) -> ProposalPage:
    """Return the page, its form filled out to as many buttons as there can be."""
    empty = [ProposedButton()] * MAX_BUTTONS
    buttons = [*draft.buttons, *empty][: max(MAX_BUTTONS, len(draft.buttons))]
    return ProposalPage(
        draft=replace(draft, buttons=buttons),
        accounts=[
            Choice(value=str(each.id), label=each.name, chosen=str(each.id) == draft.account_id)
            for each in accounts
        ],
        save_url=reader.link("messenger_ui.propose_template"),
        back_url=reader.link("messenger_ui.templates"),
        problem=problem,
    )
