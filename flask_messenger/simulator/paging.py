"""Lists as Graph answers them: a part, the cursors of its ends, the addresses of its neighbours."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask_messenger.simulator import errors
from flask_messenger.simulator.endpoints import Call
from flask_messenger.simulator.state import simulator
from flask_messenger.simulator.tokens import INSTAGRAM_USER

PAGING_PARAMETERS = ("limit", "after", "before")
DEFAULT_LIMIT, MAX_LIMIT = 25, 100


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a list of ids that a call asks for."""

    call: Call
    listed: Sequence[str]
    start: int
    end: int
    limit: int

    @property
    def shown(self) -> list[str]:
        """The ids in it."""
        return list(self.listed[self.start : self.end])

    def answer(self, items: list[dict[str, Any]]) -> dict[str, Any]:
        """Return Graph's answer with `items`, one for each id shown."""
        if not items:
            return {"data": []}
        before, after = _cursor(self.shown[0]), _cursor(self.shown[-1])
        paging: dict[str, Any] = {"cursors": {"before": before, "after": after}}
        if self.end < len(self.listed):
            paging["next"] = _page_url(self.call, after=after, limit=self.limit)
        if self.start > 0:
            paging["previous"] = _page_url(self.call, before=before, limit=self.limit)
        return {"data": items, "paging": paging}


def take_part(call: Call, listed: Sequence[str], *, default: int = DEFAULT_LIMIT) -> Part:
    """Return the part of `listed` that `limit`, `after` and `before` ask for.

    Raises:
        GraphError: the limit is no number, or out of range, or a cursor is not of this list.
    """
    limit = _limit(call, default)
    after, before = call.text("after"), call.text("before")
    if before is not None:
        end = _position(listed, before)
        return Part(call, listed, max(0, end - limit), end, limit)
    start = 0 if after is None else _position(listed, after) + 1
    return Part(call, listed, start, min(len(listed), start + limit), limit)


def _limit(call: Call, default: int) -> int:
    text = call.text("limit", str(default)) or ""
    if not text.isdigit() or int(text) < 1:
        raise errors.invalid("Param limit must be an integer greater than or equal to 1")
    if int(text) > MAX_LIMIT:
        raise errors.invalid(f"Param limit must be less than or equal to {MAX_LIMIT}")
    return int(text)


def _position(listed: Sequence[str], cursor: str) -> int:
    try:
        item_id = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        return listed.index(item_id)
    except (ValueError, binascii.Error) as error:
        raise errors.invalid("Invalid cursors values") from error


def _cursor(item_id: str) -> str:
    return base64.urlsafe_b64encode(item_id.encode()).rstrip(b"=").decode("ascii")


def _page_url(call: Call, **changes: Any) -> str:
    """Return the address of another page: with the token, as Graph writes it, but no proof."""
    kept = {
        name: value
        for name, value in call.parameters.items()
        if name not in {*PAGING_PARAMETERS, "appsecret_proof", "appsecret_time"}
    }
    query = urlencode({**kept, "access_token": call.token.value, **changes})
    host = "graph.instagram.com/" if call.token.kind == INSTAGRAM_USER else ""
    return f"{simulator().settings.base_url}/{host}{call.version}/{call.path}?{query}"
