"""What happens to a message after it was written, and what opens a window: each rule once.

That no order matters is `test_convergence.py`'s business.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient

from flask_messenger.ingest.settle import settle_all_waiting
from flask_messenger.ingest.waiting import forget_waiting
from flask_messenger.models import (
    Account,
    Attachment,
    Conversation,
    Identity,
    Message,
    Reaction,
    Receipt,
)
from flask_messenger.models.base import utc_now
from flask_messenger.realtime import CHANNEL
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.support import meta
from tests.support.app import Factory
from tests.support.ingest import drain, journal_states, rows

PAGE = "555"
PERSON = "9001"
T0 = datetime.fromtimestamp(meta.T0 / 1000, UTC)


def tell(app: Flask, client: FlaskClient, *events: object) -> None:
    body = meta.delivery(meta.entry(PAGE, *events))
    assert meta.post(client, body).status_code == 200
    drain(app)


def written(text: str = "hello", *, at: int = 0, **fields: Any) -> dict[str, Any]:
    return meta.message(PAGE, PERSON, text, at=meta.T0 + at * 1000, **{"mid": "m_1", **fields})


def happening(at: int = 0, **body: Any) -> dict[str, Any]:
    return {
        "sender": {"id": PERSON},
        "recipient": {"id": PAGE},
        "timestamp": meta.T0 + at * 1000,
        **body,
    }


def edit(text: str, number: object, *, at: int = 1) -> dict[str, Any]:
    return happening(at, message_edit={"mid": "m_1", "text": text, "num_edit": number})


def deletion(*, at: int = 2) -> dict[str, Any]:
    return happening(at, message={"mid": "m_1", "is_deleted": True})


def reaction(emoji: str | None, *, at: int = 3, **more: Any) -> dict[str, Any]:
    action = {"action": "react", "emoji": emoji} if emoji else {"action": "unreact"}
    return happening(at, reaction={"mid": "m_1", **action, **more})


@pytest.fixture(autouse=True)
def account(factory: Factory) -> Account:
    return factory.account(external_id=PAGE)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_newest_edit_stays_in_any_order(
    app: Flask, client: FlaskClient, order: tuple[int, ...]
) -> None:
    events = [written("frist"), edit("first", "1", at=5), edit("First!", 2, at=4)]

    for place in order:
        tell(app, client, events[place])

    (message,) = rows(app, Message)
    assert (message.text, message.edit_number) == ("First!", 2)
    assert message.edited_at == T0 + timedelta(seconds=4)
    assert rows(app, Receipt) == []


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2), (2, 0, 3, 1)])
def test_what_was_taken_back_is_gone_whatever_comes_later(
    app: Flask, client: FlaskClient, order: tuple[int, ...]
) -> None:
    picture = [{"type": "image", "payload": {"url": "https://cdn.example/a.jpg"}}]
    events = [written("secret", attachments=picture), edit("more", 1), reaction("❤"), deletion()]

    for place in order:
        tell(app, client, events[place])
    tell(app, client, *events)

    (message,), (conversation,) = rows(app, Message), rows(app, Conversation)
    assert (message.text, message.content, message.edited_at) == (None, {}, None)
    assert message.deleted_at == T0 + timedelta(seconds=2)
    assert rows(app, Attachment) == rows(app, Reaction) == rows(app, Receipt) == []
    assert (conversation.unread_count, conversation.last_message_id) == (0, message.id)


def test_nothing_of_a_message_waits_once_it_is_there(app: Flask, client: FlaskClient) -> None:
    tell(app, client, edit("first", 1), reaction("❤"))
    waiting = rows(app, Receipt)
    assert {(each.kind, each.identity_external_id) for each in waiting} == {
        ("edited", PERSON),
        ("reacted", PERSON),
    }

    tell(app, client, written())

    assert rows(app, Receipt) == []
    assert [each.emoji for each in rows(app, Reaction)] == ["❤"]


@pytest.mark.parametrize(
    ("events", "left"),
    [
        ([reaction("❤", at=3), reaction("👍", at=4)], [("👍", False)]),
        ([reaction("👍", at=4), reaction("❤", at=3)], [("👍", False)]),
        ([reaction("❤", at=3), reaction(None, at=4)], [(None, True)]),
        ([reaction(None, at=4), reaction("❤", at=3)], [(None, True)]),
        ([reaction(None, at=3), reaction("❤", at=4)], [("❤", False)]),
    ],
)
def test_of_one_person_the_newest_reaction_counts(
    app: Flask, client: FlaskClient, events: list[dict[str, Any]], left: list[Any]
) -> None:
    tell(app, client, written())
    for event in events:
        tell(app, client, event)

    assert [(each.emoji, each.is_removed) for each in rows(app, Reaction)] == left


def test_person_and_page_react_beside_each_other(app: Flask, client: FlaskClient) -> None:
    own = reaction("👍", at=9)
    own["sender"], own["recipient"] = own["recipient"], own["sender"]

    tell(app, client, written(), reaction(None, action="react", reaction="love"), own)

    found = {each.actor: (each.direction, each.emoji) for each in rows(app, Reaction)}
    assert found == {PERSON: ("inbound", "❤"), PAGE: ("outbound", "👍")}
    assert rows(app, Conversation)[0].last_inbound_at == T0 + timedelta(seconds=3)


def opening(name: str) -> dict[str, Any]:
    return {
        "referral": happening(60, referral={"source": "SHORTLINK", "type": "OPEN_THREAD"}),
        "reaction": reaction("❤", at=60),
        "postback": happening(60, postback={"mid": "m_2", "title": "Go", "payload": "GO"}),
        "quick reply": written("Red", at=60, mid="m_2", quick_reply={"payload": "RED"}),
        "edit": edit("changed", 1, at=60),
        "deletion": deletion(at=60),
        "withdrawn reaction": reaction(None, at=60),
        "read": meta.receipt(PAGE, PERSON, "read", watermark=meta.T0 + 60_000),
        "echo": meta.echo(PAGE, PERSON, at=meta.T0 + 60_000),
    }[name]


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize(
    ("name", "opens"),
    [
        ("referral", True),
        ("reaction", True),
        ("postback", True),
        ("quick reply", True),
        ("edit", False),
        ("deletion", False),
        ("withdrawn reaction", False),
        ("read", False),
        ("echo", False),
    ],
)
def test_what_opens_a_window(
    app: Flask, client: FlaskClient, name: str, *, opens: bool, is_first: bool
) -> None:
    events = [opening(name), written()] if is_first else [written(), opening(name)]

    for event in events:
        tell(app, client, event)

    last = T0 + timedelta(seconds=60 if opens else 0)
    assert rows(app, Conversation)[0].last_inbound_at == last
    assert rows(app, Account)[0].last_inbound_at == last


def test_a_link_makes_a_thread_that_can_be_answered(app: Flask, client: FlaskClient) -> None:
    tell(app, client, opening("referral"))

    (conversation,) = rows(app, Conversation)
    assert [each.external_id for each in rows(app, Identity)] == [PERSON]
    assert (conversation.last_message_id, conversation.unread_count) == (None, 0)
    assert conversation.last_inbound_at == T0 + timedelta(seconds=60)


def test_what_a_link_said_is_kept_with_the_message(app: Flask, client: FlaskClient) -> None:
    referral = {"ref": "spring", "source": "ADS", "ad_id": "238"}

    tell(app, client, written(referral=referral))

    assert rows(app, Message)[0].content == {"referral": referral}


def test_a_window_never_shrinks(app: Flask, client: FlaskClient) -> None:
    tell(app, client, written(at=100), opening("referral"), reaction("❤", at=3))

    assert rows(app, Conversation)[0].last_inbound_at == T0 + timedelta(seconds=100)


def test_changes_are_told_to_open_pages(app: Flask, client: FlaskClient, redis_url: str) -> None:
    tell(app, client, written())
    listener = redis.Redis.from_url(redis_url).pubsub(ignore_subscribe_messages=True)
    with listener:
        listener.subscribe(CHANNEL + "w1")
        listener.get_message(timeout=10)

        for event in (edit("new", 1), reaction("❤"), deletion()):
            tell(app, client, event)
            news = next(filter(None, (listener.get_message(timeout=10) for _ in range(5))))
            assert str(rows(app, Conversation)[0].id) in news["data"].decode()
        listener.connection_pool.disconnect()


def test_the_sweep_settles_what_a_dead_drain_left(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    account_id = rows(app, Account)[0].id
    tell(app, client, deletion(), edit("early", 1))
    with system_scope("test"):
        account = factory.session.get(Account, account_id)
        thread = factory.conversation(account, factory.identity(account, external_id=PERSON))
        factory.message(thread, external_id="m_1", text="what a drain stored, and died")

    with system_scope("test"):
        session = state_of(app).db.session
        settled = settle_all_waiting(session)
        session.commit()

    told = [each.ids["conversation_id"] for each in settled.changes]
    assert told == [str(rows(app, Conversation)[0].id)]
    assert [each.text for each in rows(app, Message)] == [None]
    assert settled.changed == {each.id for each in rows(app, Message)}  # what the host is told of
    assert rows(app, Receipt) == []


def test_what_waits_in_vain_is_forgotten(app: Flask, client: FlaskClient) -> None:
    tell(app, client, edit("never", 1))
    session = state_of(app).db.session

    with system_scope("test"):
        forget_waiting(session, before=utc_now() - timedelta(minutes=10))
        session.commit()
        assert len(rows(app, Receipt)) == 1
        forget_waiting(session, before=utc_now() + timedelta(minutes=10))
        session.commit()

    assert rows(app, Receipt) == []


def test_one_entry_may_hold_thousands_of_every_kind(app: Flask, client: FlaskClient) -> None:
    events: list[dict[str, Any]] = []
    for number in range(2_500):
        person, mid = str(9000 + number % 2_100), f"m_{number}"
        mids = {"mids": [mid], "watermark": meta.T0}
        about = (edit(f"text {number}", 1), reaction("❤"))
        about[0]["message_edit"]["mid"] = about[1]["reaction"]["mid"] = mid
        every = (*about, meta.receipt(PAGE, person, "delivery", **mids))
        events += [{**event, "sender": {"id": person}} for event in every]

    tell(app, client, *events)

    kinds = Counter(
        each.kind if not each.reference.startswith("watermark:") else "watermark"
        for each in rows(app, Receipt)
    )
    assert journal_states(app) == ["done"]
    assert kinds == {"edited": 2_500, "reacted": 2_500, "delivered": 2_500}
    assert len(rows(app, Conversation)) == 2_100  # a reaction makes one; so no watermark waits
