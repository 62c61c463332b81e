"""What stands above the inbox while an account needs a person."""

from collections.abc import Callable, Sequence

from flask_messenger.connect.findings import SOON, AccountWarning
from flask_messenger.ui.presenters.fixes import warning_fix
from flask_messenger.ui.presenters.inbox import WarningView
from flask_messenger.ui.presenters.reader import Reader


def warning_view(
    warnings: Sequence[AccountWarning], reader: Reader, connect: Callable[..., str]
) -> WarningView | None:
    """Return the one line for all that is to be warned of, `warnings` being the worst first."""
    if not warnings:
        return None
    first, more = warnings[0], len(warnings) - 1
    fix = warning_fix(first, reader, connect)
    return WarningView(
        kind=fix.kind,
        title=fix.title,
        text=fix.text,
        action=fix.action,
        action_url=fix.url,
        key=f"{first.account_id}:{first.check}:{more}" if first.state == SOON else "",
        others=f"{more} more to look at" if more else "",
        others_url=reader.link("messenger_ui.settings"),
    )
