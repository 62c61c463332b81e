"""Each error that Meta documents for sending: its class, what becomes of the message, what is said.

Sources:
    https://developers.facebook.com/docs/messenger-platform/error-codes
    https://developers.facebook.com/docs/graph-api/guides/error-handling
"""

from types import SimpleNamespace

import pytest

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
from flask_messenger.graph.error_codes import error_from_answer
from flask_messenger.outbox.calls import Outcome
from flask_messenger.outbox.reasons import reason_of
from flask_messenger.outbox.verdicts import judge

AGAIN = (GraphUnavailableError, FileNotFetchedError, RateLimitedError, AccountPausedError)
HELD = (ThreadTakenError, AppMisconfiguredError)

FACTS = [
    (1, None, GraphUnavailableError),
    (1, 1357046, GraphTimeoutError),
    (1, 2018382, InvalidGraphRequestError),
    (2, None, GraphUnavailableError),
    (2, 2018344, MissingPermissionError),
    (3, None, AppNotApprovedError),
    (4, None, RateLimitedError),
    (4, 2018022, RateLimitedError),
    (4, 2018354, RateLimitedError),
    (9, 2018352, RateLimitedError),
    (10, None, MissingPermissionError),
    (10, 1404170, AccountRestrictedError),
    (10, 1893015, RecipientUnavailableError),
    (10, 1893063, AccountPausedError),
    (10, 2018065, WindowClosedError),
    (10, 2018108, RecipientUnavailableError),
    (10, 2018278, WindowClosedError),
    (10, 2018300, ThreadTakenError),
    (10, 2018304, AppNotApprovedError),
    (10, 2018321, ThreadTakenError),
    (10, 2018336, InvalidGraphRequestError),
    (10, 2534022, WindowClosedError),
    (10, 2534029, AccountRestrictedError),
    (10, 2534077, TokenExpiredError),
    (10, 2534122, AccountRestrictedError),
    (17, None, RateLimitedError),
    (17, 2446079, RateLimitedError),
    (32, None, RateLimitedError),
    (33, None, InvalidGraphRequestError),
    (100, None, InvalidGraphRequestError),
    (100, 33, InvalidGraphRequestError),
    (100, 2018001, RecipientUnavailableError),
    (100, 2018008, FileNotFetchedError),
    (100, 2018014, InvalidGraphRequestError),
    (100, 2018047, InvalidGraphRequestError),
    (100, 2018074, InvalidGraphRequestError),
    (100, 2018109, InvalidGraphRequestError),
    (100, 2018145, InvalidGraphRequestError),
    (100, 2018164, InvalidGraphRequestError),
    (100, 2018218, RecipientUnavailableError),
    (100, 2018276, AppNotApprovedError),
    (100, 2018292, CommentAnsweredError),
    (100, 2018294, FileNotFetchedError),
    (100, 2018300, ThreadTakenError),
    (100, 2018320, InvalidGraphRequestError),
    (100, 2018321, ThreadTakenError),
    (100, 2534013, AccountRestrictedError),
    (100, 2534014, RecipientUnavailableError),
    (100, 2534015, InvalidGraphRequestError),
    (100, 2534025, CommentAnsweredError),
    (100, 2534029, AccountRestrictedError),
    (100, 2534037, ThreadTakenError),
    (100, 2534122, AccountRestrictedError),
    (100, 36007, InvalidGraphRequestError),
    (100, 36008, InvalidGraphRequestError),
    (100, 36009, InvalidGraphRequestError),
    (102, None, TokenExpiredError),
    (104, None, AppMisconfiguredError),
    (190, None, TokenExpiredError),
    *((190, each, TokenExpiredError) for each in (458, 459, 460, 463, 464, 467, 490, 492, 2069032)),
    (200, None, MissingPermissionError),
    (200, 1545041, RecipientUnavailableError),
    (200, 2018021, InvalidGraphRequestError),
    (200, 2018027, InvalidGraphRequestError),
    (200, 2018028, AppNotApprovedError),
    (200, 2534041, AccountRestrictedError),
    (230, None, MissingPermissionError),
    (299, None, MissingPermissionError),
    (341, None, RateLimitedError),
    (368, None, AccountPausedError),
    (459, None, TokenExpiredError),
    (464, None, TokenExpiredError),
    (551, 1545041, RecipientUnavailableError),
    (613, None, RateLimitedError),
    (613, 1893016, InvalidGraphRequestError),
    (613, 2018338, AccountRestrictedError),
    (613, 2534040, RateLimitedError),
    (803, None, InvalidGraphRequestError),
    (1200, None, GraphUnavailableError),
    (2022, None, AccountRestrictedError),
    (2500, None, InvalidGraphRequestError),
    (9007, None, InvalidGraphRequestError),
    (10303, None, InvalidGraphRequestError),
    (10900, None, CommentAnsweredError),
    (10903, None, CommentAnsweredError),
    (36000, None, InvalidGraphRequestError),
    (36103, None, AccountRestrictedError),
    *((each, None, RateLimitedError) for each in range(80000, 80015)),
    (1357046, None, GraphTimeoutError),
    (2018171, None, RoutingRefusedError),
    (2018218, None, RecipientUnavailableError),
    (2018247, None, MissingPermissionError),
    (2018300, None, ThreadTakenError),
    (2018321, None, ThreadTakenError),
    (9000001, None, InvalidGraphRequestError),
]
"""The code, the subcode, and what is done about it."""


def answer(code, subcode, **fields):
    return error_from_answer(400, {"error": {"code": code, "error_subcode": subcode, **fields}})


def status_after(error):
    dispatch = SimpleNamespace(attempts=1)
    return judge(Outcome(dispatch=dispatch, error=error), tries=6, chance=0.0)


@pytest.mark.parametrize(("code", "subcode", "kind"), FACTS)
def test_documented_error_has_its_class_its_consequence_and_its_words(code, subcode, kind):
    error = answer(code, subcode)

    assert type(error) is kind
    verdict = status_after(error)
    if issubclass(kind, GraphTimeoutError):
        assert verdict.status == "sending"  # nobody knows: never again by itself
    elif issubclass(kind, HELD):
        assert (verdict.status, verdict.counts, verdict.slug) == ("queued", False, kind.slug)
    elif issubclass(kind, TokenExpiredError):
        assert (verdict.status, verdict.counts, verdict.needs_reauth) == ("queued", False, True)
    elif issubclass(kind, AGAIN):
        assert (verdict.status, verdict.counts) == ("queued", True)
    else:
        assert (verdict.status, verdict.slug) == ("failed", kind.slug)
    assert reason_of(kind.slug) == kind.agent_text == error.remedy
    assert kind.agent_text.endswith(".")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Invalid appsecret_proof provided in the API argument", AppMisconfiguredError),
        ("API calls from the server require an appsecret_proof argument", AppMisconfiguredError),
        ("Param notification_messages_token is expired", RecipientUnavailableError),
        ("(#100) Param tag must be one of {HUMAN_AGENT}", InvalidGraphRequestError),
        (None, InvalidGraphRequestError),
    ],
)
def test_words_tell_what_the_numbers_do_not(text, kind):
    assert type(answer(100, None, message=text)) is kind
    assert type(answer(190, None, message=text)) is TokenExpiredError


@pytest.mark.parametrize("word", ["of", "the"])
def test_window_that_is_closed_is_told_by_words_too(word):
    text = f"(#10) This message is sent outside {word} allowed window."

    assert type(answer(10, None, message=text)) is WindowClosedError


def test_unknown_error_is_shown_and_not_repeated():
    verdict = status_after(answer(424242, 7))

    assert (verdict.status, verdict.slug) == ("failed", GraphError.slug)
