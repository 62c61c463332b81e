"""The webhook sender: bytes, signatures, order, retries, giving up, what control does to it."""

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest

from flask_messenger.simulator import wire
from flask_messenger.simulator.seeds import page_id_of
from tests.simulator.conftest import Running
from tests.simulator.driver import APP_ID, FIELDS, SECRET, Callback, Graph, wait_until

DOWNTOWN, OSLO = page_id_of("Iron Gym Downtown"), page_id_of("Nordlys Dental Oslo")
CHAT = f"{DOWNTOWN}/maya-okafor"


def write(graph: Graph, *texts: str) -> None:
    for text in texts:
        graph.chat(f"{CHAT}/messages", text=text)


def texts(callback: Callback) -> list[str]:
    return [event["message"]["text"] for event in callback.events() if "message" in event]


def webhooks_of(graph: Graph) -> list[dict[str, Any]]:
    return list(graph.control("GET", "webhooks")["webhooks"])


def counts(graph: Graph) -> dict[str, int]:
    return dict(graph.control("GET", "state")["webhooks"]["counts"])


def test_bytes_are_written_and_signed_as_meta_does(graph: Graph, callback: Callback) -> None:
    graph.connect(DOWNTOWN)

    write(graph, "Grüße / 👍 \u2028")
    callback.wait_for_kinds("message")

    headers, body = callback.received[0]
    assert b'"Gr\\u00fc\\u00dfe \\/ \\ud83d\\udc4d \\u2028"' in body
    assert body.isascii()
    wanted = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert headers["X-Hub-Signature-256"] == f"sha256={wanted}"
    assert headers["X-Hub-Signature"].startswith("sha1=")
    assert headers["Content-Type"] == "application/json"


def test_known_signature() -> None:
    # Computed with: printf '{"a":"\\u00e4\\/"}' | openssl dgst -sha256 -hmac simulator-app-secret
    body = wire.to_bytes({"a": "ä/"})

    assert body == b'{"a":"\\u00e4\\/"}'
    assert wire.signature("simulator-app-secret", body) == (
        "sha256=" + hmac.new(b"simulator-app-secret", body, hashlib.sha256).hexdigest()
    )


def test_envelope_names_the_page(graph: Graph, callback: Callback) -> None:
    graph.connect(DOWNTOWN)

    write(graph, "Hi")
    callback.wait_for_kinds("message")

    body = callback.bodies()[0]
    assert body["object"] == "page"
    assert body["entry"][0]["id"] == DOWNTOWN
    assert body["entry"][0]["time"] == body["entry"][0]["messaging"][0]["timestamp"]


def test_page_that_is_not_subscribed_is_silent(graph: Graph) -> None:
    write(graph, "Hi")

    assert counts(graph) == {"pending": 0, "held": 0, "done": 0, "dropped": 0}


def test_only_subscribed_fields_are_heard(graph: Graph, callback: Callback) -> None:
    token = graph.connect(DOWNTOWN, fields="messages")
    psid = graph.chat(f"{CHAT}/messages", text="Hi")["psid"]

    graph.send(DOWNTOWN, token, psid, text="Hello")
    write(graph, "Thanks")
    callback.wait(lambda got: got.kinds().count("message") == 2)

    assert callback.kinds() == ["message", "message"]


def test_photo_quick_reply_postback_and_reply(graph: Graph, callback: Callback) -> None:
    graph.connect(DOWNTOWN)

    first = graph.chat(f"{CHAT}/messages", photo="sea")
    graph.chat(f"{CHAT}/messages", quick_reply={"title": "Red", "payload": "PICK_RED"})
    graph.chat(f"{CHAT}/postbacks", title="Get Started", payload="GET_STARTED")
    graph.chat(f"{CHAT}/messages", text="That one", reply_to=first["mid"])
    callback.wait(lambda got: len(got.events()) == 4)

    photo, tap, postback, reply = callback.events()
    assert photo["message"]["attachments"][0]["type"] == "image"
    assert "text" not in photo["message"]
    assert tap["message"]["quick_reply"] == {"payload": "PICK_RED"}
    assert tap["message"]["text"] == "Red"
    assert postback["postback"]["payload"] == "GET_STARTED"
    assert postback["postback"]["mid"].startswith("m_")
    assert reply["message"]["reply_to"] == {"mid": first["mid"]}


def test_reaction_and_taking_it_back(graph: Graph, callback: Callback) -> None:
    graph.connect(DOWNTOWN, fields=FIELDS + ",message_reactions")
    mid = graph.chat(f"{CHAT}/messages", text="Hi")["mid"]

    graph.chat(f"{CHAT}/reactions", mid=mid, reaction="love")
    graph.chat(f"{CHAT}/reactions", mid=mid)
    callback.wait(lambda got: len(got.events()) == 3)

    reactions = [event["reaction"] for event in callback.events() if "reaction" in event]
    assert reactions[0] == {
        "mid": mid,
        "action": "react",
        "reaction": "love",
        "emoji": "\u2764\ufe0f",
    }
    assert reactions[1] == {"mid": mid, "action": "unreact"}


class TestRetry:
    @pytest.mark.parametrize("status", [500, 503, 404, 302, 204])
    def test_anything_but_200_is_tried_again(
        self, start: Callable[..., Running], callback: Callback, status: int
    ) -> None:
        graph = start(SIMULATOR_SPEED=100)
        graph.connect(DOWNTOWN)
        callback.status = status
        write(graph, "Hi")
        callback.wait(lambda got: len(got.received) >= 3)

        callback.status = 200

        wait_until(lambda: counts(graph)["done"] == 1)
        assert len({body for _, body in callback.received}) == 1

    def test_restart_goes_on(self, start: Callable[..., Running], callback: Callback) -> None:
        first = start(SIMULATOR_CALLBACK_URL="http://127.0.0.1:9/none")
        first.connect(DOWNTOWN)
        write(first, "Hi")
        wait_until(lambda: counts(first)["pending"] == 1)
        wait_until(
            lambda: first.control("GET", "webhooks")["webhooks"][0]["last_answer"] is not None
        )
        first.stop()

        start()

        callback.wait_for_kinds("message")

    def test_hour_of_failing_disables_the_page(
        self, start: Callable[..., Running], callback: Callback
    ) -> None:
        graph = start(SIMULATOR_SPEED=36_000)  # an hour is a tenth of a second
        token = graph.connect(DOWNTOWN)
        callback.status = 500

        write(graph, "Hi")
        wait_until(lambda: counts(graph)["dropped"] == 1)

        assert graph.get(f"{DOWNTOWN}/subscribed_apps", token).json() == {"data": []}
        assert counts(graph)["pending"] == 0

    def test_success_in_between_starts_the_hour_anew(
        self, graph: Graph, callback: Callback
    ) -> None:
        graph.connect(DOWNTOWN)
        callback.status = 500
        write(graph, "Hi")
        callback.wait(lambda got: len(got.received) >= 1)
        wait_until(lambda: self.failing_since(graph) is not None)
        callback.status = 200

        graph.control("PATCH", "webhooks", speed=100)
        write(graph, "Again")
        callback.wait(lambda got: "Again" in texts(got))

        wait_until(lambda: self.failing_since(graph) is None)

    def failing_since(self, graph: Graph) -> int | None:
        since = graph.control("GET", "state")["subscriptions"][0]["failing_since"]
        return None if since is None else int(since)

    def test_hour_of_failing_on_demand(self, graph: Graph) -> None:
        graph.connect(DOWNTOWN)

        graph.control("POST", "webhooks/disable", page_id=DOWNTOWN)

        assert graph.control("GET", "state")["subscriptions"] == []

    def test_app_without_callback_loses_its_webhooks(self, graph: Graph) -> None:
        graph.connect(DOWNTOWN)
        graph.control("PATCH", "webhooks", paused=True)
        write(graph, "Hi")
        graph.delete(f"{APP_ID}/subscriptions", f"{APP_ID}|{SECRET}")

        graph.control("PATCH", "webhooks", paused=False)

        wait_until(lambda: counts(graph)["dropped"] == 1)


class TestControl:
    def test_everything_twice(self, graph: Graph, callback: Callback) -> None:
        graph.connect(DOWNTOWN)
        graph.control("PATCH", "webhooks", duplicate=True)

        write(graph, "Hi")
        callback.wait(lambda got: len(got.received) == 2)

        assert callback.received[0][1] == callback.received[1][1]

    def test_pause_keeps_and_sends_later(self, graph: Graph, callback: Callback) -> None:
        graph.connect(DOWNTOWN)
        graph.control("PATCH", "webhooks", paused=True)
        write(graph, "One", "Two")
        assert counts(graph)["pending"] == 2

        graph.control("PATCH", "webhooks", paused=False)
        callback.wait(lambda got: len(got.received) == 2)

        assert texts(callback) == ["One", "Two"]

    @pytest.mark.parametrize("order", ["kept", "reversed", "shuffled"])
    def test_held_ones_go_in_an_order(self, graph: Graph, callback: Callback, order: str) -> None:
        graph.connect(DOWNTOWN)
        graph.control("PATCH", "webhooks", hold=True)
        written = [str(number) for number in range(8)]
        write(graph, *written)
        assert counts(graph)["held"] == 8

        released = graph.control("POST", "webhooks/release", order=order)
        callback.wait(lambda got: len(got.received) == 8)

        assert released == {"released": 8}
        assert sorted(texts(callback)) == written
        if order != "shuffled":
            assert texts(callback) == (written if order == "kept" else written[::-1])
        write(graph, "after")
        callback.wait(lambda got: "after" in texts(got))

    def test_held_ones_of_several_pages_share_a_post(
        self, graph: Graph, callback: Callback
    ) -> None:
        graph.connect(DOWNTOWN)
        graph.connect(OSLO, "ida-berg")
        graph.control("PATCH", "webhooks", hold=True)
        write(graph, "Gym")
        graph.chat(f"{OSLO}/maya-okafor/messages", text="Teeth")

        graph.control("POST", "webhooks/release", order="kept", batch=1000)
        callback.wait(lambda got: len(got.received) == 1)

        assert [entry["id"] for entry in callback.bodies()[0]["entry"]] == [DOWNTOWN, OSLO]

    def test_delivered_ones_can_be_sent_again(self, graph: Graph, callback: Callback) -> None:
        graph.connect(DOWNTOWN)
        write(graph, "One")
        wait_until(lambda: counts(graph)["done"] == 1)

        assert graph.control("POST", "webhooks/replay", count=5) == {"replayed": 1}

        callback.wait(lambda got: texts(got) == ["One", "One"])

    @pytest.mark.parametrize("body", [{"object": "cat"}, [], {"object": "page", "entry": None}])
    def test_any_json_can_be_sent(self, graph: Graph, callback: Callback, body: Any) -> None:
        graph.control("POST", "webhooks/send", body=body)
        callback.wait(lambda got: len(got.received) == 1)

        headers, raw = callback.received[0]
        assert json.loads(raw) == body
        assert headers["X-Hub-Signature-256"] == wire.signature(SECRET, raw)

    def test_callback_can_be_verified(self, graph: Graph, callback: Callback) -> None:
        assert graph.control("POST", "webhooks/verify") == {"verified": True}

        callback.verify_token = "another"

        assert not graph.control("POST", "webhooks/verify")["verified"]

    def test_second_app_gets_its_own_copy(self, graph: Graph, callback: Callback) -> None:
        other = Callback()
        try:
            graph.connect(DOWNTOWN)
            graph.control(
                "POST",
                "apps",
                id="2000000000000002",
                secret="other-secret",
                redirect_uris=["http://127.0.0.1:5998/back"],
                callback_url=other.url,
            )
            answered = graph.answer_dialog(
                pages=[DOWNTOWN],
                client_id="2000000000000002",
                redirect_uri="http://127.0.0.1:5998/back",
            )
            token = graph.exchange(
                answered["code"],
                client_id="2000000000000002",
                client_secret="other-secret",
                redirect_uri="http://127.0.0.1:5998/back",
            ).json()["access_token"]
            signed = {"has_proof": False}
            proof = hmac.new(b"other-secret", token.encode(), hashlib.sha256).hexdigest()
            page = graph.get(DOWNTOWN, token, fields="access_token", appsecret_proof=proof).json()[
                "access_token"
            ]
            proof = hmac.new(b"other-secret", page.encode(), hashlib.sha256).hexdigest()
            graph.post(
                f"{DOWNTOWN}/subscribed_apps",
                page,
                subscribed_fields="messages",
                appsecret_proof=proof,
                **signed,
            )

            write(graph, "Hi both")
            callback.wait_for_kinds("message")
            other.wait_for_kinds("message")

            headers, raw = other.received[0]
            assert headers["X-Hub-Signature-256"] == wire.signature("other-secret", raw)
        finally:
            other.close()


def test_message_reaches_the_callback_at_once(graph: Graph, callback: Callback) -> None:
    graph.connect(DOWNTOWN)
    write(graph, "Warm up")
    callback.wait_for_kinds("message")

    write(graph, *[str(number) for number in range(20)])
    callback.wait(lambda got: len(got.received) == 21)

    listed = graph.control("GET", "webhooks")["webhooks"]
    wait_until(lambda: counts(graph)["done"] == 21)
    listed = graph.control("GET", "webhooks")["webhooks"]
    waits = sorted(row["done_at"] - row["created_at"] for row in listed)
    assert waits[len(waits) // 2] < 100
