import pytest

from flask_messenger.graph.usage import Usage, read_usage


def test_highest_percentage_counts_for_the_account_and_for_the_app() -> None:
    headers = {
        "X-App-Usage": '{"call_count":28,"total_time":15,"total_cputime":10}',
        "X-Business-Use-Case-Usage": '{"1":[{"type":"pages","call_count":5},'
        '{"type":"messenger","total_time":95.5,"estimated_time_to_regain_access":2}]}',
    }

    assert read_usage(headers) == Usage(percent=95.5, wait_seconds=120, app_percent=28)


@pytest.mark.parametrize(
    "value",
    ["", "not json", "null", "[]", "7", '{"call_count":"x"}', '{"call_count":-1}', '{"1":null}',
     '{"1":[null,7]}', '{"call_count":1e999}', "[" * 50_000],
)  # fmt: skip
def test_odd_headers_count_as_no_usage(value) -> None:
    headers = {"X-App-Usage": value, "X-Business-Use-Case-Usage": value}

    assert read_usage(headers) == Usage()


def test_no_headers_are_no_usage() -> None:
    assert read_usage({}) == Usage()


def test_limits_of_advertising_hold_back_no_message() -> None:
    header = (
        '{"1":[{"type":"ads_management","call_count":100,"estimated_time_to_regain_access":9},'
        '{"type":"messenger","call_count":3}]}'
    )

    assert read_usage({"X-Business-Use-Case-Usage": header}) == Usage(percent=3)
