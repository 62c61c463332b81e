"""The page where Meta's own templates are found and taken over."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from flask_messenger.graph.page_templates import LibraryTemplate
from flask_messenger.models import Account
from flask_messenger.ui.presenters.inbox import Choice
from flask_messenger.ui.presenters.reader import Reader

MOST_SHOWN: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is looked for, and for which account."""

    account_id: str = ""
    words: str = field(default="", repr=False)
    language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryRow:
    """One of Meta's own."""

    name: str
    language: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryPage:
    """The page /messenger/settings/templates/library.

    Attributes:
        rows: what was found; None where nothing was looked for yet.
        more: how many more there are, in words.
    """

    search: Search
    accounts: Sequence[Choice]
    rows: Sequence[LibraryRow] | None
    more: str
    search_url: str
    take_url: str
    back_url: str
    problem: str = ""
    zone: str = "UTC"
    cookie_path: str = "/"


def library_page(
    search: Search,
    found: Sequence[LibraryTemplate] | None,
    accounts: Sequence[Account],
    reader: Reader,
    *,
    problem: str = "",
) -> LibraryPage:
    """Return the page with what was found."""
    rows = found or ()
    left = len(rows) - MOST_SHOWN
    return LibraryPage(
        search=search,
        accounts=[
            Choice(value=str(each.id), label=each.name, chosen=str(each.id) == search.account_id)
            for each in accounts
        ],
        rows=None if found is None else [_row(each, search) for each in rows[:MOST_SHOWN]],
        more=f"{left} more were found: look for more words." if left > 0 else "",
        search_url=reader.link("messenger_ui.template_library"),
        take_url=reader.link("messenger_ui.take_template"),
        back_url=reader.link("messenger_ui.templates"),
        problem=problem,
    )


def _row(template: LibraryTemplate, search: Search) -> LibraryRow:
    language = template.language or search.language or "en"
    return LibraryRow(name=template.name, language=language, body=template.body or "")
