"""`flask messenger profile …`: what an account shows in a chat."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import responses
from click.testing import Result
from flask import Flask

from flask_messenger.cli import messenger
from flask_messenger.models import AuditEntry
from tests.presence.conftest import URL
from tests.support.app import Factory
from tests.support.ingest import rows

pytestmark = pytest.mark.databases("sqlite")

PROFILE = f"{URL}/1001/messenger_profile"
GREETING = [{"locale": "default", "text": "Grüß Gott"}]


@pytest.fixture
def meta() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.get(PROFILE, json={"data": [{"greeting": GREETING}]})
        mock.post(PROFILE, json={"result": "success"})
        mock.delete(PROFILE, json={"result": "success"})
        yield mock


@pytest.fixture
def run(app: Flask, factory: Factory, meta: responses.RequestsMock) -> Any:
    del meta
    factory.account(external_id="1001")

    def run(*arguments: str | Path) -> Result:
        return app.test_cli_runner().invoke(messenger, ["profile", *map(str, arguments)])

    return run


def write(tmp_path: Path, document: Any) -> Path:
    path = tmp_path / "profile.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def test_what_is_shown_can_be_applied_again(run: Any, tmp_path: Path) -> None:
    shown = run("show", "1001")

    assert json.loads(shown.output) == {"greeting": GREETING}
    assert "Grüß" in shown.output
    path = write(tmp_path, shown.output)
    assert run("diff", "1001", path).exit_code == 0
    assert run("apply", "1001", path).output == "Nothing to change.\n"


def test_difference_is_printed_and_applied(app: Flask, run: Any, tmp_path: Path) -> None:
    questions = [{"question": "x" * 90, "payload": "P"}]
    path = write(tmp_path, {"greeting": None, "ice_breakers": questions})

    different = run("diff", "1001", path)
    applied = run("apply", "1001", path)

    assert different.exit_code == 1
    assert '-  "greeting": [' in different.output
    assert '+  "ice_breakers": [' in different.output
    assert "-- A question of 90 characters" in different.output
    assert "set ice_breakers\nremoved greeting\n" in applied.output
    assert [(each.actor, each.action) for each in rows(app, AuditEntry)] == [
        ("system", "profile_applied")
    ]


@pytest.mark.parametrize(
    ("account", "document", "says"),
    [
        ("404", {}, "There is no such account among those that are connected."),
        ("1001", "{", "is not JSON"),
        ("1001", "[]", "holds no JSON object"),
        ("1001", {"greeting": "Hi"}, "greeting: This has to be a list."),
    ],
)
def test_what_cannot_be_done_is_one_line(
    run: Any, tmp_path: Path, account: str, document: Any, says: str
) -> None:
    result = run("apply", account, write(tmp_path, document))

    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert says in result.output
