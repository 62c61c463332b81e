"""What is wrong with an account, what follows, and the one way to mend it."""

from collections.abc import Callable
from typing import Final

from flask_messenger.connect.findings import SOON, AccountWarning
from flask_messenger.connect.health import GRANT_REPLACED, SUBSCRIPTION_LOST, UNSUBSCRIBED
from flask_messenger.inbox.queries import AccountRow
from flask_messenger.models import Account
from flask_messenger.models.accounts import ACTIVE, DISCONNECTED, NEEDS_REAUTH
from flask_messenger.ui.presenters.reader import Reader
from flask_messenger.ui.presenters.settings import Fix
from flask_messenger.ui.presenters.times import in_days

STATES: Final = {
    ACTIVE: ("Connected", "good"),
    NEEDS_REAUTH: ("Reconnect", "bad"),
    DISCONNECTED: ("Disconnected", "off"),
}
PROBLEM: Final = ("Attention", "warn")
ENDING: Final = ("Ends soon", "warn")
ENDS: Final = {
    "expiry": "The login of {name} ends {when}.",
    "data_access": "Access to the messages of {name} ends {when}.",
}
ENDED: Final = {
    "expiry": "The login of {name} has ended.",
    "data_access": "Access to the messages of {name} has ended.",
}
ASK_TO_RECONNECT: Final = "Ask an admin of your workspace to reconnect it."
ASK_TO_LOOK: Final = "Ask an admin of your workspace to look at it."


def state_words(account: Account, warning: AccountWarning | None = None) -> tuple[str, str]:
    """Return how an account is, in a word and as "good", "warn", "bad" or "off"."""
    if account.status == ACTIVE and warning is not None:
        return ENDING if warning.state == SOON else PROBLEM
    return STATES.get(account.status, PROBLEM)


def fix_view(
    row: AccountRow,
    reader: Reader,
    connect: Callable[..., str],
    warning: AccountWarning | None = None,
) -> Fix | None:
    """Return what is to be done about an account; None where nothing is."""
    account = row.account
    if account.status == DISCONNECTED:
        return None
    if account.status == ACTIVE:
        return warning_fix(warning, reader, connect) if warning else None
    waiting = ""
    if row.queued_count:
        verb = "waits" if row.queued_count == 1 else "wait"
        replies = "1 reply" if row.queued_count == 1 else f"{row.queued_count} replies"
        waiting = f"; {replies} {verb} to be sent"
    may = reader.tenant.may("connect")
    ask = "" if may else f" {ASK_TO_RECONNECT}"
    return Fix(
        kind="bad" if account.status == NEEDS_REAUTH else "warn",
        title=_cause(account.status, account.status_reason),
        text=f"{_arriving(account.status_reason)}{waiting}.{ask}",
        action="Reconnect" if may else "",
        url=connect(account=account.id) if may else None,
    )


def warning_fix(warning: AccountWarning, reader: Reader, connect: Callable[..., str]) -> Fix:
    """Return what the doctor warns of: an end that comes, or what is wrong already."""
    may = reader.tenant.may("connect")
    action, url, text = "", None, ASK_TO_LOOK
    if may and warning.can_reconnect:
        action, url, text = "Reconnect", connect(account=warning.account_id), ""
    elif may:
        action, text = "See why", warning.mend
        url = reader.link("messenger_ui.account", account_id=warning.account_id)
    elif warning.can_reconnect:
        text = ASK_TO_RECONNECT
    if may and warning.state == SOON:
        text = "Reconnect it before then, and nothing stops."
    return Fix(
        kind="warn" if warning.state == SOON else "bad",
        title=warning_title(warning, reader),
        text=text,
        action=action,
        url=url,
    )


def warning_title(warning: AccountWarning, reader: Reader) -> str:
    """Say what a warning is about; what ends, with the days that are left."""
    name, ends_at = warning.name, warning.ends_at
    if ends_at is not None and warning.check in ENDS:
        if ends_at <= reader.now:
            return ENDED[warning.check].format(name=name)
        when = in_days(ends_at, now=reader.now, zone=reader.zone)
        return ENDS[warning.check].format(name=name, when=when)
    if warning.check == "token" and warning.can_reconnect:
        return f"{name} has to be connected again."
    return f"{name}: {warning.title.rstrip('.')}."


def _arriving(reason: str | None) -> str:
    """Say whether people are still heard: without its subscription a Page is deaf."""
    if reason in {GRANT_REPLACED, SUBSCRIPTION_LOST, UNSUBSCRIBED}:
        return "New messages may not arrive until it is reconnected"
    return "Messages still arrive"


def _cause(status: str, reason: str | None) -> str:
    if reason == GRANT_REPLACED:
        return "A later login at Facebook no longer covers this Page."
    if reason == UNSUBSCRIBED:
        return "This Page was unsubscribed while it was being reconnected."
    if reason == SUBSCRIPTION_LOST:
        return "Facebook stopped sending this Page's messages, and would not begin again."
    if status == NEEDS_REAUTH:
        return "Facebook ended this login."
    return "Facebook reports a problem with this Page."
