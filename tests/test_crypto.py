"""Secrets at rest."""

import subprocess
import sys

import pytest

from flask_messenger.crypto import KeyRing, generate_key
from flask_messenger.errors import SecretError
from flask_messenger.settings import Settings

OLD, NEW = ("old", bytes(32)), ("new", bytes(range(32)))
TOKEN = "EAA-secret"


def test_a_secret_opens_in_its_own_place_only() -> None:
    keys = KeyRing([NEW])
    sealed = keys.seal(TOKEN, context="accounts:1:token")

    assert keys.open(sealed, context="accounts:1:token") == TOKEN
    with pytest.raises(SecretError):
        keys.open(sealed, context="accounts:2:token")


def test_the_same_secret_never_seals_to_the_same_text() -> None:
    keys = KeyRing([NEW])

    assert keys.seal(TOKEN, context="c") != keys.seal(TOKEN, context="c")


def test_bytes_are_sealed_as_text_is() -> None:
    plain = b"\xff\x00 not text"
    sealed = KeyRing([OLD]).seal_bytes(plain, context="c")
    keys = KeyRing([NEW, OLD])

    assert keys.open_bytes(sealed, context="c") == plain
    for spoiled, context in ((sealed, "d"), (sealed[:-1] + b"\x00\x01", "c"), (b"", "c")):
        with pytest.raises(SecretError):
            keys.open_bytes(spoiled, context=context)


def test_keys_rotate() -> None:
    before = KeyRing([OLD]).seal(TOKEN, context="c")
    after = KeyRing([NEW, OLD])

    assert after.open(before, context="c") == TOKEN
    assert after.needs_rotation(before)
    assert not after.needs_rotation(after.seal(TOKEN, context="c"))


@pytest.mark.parametrize("spoil", [lambda s: s[:-4] + "AAAA", lambda s: "v1.x." + s, lambda _: ""])
def test_what_was_altered_does_not_open(spoil: object) -> None:
    keys = KeyRing([NEW])
    sealed = keys.seal(TOKEN, context="c")

    with pytest.raises(SecretError) as caught:
        keys.open(spoil(sealed), context="c")  # type: ignore[operator]

    assert TOKEN not in str(caught.value)


def test_a_key_that_is_gone_is_said() -> None:
    sealed = KeyRing([OLD]).seal(TOKEN, context="c")

    with pytest.raises(SecretError, match="not configured"):
        KeyRing([NEW]).open(sealed, context="c")


def test_the_repr_shows_no_key() -> None:
    assert repr(KeyRing([NEW, OLD])) == "KeyRing(new, old)"


def test_a_generated_key_is_accepted() -> None:
    settings = Settings.from_config(
        {
            "META_APP_ID": "1",
            "META_APP_SECRET": "s",
            "META_VERIFY_TOKEN": "t",
            "MESSENGER_ENCRYPTION_KEYS": f"{generate_key()},{generate_key()}",
        },
        environ={},
    )

    assert len(settings.encryption_keys) == 2


def test_the_command_prints_a_key_and_nothing_else() -> None:
    command = [sys.executable, "-m", "flask_messenger.crypto"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)

    assert len(answer.stdout.splitlines()) == 1
    assert answer.stderr == ""
