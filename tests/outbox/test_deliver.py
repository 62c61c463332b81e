"""A lane on its way to Meta: order, tries, answers that come late or never."""

from datetime import timedelta

import pytest
import requests

from flask_messenger.content import Media
from flask_messenger.crypto import KeyRing
from flask_messenger.models import Account, AuditEntry, Conversation, Message
from flask_messenger.models.base import utc_now
from flask_messenger.signals import message_sent
from flask_messenger.state import state_of
from tests.outbox.conftest import READ_TIMEOUT, Talk, switch_human_agent_on
from tests.support.app import Factory
from tests.support.ingest import drain, rows
from tests.support.meta import delivery, echo, entry, post, receipt


def due(talk, message_id):
    """Let a retry's time come."""
    talk.change(Message, message_id, next_attempt_at=utc_now() - timedelta(seconds=1))


def milliseconds(time):
    return int(time.timestamp() * 1000)


def test_message_goes_out_and_is_sent(talk, meta):
    meta.accept("m_1")
    [message_id] = talk.queue("hello")

    talk.run()

    message = talk.message(message_id)
    assert (message.status, message.external_id, message.attempts) == ("sent", "m_1", 1)
    assert message.sending_since is None
    assert meta.asked == [
        {
            "recipient": {"id": "7"},
            "messaging_type": "RESPONSE",
            "message": {"text": "hello", "metadata": f"fm:{message_id}"},
        }
    ]
    assert talk.row(Account, talk.account_id).last_sent_at == message.sent_at
    conversation = talk.row(Conversation, talk.conversation_id)
    assert (conversation.last_message_id, conversation.last_message_at) == (
        message_id,
        message.sent_at,
    )


def test_call_carries_the_accounts_token_and_its_proof(talk, meta):
    talk.queue("hello")

    talk.run()

    request = meta.mock.calls[0].request
    assert request.headers["Authorization"].startswith("Bearer ")
    assert "appsecret_proof=" in request.url
    assert f"/{talk.account.external_id}/messages" in request.url


def test_lane_keeps_its_order(talk, meta):
    ids = talk.queue("one", "two", "three")

    talk.run()

    assert meta.texts == ["one", "two", "three"]
    assert talk.states(*ids) == ["sent"] * 3


def test_worker_told_to_stop_finishes_the_message_in_hand(talk, meta):
    ids = talk.queue("one", "two", "three")

    has_more = talk.run(stopping=lambda: len(meta.asked) == 2)

    assert has_more
    assert talk.states(*ids) == ["sent", "sent", "queued"]
    assert not talk.run()
    assert talk.states(*ids) == ["sent"] * 3


@pytest.mark.parametrize("answer", ["later", "never", "reauth"])
def test_lane_that_cannot_go_on_does_not_ask_to_be_woken(talk, meta, answer):
    if answer == "never":
        meta.fail(READ_TIMEOUT)
    else:
        meta.refuse(190 if answer == "reauth" else 2)
    talk.queue("one", "two")

    assert not talk.run()
    assert not talk.run(stopping=lambda: True)


def test_attachment_and_reply_go_out_as_written(talk, meta, factory):
    factory.message(talk.conversation, external_id="m_asked")
    talk.compose(Media("image", "https://cdn.example/a.jpg"), reply_to_external_id="m_asked")

    talk.run()

    assert meta.asked[0]["reply_to"] == {"mid": "m_asked"}
    assert meta.asked[0]["message"]["attachment"]["payload"]["url"] == "https://cdn.example/a.jpg"


def test_host_and_pages_hear_of_a_sent_message(talk, heard, pages):
    [message_id] = talk.queue("hello")

    talk.run()

    [(first, sent), (second, changed)] = heard
    assert (first, second) == ("message_sent", "message_status_changed")
    assert sent.pop("sent_by") == "person"
    assert changed.pop("status") == "sent"
    assert (
        sent
        == changed
        == {
            "workspace_id": "w1",
            "location_id": "l1",
            "account_id": talk.account_id,
            "conversation_id": talk.conversation_id,
            "message_id": message_id,
            "contact_ref": None,
            "channel": "facebook",
            "kind": "text",
            "is_standby": False,
        }
    )
    told = [each["type"] for each in pages() if each.get("message_id") == str(message_id)]
    assert told == ["status"]


def test_transaction_is_not_open_while_meta_is_asked(talk, meta):
    engine = state_of(talk.app).db.engine
    open_connections = []
    meta.on_request = lambda _: open_connections.append(engine.pool.checkedout())
    talk.queue("one", "two")

    talk.run()

    assert open_connections == [0, 0]


def test_meta_that_names_no_id_leaves_it_to_the_echo(talk, meta):
    meta.accept(None)
    [message_id] = talk.queue("hello")

    talk.run()

    message = talk.message(message_id)
    assert (message.status, message.external_id) == ("sent", None)


def test_late_answer_of_a_person_goes_out_with_the_tag(new_talk, meta):
    talk = new_talk(last_inbound_at=utc_now() - timedelta(days=3))
    switch_human_agent_on(talk)
    [message_id] = talk.queue("hello")

    talk.run()

    assert meta.asked[0]["messaging_type"] == "MESSAGE_TAG"
    assert meta.asked[0]["tag"] == "HUMAN_AGENT"
    assert talk.message(message_id).tag == "HUMAN_AGENT"


def test_message_that_waited_past_its_window_fails(talk, meta, heard):
    [message_id] = talk.queue("hello")
    talk.change(Conversation, talk.conversation_id, last_inbound_at=utc_now() - timedelta(hours=25))

    talk.run()

    message = talk.message(message_id)
    assert (message.status, message.error_slug) == ("failed", "window_closed")
    assert meta.asked == []
    assert [arguments["status"] for _, arguments in heard] == ["failed"]


def test_message_accepted_in_time_is_not_lost_to_the_margin(talk):
    [message_id] = talk.queue("hello")
    talk.change(
        Conversation,
        talk.conversation_id,
        last_inbound_at=utc_now() - timedelta(hours=24) + timedelta(seconds=30),
    )

    talk.run()

    assert talk.states(message_id) == ["sent"]


def test_nothing_is_sent_after_a_downgrade(talk, meta, host):
    ids = talk.queue("one", "two")
    host.plans["w1"] = "free"

    talk.run()

    assert meta.asked == []
    assert talk.states(*ids) == ["failed", "failed"]
    assert talk.message(ids[0]).error_slug == "plan_required"


def test_nothing_is_sent_after_a_disconnection(talk, meta):
    [message_id] = talk.queue("hello")
    talk.change(Account, talk.account_id, status="disconnected", token_sealed=None)

    talk.run()

    message = talk.message(message_id)
    assert (message.status, message.error_slug) == ("failed", "account_disconnected")
    assert meta.asked == []


@pytest.mark.parametrize(
    ("code", "subcode", "slug"),
    [
        (10, 2018278, "graph_window_closed"),
        (551, 1545041, "graph_recipient_unavailable"),
        (200, None, "graph_permission"),
        (2022, None, "graph_account_restricted"),
        (100, None, "graph_invalid_request"),
        (999999, None, "graph"),
    ],
)
def test_refusal_for_good_is_typed_and_the_lane_goes_on(talk, meta, heard, code, subcode, slug):
    meta.refuse(code, subcode)
    first, second = talk.queue("one", "two")

    talk.run()

    message = talk.message(first)
    assert (message.status, message.error_slug) == ("failed", slug)
    assert (message.error_code, message.error_subcode) == (code, subcode)
    assert talk.states(second) == ["sent"]
    assert heard[0][0] == "message_status_changed"
    assert heard[0][1]["status"] == "failed"


def test_refusal_for_now_is_tried_again_later_and_nothing_overtakes_it(talk, meta):
    meta.refuse(2)
    first, second = talk.queue("one", "two")

    talk.run()
    talk.run()

    waiting = talk.message(first)
    assert waiting.status == "queued"
    assert waiting.next_attempt_at > utc_now()
    assert meta.texts == ["one"]

    due(talk, first)
    talk.run()

    assert meta.texts == ["one", "one", "two"]
    assert talk.states(first, second) == ["sent", "sent"]


def test_unreachable_meta_is_tried_again(talk, meta):
    meta.fail(requests.ConnectTimeout("no route"))
    [message_id] = talk.queue("hello")

    talk.run()

    assert talk.states(message_id) == ["queued"]


def test_tries_come_to_an_end(new_app, meta):
    app = new_app(MESSENGER_SEND_MAX_ATTEMPTS=3)
    with app.app_context():
        talk = Talk(app, Factory(app), meta)
        [message_id] = talk.queue("hello")
        for _ in range(3):
            meta.refuse(1200)
            talk.run()
            if talk.states(message_id) == ["queued"]:
                due(talk, message_id)

        message = talk.message(message_id)
    assert (message.status, message.attempts) == ("failed", 3)
    assert (message.error_slug, message.error_code) == ("graph_unavailable", 1200)


def test_rate_limit_of_the_account_holds_back_all_its_lanes(talk, meta, factory):
    meta.refuse(80006)
    [message_id] = talk.queue("hello")
    talk.run()
    other = factory.conversation(talk.account, last_inbound_at=utc_now())
    neighbour = talk.compose("from next door", conversation_id=other.id).message.id

    talk.run()

    assert talk.states(message_id, neighbour) == ["queued", "queued"]
    assert meta.texts == ["hello"]


def test_rate_limit_of_one_thread_holds_back_only_its_lane(talk, meta, factory):
    meta.refuse(10, 2018300)
    [message_id] = talk.queue("hello")
    talk.run()
    other = factory.conversation(talk.account, last_inbound_at=utc_now())
    neighbour = talk.compose("from next door", conversation_id=other.id).message.id

    talk.run()

    assert talk.states(message_id, neighbour) == ["queued", "sent"]


def test_usage_near_the_limit_slows_the_account_down(talk, meta):
    meta.accept("m_1", {"X-Page-Usage": '{"call_count": 95}'})
    ids = talk.queue("one", "two")

    talk.run()

    assert talk.states(*ids) == ["sent", "queued"]


def test_dead_token_keeps_the_message_and_tells_the_admin(talk, meta, heard):
    meta.refuse(190, 463)
    ids = talk.queue("one", "two")

    talk.run()
    talk.run()

    account = talk.row(Account, talk.account_id)
    assert (account.status, account.status_reason) == ("needs_reauth", "token_expired")
    assert talk.states(*ids) == ["queued", "queued"]
    assert talk.message(ids[0]).attempts == 0
    assert len(meta.asked) == 1
    assert [name for name, _ in heard] == ["account_needs_reauth"]
    assert [each.action for each in rows(talk.app, AuditEntry)] == ["account_needs_reauth"]


def test_lane_goes_on_after_a_reconnection(talk, meta):
    meta.refuse(190)
    ids = talk.queue("one", "two")
    talk.run()

    talk.change(Account, talk.account_id, status="active")
    talk.run()

    assert talk.states(*ids) == ["sent", "sent"]


def test_reconnection_during_the_call_is_not_undone(talk, meta):
    def reconnect(_request):
        meta.on_request = lambda _: None
        talk.change(Account, talk.account_id, token_sealed=fresh)

    keys = state_of(talk.app).get(KeyRing)
    fresh = keys.seal("EAAfresh", context=f"messenger_accounts:{talk.account_id}:token")
    meta.refuse(190)
    [message_id] = talk.queue("hello")
    meta.on_request = reconnect

    talk.run()

    assert talk.row(Account, talk.account_id).status == "active"
    assert talk.states(message_id) == ["sent"]


@pytest.mark.parametrize("change", [{"token_sealed": "v1.gone.AAAA"}, {"app_name": "gone"}])
def test_account_the_operator_has_to_mend_waits_without_using_up_tries(talk, meta, change):
    [message_id] = talk.queue("hello")
    talk.change(Account, talk.account_id, **change)

    talk.run()

    message = talk.message(message_id)
    assert (message.status, message.attempts) == ("queued", 0)
    assert message.next_attempt_at > utc_now()
    assert meta.asked == []


def test_unanswered_message_is_never_sent_again(talk, meta):
    meta.fail(READ_TIMEOUT)
    first, second = talk.queue("one", "two")

    talk.run()
    talk.run()

    assert talk.states(first, second) == ["sending", "queued"]
    assert meta.texts == ["one"]


def test_echo_settles_an_unanswered_message(talk, meta, client):
    meta.fail(READ_TIMEOUT)
    first, second = talk.queue("one", "two")
    talk.run()
    page = talk.account.external_id

    post(client, delivery(entry(page, echo(page, "7", "one", mid="m_e", metadata=f"fm:{first}"))))
    drain(talk.app)
    talk.run()

    assert talk.states(first, second) == ["sent", "sent"]
    assert talk.message(first).external_id == "m_e"
    assert meta.texts == ["one", "two"]


def test_echo_that_comes_before_the_answer_is_the_same_message(talk, meta, client):
    [message_id] = talk.queue("hello")
    page = talk.account.external_id
    at = utc_now().replace(microsecond=0)

    def echo_first(asked):
        event = echo(
            page, "7", mid="m_1", metadata=asked["message"]["metadata"], at=milliseconds(at)
        )
        post(client, delivery(entry(page, event)))
        drain(talk.app)

    meta.on_request = echo_first
    meta.accept("m_1")

    talk.run()

    [message] = talk.outbound
    assert (message.id, message.status, message.external_id) == (message_id, "sent", "m_1")
    assert (message.sent_at, message.sent_by) == (at, "person")


def test_echo_that_comes_after_the_answer_is_the_same_message(talk, meta, client):
    [message_id] = talk.queue("hello")
    meta.accept("m_1")
    page = talk.account.external_id

    talk.run()
    post(client, delivery(entry(page, echo(page, "7", mid="m_1", metadata=f"fm:{message_id}"))))
    drain(talk.app)

    [message] = talk.outbound
    assert (message.id, message.status) == (message_id, "sent")


@pytest.mark.parametrize("status", ["failed", "unknown", "sent"])
def test_late_yes_leaves_nothing_of_the_failure(talk, meta, status):
    [message_id] = talk.queue("hello")

    def give_up(_asked):
        talk.change(
            Message,
            message_id,
            status=status,
            error_slug="graph_timeout",
            error_code=1,
            error_subcode=1357046,
            next_attempt_at=utc_now(),
        )

    meta.on_request = give_up
    meta.accept("m_1")

    talk.run()

    message = talk.message(message_id)
    assert (message.status, message.external_id) == ("sent", "m_1")
    assert (message.error_slug, message.error_code, message.error_subcode) == (None, None, None)
    assert (message.sending_since, message.next_attempt_at) == (None, None)


def test_receipt_before_the_answer_is_not_undone_by_it(talk, meta, client):
    [message_id] = talk.queue("hello")
    page = talk.account.external_id

    def echo_and_receipt(asked):
        sent = utc_now()
        metadata = asked["message"]["metadata"]
        event = echo(page, "7", mid="m_1", metadata=metadata, at=milliseconds(sent))
        seen = receipt(page, "7", "read", watermark=milliseconds(sent) + 1)
        post(client, delivery(entry(page, event, seen)))
        drain(talk.app)

    meta.on_request = echo_and_receipt
    meta.accept("m_1")

    talk.run()

    assert talk.states(message_id) == ["read"]


def test_receipt_that_waited_for_the_id_is_applied(talk, meta, client):
    [message_id] = talk.queue("hello")
    page = talk.account.external_id

    def receipt_first(_asked):
        given = receipt(page, "7", "delivery", mids=["m_1"], watermark=1_763_000_000_000)
        post(client, delivery(entry(page, given)))
        drain(talk.app)

    meta.on_request = receipt_first
    meta.accept("m_1")

    talk.run()

    assert talk.states(message_id) == ["delivered"]


@pytest.mark.parametrize("is_read", [False, True])
def test_echo_stored_as_somebody_elses_message_becomes_ours(talk, meta, client, is_read):
    talk.compose(Media("image", "https://cdn.example/a.jpg"))
    [message_id] = [each.id for each in talk.outbound]
    page = talk.account.external_id
    at = utc_now().replace(microsecond=0)
    image = [{"type": "image", "payload": {"url": "https://scontent.example/b.jpg"}}]

    def echo_without_metadata(_asked):
        events = [echo(page, "7", mid="m_1", attachments=image, at=milliseconds(at))]
        if is_read:
            events.append(receipt(page, "7", "read", watermark=milliseconds(at)))
        post(client, delivery(entry(page, *events)))
        drain(talk.app)
        assert len(talk.outbound) == 2

    meta.on_request = echo_without_metadata
    meta.accept("m_1")

    talk.run()

    [message] = talk.outbound
    assert (message.id, message.external_id, message.sent_by) == (message_id, "m_1", "person")
    assert (message.status, message.sent_at) == ("read" if is_read else "sent", at)
    conversation = talk.row(Conversation, talk.conversation_id)
    assert (conversation.last_message_id, conversation.last_message_at) == (message_id, at)


@pytest.mark.databases("postgresql")  # the runner waits for what it has out
def test_worker_that_dies_after_the_claim_leaves_sending_and_nobody_sends_it_again(talk, meta):
    class KilledError(BaseException):
        pass

    def die(_asked):
        raise KilledError

    meta.on_request = die
    ids = talk.queue("one", "two")
    with pytest.raises(KilledError):
        talk.run()
    talk.session.rollback()
    meta.on_request = lambda _: None

    talk.run()

    assert talk.states(*ids) == ["sending", "queued"]


def test_late_failure_of_an_attempt_given_up_does_not_touch_the_next(talk, meta):
    [message_id] = talk.queue("hello")
    later = utc_now() + timedelta(seconds=1)

    def somebody_else_takes_over(_asked):
        talk.change(Message, message_id, sending_since=later)

    meta.on_request = somebody_else_takes_over
    meta.refuse(100)

    talk.run()

    message = talk.message(message_id)
    assert (message.status, message.sending_since) == ("sending", later)


def test_host_whose_tier_loader_fails_leaves_the_message_queued(talk):
    [message_id] = talk.queue("hello")
    hooks = state_of(talk.app).hooks
    loader, hooks.tier = hooks.tier, lambda _: 1 / 0

    talk.run()

    message = talk.message(message_id)
    assert (message.status, message.attempts) == ("queued", 0)
    assert message.next_attempt_at > utc_now()
    hooks.tier = loader
    due(talk, message_id)
    talk.run()
    assert talk.states(message_id) == ["sent"]


def test_failing_tier_loader_of_one_workspace_holds_no_other(talk, new_talk):
    [message_id] = talk.queue("hello")
    other = new_talk(workspace_id="w2")
    other_id = other.compose("there", tenant_workspace_id="w2").message.id
    hooks = state_of(talk.app).hooks
    hooks.tier = lambda workspace_id: "pro" if workspace_id == "w2" else 1 / 0

    talk.run()

    assert talk.states(message_id, other_id) == ["queued", "sent"]


def test_host_receiver_that_fails_stops_nothing(talk):
    def broken(_app, **_arguments):
        raise RuntimeError

    ids = talk.queue("one", "two")
    with message_sent.connected_to(broken, sender=talk.app):
        talk.run()

    assert talk.states(*ids) == ["sent", "sent"]


def test_nothing_of_the_person_is_logged(talk, meta, caplog):
    caplog.set_level("DEBUG")
    meta.refuse(100)
    meta.fail(READ_TIMEOUT)
    talk.queue("the secret words", "more secret words")

    talk.run()

    assert "secret words" not in caplog.text
    assert "EAAtest" not in caplog.text
    assert "m_out" not in caplog.text
