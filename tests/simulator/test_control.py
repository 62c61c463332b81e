"""Faults, callbacks with a signed_request, bursts, apps, reset."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
import requests

from flask_messenger.simulator.constants import PAGE_INBOX_APP_ID
from flask_messenger.simulator.seeds import page_id_of
from tests.simulator.driver import SECRET, Callback, Graph, error_of, wait_until

DOWNTOWN = page_id_of("Iron Gym Downtown")
CHAT = f"{DOWNTOWN}/maya-okafor"


def open_signed_request(value: str) -> dict[str, Any]:
    """Return the payload of a signed_request, as Meta's documentation reads one."""
    mac, body = value.split(".")
    wanted = hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).digest()
    assert base64.urlsafe_b64decode(mac + "=" * (-len(mac) % 4)) == wanted
    return dict(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))


class TestFaults:
    def test_next_calls_fail_as_asked(self, graph: Graph) -> None:
        token = graph.log_in()
        graph.control(
            "POST", "faults", path="/me", count=2, code=4, subcode=2018022, http_status=429
        )

        first, second, third = (graph.get("me", token) for _ in range(3))

        assert error_of(first) == error_of(second) == (4, 2018022)
        assert first.status_code == 429
        assert third.ok

    def test_only_the_path_and_method_asked_for(self, graph: Graph) -> None:
        token = graph.log_in()
        graph.control("POST", "faults", path="*/messages", method="POST", code=2)

        assert graph.get("me", token).ok
        assert len(graph.control("GET", "faults")["faults"]) == 1

    def test_transient_flag_and_message(self, graph: Graph) -> None:
        graph.control("POST", "faults", code=2, is_transient=True, message="Busy", http_status=503)

        error = graph.get("me").json()["error"]

        assert error["is_transient"] is True
        assert error["message"] == "Busy"

    def test_html_page(self, graph: Graph) -> None:
        graph.control("POST", "faults", html=True, http_status=502)

        answer = graph.get("me")

        assert answer.status_code == 502
        assert answer.headers["Content-Type"].startswith("text/html")

    def test_delay(self, graph: Graph) -> None:
        token = graph.log_in()
        graph.control("POST", "faults", kind="latency", seconds=0.3)
        began = time.monotonic()

        assert graph.get("me", token).ok

        assert time.monotonic() - began >= 0.3

    def test_connection_dropped_before_graph_acts(self, graph: Graph) -> None:
        token = graph.connect(DOWNTOWN)
        psid = graph.chat(f"{CHAT}/messages", text="Hi")["psid"]
        graph.control("POST", "faults", kind="drop", path="*/messages")

        with pytest.raises(requests.ConnectionError):
            graph.send(DOWNTOWN, token, psid, text="Lost")

        assert len(messages(graph)) == 1

    def test_connection_dropped_after_graph_acted(self, graph: Graph, callback: Callback) -> None:
        token = graph.connect(DOWNTOWN)
        psid = graph.chat(f"{CHAT}/messages", text="Hi")["psid"]
        graph.control("POST", "faults", kind="drop", when="after", path="*/messages")

        with pytest.raises(requests.ConnectionError):
            graph.send(DOWNTOWN, token, psid, text="Sent", metadata="row-1")

        callback.wait_for_kinds("echo")
        assert messages(graph)[-1]["text"] == "Sent"

    def test_error_after_graph_acted(self, graph: Graph) -> None:
        token = graph.connect(DOWNTOWN)
        psid = graph.chat(f"{CHAT}/messages", text="Hi")["psid"]
        graph.control("POST", "faults", when="after", path="*/messages", code=1)

        assert error_of(graph.send(DOWNTOWN, token, psid, text="Sent")) == (1, None)
        assert messages(graph)[-1]["text"] == "Sent"

    def test_faults_can_be_taken_away(self, graph: Graph) -> None:
        first = graph.control("POST", "faults", count=5)["id"]
        graph.control("POST", "faults", count=5)

        graph.control("DELETE", f"faults/{first}")
        left = graph.control("GET", "faults")["faults"]
        graph.control("DELETE", "faults")

        assert len(left) == 1
        assert graph.control("GET", "faults") == {"faults": []}


def messages(graph: Graph) -> list[dict[str, Any]]:
    url = f"{graph.base_url}/chat/api/{CHAT}"
    return list(graph.session.get(url, timeout=5).json()["messages"])


class TestCallbacks:
    def test_removing_the_app_tells_it(self, graph: Graph, callback: Callback) -> None:
        user_id = graph.get("me", graph.log_in(pages=[DOWNTOWN])).json()["id"]

        told = graph.control("POST", "people/sam-reyes/deauthorize")

        path, form = callback.forms[0]
        payload = open_signed_request(form["signed_request"][0])
        assert told["removed"]
        assert told["callback"]["status"] == 200
        assert path == "/deauthorize"
        assert payload["user_id"] == user_id
        assert payload["algorithm"] == "HMAC-SHA256"

    def test_app_that_removes_itself_hears_of_it(self, graph: Graph, callback: Callback) -> None:
        token = graph.connect(DOWNTOWN)
        user_token = graph.log_in(pages=[DOWNTOWN])

        assert graph.delete("me/permissions", user_token).json() == {"success": True}

        wait_until(lambda: len(callback.forms) == 1)
        assert error_of(graph.get("me", user_token)) == (190, 458)
        assert error_of(graph.get("me", token)) == (190, 458)
        assert graph.control("GET", "state")["subscriptions"] == []

    def test_data_deletion_shows_address_and_code(self, graph: Graph, callback: Callback) -> None:
        graph.log_in()

        told = graph.control("POST", "people/sam-reyes/data-deletion")["callback"]

        assert callback.forms[0][0] == "/data-deletion"
        assert told["answer"]["confirmation_code"] == "abc1"

    def test_callback_that_is_not_there(self, graph: Graph, callback: Callback) -> None:
        callback.close()

        told = graph.control("POST", "people/sam-reyes/deauthorize")

        assert told["callback"]["status"] is None
        assert told["callback"]["problem"] == "ConnectionError"


class TestBurst:
    def test_writes_at_the_rate_asked_for(self, graph: Graph, callback: Callback) -> None:
        graph.connect(DOWNTOWN)
        began = time.monotonic()

        graph.control("POST", "burst", messages=30, per_second=60, customers=7)
        callback.wait(lambda got: len(got.received) == 30)

        assert time.monotonic() - began >= 29 / 60
        assert len({event["sender"]["id"] for event in callback.events()}) == 7
        wait_until(lambda: not graph.control("GET", "burst")["is_running"])
        assert graph.control("GET", "burst")["written"] == 30

    def test_needs_a_connected_page_or_named_ones(self, graph: Graph) -> None:
        refused = post(graph, "burst", {"messages": 1})
        assert refused.status_code == 409

        graph.control("POST", "burst", messages=1, page_ids=["iron-gym-downtown"])

        wait_until(lambda: not graph.control("GET", "burst")["is_running"])

    @pytest.mark.parametrize(
        "body", [{"messages": 100_001}, {"per_second": 1001}, {"customers": 1001}, {"messages": 0}]
    )
    def test_is_bounded(self, graph: Graph, body: dict[str, int]) -> None:
        graph.connect(DOWNTOWN)

        assert post(graph, "burst", body).status_code == 400

    def test_can_be_stopped(self, graph: Graph) -> None:
        graph.connect(DOWNTOWN)
        graph.control("POST", "burst", messages=1000, per_second=1)
        assert post(graph, "burst", {}).status_code == 409

        graph.control("DELETE", "burst")

        wait_until(lambda: not graph.control("GET", "burst")["is_running"])


def post(graph: Graph, path: str, body: Any) -> requests.Response:
    return requests.post(f"{graph.base_url}/control/api/{path}", json=body, timeout=5)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"kind": "earthquake"}),
        ("faults", {"when": "never"}),
        ("faults", {"colour": "blue"}),
        ("faults", {"count": 0}),
        ("faults", {"code": "x"}),
        ("faults", [1]),
        ("webhooks/release", {"order": "random"}),
        ("webhooks/release", {"batch": 1001}),
        ("webhooks/send", {"body": "x"}),
        ("tokens/revoke", {"person": "sam-reyes", "subcode": 1}),
        ("tokens/revoke", {}),
        ("people/sam-reyes/roles", {"page_id": DOWNTOWN, "tasks": ["SING"]}),
        ("apps", {"id": "x", "secret": "y"}),
        (f"threads/{CHAT}/age", {"hours": -1}),
        (f"threads/{CHAT}/age", {"hours": True}),
        (f"threads/{CHAT}/page-inbox", {"text": ""}),
        (f"threads/{CHAT}/block", {"blocked": "yes"}),
    ],
)
def test_bad_control_call_is_explained(graph: Graph, path: str, body: Any) -> None:
    answer = post(graph, path, body)

    assert answer.status_code == 400
    assert answer.json()["problem"]


@pytest.mark.parametrize(
    "path",
    [
        "people/nobody/deauthorize",
        "people/noa-levi/decline",
        "threads/1/maya-okafor/age",
        f"threads/{DOWNTOWN}/nobody/age",
    ],
)
def test_what_is_not_there_is_404(graph: Graph, path: str) -> None:
    answer = post(graph, path, {})

    assert answer.status_code == 404
    assert answer.json()["problem"]


def test_form_of_another_site_steers_nothing(graph: Graph) -> None:
    answer = requests.post(f"{graph.base_url}/control/api/faults", data={"kind": "drop"}, timeout=5)

    assert answer.status_code == 415


def test_calls_are_remembered_without_tokens(graph: Graph) -> None:
    token = graph.log_in()
    graph.get("me", token)
    graph.get("me", "EAAwrong")

    calls = graph.control("GET", "calls")["calls"]
    graph.control("DELETE", "calls")

    assert (calls[0]["path"], calls[0]["status"], calls[0]["code"]) == ("/me", 401, 190)
    assert token not in json.dumps(calls)
    assert graph.control("GET", "calls") == {"calls": []}


def test_reset_begins_anew(graph: Graph) -> None:
    token = graph.connect(DOWNTOWN)
    graph.chat(f"{CHAT}/messages", text="Hi")
    graph.control("POST", "faults")

    graph.control("POST", "reset")

    assert error_of(graph.get("me", token)) == (190, None)
    assert graph.control("GET", "threads") == {"threads": []}
    assert graph.control("GET", "state")["subscriptions"] == []
    assert graph.connect(DOWNTOWN)


def test_page_inbox_is_no_app_that_anybody_can_log_in_to(graph: Graph) -> None:
    assert graph.dialog(client_id=PAGE_INBOX_APP_ID).status_code == 400
