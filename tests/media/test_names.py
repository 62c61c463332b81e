"""The names files go by when they are saved."""

import pytest

from flask_messenger.media.names import LONGEST, name_from_url, safe_name


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("photo.jpg", "photo.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\tmp\\invoice.pdf", "invoice.pdf"),
        ("a\r\nSet-Cookie: b.txt", "aSet-Cookie_ b.txt"),
        ('say "hi".txt', "say _hi_.txt"),
        ("fdp.\N{RIGHT-TO-LEFT OVERRIDE}exe", "fdp.exe"),
        ("  .hidden. ", "hidden"),
        (
            "caf\N{LATIN SMALL LETTER E WITH ACUTE}.png",
            "caf\N{LATIN SMALL LETTER E WITH ACUTE}.png",
        ),
        ("", "file"),
        ("...", "file"),
        ("CON", "file"),
        ("aux.txt", "file"),
        ("\0", "file"),
    ],
)
def test_name_is_harmless(given: str, safe: str) -> None:
    assert safe_name(given, fallback="file") == safe


def test_long_name_keeps_its_ending() -> None:
    name = safe_name("x" * 500 + ".pdf", fallback="file")

    assert len(name) == LONGEST
    assert name.endswith("x.pdf")
    assert len(safe_name("y" * 500, fallback="file")) == LONGEST


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://cdn.fbsbx.com/v/t59/bill%20of%20may.pdf?_nc_cat=1&oh=2", "bill of may.pdf"),
        ("https://cdn.fbsbx.com/v/t59/%2e%2e%2f%2e%2e%2fetc%2fpasswd.pdf", "passwd.pdf"),
        ("https://cdn.fbsbx.com/v/asset?id=1", "file.pdf"),
        ("https://[", "file.pdf"),
        (None, "file.pdf"),
    ],
)
def test_name_comes_from_the_address(url: str | None, name: str) -> None:
    assert name_from_url(url, type_="file", mime_type="application/pdf") == name
