"""From Graph's `(code, subcode)` to our error tree: one table, closed by default.

An unknown code is a plain `GraphError`: shown, and not tried again. A new case is one row here and
one test with a captured answer.

Sources:
    https://developers.facebook.com/docs/messenger-platform/error-codes
    https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
"""

import contextlib
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from flask_messenger.errors import (
    AccountPausedError,
    AccountRestrictedError,
    AppMisconfiguredError,
    AppNotApprovedError,
    CommentAnsweredError,
    FileNotFetchedError,
    GraphError,
    GraphTimeoutError,
    GraphUnavailableError,
    InvalidGraphRequestError,
    MissingPermissionError,
    RateLimitedError,
    RecipientUnavailableError,
    RoutingRefusedError,
    ThreadTakenError,
    TokenExpiredError,
    WindowClosedError,
)
from flask_messenger.graph.usage import read_usage

BY_CODE_AND_SUBCODE: Final[Mapping[tuple[int, int], type[GraphError]]] = {
    (1, 1357046): GraphTimeoutError,  # "messages may have been sent": not to be repeated blindly
    (1, 2018382): InvalidGraphRequestError,
    (2, 2018344): MissingPermissionError,  # terms of service of labels
    (4, 2018022): RateLimitedError,
    (4, 2018354): RateLimitedError,
    (9, 2018352): RateLimitedError,
    (10, 2018065): WindowClosedError,
    (10, 2018278): WindowClosedError,
    (
        10,
        2534077,
    ): TokenExpiredError,  # the link of Page and Instagram account, or two-factor log-in
    (100, 33): InvalidGraphRequestError,
    (200, 1545041): RecipientUnavailableError,
    (551, 1545041): RecipientUnavailableError,
    (613, 1893016): InvalidGraphRequestError,
    (613, 2018338): AccountRestrictedError,
    (613, 2534040): RateLimitedError,
}

# These come under several codes, or as the code itself.
BY_SUBCODE: Final[Mapping[int, type[GraphError]]] = {
    1357046: GraphTimeoutError,
    1404170: AccountRestrictedError,
    1545041: RecipientUnavailableError,
    1893015: RecipientUnavailableError,
    1893063: AccountPausedError,  # restricted from sending for a while
    2018001: RecipientUnavailableError,
    2018008: FileNotFetchedError,  # worth another try
    2018014: InvalidGraphRequestError,
    2018021: InvalidGraphRequestError,  # matching people by phone number
    2018027: InvalidGraphRequestError,
    2018028: AppNotApprovedError,  # the app may only write to its own testers yet
    2018047: InvalidGraphRequestError,
    2018074: InvalidGraphRequestError,
    2018108: RecipientUnavailableError,
    2018109: InvalidGraphRequestError,
    2018145: InvalidGraphRequestError,
    2018164: InvalidGraphRequestError,
    2018171: RoutingRefusedError,  # only the default app may take a thread
    2018218: RecipientUnavailableError,  # this person has no profile
    2018247: MissingPermissionError,  # a field of the profile
    2018276: AppNotApprovedError,  # the app has no Human Agent feature
    2018278: WindowClosedError,
    2018292: CommentAnsweredError,  # a second private reply
    2018294: FileNotFetchedError,  # reading a video took too long; worth another try
    2018300: ThreadTakenError,  # another app has the thread now
    2018304: AppNotApprovedError,  # the app has no Human Agent feature
    2018320: InvalidGraphRequestError,
    2018321: ThreadTakenError,  # an automated flow has the thread now
    2018336: InvalidGraphRequestError,  # not to be had under Europe's rules
    2446079: RateLimitedError,
    2534013: AccountRestrictedError,  # the Page has no Instagram account any more
    2534014: RecipientUnavailableError,
    2534015: InvalidGraphRequestError,
    2534022: WindowClosedError,
    2534025: CommentAnsweredError,
    2534029: AccountRestrictedError,
    2534037: ThreadTakenError,  # another app has the thread now
    2534041: AccountRestrictedError,  # the account does not let apps have its messages
    2534122: AccountRestrictedError,
}

MESSENGER_CODES: Final[Mapping[int, type[GraphError]]] = {
    1: GraphUnavailableError,
    2: GraphUnavailableError,
    3: AppNotApprovedError,
    4: RateLimitedError,
    9: RateLimitedError,
    10: MissingPermissionError,
    17: RateLimitedError,
    32: RateLimitedError,
    33: InvalidGraphRequestError,
    100: InvalidGraphRequestError,
    102: TokenExpiredError,
    104: AppMisconfiguredError,  # the proof made with the app's secret is wrong
    190: TokenExpiredError,
    **dict.fromkeys(range(200, 300), MissingPermissionError),
    341: RateLimitedError,
    368: AccountPausedError,  # blocked for a while, for what was sent
    **dict.fromkeys((458, 459, 460, 463, 464, 467), TokenExpiredError),
    551: RecipientUnavailableError,
    613: RateLimitedError,
    803: InvalidGraphRequestError,
    1200: GraphUnavailableError,
    2022: AccountRestrictedError,
    2500: InvalidGraphRequestError,
    9007: InvalidGraphRequestError,
    10303: InvalidGraphRequestError,
    10900: CommentAnsweredError,
    10903: CommentAnsweredError,
    **dict.fromkeys(range(36000, 36010), InvalidGraphRequestError),  # publishing
    36103: AccountRestrictedError,
    **dict.fromkeys(range(80000, 80015), RateLimitedError),
    9000001: InvalidGraphRequestError,  # the message is deleted
}

# WhatsApp names no subcodes since v16.
WHATSAPP_CODES: Final[Mapping[int, type[GraphError]]] = {
    0: TokenExpiredError,
    131005: MissingPermissionError,
    131030: AppNotApprovedError,  # a test number writes to those on its list only
    **dict.fromkeys((131000, 131016, 133004, 139103, 2494100), GraphUnavailableError),
    **dict.fromkeys((130429, 131056, 131057, 132069, 134101), RateLimitedError),
    131048: AccountPausedError,  # people complained; Meta says "hours"
    **dict.fromkeys(
        (131031, 131037, 131042, 131044, 131045, 131064, 133016, 134011), AccountRestrictedError
    ),
    **dict.fromkeys(
        (133000, 133005, 133006, 133008, 133009, 133010, 133015), AccountRestrictedError
    ),  # the number is not registered, or not yet again
    **dict.fromkeys((130472, 130497, 131026, 131049, 131050, 137000), RecipientUnavailableError),
    131047: WindowClosedError,
    **dict.fromkeys(
        (131008, 131009, 131020, 131021, 131041, 131051, 131052, 131053, 131059, 131060),
        InvalidGraphRequestError,
    ),
    **dict.fromkeys((131062, 131063, 135000), InvalidGraphRequestError),
    **dict.fromkeys(range(131200, 131300), InvalidGraphRequestError),  # groups
    **dict.fromkeys(
        (132000, 132001, 132005, 132007, 132008, 132012, 132015, 132016, 132068),
        InvalidGraphRequestError,
    ),  # templates
    **dict.fromkeys((134100, 134102), InvalidGraphRequestError),
    **dict.fromkeys(range(139000, 139005), InvalidGraphRequestError),  # flows
    **dict.fromkeys(range(139100, 139103), InvalidGraphRequestError),
    **dict.fromkeys(range(147001, 147006), InvalidGraphRequestError),  # user names
    **dict.fromkeys(range(2388001, 2388300), InvalidGraphRequestError),  # making templates
    **dict.fromkeys((2593107, 2593108, 2593109), InvalidGraphRequestError),
}

# Where code and subcode do not say it, and Meta's text does.
BY_WORDS: Final[tuple[tuple[int, str, type[GraphError]], ...]] = (
    (10, "outside of allowed window", WindowClosedError),
    (10, "outside the allowed window", WindowClosedError),
    (100, "appsecret_proof", AppMisconfiguredError),
    (100, "notification_messages_token", RecipientUnavailableError),
)

BY_CODE: Final[Mapping[int, type[GraphError]]] = {**MESSENGER_CODES, **WHATSAPP_CODES}

LARGEST_CODE: Final = 2**31 - 1

ACCOUNT: Final = "account"
APP: Final = "app"
CONVERSATION: Final = "conversation"
_APP_LIMIT_CODES: Final = frozenset({4, 341})
_CONVERSATION_LIMIT_CODES: Final = frozenset({131056, 132069})
_CONVERSATION_LIMIT_SUBCODES: Final = frozenset(
    {2018300, 2018321, 2018352, 2018354, 2534037}  # whose thread it is; what one person gets
)
_ACCOUNT_LIMIT_SUBCODES: Final = frozenset({2018022, 2446079, 2534040})
_FEW_TRIES: Final[Mapping[int, int]] = {2018008: 2, 2018294: 2}
"""Subcodes worth no more than so many tries: what Meta cannot fetch it rarely can later."""


def scope_of_limit(code: int | None, subcode: int | None) -> str:
    """Say whom a rate limit is about: `account`, `app`, or one `conversation`.

    An HTTP 429 without a code counts as the account's.
    """
    named = {code, subcode}
    if named & _CONVERSATION_LIMIT_SUBCODES or code in _CONVERSATION_LIMIT_CODES:
        return CONVERSATION
    if named & _ACCOUNT_LIMIT_SUBCODES:
        return ACCOUNT
    return APP if code in _APP_LIMIT_CODES else ACCOUNT


def most_tries(code: int | None, subcode: int | None, *, otherwise: int) -> int:
    """Return how often a message that is refused like this is worth sending."""
    found = _FEW_TRIES.get(subcode or 0) or _FEW_TRIES.get(code or 0)
    return min(found or otherwise, otherwise)


def error_from_answer(
    status: int,
    body: Any,
    headers: Mapping[str, str] | None = None,
    *,
    repeatable: bool = False,
) -> GraphError:
    """Return, not raise, the error of an answer that Graph did not mean as a success.

    The error's text names code and trace id only: Graph's own text may quote ids and tokens.

    Args:
        status: of the HTTP answer.
        body: the parsed JSON; None where the answer held none.
        headers: of the answer; where it is a rate limit they say how long to wait.
        repeatable: whether doing the call twice is the same as doing it once. What fails on the
            way is then merely unavailable; otherwise nobody knows whether it was accepted.
    """
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return _error_without_envelope(status, headers or {}, repeatable=repeatable)
    code, subcode = _integer(error.get("code")), _integer(error.get("error_subcode"))
    kind = _kind_by_words(code, subcode, error.get("message")) or _kind(
        status, code, subcode, is_transient=error.get("is_transient") is True
    )
    if kind is GraphUnavailableError and code is None and not repeatable:
        kind = GraphTimeoutError  # Graph itself always names a code; this is somebody on the way
    return kind(
        f"Graph refused the call with code {code} and subcode {subcode} (HTTP {status}).",
        code=code,
        subcode=subcode,
        trace_id=_trace_id(error.get("fbtrace_id")),
        retry_after_seconds=_retry_after(headers or {}),
    )


def _kind_by_words(code: int | None, subcode: int | None, text: Any) -> type[GraphError] | None:
    """Return what Meta's text tells of an error whose numbers say nothing."""
    if subcode is not None or not isinstance(text, str):
        return None
    found = (kind for number, words, kind in BY_WORDS if number == code and words in text)
    return next(found, None)


def _kind(
    status: int, code: int | None, subcode: int | None, *, is_transient: bool
) -> type[GraphError]:
    found = None
    if code is not None and subcode is not None:
        found = BY_CODE_AND_SUBCODE.get((code, subcode))
    found = found or BY_SUBCODE.get(subcode or 0) or BY_SUBCODE.get(code or 0)
    if found is None and code is not None:
        found = BY_CODE.get(code)
    if found is None or found is InvalidGraphRequestError:
        if is_transient or (code is None and status >= HTTPStatus.INTERNAL_SERVER_ERROR):
            return GraphUnavailableError
        if found is None and status == HTTPStatus.TOO_MANY_REQUESTS:
            return RateLimitedError
    return found or GraphError


def _error_without_envelope(
    status: int, headers: Mapping[str, str], *, repeatable: bool
) -> GraphError:
    """Judge an answer that is not Graph's own JSON: a proxy's page, or half an answer."""
    message = f"The answer is not Graph's (HTTP {status})."
    wait = _retry_after(headers)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimitedError(message, retry_after_seconds=wait)
    if _is_passing(status):
        # A 503 too: a proxy also says it when Graph took the call and then did not answer it.
        if repeatable:
            return GraphUnavailableError(message, retry_after_seconds=wait)
        return GraphTimeoutError(message)
    return GraphError(message)


def _is_passing(status: int) -> bool:
    """Say whether the next try may well end otherwise: a failing server, or an unreadable yes."""
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status < HTTPStatus.MULTIPLE_CHOICES


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds Graph asks us to wait; None where it does not say."""
    with contextlib.suppress(TypeError, ValueError):
        seconds = float(headers.get("Retry-After") or "")
        if 0 < seconds < float("inf"):
            return seconds
    return read_usage(headers).wait_seconds or None


def _trace_id(value: Any) -> str | None:
    """Return what Meta's support asks for; None where it is not fit for a line of a log."""
    return value if isinstance(value, str) and re.fullmatch(r"[\w+/=-]{1,64}", value) else None


def _integer(value: Any) -> int | None:
    """Return a code; None where it is none, or none that a column can hold."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if abs(number) <= LARGEST_CODE else None
