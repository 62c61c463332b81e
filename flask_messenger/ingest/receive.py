"""From the bytes of a request to the entries of a delivery: check who signed it, then split it.

Pure: bytes in, values out.
"""

import hmac
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec

from flask_messenger.errors import PayloadError, PayloadTooLargeError, SignatureError
from flask_messenger.settings import MetaApp

SIGNATURE_PREFIX: Final = "sha256="
MAX_OBJECT_LENGTH: Final = 64
MAX_ENTRIES: Final = 20_000
"""Entries of one delivery: each becomes a row, and four megabytes could name two million of them.
Meta puts a thousand events in one at most.

Source: https://developers.facebook.com/docs/graph-api/webhooks/getting-started
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST from Meta. `entries` are the entries' own JSON, byte for byte."""

    object: str
    entries: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class JournalRows:
    """A delivery as it goes into the journal: each entry has its id before it is stored.

    So whoever does not know whether it was stored may store it again. Ids are the 16 bytes of a
    UUIDv7: making `uuid.UUID` of them would cost more than cutting the delivery.
    """

    ids: tuple[bytes, ...]
    app_name: str
    object: str
    received_at: datetime  # aware, UTC
    raws: tuple[bytes, ...] = field(repr=False)


class _Envelope(msgspec.Struct):
    object: str
    entry: list[msgspec.Raw]


_decoder = msgspec.json.Decoder(_Envelope)


def signing_app(body: bytes, header: str | None, apps: Iterable[MetaApp]) -> MetaApp:
    """Return the app whose secret signed `body`. Every secret is tried, in constant time.

    Raises:
        SignatureError: the header is missing, malformed, or made with none of our secrets.

    Source: https://developers.facebook.com/docs/graph-api/webhooks/getting-started
    """
    given = (header or "").strip()
    if not given.startswith(SIGNATURE_PREFIX):
        raise SignatureError("X-Hub-Signature-256 is missing.")
    signature = given.removeprefix(SIGNATURE_PREFIX).strip().lower().encode()
    signed_by = None
    for app in apps:
        for secret in app.secrets:
            expected = hmac.digest(secret.encode(), body, "sha256").hex().encode()
            if hmac.compare_digest(signature, expected):
                signed_by = app
    if signed_by is None:
        raise SignatureError("X-Hub-Signature-256 does not match the body.")
    return signed_by


def split_delivery(body: bytes) -> Delivery:
    """Return the delivery's object and its entries.

    An entry that no parser can read (nested a hundred thousand deep, say) does not cost the
    others: it is cut out by its brackets and told apart later, alone.

    Raises:
        PayloadError: not JSON, or not `{"object": …, "entry": [...]}`.
        PayloadTooLargeError: more than `MAX_ENTRIES`.
    """
    try:
        envelope = _decoder.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        return _split_leniently(body)
    _limit(envelope.entry)
    return Delivery(_printable(envelope.object), tuple(map(bytes, envelope.entry)))


def _limit(entries: Sized) -> None:
    if len(entries) > MAX_ENTRIES:
        raise PayloadTooLargeError(f"A delivery has at most {MAX_ENTRIES} entries.")


def _split_leniently(body: bytes) -> Delivery:
    """Split what the strict decoder refuses: lone surrogates, deep nesting, `NaN`."""
    text = body.decode("utf-8", "replace")
    try:
        whole = json.loads(text)
    except RecursionError:
        return _split_by_brackets(text)
    except ValueError as error:
        raise PayloadError("The body is not JSON.") from error
    if not isinstance(whole, dict) or not isinstance(whole.get("object"), str):
        raise PayloadError("The body is JSON, but has no `object`.")
    if not isinstance(whole.get("entry"), list):
        raise PayloadError("The body is JSON, but has no list of `entry`.")
    _limit(whole["entry"])
    entries = tuple(json.dumps(each).encode() for each in whole["entry"])
    return Delivery(_printable(whole["object"]), entries)


def _printable(name: str) -> str:
    """Return `name` as a column of text can keep it: PostgreSQL's has no NUL."""
    return name.encode("utf-8", "replace").decode().replace("\0", "?")[:MAX_OBJECT_LENGTH]


# A string that does not end is a token, too, and is refused: looked for again from each quote in
# it, four megabytes of quotes would take hours.
_TOKEN = re.compile(r'"(?:[^"\\]+|\\.)*+(?P<end>")?|[\[\]{},:]|[^\s"\[\]{},:]+', re.DOTALL)


def _split_by_brackets(text: str) -> Delivery:
    """Find `object` and the items of `entry` at the top level without recursion."""
    name: str | None = None
    entries: tuple[bytes, ...] | None = None
    for key, start, end in _top_level_values(text):
        if key == "object":
            name = _plain_string(text[start:end])
        elif key == "entry" and text[start] == "[":
            spans = list(itertools.islice(_items(text, start), MAX_ENTRIES + 1))
            _limit(spans)
            entries = tuple(text[first:last].encode() for first, last in spans)
    if name is None or entries is None:
        raise PayloadError("The body is nested too deeply and is not Meta's envelope.")
    return Delivery(_printable(name), entries)


def _plain_string(literal: str) -> str | None:
    try:
        value: Any = json.loads(literal)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, str) else None


def _top_level_values(text: str) -> Iterator[tuple[str | None, int, int]]:
    """Yield key, start and end of each member of the outermost object."""
    start = text.find("{")
    for first, last in _items(text, start) if start >= 0 else ():
        literal = _TOKEN.match(text, first)
        if literal is None or not literal.group().startswith('"'):
            continue
        colon = text.find(":", literal.end(), last)
        if colon < 0:
            continue
        value_start = colon + 1 + (last - colon - 1 - len(text[colon + 1 : last].lstrip()))
        yield _plain_string(literal.group()), value_start, last


def _items(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Yield the span of each comma-separated item of the bracket that opens at `start`.

    Raises:
        PayloadError: the brackets do not close.
    """
    depth = 0
    item_start: int | None = None
    item_end = start
    for token in _TOKEN.finditer(text, start):
        mark = token.group()
        if mark[0] == '"' and token["end"] is None:
            raise PayloadError("The body is not JSON: a string does not end.")
        if mark in "]}":
            depth -= 1
        if depth == 0 or (depth == 1 and mark == ","):
            if item_start is not None:
                yield item_start, item_end
                item_start = None
            if depth == 0 and mark in "]}":
                return
        elif item_start is None:
            item_start = token.start()
        if mark in "[{":
            depth += 1
        item_end = token.end()
    raise PayloadError("The body is not JSON: a bracket does not close.")
