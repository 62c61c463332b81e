"""Ids and tokens that look like Meta's."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time

from flask_messenger.simulator.constants import MESSENGER


def numeric_id(*parts: str, prefix: str = "", length: int = 16) -> str:
    """Return a numeric id that is always the same for the same `parts`."""
    digest = int.from_bytes(hashlib.sha256("\x1f".join(parts).encode()).digest()[:12], "big")
    digits = str(digest).zfill(length)[-(length - len(prefix)) :]
    return prefix + digits


def conversation_id(account_id: str, customer: str, channel: str) -> str:
    """Return the id of a conversation: `t_…` on Messenger, opaque on Instagram."""
    digits = numeric_id("conversation", account_id, customer, prefix="10", length=16)
    if channel == MESSENGER:
        return f"t_{digits}"
    return _opaque(f"ig_dm_thread:{account_id}:{digits}")


def new_mid(channel: str = MESSENGER) -> str:
    """Return a new message id: `m_…` on Messenger, opaque on Instagram."""
    if channel == MESSENGER:
        return "m_" + secrets.token_urlsafe(48)
    return _opaque(f"ig_dm_item:{secrets.randbelow(10**24)}:{secrets.randbelow(10**24)}")


def new_token(kind: str) -> str:
    """Return a new access token; `kind` shows as one letter, as real ones differ by kind."""
    start = "IGAA" if kind == "INSTAGRAM" else f"EAA{kind[:1].upper()}"
    return start + secrets.token_hex(60)


def new_code() -> str:
    """Return a new authorisation code."""
    return "AQ" + secrets.token_urlsafe(96)


def new_trace_id() -> str:
    """Return a new `fbtrace_id`."""
    return "A" + secrets.token_urlsafe(16)


def now_ms() -> int:
    """Return the time in milliseconds, as Meta's webhooks write it."""
    return time.time_ns() // 1_000_000


def _opaque(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode("ascii") + "ZDZD"
