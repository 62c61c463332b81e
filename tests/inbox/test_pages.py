"""Cursors: what comes out goes in, and nothing else does."""

import base64
import json
import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_messenger.errors import InvalidRequestError
from flask_messenger.inbox.pages import Position, check_limit, decode_cursor, encode_cursor


def encode(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_cursor_survives_the_way_there_and_back(at: datetime, row_id: uuid.UUID) -> None:
    position = Position(at, row_id)

    assert decode_cursor(encode_cursor(position)) == position


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_anything_else_is_refused_and_never_breaks(text: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        decode_cursor(text, field="after")

    assert caught.value.field == "after"


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        [],
        ["2026-01-01T00:00:00+00:00"],
        ["2026-01-01T00:00:00", uuid.UUID(int=1).hex],  # no zone
        ["2026-01-01T00:00:00+00:00", "x"],
        ["2026-01-01T00:00:00+00:00", 7],
        ["9" * 30, uuid.UUID(int=1).hex],
        [{}, {}],
        {"a": 1, "b": 2},
        "ab",
    ],
)
def test_other_json_is_refused(value: object) -> None:
    with pytest.raises(InvalidRequestError):
        decode_cursor(encode(value))


@pytest.mark.parametrize("limit", [-1, 0, 101, 10**30])
def test_limit_has_limits(limit: int) -> None:
    with pytest.raises(InvalidRequestError):
        check_limit(limit)
