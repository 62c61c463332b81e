"""Private replies of which the echo tells first: before Graph's answer, or instead of it."""

import itertools
import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_messenger.models import Conversation, Identity, Message
from tests.ingest.test_statements import counting, journal
from tests.support import meta
from tests.support.app import Factory
from tests.support.ingest import drain, rows

pytestmark = pytest.mark.databases("postgresql")
PAGE, PERSON = "1001", "9001"


@pytest.fixture
def comments(factory: Factory) -> Conversation:
    """Return what one person wrote under one post."""
    account = factory.account(external_id=PAGE)
    commenter = factory.identity(account, external_id="c900", kind="commenter")
    return factory.conversation(account, commenter, kind="comments", subject="p1")


def reply_to(factory: Factory, comments: Conversation, number: int = 1) -> Message:
    """Return a private reply that is on its way."""
    factory.message(comments, external_id=f"c_{number}", kind="comment")
    # One message of a thread is on its way at a time; of the others nobody knows.
    return factory.message(
        comments,
        external_id=None,
        direction="outbound",
        text="in private",
        status="sending" if number == 1 else "unknown",
        private_reply_to=f"c_{number}",
    )


def echo_of(reply: Message, mid: str, person: str = PERSON) -> dict[str, Any]:
    return meta.echo(PAGE, person, "in private", mid=mid, metadata=f"fm:{reply.id}")


def read_until(mid_at: int, person: str = PERSON) -> dict[str, Any]:
    return meta.receipt(PAGE, person, "read", watermark=mid_at)


EVENTS = ("echo", "read", "answer")


@pytest.mark.parametrize("order", list(itertools.permutations(EVENTS)), ids="-".join)
def test_echo_takes_the_reply_to_the_person_in_any_order(
    app: Flask,
    client: FlaskClient,
    factory: Factory,
    comments: Conversation,
    order: tuple[str, ...],
) -> None:
    reply_id, comments_id = (reply := reply_to(factory, comments)).id, comments.id
    events = {
        "echo": echo_of(reply, "m_1"),
        "read": read_until(meta.T0 + 5),
        "answer": meta.message(PAGE, PERSON, "Thank you!", at=meta.T0 + 9),
    }

    for name in order:
        meta.post(client, meta.delivery(meta.entry(PAGE, events[name])))
        drain(app)

    (message,) = [each for each in rows(app, Message) if each.direction == "outbound"]
    (direct,) = rows(app, Conversation, kind="direct")
    (person,) = rows(app, Identity, external_id=PERSON)
    (commenter,) = rows(app, Identity, external_id="c900")
    (public,) = rows(app, Conversation, kind="comments")
    assert (message.id, message.conversation_id) == (reply_id, direct.id)
    assert (message.status, message.external_id) == ("read", "m_1")
    assert (person.linked_identity_id, commenter.linked_identity_id) == (commenter.id, person.id)
    assert (direct.linked_conversation_id, public.linked_conversation_id) == (
        comments_id,
        direct.id,
    )
    assert (direct.unread_count, public.unread_count) == (1, 1)
    assert public.last_message_id != reply_id


def test_many_echoes_of_private_replies_take_the_statements_of_one(
    app: Flask, factory: Factory, comments: Conversation
) -> None:
    numbers = iter(range(1, 100))

    def statements_of(count: int) -> list[str]:
        replies = {
            number: reply_to(factory, comments, number)
            for number in (next(numbers) for _ in range(count))
        }
        events = [echo_of(each, f"m_{number}", f"90{number}") for number, each in replies.items()]
        journal(app, *(json.dumps(meta.entry(PAGE, each)).encode() for each in events))
        with counting(app) as seen:
            drain(app)
        return seen

    statements_of(1)
    one, many = statements_of(1), statements_of(12)

    assert one == many
    assert len(rows(app, Conversation, kind="direct")) == 14
    assert all(each.kind == "comment" for each in rows(app, Message, conversation_id=comments.id))
