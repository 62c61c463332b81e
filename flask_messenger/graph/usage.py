"""Graph's usage headers: how near an app or a Page is to its rate limit."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

FLAT_HEADERS: Final = ("X-App-Usage", "X-Page-Usage")
BUSINESS_HEADER: Final = "X-Business-Use-Case-Usage"
PERCENT_KEYS: Final = ("call_count", "total_time", "total_cputime")


@dataclass(frozen=True, slots=True)
class Usage:
    """What the usage headers of one answer say.

    Attributes:
        percent: of the limit that is used up most; Graph refuses calls at 100.
        wait_seconds: how long until Graph takes calls again; 0 while it does.
    """

    percent: float = 0.0
    wait_seconds: float = 0.0


def read_usage(headers: Mapping[str, str]) -> Usage:
    """Return the highest usage the headers name. Missing or odd headers count as no usage.

    Source: https://developers.facebook.com/docs/graph-api/overview/rate-limiting
    """
    blocks = list(_blocks(headers))
    percents = [_number(block.get(key)) for block in blocks for key in PERCENT_KEYS]
    # The header counts in minutes.
    waits = [_number(block.get("estimated_time_to_regain_access")) * 60 for block in blocks]
    return Usage(percent=max(percents, default=0.0), wait_seconds=max(waits, default=0.0))


def _blocks(headers: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    for name in FLAT_HEADERS:
        yield from _mappings([_parse(headers.get(name))])
    by_business = _parse(headers.get(BUSINESS_HEADER))
    if isinstance(by_business, Mapping):
        for blocks in by_business.values():
            yield from _mappings(blocks if isinstance(blocks, list) else [blocks])


def _mappings(values: list[Any]) -> Iterator[Mapping[str, Any]]:
    return (value for value in values if isinstance(value, Mapping))


def _parse(header: str | None) -> Any:
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(header or "null")
    return None


def _number(value: Any) -> float:
    with contextlib.suppress(TypeError, ValueError):
        number = float(value)
        if 0 <= number < float("inf"):
            return number
    return 0.0
