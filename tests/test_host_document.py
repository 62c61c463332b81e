"""docs/host.md names all that a host answers and hears."""

import re
from dataclasses import fields
from pathlib import Path

from blinker import Signal

import flask_messenger
from flask_messenger import Messenger
from flask_messenger.hooks import PERMISSIONS, Hooks

DOCUMENT = (Path(__file__).parents[1] / "docs" / "host.md").read_text(encoding="utf-8")


def test_every_hook_is_described():
    told = re.findall(r"^\| `(\w+)` \| ", DOCUMENT.partition("## What it hears")[0], re.MULTILINE)

    assert len(told) == len(fields(Hooks))
    assert all(callable(getattr(Messenger, name)) for name in told)


def test_every_signal_is_described():
    heard = {
        name
        for name in flask_messenger.__all__
        if isinstance(getattr(flask_messenger, name), Signal)
    }

    assert {name for name in heard if f"`{name}`" not in DOCUMENT} == set()


def test_every_permission_is_described():
    assert {name for name in PERMISSIONS if f"`{name}`" not in DOCUMENT} == set()
