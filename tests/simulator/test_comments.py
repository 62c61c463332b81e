"""Posts and comments by Graph, and the one private reply to each."""

from typing import Any

import pytest

from tests.simulator.business import INSTAGRAM, OTHER_PAGE, PAGE, Business
from tests.simulator.conftest import Running
from tests.simulator.driver import error_of


@pytest.fixture
def business(graph: Running) -> Business:
    return Business(graph)


def change(graph: Running, statement: str, *values: Any) -> None:
    with graph.app.extensions["flask_messenger.simulator"].storage.writing() as db:
        db.execute(statement, values)


class TestPage:
    def test_posts_and_their_comments_are_listed(self, business: Business) -> None:
        post_id, comment_id = business.comment()
        fields = "id,message,comments.summary(true).limit(5){id,message,from,can_reply_privately}"

        (post,) = business.get(f"{PAGE}/posts", fields=fields).json()["data"]
        (comment,) = business.get(f"{post_id}/comments").json()["data"]

        assert post["id"] == post_id
        assert post["comments"]["summary"]["total_count"] == 1
        assert post["comments"]["data"][0]["from"]["name"] == "Maya Okafor"
        assert post["comments"]["data"][0]["can_reply_privately"] is True
        assert comment["id"] == comment_id

    def test_commenter_is_no_psid(self, business: Business) -> None:
        psid = business.write()
        _, comment_id = business.comment()

        told = business.get(comment_id, fields="from").json()

        assert told["from"]["id"] != psid

    def test_answers_hang_below(self, business: Business) -> None:
        _, comment_id = business.comment()

        answer = business.post(f"{comment_id}/comments", message="Thank you").json()
        deeper = business.post(f"{answer['id']}/comments", message="Really").json()
        below = business.get(f"{comment_id}/comments", fields="message,parent").json()["data"]

        assert [one["id"] for one in below] == [answer["id"], deeper["id"]]
        assert {one["parent"]["id"] for one in below} == {comment_id}

    def test_comment_is_hidden_changed_and_deleted(self, business: Business) -> None:
        post_id, comment_id = business.comment()
        own = business.post(f"{post_id}/comments", message="Ours").json()["id"]

        assert business.post(comment_id, is_hidden=True).json() == {"success": True}
        assert business.get(comment_id, fields="is_hidden").json()["is_hidden"] is True
        assert business.post(own, message="Ours, mended").json() == {"success": True}
        assert business.get(own, fields="message").json()["message"] == "Ours, mended"
        assert business.delete(comment_id).json() == {"success": True}
        assert error_of(business.get(comment_id)) == (100, 33)

    def test_refusals(self, business: Business) -> None:
        post_id, comment_id = business.comment()
        own = business.post(f"{post_id}/comments", message="Ours").json()["id"]

        assert error_of(business.post(own, is_hidden=True)) == (100, None)
        assert error_of(business.post(comment_id, message="Theirs")) == (200, None)
        assert error_of(business.post(comment_id)) == (100, None)
        assert error_of(business.post(comment_id, is_hidden="perhaps")) == (100, None)
        assert error_of(business.post(f"{post_id}/comments")) == (100, None)
        assert error_of(business.get(f"{post_id}/comments", fields="mood")) == (100, None)

    def test_other_pages_are_not_seen(self, business: Business) -> None:
        _, comment_id = business.comment(OTHER_PAGE)

        assert error_of(business.get(comment_id)) == (100, 33)
        assert error_of(business.delete(comment_id)) == (100, 33)

    def test_permissions(self, graph: Running) -> None:
        business = Business(graph)
        _, comment_id = business.comment()
        graph.control("POST", "people/sam-reyes/decline", permission="pages_manage_engagement")

        assert business.get(comment_id).ok
        assert error_of(business.delete(comment_id)) == (10, None)
        graph.control("POST", "people/sam-reyes/decline", permission="pages_read_user_content")
        assert error_of(business.get(f"{PAGE}/feed")) == (10, None)


class TestInstagram:
    def test_media_and_comments(self, business: Business) -> None:
        media_id, comment_id = business.comment(INSTAGRAM, kind="reel")
        business.comment(INSTAGRAM, kind="story")

        media = business.get(
            f"{INSTAGRAM}/media", fields="media_product_type,comments{text,replies{text}}"
        ).json()["data"]
        stories = business.get(f"{INSTAGRAM}/stories").json()["data"]
        reply = business.post(f"{comment_id}/replies", message="Thanks").json()["id"]
        told = business.get(comment_id, fields="username,from,replies{id,username}").json()

        assert [one["id"] for one in media] == [media_id]
        assert media[0]["media_product_type"] == "REELS"
        assert media[0]["comments"]["data"][0]["text"] == "Lovely"
        assert len(stories) == 1
        assert told["username"] == "maya.okafor"
        assert told["replies"]["data"] == [{"id": reply, "username": "irongym.downtown"}]

    def test_comment_is_hidden_and_deleted(self, business: Business) -> None:
        _, comment_id = business.comment(INSTAGRAM)

        assert business.post(comment_id, hide=True).json() == {"success": True}
        assert business.get(comment_id, fields="hidden").json()["hidden"] is True
        assert error_of(business.post(comment_id)) == (100, None)
        assert business.delete(comment_id).json() == {"success": True}
        assert error_of(business.get(comment_id)) == (100, 33)

    def test_commenter_is_the_igsid_but_gave_no_consent(self, business: Business) -> None:
        _, comment_id = business.comment(INSTAGRAM)
        igsid = business.get(comment_id, fields="from").json()["from"]["id"]

        before = business.get(igsid, fields="username")
        same = business.write(account=INSTAGRAM)
        after = business.get(igsid, fields="username,is_user_follow_business").json()

        assert error_of(before) == (230, None)
        assert same == igsid
        assert after["username"] == "maya.okafor"


class TestPrivateReply:
    @pytest.mark.parametrize("account", [PAGE, INSTAGRAM])
    def test_opens_the_conversation_once(self, business: Business, account: str) -> None:
        _, comment_id = business.comment(account)
        body = {"recipient": {"comment_id": comment_id}, "message": {"text": "In private"}}

        first = business.post(f"{PAGE}/messages", **body)
        again = business.post(f"{PAGE}/messages", **body)
        psid = first.json()["recipient_id"]
        more = business.send(psid, {"text": "And more"})

        assert business.messages(account=account)[-1]["text"] == "In private"
        assert error_of(again) == (10900, None)
        assert error_of(more) == (10, 2018278 if account == PAGE else 2534022)
        business.write(account=account)
        assert business.send(psid, {"text": "Now"}).ok

    def test_too_late_own_and_gone(self, business: Business, graph: Running) -> None:
        _, comment_id = business.comment()
        post_id, deleted = business.comment()
        own = business.post(f"{post_id}/comments", message="Ours").json()["id"]
        business.delete(deleted)
        week = 7 * 86_400_000 + 60_000
        change(
            graph, "UPDATE comments SET created_at = created_at - ? WHERE id = ?", week, comment_id
        )

        for wrong in (comment_id, own, deleted, "1_1"):
            body = {"recipient": {"comment_id": wrong}, "message": {"text": "x"}}
            assert error_of(business.post(f"{PAGE}/messages", **body)) == (10903, None)

    def test_live_comments_only_while_live(self, business: Business) -> None:
        post_id, during = business.comment(INSTAGRAM, kind="live")
        posts = f"{business.graph.base_url}/posts/api/{INSTAGRAM}/posts/{post_id}"
        more = {"customer": "lena-vogel", "text": "Wow"}
        session = business.graph.session
        after = session.post(f"{posts}/comments", json=more, timeout=5).json()["id"]

        body = {"recipient": {"comment_id": during}, "message": {"text": "x"}}
        assert business.post(f"{PAGE}/messages", **body).ok
        assert session.post(f"{posts}/end", json={}, timeout=5).ok
        body = {"recipient": {"comment_id": after}, "message": {"text": "x"}}
        assert error_of(business.post(f"{PAGE}/messages", **body)) == (100, 2534025)

    def test_visitors_post(self, business: Business) -> None:
        posts = f"{business.graph.base_url}/posts/api/{PAGE}/posts"
        body = {"kind": "post", "text": "Open on Sunday?", "customer": "omar-haddad"}
        post_id = business.graph.session.post(posts, json=body, timeout=5).json()["id"]
        reply = {"recipient": {"post_id": post_id}, "message": {"text": "From ten"}}

        assert business.post(f"{PAGE}/messages", **reply).ok
        assert error_of(business.post(f"{PAGE}/messages", **reply)) == (10900, None)
        assert business.messages("omar-haddad")[-1]["text"] == "From ten"
