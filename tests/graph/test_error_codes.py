import pytest

from flask_messenger.errors import (
    AccountPausedError,
    AccountRestrictedError,
    AppNotApprovedError,
    FileNotFetchedError,
    GraphError,
    GraphTimeoutError,
    GraphUnavailableError,
    InvalidGraphRequestError,
    MissingPermissionError,
    RateLimitedError,
    RecipientUnavailableError,
    ThreadTakenError,
    TokenExpiredError,
    WindowClosedError,
)
from flask_messenger.graph.error_codes import error_from_answer, most_tries, scope_of_limit


@pytest.mark.parametrize(
    ("code", "subcode", "kind"),
    [
        (1, None, GraphUnavailableError),
        (1, 1357046, GraphTimeoutError),
        (2, None, GraphUnavailableError),
        (4, None, RateLimitedError),
        (4, 2018022, RateLimitedError),
        (10, None, MissingPermissionError),
        (10, 2018065, WindowClosedError),
        (10, 2018278, WindowClosedError),
        (10, 2534022, WindowClosedError),
        (10, 2018108, RecipientUnavailableError),
        (10, 1893063, AccountPausedError),
        (10, 2018300, ThreadTakenError),
        (17, None, RateLimitedError),
        (32, None, RateLimitedError),
        (100, None, InvalidGraphRequestError),
        (100, 33, InvalidGraphRequestError),
        (100, 2018001, RecipientUnavailableError),
        (100, 2018008, FileNotFetchedError),
        (100, 2018294, FileNotFetchedError),
        (100, 2018109, InvalidGraphRequestError),
        (100, 36007, InvalidGraphRequestError),
        (100, 2534029, AccountRestrictedError),
        (102, None, TokenExpiredError),
        (190, None, TokenExpiredError),
        (190, 460, TokenExpiredError),
        (190, 492, TokenExpiredError),
        (200, None, MissingPermissionError),
        (200, 1545041, RecipientUnavailableError),
        (200, 2018028, AppNotApprovedError),
        (100, 2018276, AppNotApprovedError),
        (10, 2018304, AppNotApprovedError),
        (3, None, AppNotApprovedError),
        (131030, None, AppNotApprovedError),
        (200, 2534041, AccountRestrictedError),
        (10, 2534041, AccountRestrictedError),
        (230, None, MissingPermissionError),
        (299, None, MissingPermissionError),
        (368, None, AccountPausedError),
        (2022, None, AccountRestrictedError),
        (551, 1545041, RecipientUnavailableError),
        (551, None, RecipientUnavailableError),
        (613, None, RateLimitedError),
        (613, 2018338, AccountRestrictedError),
        (1200, None, GraphUnavailableError),
        (2500, None, InvalidGraphRequestError),
        (80006, None, RateLimitedError),
        (2018278, None, WindowClosedError),
        (2018321, None, ThreadTakenError),
        (100, 2534037, ThreadTakenError),
        (0, None, TokenExpiredError),
        (9, 2018352, RateLimitedError),
        (100, 2018336, InvalidGraphRequestError),
        (100, 2534013, AccountRestrictedError),
        (130429, None, RateLimitedError),
        (130472, None, RecipientUnavailableError),
        (131000, None, GraphUnavailableError),
        (131005, None, MissingPermissionError),
        (131026, None, RecipientUnavailableError),
        (131031, None, AccountRestrictedError),
        (131047, None, WindowClosedError),
        (131048, None, AccountPausedError),
        (131056, None, RateLimitedError),
        (131057, None, RateLimitedError),
        (132001, None, InvalidGraphRequestError),
        (133010, None, AccountRestrictedError),
        (999_999, None, GraphError),
        (999_999, 888_888, GraphError),
        (None, None, GraphError),
    ],
)
def test_code_stands_for_an_error(code, subcode, kind) -> None:
    error = error_from_answer(400, {"error": {"code": code, "error_subcode": subcode}})

    assert type(error) is kind
    assert (error.code, error.subcode) == (code, subcode)


def test_pair_is_looked_up_before_the_subcode_alone() -> None:
    alone = error_from_answer(400, {"error": {"code": 555, "error_subcode": 1545041}})
    pair = error_from_answer(400, {"error": {"code": 613, "error_subcode": 1893016}})

    assert type(alone) is RecipientUnavailableError
    assert type(pair) is InvalidGraphRequestError


def test_codes_may_be_text() -> None:
    error = error_from_answer(400, {"error": {"code": "190", "error_subcode": "463"}})

    assert type(error) is TokenExpiredError
    assert error.subcode == 463


def test_unknown_code_is_retried_only_where_graph_calls_it_transient() -> None:
    unknown = error_from_answer(400, {"error": {"code": 424242}})
    transient = error_from_answer(400, {"error": {"code": 424242, "is_transient": True}})

    assert not unknown.retryable
    assert transient.retryable


@pytest.mark.parametrize("body", [None, [], {}, {"error": None}, {"error": "busy"}, "text"])
def test_answer_without_graphs_envelope_is_judged_by_its_status(body) -> None:
    assert type(error_from_answer(503, body)) is GraphTimeoutError
    assert type(error_from_answer(503, body, repeatable=True)) is GraphUnavailableError
    assert type(error_from_answer(500, body)) is GraphTimeoutError
    assert type(error_from_answer(500, body, repeatable=True)) is GraphUnavailableError
    assert type(error_from_answer(404, body)) is GraphError


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        (
            {
                "X-Business-Use-Case-Usage": '{"1":[{"type":"messenger","call_count":100,'
                '"estimated_time_to_regain_access":3}]}'
            },
            180,
        ),
    ],
)
def test_rate_limit_says_how_long_to_wait(headers, expected) -> None:
    error = error_from_answer(400, {"error": {"code": 4}}, headers)

    assert error.retry_after_seconds == expected


@pytest.mark.parametrize(
    ("code", "subcode", "scope"),
    [
        (4, None, "app"),
        (341, None, "app"),
        (4, 2018022, "account"),
        (4, 2018354, "conversation"),
        (9, 2018352, "conversation"),
        (10, 2018300, "conversation"),
        (2018321, None, "conversation"),
        (17, None, "account"),
        (32, None, "account"),
        (613, None, "account"),
        (613, 2534040, "account"),
        (80006, None, "account"),
        (130429, None, "account"),
        (131056, None, "conversation"),
        (None, None, "account"),
    ],
)
def test_rate_limit_says_whom_it_is_about(code, subcode, scope) -> None:
    assert scope_of_limit(code, subcode) == scope


def test_file_that_meta_cannot_fetch_is_worth_one_more_try() -> None:
    assert most_tries(100, 2018008, otherwise=6) == 2
    assert most_tries(2018294, None, otherwise=6) == 2
    assert most_tries(2, None, otherwise=6) == 6
    assert most_tries(100, 2018008, otherwise=1) == 1


def test_every_class_says_whether_it_is_worth_another_try() -> None:
    for kind in (FileNotFetchedError, ThreadTakenError, AccountPausedError):
        assert kind.retryable
    assert not AppNotApprovedError.retryable


@pytest.mark.parametrize("code", [2**31, -(2**31) - 1, "9" * 5000, 1e300])
def test_number_that_no_column_holds_is_no_code(code) -> None:
    error = error_from_answer(400, {"error": {"code": code, "error_subcode": code}})

    assert (type(error), error.code, error.subcode) == (GraphError, None, None)


@pytest.mark.parametrize("trace_id", ["a\nforged line", "x" * 65, {"a": 1}, 7, ""])
def test_trace_id_that_is_not_fit_for_a_log_is_left_out(trace_id) -> None:
    error = error_from_answer(400, {"error": {"code": 1, "fbtrace_id": trace_id}})

    assert error.trace_id is None
