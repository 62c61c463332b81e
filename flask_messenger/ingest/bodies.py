"""What is inside a journalled body, and whose: mask it for a look, find or remove one person.

Pure: bytes and values in, values out. It knows no channel: a person is wherever their id stands,
and an event is the item of a list that it stands in.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from flask_messenger.errors import PayloadError
from flask_messenger.ingest.journal import read_entry

IsPerson = Callable[[str], bool]

PLAIN_KEYS: Final = frozenset(
    {
        "field",
        "is_deleted",
        "is_echo",
        "messaging_product",
        "mime_type",
        "object",
        "seq",
        "status",
        "time",
        "timestamp",
        "type",
        "watermark",
    }
)
"""Keys whose values say what happened and when, and nothing of a person."""
MASK: Final = "\u2022\u2022\u2022"
TOKENS: Final = ("_token", "authorization_code")
"""How keys end whose values let somebody write to a person, or act as them: for nobody's eyes."""
ERASED: Final = "erased"
MAX_DEPTH: Final = 100


def mask_body(raw: bytes) -> Any:
    """Return the entry with its keys and shape, and without the words, names and ids in it.

    The entry's own `id` is the account's and stays. None where the bytes are not readable JSON:
    what cannot be told apart is not shown.
    """
    try:
        entry = read_entry(raw)
    except PayloadError:
        return None
    masked = _mask(entry, "", 0)
    if isinstance(entry.get("id"), str | int):
        masked["id"] = entry["id"]
    return masked


def _mask(value: Any, key: str, depth: int) -> Any:
    if depth > MAX_DEPTH:
        return MASK
    if isinstance(value, Mapping):
        return {name: _mask(each, name, depth + 1) for name, each in value.items()}
    if isinstance(value, list):
        return [_mask(each, key, depth + 1) for each in value]
    if value is None or isinstance(value, bool) or key in PLAIN_KEYS:
        return value
    return MASK


def hide_tokens(value: Any, depth: int = 0) -> Any:
    """Return `value` as it came, but for the tokens in it."""
    if depth > MAX_DEPTH:
        return MASK
    if isinstance(value, Mapping):
        return {
            name: MASK if name.endswith(TOKENS) and each else hide_tokens(each, depth + 1)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [hide_tokens(each, depth + 1) for each in value]
    return value


def find_events(raw: bytes, is_person: IsPerson) -> list[Any]:
    """Return the events of an entry that one person is in, as Meta sent them; without tokens."""
    try:
        entry = read_entry(raw)
    except PayloadError:
        return []
    found: list[Any] = []
    _sift(entry, is_person, found, 0)
    return [hide_tokens(each) for each in found]


def remove_person(raw: bytes, is_person: IsPerson) -> bytes | None:
    """Return the entry without the events one person is in; None where there are none.

    What remains can be replayed: other people's events are as they were. A body that cannot be
    read, but whose bytes hold the id, has to be given up by the caller.
    """
    entry = read_entry(raw)
    found: list[Any] = []
    kept, is_named = _sift(entry, is_person, found, 0)
    if is_named:  # outside of any list: the id itself is what goes
        kept = _replace(kept, is_person, 0)
    if not found and not is_named:
        return None
    return orjson.dumps(kept)


def _sift(value: Any, is_person: IsPerson, found: list[Any], depth: int) -> tuple[Any, bool]:
    """Return `value` without the innermost list items the person is in, and if they still are."""
    if depth > MAX_DEPTH:
        return value, False
    if isinstance(value, Mapping):
        sifted = {name: _sift(each, is_person, found, depth + 1) for name, each in value.items()}
        is_key = any(is_person(name) for name in value)
        kept = {name: each for name, (each, _) in sifted.items()}
        return kept, is_key or any(is_named for _, is_named in sifted.values())
    if isinstance(value, list):
        kept_items = []
        for each in value:
            inner: list[Any] = []
            kept_item, is_named = _sift(each, is_person, inner, depth + 1)
            if is_named:
                found.append(each)  # all of it: what was found inside is part of it
            else:
                found.extend(inner)
                kept_items.append(kept_item)
        return kept_items, False
    return value, _names(value, is_person)


def _names(value: Any, is_person: IsPerson) -> bool:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return False
    return is_person(str(value))


def _replace(value: Any, is_person: IsPerson, depth: int) -> Any:
    if depth > MAX_DEPTH:
        return value
    if isinstance(value, Mapping):
        return {
            ERASED if is_person(name) else name: _replace(each, is_person, depth + 1)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [_replace(each, is_person, depth + 1) for each in value]
    return ERASED if _names(value, is_person) else value
