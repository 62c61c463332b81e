"""docs/content.md says what the code does."""

import re
from pathlib import Path

import pytest

from flask_messenger.channels._degrade import RULES
from flask_messenger.channels.registry import CHANNELS
from flask_messenger.content import CONTENTS

DOCUMENT = (Path(__file__).parents[2] / "docs" / "content.md").read_text(encoding="utf-8")
MESSENGER, INSTAGRAM = CHANNELS["facebook"].limits, CHANNELS["instagram"].limits


@pytest.mark.parametrize("kind", CONTENTS)
def test_every_content_is_described(kind):
    assert f"\n| `{kind}` | `{CONTENTS[kind].__name__}(" in DOCUMENT


@pytest.mark.parametrize("content", RULES, ids=lambda each: each.kind)
def test_every_rule_is_told_as_it_is(content):
    assert f"\n| `{content.kind}` | {RULES[content].becomes} |" in DOCUMENT


def test_no_rule_is_told_that_is_none():
    table = DOCUMENT.partition("| content | becomes |")[2]
    told = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)

    assert told == [each.kind for each in RULES]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("text", lambda each: f"{each.text} {each.text_unit}"),
        ("public comment", lambda each: f"{each.comment} characters"),
        ("pictures in one message", lambda each: f"{each.images}"),
        ("quick replies", lambda each: f"{each.quick_replies}"),
        (
            "quick reply: title, payload",
            lambda each: f"{each.quick_reply_title}, {each.payload}",
        ),
        ("buttons", lambda each: f"{each.buttons}"),
        ("button: title, payload", lambda each: f"{each.button_title}, {each.payload}"),
        ("button template: text", lambda each: f"{each.button_text}"),
        ("generic template: elements", lambda each: f"{each.elements}"),
        (
            "element: title, subtitle",
            lambda each: f"{each.element_title}, {each.element_subtitle}",
        ),
        ("products", lambda each: f"{each.products}"),
    ],
)
def test_limits_are_told_as_they_are(row, told):
    assert f"\n| {row} | {told(MESSENGER)} | {told(INSTAGRAM)} |" in DOCUMENT


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("receipt: elements", f"{MESSENGER.receipt_elements}"),
        ("coupon: title, subtitle", f"{MESSENGER.coupon_title}, {MESSENGER.coupon_subtitle}"),
        (
            "image grid: pictures, title, subtitle",
            f"2 to {MESSENGER.grid_images}, {MESSENGER.grid_title}, {MESSENGER.grid_subtitle}",
        ),
        (
            "feedback: title, subtitle, button",
            ", ".join(
                str(getattr(MESSENGER, f"feedback_{name}"))
                for name in ("title", "subtitle", "button_title")
            ),
        ),
        ("forms can be answered for", f"1 to {MESSENGER.expires_in_days} days"),
    ],
)
def test_limits_of_messenger_alone_are_told_as_they_are(row, told):
    assert f"\n| {row} | {told} | |" in DOCUMENT


def test_buttons_are_told_as_they_are():
    [row] = re.findall(r"^\| buttons \| (\w+_url, .*) \| (.*) \|$", DOCUMENT, re.MULTILINE)

    assert set(row[0].split(", ")) == MESSENGER.button_types
    assert set(row[1].split(", ")) == INSTAGRAM.button_types
