"""Posts and comments of the simulated accounts, as webhooks and as a page."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import pytest

from flask_messenger.simulator.seeds import commenter_id_of, igsid_of, instagram_id_of, page_id_of
from tests.simulator.conftest import Running
from tests.simulator.driver import Callback, Graph

DOWNTOWN = page_id_of("Iron Gym Downtown")
DOWNTOWN_IG, COACH = instagram_id_of("irongym.downtown"), instagram_id_of("coach.sam")
MAYA = "maya-okafor"


@pytest.fixture
def connected(graph: Graph) -> Graph:
    graph.connect(DOWNTOWN, fields="messages,feed")
    return graph


def publish(graph: Graph, account: str, **wanted: Any) -> str:
    return str(graph.post_json(f"/posts/api/{account}/posts", **wanted)["id"])


def comment(graph: Graph, account: str, post: str, **wanted: Any) -> str:
    path = f"/posts/api/{account}/posts/{post}/comments"
    return str(graph.post_json(path, customer=MAYA, **wanted)["id"])


def changes(callback: Callback) -> list[dict[str, Any]]:
    return [body["entry"][0]["changes"][0] for body in callback.bodies()]


def test_comment_on_a_page_is_heard_from_writing_to_removal(
    connected: Graph, callback: Callback
) -> None:
    post = publish(connected, DOWNTOWN, text="Our new room")
    first = comment(connected, DOWNTOWN, post, text="How much?")
    answer = comment(connected, DOWNTOWN, post, text="And a sauna?", parent=first)
    connected.post_json(
        f"/posts/api/{DOWNTOWN}/comments/{first}", method="PATCH", text="How much is it?"
    )
    connected.post_json(f"/posts/api/{DOWNTOWN}/comments/{first}", method="DELETE")
    callback.wait(lambda got: len(got.received) == 4)

    values = [each["value"] for each in changes(callback)]
    assert {each["field"] for each in changes(callback)} == {"feed"}
    assert [each["verb"] for each in values] == ["add", "add", "edited", "remove"]
    assert values[0]["from"]["id"] == commenter_id_of(DOWNTOWN, MAYA, "messenger")
    assert values[0]["from"]["name"] == "Maya Okafor"
    assert (values[0]["comment_id"], values[0]["parent_id"]) == (first, post)
    assert (values[1]["comment_id"], values[1]["parent_id"]) == (answer, first)
    assert values[2]["message"] == "How much is it?"
    assert "message" not in values[3]
    assert callback.bodies()[0]["entry"][0]["time"] == values[0]["created_time"]


def test_visitor_post_and_reaction_are_heard_and_own_posts_by_nobody(
    connected: Graph, callback: Callback
) -> None:
    own = publish(connected, DOWNTOWN, text="Of the Page")
    publish(connected, DOWNTOWN, text="Of a visitor", customer=MAYA)
    connected.post_json(
        f"/posts/api/{DOWNTOWN}/posts/{own}/reactions", customer=MAYA, reaction="care"
    )
    callback.wait(lambda got: len(got.received) == 2)

    visitor, reaction = sorted((each["value"] for each in changes(callback)), key=str)[::-1]
    found = {each["item"]: each for each in (visitor, reaction)}
    assert found["status"]["message"] == "Of a visitor"
    assert found["reaction"]["reaction_type"] == "care"


def test_comments_on_instagram_live_and_ad(connected: Graph, callback: Callback) -> None:
    live = publish(connected, DOWNTOWN_IG, kind="live")
    advert = publish(connected, DOWNTOWN_IG, kind="ad", ad_title="Free month")
    during = comment(connected, DOWNTOWN_IG, live, text="Hi!")
    below = comment(connected, DOWNTOWN_IG, advert, text="Really?")
    connected.post_json(f"/posts/api/{DOWNTOWN_IG}/posts/{live}/end")
    late = connected.session.post(
        f"{connected.base_url}/posts/api/{DOWNTOWN_IG}/posts/{live}/comments",
        json={"customer": MAYA, "text": "Too late"},
        timeout=10,
    )
    callback.wait(lambda got: len(got.received) == 2)

    found = {each["field"]: each["value"] for each in changes(callback)}
    assert late.json() == {"problem": "The live video is over."}
    assert found["live_comments"]["id"] == during
    assert found["comments"]["id"] == found["comments"]["comment_id"] == below
    assert found["comments"]["from"] == {
        "id": igsid_of(DOWNTOWN_IG, MAYA),
        "username": "maya.okafor",
    }
    assert found["comments"]["media"]["ad_title"] == "Free month"


def test_mentions_are_thin(connected: Graph, callback: Callback) -> None:
    told = connected.post_json(f"/posts/api/{DOWNTOWN_IG}/mentions", in_comment=False)
    callback.wait(lambda got: len(got.received) == 1)

    assert changes(callback) == [{"field": "mentions", "value": {"media_id": told["media_id"]}}]


def test_instagram_login_hears_flat_changes_under_its_own_secret(
    start: Callable[..., Running], callback: Callback
) -> None:
    graph = start()
    with graph.app.extensions["flask_messenger.simulator"].storage.writing() as db:
        db.execute(
            "INSERT INTO instagram_subscriptions (instagram_id, app_id, fields)"
            " VALUES (?, '1000000000000001', '[\"comments\", \"messages\"]')",
            [COACH],
        )
    media = publish(graph, COACH, kind="photo")
    written = comment(graph, COACH, media, text="Nice")
    callback.wait(lambda got: len(got.received) == 1)

    entry = callback.bodies()[0]["entry"][0]
    assert (entry["id"], entry["field"], entry["value"]["id"]) == (COACH, "comments", written)
    assert "changes" not in entry
    assert "comment_id" not in entry["value"]
    headers, body = callback.received[0]
    assert headers["X-Hub-Signature-256"] == signed(body, "simulator-instagram-app-secret")


def signed(body: bytes, secret: str) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def test_comments_of_others_and_unknown_posts_are_404(connected: Graph) -> None:
    post = publish(connected, DOWNTOWN, text="Here")
    written = comment(connected, DOWNTOWN, post, text="Hi")

    for path in (f"{DOWNTOWN_IG}/comments/{written}", f"{DOWNTOWN}/comments/1"):
        answer = connected.session.delete(
            f"{connected.base_url}/posts/api/{path}", json={}, timeout=10
        )
        assert answer.status_code == 404
