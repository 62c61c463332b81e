"""A row of ours that Meta took twice: both of its messages are there, and look alike."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_messenger.models import Message
from tests.support import meta
from tests.support.app import Factory
from tests.support.ingest import drain, journal_states, rows

PAGE, PERSON = "555", "9001"

pytestmark = pytest.mark.databases("postgresql")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["in order", "late one first"])
@pytest.mark.parametrize("together", [True, False], ids=["one batch", "two batches"])
@pytest.mark.parametrize("nameless", [None, 1], ids=["named", "one nameless"])
def test_two_echoes_of_one_row_are_two_messages_of_its_sender(
    app: Flask,
    client: FlaskClient,
    factory: Factory,
    order: tuple[int, int],
    *,
    together: bool,
    nameless: int | None,
) -> None:
    account = factory.account(external_id=PAGE)
    thread = factory.conversation(account, factory.identity(account, external_id=PERSON))
    ours = factory.message(
        thread,
        direction="outbound",
        status="unknown",
        external_id=None,
        text="hi",
        sent_by_ref="u1",
        sent_by_name="Sam Reyes",
    )
    thread_id, our_id = thread.id, ours.id
    mark = f"fm:{our_id}"
    echoes = [
        meta.echo(PAGE, PERSON, "hi", at=meta.T0 + number, mid=f"m{number}", metadata=mark)
        for number in range(2)
    ]
    if nameless is not None:
        del echoes[nameless]["recipient"]

    heard = []
    for number in order:
        body = meta.delivery(meta.entry(PAGE, echoes[number]))
        assert meta.post(client, body).status_code == 200
        if not together:
            heard += drain(app)
    heard += drain(app)

    messages = rows(app, Message)
    assert {each.external_id: each.sent_at.timestamp() * 1000 for each in messages} == {
        "m0": meta.T0,
        "m1": meta.T0 + 1,
    }
    assert {
        (each.status, each.text, each.conversation_id, each.sent_by, each.sent_by_ref)
        for each in messages
    } == {("sent", "hi", thread_id, "person", "u1")}
    assert sorted(heard) == sorted(each.id for each in messages)
    assert our_id in heard
    assert set(journal_states(app)) == {"done"}
