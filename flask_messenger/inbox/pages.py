"""Keyset pages: a cursor says where the page before ended, so a page costs the same anywhere."""

import base64
import binascii
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import ColumnElement, literal, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from flask_messenger.errors import InvalidRequestError

T = TypeVar("T")

MAX_LIMIT: Final = 100
MAX_CURSOR_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class Position:
    """A place in an order by time and then id."""

    at: datetime
    id: uuid.UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Some rows of a longer list.

    Attributes:
        next_cursor: what to ask the next page with; None on the last one.
    """

    items: Sequence[T]
    next_cursor: str | None


def encode_cursor(position: Position) -> str:
    """Return an opaque text for `position`. It holds nothing secret and opens nothing."""
    raw = json.dumps([position.at.isoformat(), position.id.hex], separators=(",", ":"))
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, *, field: str = "cursor") -> Position:
    """Return the position `encode_cursor` was given.

    Raises:
        InvalidRequestError: it is not one of our cursors.
    """
    try:
        return _parse(cursor)
    except (binascii.Error, ValueError, TypeError, AttributeError, RecursionError) as error:
        message = "This cursor is not one that an earlier page gave."
        raise InvalidRequestError(message, field=field) from error


def _parse(cursor: str) -> Position:
    if len(cursor) > MAX_CURSOR_LENGTH:
        raise ValueError
    padded = cursor + "=" * (-len(cursor) % 4)
    at, row_id = json.loads(base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True))
    position = Position(datetime.fromisoformat(at), uuid.UUID(hex=row_id))
    if position.at.tzinfo is None:
        raise ValueError
    return position


def check_limit(limit: int) -> int:
    """Return `limit` where a page may have that many rows.

    Raises:
        InvalidRequestError: it may not.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidRequestError(f"A page has 1 to {MAX_LIMIT} rows.", field="limit")
    return limit


def beyond(
    at: InstrumentedAttribute[Any],
    row_id: InstrumentedAttribute[uuid.UUID],
    position: Position,
    *,
    older: bool,
) -> ColumnElement[bool]:
    """Compare both columns at once, which an index on them answers in one step."""
    here = tuple_(at, row_id)
    there = tuple_(literal(position.at, at.type), literal(position.id, row_id.type))
    return here < there if older else here > there
