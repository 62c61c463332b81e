"""Times as Graph writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def graph_time(at_ms: int) -> str:
    """Return milliseconds since 1970 as `2026-11-21T10:00:00+0000`."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
