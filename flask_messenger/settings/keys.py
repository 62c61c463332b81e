"""The keys that tokens are sealed with."""

import base64
import binascii
import re
from typing import Final

from flask_messenger.settings.reader import Reader

ENCRYPTION_KEY_BYTES: Final = 32


def read_keys(reader: Reader) -> tuple[tuple[str, bytes], ...]:
    """Read `MESSENGER_ENCRYPTION_KEYS`: `id:base64` pairs, newest first, 32 bytes each."""
    name = "MESSENGER_ENCRYPTION_KEYS"
    value = reader.raw(name)
    if value is None:
        reader.problem(name, "is missing (python -m flask_messenger.crypto makes one)")
        return ()
    keys: dict[str, bytes] = {}
    for part in str(value).split(","):
        key_id, _, encoded = part.strip().partition(":")
        key = _decode_key(encoded)
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", key_id) or key is None or key_id in keys:
            reader.problem(
                name, "must be id:key pairs, comma separated, each key 32 bytes in base64"
            )
            return ()
        keys[key_id] = key
    return tuple(keys.items())


def _decode_key(encoded: str) -> bytes | None:
    try:
        key = base64.b64decode(encoded.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) == ENCRYPTION_KEY_BYTES else None
