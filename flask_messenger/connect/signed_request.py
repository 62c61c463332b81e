"""Meta's `signed_request`: what its deauthorize and data-deletion callbacks carry."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from flask_messenger.connect.reasons import ended
from flask_messenger.models.accounts import BY_FACEBOOK, BY_INSTAGRAM
from flask_messenger.settings import MetaApp

MAX_LENGTH: Final = 16 * 1024
ALGORITHM: Final = "HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What Meta said, and which of our apps it said it to.

    Attributes:
        login: whose secret signed it: of Facebook's login, or of Instagram's own.
        user_id: app-scoped; the two logins know the same person by different ones.
        issued_at: aware, UTC; None where Meta does not say.
    """

    app: MetaApp
    login: str
    user_id: str = field(repr=False)
    issued_at: datetime | None


def read_signed_request(value: str, apps: Iterable[MetaApp]) -> SignedRequest:
    """Return what `value` says, if one of `apps` signed it, with its secret or the previous one.

    Source: https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow

    Raises:
        ConnectError: `signed_request_invalid`.
    """
    signature, _, encoded = value.partition(".")
    given = _decode(signature)
    if len(value) > MAX_LENGTH or not given or not encoded.isascii():
        raise ended("signed_request_invalid")
    signer = _find_signer(given, encoded.encode(), apps)
    payload = _parse(encoded)
    is_known = str(payload.get("algorithm", "")).upper() == ALGORITHM
    user_id = payload.get("user_id")
    if signer is None or not is_known or not isinstance(user_id, str | int) or user_id == "":
        raise ended("signed_request_invalid")
    app, login = signer
    return SignedRequest(app, login, str(user_id), _time_of(payload.get("issued_at")))


def _find_signer(
    given: bytes, message: bytes, apps: Iterable[MetaApp]
) -> tuple[MetaApp, str] | None:
    signer = None
    for app, login, secret in _secrets(apps):
        expected = hmac.new(secret.encode(), message, hashlib.sha256).digest()
        # No early exit: how long this takes says nothing about which secret it was.
        if hmac.compare_digest(expected, given) and signer is None:
            signer = app, login
    return signer


def _secrets(apps: Iterable[MetaApp]) -> Iterator[tuple[MetaApp, str, str]]:
    for app in apps:
        yield from ((app, BY_FACEBOOK, each) for each in app.facebook_secrets)
        yield from ((app, BY_INSTAGRAM, each) for each in app.instagram_secrets)


def _decode(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (ValueError, binascii.Error):
        return b""


def _parse(encoded: str) -> dict[str, Any]:
    try:
        payload = json.loads(_decode(encoded))
    except (ValueError, RecursionError):
        return {}
    return payload if isinstance(payload, dict) else {}


def _time_of(value: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(value), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
