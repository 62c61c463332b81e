"""Meta's own Python SDK talks to the simulator: only the address of Graph is another.

What the SDK builds from its typed calls must be what the simulator takes, and what the simulator
answers must be what the SDK reads. The SDK is made by Meta from Graph's own description, so this
holds both to the same truth without any code of ours in between.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from facebook_business.adobjects.application import Application
from facebook_business.adobjects.comment import Comment
from facebook_business.adobjects.igcomment import IGComment
from facebook_business.adobjects.igmedia import IGMedia
from facebook_business.adobjects.iguser import IGUser
from facebook_business.adobjects.page import Page
from facebook_business.adobjects.pagepost import PagePost
from facebook_business.adobjects.pageusermessagethreadlabel import PageUserMessageThreadLabel
from facebook_business.adobjects.persona import Persona
from facebook_business.adobjects.unifiedthread import UnifiedThread
from facebook_business.adobjects.user import User
from facebook_business.api import FacebookAdsApi
from facebook_business.exceptions import FacebookRequestError
from facebook_business.session import FacebookSession

from tests.simulator.business import INSTAGRAM, PAGE, Business
from tests.simulator.conftest import Running, callback, graph, start
from tests.simulator.driver import APP_ID, APP_TOKEN, SECRET
from tests.simulator.test_profile import MENU, START, URL
from tests.simulator.test_templates import NEW

Connect = Callable[[str], FacebookAdsApi]
__all__ = ["callback", "graph", "start"]  # fixtures


@pytest.fixture
def business(graph: Running) -> Business:
    return Business(graph)


@pytest.fixture
def connect(graph: Running) -> Iterator[Connect]:
    """Return what makes the SDK's client of a token; its sessions are closed in the end."""
    sessions: list[FacebookSession] = []

    def begin(token: str) -> FacebookAdsApi:
        session = FacebookSession(APP_ID, SECRET, token)
        session.GRAPH = graph.base_url
        session.requests.trust_env = False
        sessions.append(session)
        return FacebookAdsApi(session)

    yield begin
    for session in sessions:
        session.requests.close()


@pytest.fixture
def page(business: Business, connect: Connect) -> Page:
    return Page(PAGE, api=connect(business.token))


def first(cursor: Any) -> Any:
    return next(iter(cursor))


def code_of(call: Callable[[], Any]) -> tuple[int, int | None]:
    with pytest.raises(FacebookRequestError) as caught:
        call()
    return caught.value.api_error_code(), caught.value.api_error_subcode()


def test_person_and_pages(business: Business, connect: Connect) -> None:
    me = User("me", api=connect(business.user_token))

    account = first(me.get_accounts(fields=["id", "access_token", "instagram_business_account"]))
    permission = first(me.get_permissions())

    assert account["id"] == PAGE
    assert account["access_token"] == business.token
    assert account["instagram_business_account"]["id"] == INSTAGRAM
    assert permission["status"] == "granted"


def test_app_and_subscriptions(page: Page, connect: Connect) -> None:
    app = Application(APP_ID, api=connect(APP_TOKEN))

    page.create_subscribed_app(params={"subscribed_fields": ["messages", "feed"]})
    subscribed = first(page.get_subscribed_apps())
    page.delete_subscribed_apps()
    objects = {one["object"] for one in app.get_subscriptions()}
    live = first(app.get_permissions())

    assert subscribed["subscribed_fields"] == ["messages", "feed"]
    assert {"page", "instagram"} <= objects
    assert live["status"] == "live"


def test_messages_and_actions(page: Page, business: Business) -> None:
    psid = business.write()
    persona = page.create_persona(params={"name": "Jo", "profile_picture_url": URL})
    to = {"recipient": {"id": psid}}

    sent = page.create_message(
        params={
            **to,
            "messaging_type": Page.MessagingType.response,
            "notification_type": Page.NotificationType.silent_push,
            "persona_id": persona["id"],
            "message": {"text": "Hello"},
        }
    )
    page.create_message(params={**to, "sender_action": Page.SenderAction.typing_on})
    page.create_message(
        params={
            **to,
            "sender_action": Page.SenderAction.react,
            "payload": json.dumps({"message_id": sent["message_id"], "reaction": "\u2764"}),
        }
    )

    assert sent["recipient_id"] == psid
    assert business.messages()[-1]["text"] == "Hello"
    wrong = {"recipient": {"id": "7"}, "message": {"text": "x"}}
    assert code_of(lambda: page.create_message(params=wrong)) == (100, 2018001)


def test_attachments_personas_and_labels(page: Page, business: Business, connect: Connect) -> None:
    psid, api = business.write(), connect(business.token)
    photo = business.graph.base_url + "/pictures/photos/hills.png"
    payload = {"url": photo, "is_reusable": True}

    kept = page.create_message_attachment(
        params={"message": {"attachment": {"type": "image", "payload": payload}}}
    )
    persona = page.create_persona(params={"name": "Jo", "profile_picture_url": URL})
    listed = first(page.get_personas(fields=["name"]))
    Persona(persona["id"], api=api).api_delete()
    label = page.create_custom_label(params={"page_label_name": "VIP"})
    marked = PageUserMessageThreadLabel(label["id"], api=api)
    marked.create_label(params={"user": psid})
    marked.delete_label(params={"user": psid})
    marked.api_delete()

    assert kept["attachment_id"]
    assert listed["name"] == "Jo"
    assert list(page.get_personas()) == []
    assert list(page.get_custom_labels()) == []


def test_profile_and_menu_of_a_person(page: Page, business: Business) -> None:
    psid = business.write()

    page.create_messenger_profile(params={"get_started": START, "persistent_menu": MENU})
    told = first(page.get_messenger_profile(fields=["persistent_menu"]))
    page.create_custom_user_setting(params={"psid": psid, "persistent_menu": MENU})
    own = first(page.get_custom_user_settings(params={"psid": psid}))
    page.delete_custom_user_settings(params={"psid": psid, "params": ["PERSISTENT_MENU"]})
    page.delete_messenger_profile(params={"fields": ["GET_STARTED", "PERSISTENT_MENU"]})

    assert told["persistent_menu"] == MENU
    assert own["user_level_persistent_menu"] == MENU
    assert list(page.get_messenger_profile(fields=["persistent_menu"])) == []


def test_routing(page: Page, business: Business) -> None:
    recipient = {"id": business.write()}
    inbox = "263902037430900"
    business.graph.control("PUT", f"accounts/{PAGE}/routing", default_app_id=APP_ID)

    page.create_take_thread_control(params={"recipient": recipient})
    page.create_extend_thread_control(params={"recipient": recipient, "duration": 3600})
    owner = first(page.get_thread_owner(params={"recipient": recipient["id"]}))
    page.create_pass_thread_control(params={"recipient": recipient, "target_app_id": inbox})
    refused = {"recipient": recipient, "message": {"text": "x"}}
    code = code_of(lambda: page.create_message(params=refused))
    page.create_request_thread_control(params={"recipient": recipient})
    page.create_take_thread_control(params={"recipient": recipient})
    page.create_release_thread_control(params={"recipient": recipient})

    assert owner["thread_owner"]["app_id"] == APP_ID
    assert code == (10, 2018300)


def test_conversations(page: Page, business: Business, connect: Connect) -> None:
    psid = business.write()

    thread = first(page.get_conversations(fields=["id", "participants", "message_count"]))
    read = UnifiedThread(thread["id"], api=connect(business.token))
    listed = first(read.get_messages())
    who = [{"id": psid}]
    page.create_moderate_conversation(params={"user_ids": who, "actions": ["MOVE_TO_SPAM"]})

    assert thread["message_count"] == 1
    assert listed["id"] == business.messages()[0]["mid"]


def test_templates(page: Page) -> None:
    made = page.create_message_template(params=NEW)
    listed = first(page.get_message_templates(params={"name": NEW["name"]}, fields=["status"]))
    page.delete_message_templates(params={"name": NEW["name"]})

    assert made["id"]
    assert listed["status"] == "APPROVED"


def test_comments(page: Page, business: Business, connect: Connect) -> None:
    post_id, comment_id = business.comment()
    api = connect(business.token)
    comment = Comment(comment_id, api=api)

    post = first(page.get_posts(fields=["message"]))
    listed = first(PagePost(post_id, api=api).get_comments(fields=["message"]))
    answer = comment.create_comment(params={"message": "Thank you"})
    comment.api_update(params={"is_hidden": True})
    hidden = comment.api_get(fields=["is_hidden"])["is_hidden"]
    comment.api_delete()

    assert post["id"] == post_id
    assert listed["id"] == comment_id
    assert answer["id"]
    assert hidden is True
    assert code_of(comment.api_get) == (100, 33)


def test_instagram(business: Business, connect: Connect) -> None:
    api = connect(business.token)
    account = IGUser(INSTAGRAM, api=api)
    media_id, comment_id = business.comment(INSTAGRAM, kind="photo")
    igsid = business.write(account=INSTAGRAM)
    comment = IGComment(comment_id, api=api)

    sent = account.create_message(params={"recipient": {"id": igsid}, "message": {"text": "Hi"}})
    media = first(account.get_media(fields=["caption"]))
    listed = first(IGMedia(media_id, api=api).get_comments(fields=["text"]))
    reply = comment.create_reply(params={"message": "Thanks"})
    comment.api_update(params={"hide": True})
    thread = first(account.get_conversations(params={"platform": "INSTAGRAM"}))
    menu = [{"locale": "default", "call_to_actions": MENU[0]["call_to_actions"]}]
    account.create_messenger_profile(params={"persistent_menu": menu})

    assert account.api_get(fields=["username"])["username"] == "irongym.downtown"
    assert sent["recipient_id"] == igsid
    assert media["id"] == media_id
    assert listed["id"] == comment_id
    assert first(comment.get_replies())["id"] == reply["id"]
    assert comment.api_get(fields=["hidden"])["hidden"] is True
    assert thread["id"]
    comment.api_delete()


def test_batch(page: Page, business: Business, connect: Connect) -> None:
    psid, api = business.write(), connect(business.token)
    batch, answers = api.new_batch(), []

    page.api_get(fields=["name"], batch=batch, success=lambda told: answers.append(told.json()))
    page.create_message(
        params={"recipient": {"id": psid}, "message": {"text": "By batch"}},
        batch=batch,
        success=lambda told: answers.append(told.json()),
    )
    left = batch.execute()

    assert left is None
    assert [sorted(one) for one in answers] == [["id", "name"], ["message_id", "recipient_id"]]
