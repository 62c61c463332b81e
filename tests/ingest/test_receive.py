"""Splitting a delivery: what no parser reads costs no time, and no room."""

import json

import pytest
from flask.testing import FlaskClient

from flask_messenger.errors import PayloadError, PayloadTooLargeError
from flask_messenger.ingest.receive import MAX_ENTRIES, split_delivery
from tests.support import meta

DEEP = "[" * 100_000


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "rest", ['\\"' * 2_000_000, '"' + '\\"' * 2_000_000, '"open', '"open\\'], ids=range(4)
)
def test_a_string_that_does_not_end_is_refused_at_once(rest: str) -> None:
    with pytest.raises(PayloadError):
        split_delivery(f'{{"object":"page","entry":[{DEEP}"{rest}'.encode())


def test_strings_in_what_is_too_deep_to_read_are_passed_over() -> None:
    odd = '{"id":"1","x":"] \\" } \\\\","y":' + DEEP + "]" * len(DEEP) + "}"

    delivery = split_delivery(f'{{"object":"page","entry":[{odd},{{"id":"2"}}]}}'.encode())

    assert delivery.entries == (odd.encode(), b'{"id":"2"}')


@pytest.mark.parametrize(
    "entry",
    ["0", '{"x":NaN}', '{"x":' + "[" * 5_000 + "]" * 5_000 + "}"],
    ids=["plain", "lenient", "deep"],
)
def test_a_delivery_has_a_number_of_entries_that_one_insert_can_take(entry: str) -> None:
    rest = ",0" * (MAX_ENTRIES - 1)
    most = f'{{"object":"page","entry":[{entry}{rest}]}}'.encode()
    too_many = f'{{"object":"page","entry":[{entry}{rest},0]}}'.encode()

    assert len(split_delivery(most).entries) == MAX_ENTRIES
    with pytest.raises(PayloadTooLargeError):
        split_delivery(too_many)


@pytest.mark.databases("postgresql")
def test_a_delivery_of_too_many_entries_is_told_so(client: FlaskClient) -> None:
    body = json.dumps({"object": "page", "entry": [0] * (MAX_ENTRIES + 1)}).encode()

    answer = meta.post(client, body)

    assert (answer.status_code, answer.text) == (
        413,
        f"A delivery has at most {MAX_ENTRIES} entries.",
    )
