"""What went wrong, as a page: what it means and where to go from here."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemView:
    """One page about one problem."""

    title: str
    text: str
    icon: str = "warn"
    url: str | None = None
    action: str = ""
    zone: str = "UTC"
    cookie_path: str = "/"


KNOWN: Final = {
    HTTPStatus.UNAUTHORIZED: ("Please sign in", "You are signed out, or never were.", "lock"),
    HTTPStatus.NOT_FOUND: (
        "Not found",
        "This does not exist, or it is not yours to see.",
        "question",
    ),
}

DATABASE_AWAY: Final = ProblemView(
    title="Please try again in a moment",
    text="The database does not answer. Messages still come in, and nothing that was sent is lost.",
)


def problem_page(status: int, *, title: str, detail: str) -> ProblemView:
    """Return the page for a status.

    An internal error's own words speak to whoever runs the server; they stay in the log.
    """
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return DATABASE_AWAY
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ProblemView(title="That did not work", text="Please try again in a moment.")
    if status == HTTPStatus.FORBIDDEN:
        return ProblemView(title="This was refused", text=detail, icon="lock")
    if status in KNOWN:
        words, text, icon = KNOWN[HTTPStatus(status)]
        return ProblemView(title=words, text=text, icon=icon)
    return ProblemView(title=title, text=detail)
