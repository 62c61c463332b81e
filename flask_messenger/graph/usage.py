"""Graph's usage headers: how near an app or a Page is to its rate limit."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

APP_HEADER: Final = "X-App-Usage"
PAGE_HEADER: Final = "X-Page-Usage"
BUSINESS_HEADER: Final = "X-Business-Use-Case-Usage"
OTHER_USES: Final = frozenset(
    {"ads_insights", "ads_management", "custom_audience", "custom_audiences", "leadgen"}
)
"""Limits of a business that hold back no message of its Pages."""
PERCENT_KEYS: Final = ("call_count", "total_time", "total_cputime")


@dataclass(frozen=True, slots=True)
class Usage:
    """What the usage headers of one answer say.

    Attributes:
        percent: of the account's limit that is used up most; Graph refuses calls at 100.
        wait_seconds: how long until Graph takes the account's calls again; 0 while it does.
        app_percent: of the limit of the whole app.
    """

    percent: float = 0.0
    wait_seconds: float = 0.0
    app_percent: float = 0.0


NO_USAGE: Final = Usage()


def read_usage(headers: Mapping[str, str]) -> Usage:
    """Return the highest usage the headers name. Missing or odd headers count as no usage.

    Source: https://developers.facebook.com/docs/graph-api/overview/rate-limiting
    """
    app, page = headers.get(APP_HEADER), headers.get(PAGE_HEADER)
    business = headers.get(BUSINESS_HEADER)
    if app is page is business is None:
        return NO_USAGE
    blocks = [*_mappings([_parse(page)]), *_business_blocks(_parse(business))]
    # The header counts in minutes.
    waits = [_number(block.get("estimated_time_to_regain_access")) * 60 for block in blocks]
    return Usage(
        percent=_highest(blocks),
        wait_seconds=max(waits, default=0.0),
        app_percent=_highest(list(_mappings([_parse(app)]))),
    )


def _highest(blocks: list[Mapping[str, Any]]) -> float:
    percents = [_number(block.get(key)) for block in blocks for key in PERCENT_KEYS]
    return max(percents, default=0.0)


def _business_blocks(by_business: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(by_business, Mapping):
        for blocks in by_business.values():
            found = _mappings(blocks if isinstance(blocks, list) else [blocks])
            yield from (each for each in found if str(each.get("type")) not in OTHER_USES)


def _mappings(values: list[Any]) -> Iterator[Mapping[str, Any]]:
    return (value for value in values if isinstance(value, Mapping))


def _parse(header: str | None) -> Any:
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(header) if header else None
    return None


def _number(value: Any) -> float:
    with contextlib.suppress(TypeError, ValueError):
        number = float(value)
        if 0 <= number < float("inf"):
            return number
    return 0.0
