"""The Conversations API: what it lists, how far back it reads, how often it may be asked."""

import time
from collections import deque
from typing import Any

import pytest

from tests.simulator.business import INSTAGRAM, PAGE, Business
from tests.simulator.conftest import Running
from tests.simulator.driver import error_of

MESSAGES = "messages.limit(30){id,created_time,from,to,message,attachments,reactions}"


class Patient(Business):
    """A business that forgets at once how often it asked."""

    def __init__(self, graph: Running) -> None:
        super().__init__(graph)
        self.turns = graph.app.extensions["flask_messenger.simulator"].turns

    def get(self, path: str, **more: Any) -> Any:
        self.turns.clear()
        return super().get(path, **more)


@pytest.fixture
def business(graph: Running) -> Patient:
    return Patient(graph)


def write_history(business: Business, count: int, account: str = PAGE) -> dict[str, Any]:
    messages = [
        {
            "direction": "in" if number % 2 == 0 else "out",
            "text": f"Message {number}",
            "hours_ago": count - number,
        }
        for number in range(count)
    ]
    told = business.graph.control(
        "POST", f"threads/{account}/maya-okafor/history", messages=messages
    )
    return dict(told)


def test_conversation_is_listed_with_its_people(business: Patient) -> None:
    psid = business.write()
    fields = "id,updated_time,message_count,unread_count,participants,can_reply,snippet,is_owner"

    (told,) = business.get(f"{PAGE}/conversations", fields=fields).json()["data"]

    assert told["id"].startswith("t_")
    assert told["updated_time"].endswith("+0000")
    assert (told["message_count"], told["unread_count"]) == (1, 1)
    assert told["can_reply"] is True
    assert told["is_owner"] is True
    assert told["snippet"] == "Hi"
    assert told["participants"]["data"][0] == {
        "name": "Maya Okafor",
        "email": f"{psid}@facebook.com",
        "id": psid,
    }


def test_only_the_twenty_newest_messages_can_be_read(business: Patient) -> None:
    history = write_history(business, 23)
    thread = history["conversation_id"]

    told = business.get(thread, fields=MESSAGES).json()["messages"]["data"]

    assert len(told) == 23
    assert [one["message"] for one in told[:2]] == ["Message 22", "Message 21"]
    assert all("message" in one for one in told[:20])
    assert all(one.keys() == {"id", "created_time"} for one in told[20:])
    assert business.get(told[0]["id"], fields="message").json()["message"] == "Message 22"
    assert error_of(business.get(told[20]["id"], fields="message")) == (9000001, None)


def test_messages_are_paged(business: Patient) -> None:
    thread = write_history(business, 5)["conversation_id"]

    first = business.get(f"{thread}/messages", fields="message", limit=2).json()
    after = first["paging"]["cursors"]["after"]
    second = business.get(f"{thread}/messages", fields="message", limit=2, after=after).json()

    assert [one["message"] for one in first["data"]] == ["Message 4", "Message 3"]
    assert [one["message"] for one in second["data"]] == ["Message 2", "Message 1"]
    assert first["paging"]["next"]


def test_message_ids_are_those_of_the_webhooks(business: Patient) -> None:
    psid = business.write(photo="hills")
    sent = business.send(psid, {"text": "Nice"}).json()["message_id"]
    fields = "messages{id,from,to,message,attachments{id,mime_type,image_data{url}}}"

    (told,) = business.get(f"{PAGE}/conversations", user_id=psid, fields=fields).json()["data"]
    ours, theirs = told["messages"]["data"]

    assert ours["id"] == sent
    assert ours["from"]["id"] == PAGE
    assert theirs["to"]["data"][0]["id"] == PAGE
    assert theirs["message"] == ""
    assert theirs["attachments"]["data"][0]["mime_type"] == "image/png"
    assert theirs["attachments"]["data"][0]["image_data"]["url"]


def test_reactions_are_shown(business: Patient) -> None:
    psid = business.write()
    mid = business.messages()[0]["mid"]
    business.send(psid, sender_action="react", payload={"message_id": mid, "reaction": "\u2764"})

    told = business.get(mid, fields="reactions").json()["reactions"]["data"]

    assert told[0]["reaction"] == "\u2764"
    assert told[0]["users"][0]["id"] == PAGE


def test_instagram_conversations(business: Patient) -> None:
    igsid = business.write(account=INSTAGRAM)
    write_history(business, 3, INSTAGRAM)

    (told,) = business.get(
        f"{PAGE}/conversations", platform="instagram", fields="id,participants"
    ).json()["data"]
    by_person = business.get(f"{PAGE}/conversations", platform="instagram", user_id=igsid)
    nobody = business.get(f"{PAGE}/conversations", platform="instagram", user_id="6")

    assert not told["id"].startswith("t_")
    assert told["participants"]["data"][0] == {"username": "maya.okafor", "id": igsid}
    assert by_person.json()["data"][0]["id"] == told["id"]
    assert nobody.json() == {"data": []}


def test_old_request_is_listed_no_longer(business: Patient) -> None:
    business.write(account=INSTAGRAM)
    business.graph.control("POST", f"threads/{INSTAGRAM}/maya-okafor/age", hours=31 * 24)

    told = business.get(f"{PAGE}/conversations", platform="instagram").json()

    assert told == {"data": []}


def test_asked_too_often(graph: Running) -> None:
    business = Business(graph)
    soon = time.monotonic() + 60  # as if both calls of this second were made just now
    turns = graph.app.extensions["flask_messenger.simulator"].turns
    turns["conversations", PAGE] = deque([soon, soon])
    turns["conversations", INSTAGRAM] = deque([soon, soon])

    page = business.get(f"{PAGE}/conversations")
    instagram = business.get(f"{PAGE}/conversations", platform="instagram")

    assert error_of(page) == (613, None)
    assert error_of(instagram) == (613, 2534040)


def test_refusals(business: Patient) -> None:
    graph = business.graph
    path = f"{PAGE}/conversations"

    assert error_of(business.get(path, platform="whatsapp")) == (100, None)
    assert error_of(business.get(path, folder="other")) == (100, None)
    assert error_of(business.get(path, fields="mood")) == (100, None)
    graph.control("PATCH", f"instagram/{INSTAGRAM}", allows_messages=False)
    assert error_of(business.get(path, platform="instagram")) == (200, 2534041)
    graph.control("PATCH", f"instagram/{INSTAGRAM}", page_id=None)
    assert error_of(business.get(path, platform="instagram")) == (100, 2534013)
    graph.control("POST", "people/sam-reyes/decline", permission="pages_messaging")
    assert error_of(business.get(path)) == (230, None)
