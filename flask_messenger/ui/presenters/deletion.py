"""How far a deletion has come, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from flask_messenger.connect.callbacks import Deletion
from flask_messenger.ui.presenters.times import moment


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionView:
    """The status page. Its reader is not signed in, so its times are in UTC."""

    title: str
    text: str
    facts: Sequence[tuple[str, str]]
    zone: str = "UTC"
    cookie_path: str = "/"


def deletion_view(deletion: Deletion, *, now: datetime) -> DeletionView:
    """Return the status page of a deletion."""
    is_done = deletion.completed_at is not None
    facts = [
        ("Code", deletion.code),
        ("State", "Done" if is_done else "Under way"),
        ("Asked for", f"{moment(deletion.requested_at, now=now, zone=UTC)} UTC"),
    ]
    if deletion.completed_at is not None:
        facts.append(("Done", f"{moment(deletion.completed_at, now=now, zone=UTC)} UTC"))
    return DeletionView(
        title="Your data is deleted" if is_done else "Your data is being deleted",
        text="What your login at Facebook gave us — who you are and the access to your Pages — "
        + ("is gone." if is_done else "is being removed."),
        facts=facts,
    )
