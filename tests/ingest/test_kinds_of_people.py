"""Who somebody is to an account does not depend on what is heard of them first."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_messenger.models import Identity
from tests.support import meta
from tests.support.app import Factory
from tests.support.ingest import drain, rows

pytestmark = pytest.mark.databases("postgresql")
PAGE, SOMEBODY = "1001", "9001"


def comment(number: int) -> dict[str, Any]:
    value = {
        "item": "comment",
        "verb": "add",
        "comment_id": f"c{number}",
        "post_id": "p1",
        "from": {"id": SOMEBODY, "name": "Maya"},
        "message": "How much?",
    }
    return {"id": PAGE, "time": meta.T0, "changes": [{"field": "feed", "value": value}]}


def said(*, to: dict[str, str] | None = None) -> dict[str, Any]:
    event = meta.echo(PAGE, SOMEBODY) if to else meta.message(PAGE, SOMEBODY)
    return meta.entry(PAGE, {**event, **({"recipient": to} if to else {})})


@pytest.mark.parametrize("is_together", [False, True])
@pytest.mark.parametrize("is_written_first", [False, True])
def test_who_writes_is_a_person_whether_they_commented_before_or_not(
    app: Flask,
    client: FlaskClient,
    factory: Factory,
    *,
    is_together: bool,
    is_written_first: bool,
) -> None:
    factory.account(external_id=PAGE)
    entries = [comment(1), said()] if not is_written_first else [said(), comment(1)]

    for each in [entries] if is_together else [[entry] for entry in entries]:
        meta.post(client, meta.delivery(*each))
        drain(app)

    (found,) = rows(app, Identity)
    assert (found.kind, found.name, found.profile_state) == ("person", "Maya", "unknown")


def test_who_is_known_by_a_plugin_only_stays_so_when_they_are_written_to(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    factory.account(external_id=PAGE)
    opt_in = {
        "recipient": {"id": PAGE},
        "timestamp": meta.T0,
        "optin": {"ref": "cart", "user_ref": "box-1"},
    }

    for entry in (said(to={"user_ref": "box-1"}), meta.entry(PAGE, opt_in)):
        meta.post(client, meta.delivery(entry))
        drain(app)

    (found,) = rows(app, Identity)
    assert (found.external_id, found.kind) == ("box-1", "user_ref")
