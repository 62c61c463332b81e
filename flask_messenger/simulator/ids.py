"""Ids and tokens that look like Meta's."""

from __future__ import annotations

import hashlib
import secrets
import time


def numeric_id(*parts: str, prefix: str = "", length: int = 16) -> str:
    """Return a numeric id that is always the same for the same `parts`."""
    digest = int.from_bytes(hashlib.sha256("\x1f".join(parts).encode()).digest()[:12], "big")
    digits = str(digest).zfill(length)[-(length - len(prefix)) :]
    return prefix + digits


def new_mid() -> str:
    """Return a new message id."""
    return "m_" + secrets.token_urlsafe(48)


def new_token(kind: str) -> str:
    """Return a new access token; `kind` shows as one letter, as real ones differ by kind."""
    return f"EAA{kind[:1].upper()}" + secrets.token_hex(60)


def new_code() -> str:
    """Return a new authorisation code."""
    return "AQ" + secrets.token_urlsafe(96)


def new_trace_id() -> str:
    """Return a new `fbtrace_id`."""
    return "A" + secrets.token_urlsafe(16)


def now_ms() -> int:
    """Return the time in milliseconds, as Meta's webhooks write it."""
    return time.time_ns() // 1_000_000
