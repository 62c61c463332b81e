"""Bytes as Meta writes and signs them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any


def to_bytes(value: Any) -> bytes:
    r"""Return `value` as JSON the way Meta writes it: `\u00e4` in lower case, `\/` for a slash."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return text.replace("/", "\\/").encode("ascii")


def rewrite(text: str) -> bytes:
    """Return stored JSON the way Meta writes it."""
    return to_bytes(json.loads(text))


def signature(secret: str, body: bytes, algorithm: str = "sha256") -> str:
    """Return the `X-Hub-Signature` header value of `body`."""
    return f"{algorithm}=" + hmac.new(secret.encode(), body, algorithm).hexdigest()


def signed_request(secret: str, user_id: str) -> str:
    """Return the `signed_request` of a deauthorize or data-deletion callback."""
    payload = {"algorithm": "HMAC-SHA256", "issued_at": int(time.time()), "user_id": user_id}
    body = _base64url(to_bytes(payload))
    mac = hmac.new(secret.encode(), body.encode("ascii"), hashlib.sha256).digest()
    return f"{_base64url(mac)}.{body}"


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")
