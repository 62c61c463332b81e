"""Secrets at rest: AES-256-GCM with rotating keys, bound to the row that holds them.

`python -m flask_messenger.crypto` prints a fresh value for MESSENGER_ENCRYPTION_KEYS; it needs no
application. Where there is one, `flask messenger keys generate` does the same.
"""

import base64
import secrets
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from flask_messenger.errors import SecretError

NONCE_BYTES: Final = 12
VERSION: Final = "v1"


class KeyRing:
    """Seals with the newest key, opens with any.

    A sealed value reads `v1.<key id>.<base64 of nonce and ciphertext>`. The key id is part of the
    associated data, together with the `context` the caller names: the table, row and column that
    hold the value. A value copied to another row therefore does not open.
    """

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        self._current_id = keys[0][0]
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys}

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self._ciphers)})"

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The names of the keys, newest first: the one that seals, then those that only open."""
        return tuple(self._ciphers)

    def seal(self, plain: str, *, context: str) -> str:
        """Encrypt `plain` for the place that `context` names."""
        encoded = base64.urlsafe_b64encode(self._encrypt(plain.encode(), context)).decode()
        return f"{VERSION}.{self._current_id}.{encoded}"

    def seal_bytes(self, plain: bytes, *, context: str) -> bytes:
        """Encrypt what is not text, and not for a text column: the same, without base64."""
        return f"{VERSION}.{self._current_id}.".encode() + self._encrypt(plain, context)

    def _encrypt(self, plain: bytes, context: str) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        associated = _associated(self._current_id, context)
        return nonce + self._ciphers[self._current_id].encrypt(nonce, plain, associated)

    def open(self, sealed: str, *, context: str) -> str:
        """Decrypt what `seal` made for the same `context`.

        Raises:
            SecretError: unknown key or format, altered, or sealed for another place.
        """
        version, _, rest = sealed.partition(".")
        key_id, _, encoded = rest.partition(".")
        try:
            blob = base64.urlsafe_b64decode(encoded)
        except ValueError as error:
            raise SecretError("A secret does not open: altered or out of place.") from error
        return self._decrypt(version, key_id, blob, context).decode()

    def open_bytes(self, sealed: bytes, *, context: str) -> bytes:
        """Decrypt what `seal_bytes` made for the same `context`.

        Raises:
            SecretError: as `open`.
        """
        version, _, rest = sealed.partition(b".")
        key_id, _, blob = rest.partition(b".")
        return self._decrypt(
            version.decode("ascii", "replace"), key_id.decode("ascii", "replace"), blob, context
        )

    def _decrypt(self, version: str, key_id: str, blob: bytes, context: str) -> bytes:
        cipher = self._ciphers.get(key_id)
        if version != VERSION or cipher is None:
            raise SecretError("A secret was sealed with a key that is not configured.")
        associated = _associated(key_id, context)
        try:
            return cipher.decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], associated)
        except (InvalidTag, ValueError) as error:
            raise SecretError("A secret does not open: altered or out of place.") from error

    def needs_rotation(self, sealed: str) -> bool:
        """Say whether `sealed` was made with an older key than the current one."""
        return not sealed.startswith(f"{VERSION}.{self._current_id}.")


def _associated(key_id: str, context: str) -> bytes:
    return f"{VERSION}\x00{key_id}\x00{context}".encode()


def generate_key() -> str:
    """Return a fresh `id:key` pair for MESSENGER_ENCRYPTION_KEYS."""
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    return f"k{secrets.token_hex(3)}:{key}"
