"""Whose thread it is, where several apps share an account: what Meta last said, and for how long.

Source: https://developers.facebook.com/docs/messenger-platform/conversation-routing
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flask_messenger.events import UNNAMED

OURS: Final = "ours"
THEIRS: Final = "theirs"
FREE: Final = "free"
"""Nobody's, as far as we know. Only the default app may write then, and Meta says who that is."""

PAGE_INBOX: Final = "263902037430900"
INSTAGRAM_INBOX: Final = "1217981644879628"
LEAD_AUTOMATION: Final = "413038776280800"
NAMES: Final[Mapping[str, str]] = {
    PAGE_INBOX: "the Page's inbox at Meta",
    INSTAGRAM_INBOX: "Instagram's own inbox",
    LEAD_AUTOMATION: "Meta's lead automation",
    UNNAMED: "another app",
}

CONTROL_LASTS: Final = timedelta(hours=24)
"""After the person last wrote, where nobody extended it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """Who may write in a thread.

    Attributes:
        owner: `ours`, `theirs` or `free`.
        app_id: of the owner; None where the thread is free.
        until: when control ends by itself; None where the thread is free.
    """

    owner: str
    app_id: str | None = None
    until: datetime | None = None

    @property
    def name(self) -> str:
        """Who has it, in words that fit a sentence."""
        if self.owner == OURS:
            return "this inbox"
        return NAMES.get(self.app_id or "", "another app") if self.owner == THEIRS else "nobody"


def control_of(
    *,
    app_id: str | None,
    until: datetime | None,
    noted_at: datetime | None,
    last_inbound_at: datetime | None,
    our_app_ids: Collection[str],
    now: datetime,
) -> Control:
    """Say whose a thread is at `now`.

    Args:
        app_id: the owner by what Meta last said; None or empty where it was released.
        until: when that ends, where Meta said so.
        noted_at: when Meta said it.
        last_inbound_at: when the person last wrote; that prolongs what has no end of its own.
        our_app_ids: by which Meta knows the account's own app.
        now: aware.
    """
    if not app_id:
        return Control(owner=FREE)
    ends_at = until
    if ends_at is None:
        known = [each for each in (noted_at, last_inbound_at) if each is not None]
        ends_at = max(known) + CONTROL_LASTS if known else None
    if ends_at is not None and ends_at <= now:
        return Control(owner=FREE)
    owner = OURS if app_id in our_app_ids else THEIRS
    return Control(owner=owner, app_id=app_id, until=ends_at)
