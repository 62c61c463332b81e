"""Whose a thread is, also where nobody says so: an app that gives it back tells no other."""

import itertools
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_messenger.models import Conversation, Message
from flask_messenger.models.base import utc_now
from flask_messenger.outbox.holds import HELD
from flask_messenger.outbox.ownership import FREE, OURS, THEIRS, control_of
from tests.support import meta
from tests.support.app import APP_ID, Factory
from tests.support.ingest import drain, rows

PAGE, PERSON, OTHER_APP = "1001", "9001", "151"
NOW = int(utc_now().timestamp()) * 1000


def message(at: int, **fields: Any) -> dict[str, Any]:
    return meta.message(PAGE, PERSON, at=NOW + at, **fields)


def passed(app_id: str | None, at: int) -> dict[str, Any]:
    event = {**message(at), "pass_thread_control": {"new_owner_app_id": app_id}}
    del event["message"]
    return event


def entry(*events: dict[str, Any], is_standby: bool = False) -> dict[str, Any]:
    key = "standby" if is_standby else "messaging"
    return {"id": PAGE, "time": NOW, key: list(events)}


def owner(thread: Conversation) -> str:
    """Return whose thread it is, a moment after all of it."""
    control = control_of(
        app_id=thread.thread_owner_app_id,
        until=thread.thread_owner_until,
        noted_at=thread.thread_owner_at,
        last_inbound_at=thread.last_inbound_at,
        our_app_ids={APP_ID},
        now=utc_now() + timedelta(minutes=1),
    )
    return control.owner


DELETED = {"mid": "m_s", "is_deleted": True}
STORIES: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "said on standby": (THEIRS, [entry(passed(OTHER_APP, 1)), entry(message(2), is_standby=True)]),
    "said on standby, and taken back": (
        THEIRS,
        [
            entry(passed(OTHER_APP, 1)),
            entry(message(2, mid="m_s"), is_standby=True),
            entry({**message(3), "message": DELETED}, is_standby=True),
        ],
    ),
    "said to us": (FREE, [entry(passed(OTHER_APP, 1)), entry(message(2)), entry(message(3))]),
    "said to us before": (THEIRS, [entry(message(0)), entry(passed(OTHER_APP, 1))]),
    "said to us between": (
        THEIRS,
        [entry(passed(OTHER_APP, 1)), entry(message(2)), entry(passed("152", 3))],
    ),
    "said to us who have it": (OURS, [entry(passed(APP_ID, 1)), entry(message(2))]),
}


@pytest.mark.parametrize("name", STORIES)
def test_what_is_said_to_us_ends_another_apps_hold_whatever_comes_first(
    app: Flask, client: FlaskClient, factory: Factory, name: str
) -> None:
    expected, entries = STORIES[name]
    for number, order in enumerate(itertools.permutations(entries)):
        factory.account(f"w{number}", external_id=f"{PAGE}{number}")
        for each in order:
            meta.post(client, meta.delivery({**each, "id": f"{PAGE}{number}"}))
            drain(app)

    assert {owner(each) for each in rows(app, Conversation)} == {expected}


def test_what_was_held_goes_out_when_the_thread_is_free(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    account = factory.account(external_id=PAGE)
    meta.post(client, meta.delivery(entry(message(0), passed(OTHER_APP, 1))))
    drain(app)
    (thread,) = rows(app, Conversation)
    held = factory.message(
        thread,
        external_id=None,
        direction="outbound",
        status="queued",
        error_slug=HELD,
        next_attempt_at=utc_now() + timedelta(minutes=5),
    )

    meta.post(client, meta.delivery(entry(message(2))))
    drain(app)

    (found,) = [each for each in rows(app, Message) if each.id == held.id]
    assert (found.account_id, found.error_slug, found.next_attempt_at) == (account.id, None, None)
