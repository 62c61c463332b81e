"""From the journal to rows."""

import json
import uuid
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from flask_messenger.ingest.journal import insert_rows, make_rows
from flask_messenger.ingest.receive import Delivery
from flask_messenger.models import (
    Account,
    Attachment,
    Conversation,
    Identity,
    Message,
    Receipt,
    WebhookEntry,
)
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.support import meta
from tests.support.app import Factory
from tests.support.ingest import drain, journal_states, rows

PAGE = "555"
PERSON = "9001"


def send(client: FlaskClient, *events: object, page: str = PAGE) -> None:
    assert meta.post(client, meta.delivery(meta.entry(page, *events))).status_code == 200


def test_a_message_becomes_person_conversation_and_message(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    account = factory.account(external_id=PAGE)
    send(client, meta.message(PAGE, PERSON, "Is the 6 pm class open? 😀"))

    announced = drain(app)

    (identity,), (conversation,), (message,) = (
        rows(app, Identity),
        rows(app, Conversation),
        rows(app, Message),
    )
    assert (identity.external_id, identity.workspace_id) == (PERSON, account.workspace_id)
    assert (conversation.unread_count, conversation.last_message_id) == (1, message.id)
    assert conversation.last_inbound_at.timestamp() * 1000 == meta.T0
    assert (message.text, message.direction, message.status) == (
        "Is the 6 pm class open? 😀",
        "inbound",
        "received",
    )
    assert announced == [message.id]
    assert rows(app, Account)[0].last_inbound_at == message.sent_at
    assert journal_states(app) == ["done"]


def test_a_repeated_delivery_changes_nothing(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    factory.account(external_id=PAGE)
    event = meta.message(PAGE, PERSON)
    for _ in range(2):
        send(client, event, event)
        drain(app)

    assert len(rows(app, Message)) == 1
    assert rows(app, Conversation)[0].unread_count == 1


def test_one_delivery_with_two_workspaces_keeps_them_apart(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    factory.account("w1", external_id="1")
    factory.account("w2", external_id="2")
    body = meta.delivery(
        meta.entry("1", meta.message("1", PERSON, "for w1")),
        meta.entry("2", meta.message("2", PERSON, "for w2")),
        meta.entry("3", meta.message("3", PERSON, "for nobody")),
    )

    meta.post(client, body)
    drain(app)

    assert {each.workspace_id: each.text for each in rows(app, Message)} == {
        "w1": "for w1",
        "w2": "for w2",
    }
    journal = [(each.state, each.workspace_id) for each in rows(app, WebhookEntry)]
    assert journal == [("done", "w1"), ("done", "w2"), ("unrouted", None)]


def test_attachments_are_kept_with_type_and_address(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    factory.account(external_id=PAGE)
    attachments = [
        {"type": "image", "payload": {"url": "https://cdn.example/a.jpg"}},
        {"type": "fallback", "payload": None, "title": "A link", "url": "https://example.com"},
        {"type": "file"},
        None,
    ]

    send(client, meta.message(PAGE, PERSON, None, attachments=attachments))
    drain(app)

    assert [(each.position, each.type, each.url) for each in rows(app, Attachment)] == [
        (0, "image", "https://cdn.example/a.jpg"),
        (1, "fallback", "https://example.com"),
        (2, "file", None),
        (3, "unknown", None),
    ]
    assert rows(app, Message)[0].kind == "media"


def test_quick_replies_and_postbacks_are_messages(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    factory.account(external_id=PAGE)
    postback = {
        "sender": {"id": PERSON},
        "recipient": {"id": PAGE},
        "timestamp": str(meta.T0 + 1000),
        "postback": {"title": "Get started", "payload": "START"},
    }
    send(client, meta.message(PAGE, PERSON, "Red", quick_reply={"payload": "RED"}), postback)
    send(client, postback)

    drain(app)

    found = [(each.kind, each.text, each.content) for each in rows(app, Message)]
    assert sorted(found, key=str) == [
        ("postback", "Get started", {"payload": "START"}),
        ("quick_reply", "Red", {"payload": "RED"}),
    ]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
@pytest.mark.parametrize("together", [True, False])
def test_receipts_and_echo_end_the_same_in_any_order(
    app: Flask, client: FlaskClient, factory: Factory, order: tuple[int, ...], *, together: bool
) -> None:
    factory.account(external_id=PAGE)
    events = [
        meta.echo(PAGE, PERSON, "from the Page inbox", at=meta.T0, mid="m_out"),
        meta.receipt(PAGE, PERSON, "delivery", mids=["m_out"], watermark=meta.T0 + 1),
        meta.receipt(PAGE, PERSON, "read", watermark=meta.T0 + 2),
    ]
    events[0]["message"]["mid"] = "m_out"

    for index in order:
        send(client, events[index])
        if not together:
            drain(app)
    drain(app)

    (message,) = rows(app, Message)
    assert (message.status, message.direction, message.sent_by) == (
        "read",
        "outbound",
        "page_inbox",
    )
    assert rows(app, Receipt) == []
    assert len(rows(app, Conversation)) == 1


def test_a_receipt_about_a_stranger_makes_nobody(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    factory.account(external_id=PAGE)
    send(client, meta.receipt(PAGE, "stranger", "read", watermark=meta.T0))

    drain(app)

    assert rows(app, Identity) == []
    assert [each.reference for each in rows(app, Receipt)] == ["watermark:stranger"]


def test_a_watermark_never_moves_back(app: Flask, client: FlaskClient, factory: Factory) -> None:
    factory.account(external_id=PAGE)
    send(client, meta.message(PAGE, PERSON))
    for watermark in (meta.T0 + 5000, meta.T0 + 1000):
        send(client, meta.receipt(PAGE, PERSON, "read", watermark=watermark))
        drain(app)

    read_until = rows(app, Conversation)[0].read_until
    assert read_until.timestamp() * 1000 == meta.T0 + 5000


def test_our_own_echo_settles_the_row_that_sent_it(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    account = factory.account(external_id=PAGE)
    identity = factory.identity(account, external_id=PERSON)
    conversation = factory.conversation(account, identity)
    ours = factory.message(
        conversation, direction="outbound", status="sending", external_id=None, text="hi"
    )

    event = meta.echo(PAGE, PERSON, "hi", mid="m_meta", metadata=f"fm:{ours.id}")
    send(client, event)
    told = drain(app)
    send(client, event)
    told_again = drain(app)

    (message,) = rows(app, Message)
    assert (told, told_again) == ([ours.id], [])
    assert (message.id, message.status, message.sent_by) == (ours.id, "sent", "person")
    assert message.external_id is not None


def test_metadata_of_another_account_matches_nothing(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    factory.account("w1", external_id=PAGE)
    foreign = factory.account("w2", external_id="777")
    theirs = factory.message(
        factory.conversation(foreign), direction="outbound", status="sending", external_id=None
    )

    send(client, meta.echo(PAGE, PERSON, "forged", metadata=f"fm:{theirs.id}"))
    send(client, meta.echo(PAGE, PERSON, "forged", metadata="fm:not-an-id"))
    drain(app)

    assert rows(app, Message, workspace_id="w2")[0].status == "sending"
    assert len(rows(app, Message, workspace_id="w1")) == 2


def test_an_echo_that_names_nobody_is_kept_until_one_does(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    factory.account(external_id=PAGE)
    event = meta.echo(PAGE, PERSON, "hi")
    nameless = {key: value for key, value in event.items() if key != "recipient"}
    send(client, nameless)
    drain(app)
    assert [each.conversation_id for each in rows(app, Message)] == [None]

    send(client, event)
    drain(app)

    (message,), (conversation,) = rows(app, Message), rows(app, Conversation)
    assert message.conversation_id == conversation.id


def test_kinds_not_handled_are_counted(app: Flask, client: FlaskClient, factory: Factory) -> None:
    factory.account(external_id=PAGE)
    send(
        client,
        {"sender": {"id": PERSON}, "timestamp": meta.T0, "another": {}},
        {"sender": {"id": PERSON}, "timestamp": meta.T0, "made_up": {}},
    )

    drain(app)

    (entry,) = rows(app, WebhookEntry)
    assert (entry.state, entry.unhandled) == ("done", {"another": 1, "made_up": 1})


@pytest.mark.parametrize(
    ("timestamp", "milliseconds"),
    [
        (meta.T0, meta.T0),
        (str(meta.T0), meta.T0),
        (meta.T0 // 1000, meta.T0),
        (str(meta.T0 // 1000), meta.T0),
        (None, meta.T0),
        ("soon", meta.T0),
        (-5, meta.T0),
        (10**400, meta.T0),
    ],
)
def test_times_come_in_seconds_milliseconds_and_text(
    app: Flask, client: FlaskClient, factory: Factory, timestamp: object, milliseconds: int
) -> None:
    factory.account(external_id=PAGE)
    event = meta.message(PAGE, PERSON)
    event["timestamp"] = timestamp

    send(client, event)
    drain(app)

    assert rows(app, Message)[0].sent_at.timestamp() * 1000 == milliseconds


def test_ids_may_be_numbers_and_texts_odd(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    factory.account(external_id=PAGE)
    odd = meta.message(PAGE, PERSON, "a\x00b \ud800 c")
    odd["sender"]["id"] = int(PERSON)
    body = meta.delivery({**meta.entry(PAGE, odd), "id": int(PAGE)})

    assert meta.post(client, body).status_code == 200
    drain(app)

    assert [each.text for each in rows(app, Message)] == ["a\ufffdb \ufffd c"]
    assert rows(app, Identity)[0].external_id == PERSON


def test_a_closed_conversation_opens_again(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    account = factory.account(external_id=PAGE)
    identity = factory.identity(account, external_id=PERSON)
    factory.conversation(account, identity, status="closed")

    send(client, meta.message(PAGE, PERSON))
    drain(app)

    assert rows(app, Conversation)[0].status == "open"


def test_entries_nobody_connected_are_kept_under_their_account(
    app: Flask, client: FlaskClient
) -> None:
    send(client, meta.message(PAGE, PERSON, "too early"))
    drain(app)
    assert journal_states(app) == ["unrouted"]
    (entry,) = rows(app, WebhookEntry)
    assert entry.external_id == PAGE


def test_a_disconnected_account_takes_no_messages(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    factory.account(external_id=PAGE, status="disconnected", token=None)
    send(client, meta.message(PAGE, PERSON))

    drain(app)

    assert rows(app, Message) == []
    assert journal_states(app) == ["unrouted"]


def test_an_account_that_needs_reconnecting_still_receives(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    factory.account(external_id=PAGE, status="needs_reauth", token=None)
    send(client, meta.message(PAGE, PERSON))

    drain(app)

    assert len(rows(app, Message)) == 1


# The trigger that makes the database refuse one row needs PostgreSQL's language.
@pytest.mark.databases("postgresql")
def test_one_bad_entry_never_blocks_a_batch(
    app: Flask, client: FlaskClient, factory: Factory, tables_owner: Engine
) -> None:
    factory.account(external_id=PAGE)
    with tables_owner.begin() as connection:
        connection.execute(
            text(
                "CREATE OR REPLACE FUNCTION refuse_bad() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN IF NEW.text = 'bad' THEN RAISE EXCEPTION 'refused'; END IF; "
                "RETURN NEW; END $$"
            )
        )
        connection.execute(
            text(
                "CREATE TRIGGER refuse_bad BEFORE INSERT ON messenger_messages "
                "FOR EACH ROW EXECUTE FUNCTION refuse_bad()"
            )
        )
    try:
        for each in ("a", "bad", "b", "c", "d"):
            send(client, meta.message(PAGE, PERSON, each))
        drain(app)
    finally:
        with tables_owner.begin() as connection:
            connection.execute(text("DROP TRIGGER refuse_bad ON messenger_messages"))
            connection.execute(text("DROP FUNCTION refuse_bad"))

    assert sorted(each.text for each in rows(app, Message)) == ["a", "b", "c", "d"]
    assert sorted(journal_states(app)) == ["done", "done", "done", "done", "failed"]
    (failed,) = rows(app, WebhookEntry, state="failed")
    assert failed.error
    assert "refused" not in failed.error


def test_a_thousand_entries_in_one_delivery(app: Flask, factory: Factory) -> None:
    factory.account(external_id=PAGE)
    raw = [
        json.dumps(meta.entry(PAGE, meta.message(PAGE, str(9000 + n % 50), f"text {n}"))).encode()
        for n in range(1000)
    ]

    with state_of(app).db.engine.begin() as connection:
        insert_rows(connection, [make_rows(Delivery("page", tuple(raw)), app_name="default")])
    announced = drain(app)

    assert len(set(announced)) == 1000
    assert len(rows(app, Conversation)) == 50
    assert sum(each.unread_count for each in rows(app, Conversation)) == 1000
    assert all(isinstance(each, uuid.UUID) for each in announced)


def test_one_entry_with_thousands_of_messages(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    factory.account(external_id=PAGE)
    events = [meta.message(PAGE, str(9000 + n % 2000), f"text {n}") for n in range(12_000)]

    send(client, *events)
    drain(app)

    assert journal_states(app) == ["done"]
    assert len(rows(app, Message)) == 12_000


@pytest.mark.parametrize("together", [True, False])
def test_a_repeat_may_say_more_than_the_first(
    app: Flask, client: FlaskClient, factory: Factory, *, together: bool
) -> None:
    factory.account(external_id=PAGE)
    whole = meta.echo(PAGE, PERSON, "hi", at=meta.T0 + 9)
    nameless = {key: value for key, value in whole.items() if key != "recipient"}
    later = {**whole, "timestamp": meta.T0 + 5000}

    for event in (nameless, later, whole):
        send(client, event)
        if not together:
            drain(app)
    drain(app)

    (message,), (conversation,) = rows(app, Message), rows(app, Conversation)
    assert message.conversation_id == conversation.id
    assert message.sent_at.timestamp() * 1000 == meta.T0 + 9


@pytest.mark.parametrize("status", ["failed", "unknown", "discarded", "queued"])
def test_what_meta_echoes_was_sent_whatever_we_believed(
    app: Flask, client: FlaskClient, factory: Factory, status: str
) -> None:
    account = factory.account(external_id=PAGE)
    identity = factory.identity(account, external_id=PERSON)
    ours = factory.message(
        factory.conversation(account, identity),
        direction="outbound",
        status=status,
        external_id=None,
        error_slug="graph_timeout",
        error_code=2,
    ).id

    send(client, meta.echo(PAGE, PERSON, "hi", metadata=f"fm:{ours}"))
    drain(app)

    (message,) = rows(app, Message)
    assert (message.status, message.error_slug, message.error_code) == ("sent", None, None)


@pytest.mark.parametrize(
    "odd",
    [
        {"sender": {"id": int("9" * 300)}, "message": {"mid": "m_odd", "text": "x"}},
        {"sender": {"id": PERSON}, "message": {"mid": int("9" * 300), "text": "x"}},
    ],
    ids=["long person id", "long message id"],
)
def test_an_odd_event_costs_none_beside_it(
    app: Flask, client: FlaskClient, factory: Factory, odd: dict[str, object]
) -> None:
    factory.account(external_id=PAGE)
    odd = {"recipient": {"id": PAGE}, "timestamp": meta.T0, **odd}

    send(client, odd, meta.message(PAGE, PERSON, "good"))
    drain(app)

    assert "good" in [each.text for each in rows(app, Message)]
    assert journal_states(app) == ["done"]


def test_an_event_nested_deep_costs_none_beside_it(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    factory.account(external_id=PAGE)
    deep: object = "x"
    for _ in range(800):
        deep = [deep]
    odd = meta.message(PAGE, PERSON, None, quick_reply={"payload": deep})

    send(client, odd, meta.message(PAGE, PERSON, "good"))
    drain(app)

    assert "good" in [each.text for each in rows(app, Message)]
    assert journal_states(app) == ["done"]


def test_ten_thousand_entries_in_one_delivery_are_taken(app: Flask, client: FlaskClient) -> None:
    answer = meta.post(client, meta.delivery(*[{"id": str(n)} for n in range(10_000)]))

    assert answer.status_code == 200
    assert len(journal_states(app)) == 10_000


def test_a_receipt_that_crossed_its_message_is_settled_by_the_later_drain(
    app: Flask, client: FlaskClient, factory: Factory
) -> None:
    account = factory.account(external_id=PAGE)
    account_id = account.id
    send(client, meta.receipt(PAGE, PERSON, "delivery", mids=["m_out"], watermark=meta.T0 + 9))
    drain(app)
    # What another drain, which could not see the receipts yet, had stored meanwhile.
    with system_scope("test"):
        account = factory.session.get(Account, account_id)
        conversation = factory.conversation(account, factory.identity(account, external_id=PERSON))
        sent_at = datetime.fromtimestamp(meta.T0 / 1000, UTC)
        factory.message(conversation, direction="outbound", external_id="m_out", sent_at=sent_at)

    # Its end is what settles; so is the end of a drain that only kept an early receipt.
    send(client, meta.receipt(PAGE, "stranger", "read", watermark=meta.T0))
    drain(app)

    assert [each.status for each in rows(app, Message)] == ["delivered"]
    assert [each.reference for each in rows(app, Receipt)] == ["watermark:stranger"]
