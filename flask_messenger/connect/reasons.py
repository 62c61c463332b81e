"""How an attempt to connect can end: stable names, and what people read about each.

The settings page gets the name in its address (`?notice=<name>`), callers of the API as `reason`.
"""

import uuid
from dataclasses import dataclass
from typing import Final

from flask_messenger.errors import ConnectError, GraphError, GraphTimeoutError

GOOD: Final = "good"
WARN: Final = "warn"
BAD: Final = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """What to tell a person.

    Attributes:
        name: stable; hosts and scripts may compare it.
        kind: `good`, `warn` or `bad`.
        remedy: what to do about it; empty where nothing is to be done.
        can_retry: whether starting over is a sensible offer.
        asks_again: whether the dialog has to ask again for what was declined (`rerequest=1`).
    """

    name: str
    kind: str
    title: str
    text: str
    remedy: str = ""
    can_retry: bool = False
    asks_again: bool = False


_ALL: Final = (
    Reason(
        name="connected",
        kind=GOOD,
        title="Connected.",
        text="New messages arrive in your inbox from now on.",
    ),
    Reason(
        name="connected_partly",
        kind=WARN,
        title="Some accounts could not be connected.",
        text="The others are connected, and their messages arrive from now on.",
        remedy="Choose the remaining ones again; each says what stands in its way.",
    ),
    Reason(
        name="reconnected",
        kind=GOOD,
        title="Connected again.",
        text="Messages arrive and go out as before; replies that were waiting are on their way.",
    ),
    Reason(
        name="disconnected",
        kind=GOOD,
        title="Disconnected.",
        text="No new messages arrive and nothing can be sent. The conversations stay here.",
    ),
    Reason(
        name="declined",
        kind=WARN,
        title="Nothing was connected.",
        text="The login at Facebook was cancelled.",
        remedy="Connect again and choose “Continue” in Facebook's window.",
        can_retry=True,
    ),
    Reason(
        name="permission_declined",
        kind=WARN,
        title="A permission is missing.",
        text="Facebook was told not to allow everything an inbox needs.",
        remedy="Ask again and allow every permission in Facebook's window.",
        can_retry=True,
        asks_again=True,
    ),
    Reason(
        name="no_pages",
        kind=WARN,
        title="Facebook showed us no Pages.",
        text="This person manages no Page, or chose none in Facebook's window.",
        remedy=(
            "Log in as somebody who manages the Page, tick it in Facebook's window, and check in"
            " the Page's settings that the person has full control or the Messages task."
        ),
        can_retry=True,
    ),
    Reason(
        name="not_professional",
        kind=WARN,
        title="This Instagram account cannot be connected.",
        text="It is a personal one; Instagram gives apps the messages of professional ones only.",
        remedy=(
            "Switch it to a business or creator account in Instagram's settings, then connect"
            " again."
        ),
        can_retry=True,
    ),
    Reason(
        name="account_not_granted",
        kind=WARN,
        title="The login did not include this account.",
        text="Somebody else logged in, or the account was not ticked in Meta's window.",
        remedy="Connect it again, as somebody who manages it, and tick it in Meta's window.",
        can_retry=True,
    ),
    Reason(
        name="state_invalid",
        kind=BAD,
        title="This login was not started here.",
        text="It was started in another browser, by somebody else, or for another workspace.",
        remedy="Connect again from this page, in this browser.",
        can_retry=True,
    ),
    Reason(
        name="state_used",
        kind=WARN,
        title="This login was used already.",
        text="Its answer was opened a second time.",
        remedy="If the Page is not in the list, connect again.",
        can_retry=True,
    ),
    Reason(
        name="state_expired",
        kind=WARN,
        title="The login took too long.",
        text="It was open for more than a quarter of an hour.",
        remedy="Connect again.",
        can_retry=True,
    ),
    Reason(
        name="choice_expired",
        kind=WARN,
        title="The choice of Pages is no longer open.",
        text="It was made already, or it waited for more than an hour.",
        remedy="If the Page is not in the list, connect again.",
        can_retry=True,
    ),
    Reason(
        name="code_expired",
        kind=WARN,
        title="Facebook's answer was too old.",
        text="Facebook gives a code that works once, for a few minutes.",
        remedy="Connect again.",
        can_retry=True,
    ),
    Reason(
        name="redirect_refused",
        kind=BAD,
        title="Facebook does not know this address.",
        text="The address that Facebook sends people back to is not registered for the Meta app.",
        remedy=(
            "Whoever runs this server has to add it to the app's valid OAuth redirect URIs and to"
            " check MESSENGER_PUBLIC_URL."
        ),
    ),
    Reason(
        name="meta_unavailable",
        kind=WARN,
        title="Facebook could not be reached.",
        text="It did not answer, or was too busy.",
        remedy="Connect again in a few minutes.",
        can_retry=True,
    ),
    Reason(
        name="meta_refused",
        kind=BAD,
        title="Facebook refused the login.",
        text="It answered with an error that trying again may not mend.",
        remedy="Connect again. If it stays like this, tell whoever runs this server.",
        can_retry=True,
    ),
    Reason(
        name="page_taken",
        kind=WARN,
        title="This Page belongs to another workspace.",
        text="A Page can be connected in one workspace at a time.",
        remedy="It has to be disconnected there first.",
    ),
    Reason(
        name="page_elsewhere",
        kind=WARN,
        title="This Page belongs to another location.",
        text="It is part of this workspace, in a location that you do not see.",
        remedy="Ask somebody who sees all locations to move it.",
    ),
    Reason(
        name="task_missing",
        kind=WARN,
        title="This person may not answer on the Page.",
        text="Facebook gives them no Messages task on it.",
        remedy="Ask an admin of the Page for the Messages task, then connect again.",
        can_retry=True,
    ),
    Reason(
        name="pages_lost",
        kind=WARN,
        title="Facebook ended the connection of other Pages.",
        text="The latest login at Facebook allowed fewer Pages than an earlier one of the person.",
        remedy="Connect again and tick all Pages in Facebook's window, the earlier ones too.",
        can_retry=True,
    ),
    Reason(
        name="signed_request_invalid",
        kind=BAD,
        title="The request is not signed by Meta.",
        text="`signed_request` is missing, malformed, or signed with another secret.",
        remedy="Check META_APP_SECRET.",
    ),
)
REASONS: Final = {reason.name: reason for reason in _ALL}

_BY_SUBCODE: Final = {36007: "code_expired", 36008: "redirect_refused", 36009: "code_expired"}
_BY_CODE: Final = {191: "redirect_refused"}


def ended(name: str, *, attempt_id: uuid.UUID | None = None) -> ConnectError:
    """Return, not raise, the error that says how an attempt ended."""
    reason = REASONS[name]
    return ConnectError(
        f"{reason.title} {reason.text}",
        reason=name,
        remedy=reason.remedy or None,
        attempt_id=attempt_id,
    )


def reason_of(error: GraphError) -> str:
    """Return the name of the reason that an error of Graph's stands for."""
    if isinstance(error, GraphTimeoutError) or error.retryable:
        return "meta_unavailable"
    named = _BY_SUBCODE.get(error.subcode or 0) or _BY_CODE.get(error.code or 0)
    return named or "meta_refused"
