import uuid

import pytest

from flask_messenger.ui.presenters.people import COLOURS, avatar_of, initials, safe_url


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Maya Okafor", "MO"),
        ("lena.vogel", "LV"),
        ("Ana María de la Cruz", "AC"),
        ("Cher", "C"),
        ("李 小龙", "李小"),
        ("", "?"),
        ("🙂 123", "?"),
    ],
)
def test_initials(name: str, letters: str) -> None:
    assert initials(name) == letters


def test_colour_follows_the_person_and_not_the_name() -> None:
    key = uuid.uuid4()

    first, second = avatar_of("Maya", key=key), avatar_of("Maya Okafor", key=key)

    assert first.colour == second.colour
    assert 0 <= first.colour < COLOURS


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//evil.example/x", " https://x", "", None]
)
def test_only_web_addresses_are_linked(url: str | None) -> None:
    assert safe_url(url) is None


def test_pictures_stay_out_of_reprs() -> None:
    avatar = avatar_of("Maya", key=1, picture_url="https://pictures.example/maya.jpg")

    assert avatar.picture_url == "https://pictures.example/maya.jpg"
    assert "maya.jpg" not in repr(avatar)
