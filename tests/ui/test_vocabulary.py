"""What an agent does in the inbox besides writing: files, comments, reactions, kept replies."""

import io
import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
import responses
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from flask_messenger.models import Conversation, Message, Reaction, SavedReply, Template, Upload
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.api.conftest import Thread, Threads
from tests.support.app import GRAPH_URL, Factory, Host
from tests.ui.conftest import Browser

GRAPH = f"{GRAPH_URL}/v25.0"
SCRIPT = {"HX-Request": "true"}
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360"
    "60606000000005000 1a5f645400000000049454e44ae426082".replace(" ", "")
)

pytestmark = pytest.mark.databases("postgresql")


@pytest.fixture(autouse=True)
def somebody(host: Host) -> None:
    host.sign_in()


def read(factory: Factory, row: Any) -> Any:
    session = factory.session
    session.rollback()
    with system_scope("test"):
        session.refresh(row)
    return row


def all_of(factory: Factory, model: type) -> list[Any]:
    session = factory.session
    session.rollback()
    with system_scope("test"):
        return list(session.scalars(select(model)))


def add(factory: Factory, row: Any) -> Any:
    with system_scope("test"):
        factory.session.add(row)
        factory.session.commit()
        factory.session.refresh(row)
    return row


@pytest.fixture
def comments(threads: Threads) -> Thread:
    thread = threads.make(
        kind="comments",
        subject="1_2",
        subject_details={"permalink_url": "https://facebook.com/p/1", "message": "Summer sale"},
    )
    threads.update(thread.messages[0], kind="comment", external_id="1_22", text="Is it open?")
    return thread


def test_a_file_is_kept_and_sent_by_its_id(
    browser: Browser, threads: Threads, factory: Factory
) -> None:
    thread = threads.make("hello")

    kept = browser.post("/inbox/uploads", data={"file": (io.BytesIO(PNG), "tiny.png")})

    assert kept.status_code == 201
    upload = kept.get_json()
    assert (upload["type"], upload["name"]) == ("image", "tiny.png")
    data = {"upload": upload["id"], "kind": upload["type"], "key": uuid.uuid4().hex}
    sent = browser.post(f"/inbox/{thread.id}/messages", data=data, headers=SCRIPT)

    assert sent.status_code == 204
    [message] = [each for each in all_of(factory, Message) if each.direction == "outbound"]
    assert upload["id"] in json.dumps(message.content)


def send_form(browser: Browser, file: bytes) -> TestResponse:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="photo.png"\r\n\r\n'
    return browser.post(
        "/inbox/uploads",
        data=head + file + b"\r\n--x--\r\n",
        content_type="multipart/form-data; boundary=x",
    )


def test_a_file_may_be_as_large_as_meta_takes_it(browser: Browser, app: Flask) -> None:
    most = state_of(app).settings.media.uploaded_bytes

    taken = send_form(browser, PNG + bytes(3_000_000))  # other bodies have a megabyte
    refused = send_form(browser, bytes(max(most.values()) + 200_000))

    assert (taken.status_code, refused.status_code) == (201, 413)


def test_a_file_can_be_taken_out_again(browser: Browser, factory: Factory) -> None:
    kept = browser.post("/inbox/uploads", data={"file": (io.BytesIO(PNG), "tiny.png")})

    gone = browser.post(f"/inbox/uploads/{kept.get_json()['id']}/remove")

    assert gone.status_code == 204
    assert all_of(factory, Upload) == []


@pytest.mark.parametrize(
    ("data", "words"),
    [({}, "Choose a file."), ({"file": (io.BytesIO(b""), "empty.png")}, "The file is empty.")],
)
def test_what_is_no_file_is_refused_with_a_reason(
    browser: Browser, data: dict[str, Any], words: str
) -> None:
    answer = browser.post(
        "/inbox/uploads",
        data=data,
        content_type="multipart/form-data",
        headers={"Accept": "application/json"},
    )

    assert answer.status_code == 422
    assert words in answer.get_json()["detail"]


def test_a_file_that_failed_is_fetched_again(
    browser: Browser, threads: Threads, factory: Factory
) -> None:
    thread = threads.make("hello")
    file = threads.attach(thread.messages[0], state="failed", error_slug="media_timed_out")
    page = browser.get(f"/inbox/{thread.id}").text
    assert "Meta&#39;s server took too long." in page
    assert f"/inbox/attachments/{file.id}/fetch" in page

    answer = browser.post(f"/inbox/attachments/{file.id}/fetch", headers=SCRIPT)

    assert answer.status_code == 204
    assert read(factory, file).state == "pending"


def test_an_answer_names_what_it_answers(
    browser: Browser, threads: Threads, factory: Factory
) -> None:
    thread = threads.make("When do you open?")
    question = thread.messages[0]
    data = {"text": "At six.", "key": uuid.uuid4().hex, "reply_to": str(question.id)}

    assert browser.post(f"/inbox/{thread.id}/messages", data=data).status_code == 303

    [answer] = [each for each in all_of(factory, Message) if each.direction == "outbound"]
    assert answer.reply_to_external_id == question.external_id
    assert "They When do you open?" in browser.read(f"/inbox/{thread.id}")


@pytest.mark.parametrize("reply_to", ["nonsense", "01a00000-0000-7000-8000-000000000000"])
def test_an_answer_to_nothing_is_refused(browser: Browser, threads: Threads, reply_to: str) -> None:
    thread = threads.make("hello")
    data = {"text": "Yes", "key": uuid.uuid4().hex, "reply_to": reply_to}

    answer = browser.post(
        f"/inbox/{thread.id}/messages", data=data, headers={"Accept": "application/json"}
    )

    assert answer.status_code == 422
    assert "is gone" in answer.get_json()["detail"]


@responses.activate
def test_a_reaction_is_sent_and_shown(browser: Browser, threads: Threads, factory: Factory) -> None:
    thread = threads.make("Thank you!")
    responses.post(f"{GRAPH}/{thread.account.external_id}/messages", json={"recipient_id": "1"})

    answer = browser.post(
        f"/inbox/messages/{thread.messages[0].id}/react", data={"emoji": "👍"}, headers=SCRIPT
    )

    assert answer.status_code == 204
    [reaction] = all_of(factory, Reaction)
    assert (reaction.emoji, reaction.direction) == ("👍", "outbound")
    assert "Your reaction: 👍" in browser.get(f"/inbox/{thread.id}").text


def test_comments_stand_under_their_post(browser: Browser, comments: Thread) -> None:
    page = browser.read(f"/inbox/{comments.id}")

    assert "Comments on your post Summer sale Open post" in page
    assert "Answer · Answer in private" in page
    assert "Hide" in page
    assert "Delete" in page
    assert "Answer in public to Maya" in page
    assert "Attach files" not in browser.get(f"/inbox/{comments.id}").text


def test_messages_and_comments_are_told_apart_in_the_list(
    browser: Browser, threads: Threads, comments: Thread
) -> None:
    threads.make("A message", name="Lena Vogel")

    only_comments = browser.read("/inbox?tab=all&kind=comments")
    only_messages = browser.read("/inbox?tab=all&kind=direct")

    assert comments.id
    assert "Is it open?" not in only_messages
    assert "A message" not in only_comments
    assert "Comment" in only_comments


@responses.activate
def test_a_comment_is_hidden_shown_and_deleted(
    browser: Browser, comments: Thread, factory: Factory
) -> None:
    comment = comments.messages[0]
    responses.post(f"{GRAPH}/1_22", json={"success": True})
    responses.delete(f"{GRAPH}/1_22", json={"success": True})

    assert browser.post(f"/inbox/messages/{comment.id}/hide", headers=SCRIPT).status_code == 204
    page = browser.read(f"/inbox/{comments.id}")
    assert "hidden from the public" in page
    assert "Show again" in page
    assert browser.post(f"/inbox/messages/{comment.id}/show", headers=SCRIPT).status_code == 204
    assert read(factory, comment).hidden_at is None
    assert browser.post(f"/inbox/messages/{comment.id}/delete", headers=SCRIPT).status_code == 204
    assert "Message deleted" in browser.read(f"/inbox/{comments.id}")


def test_a_comment_is_answered_in_private_once(
    browser: Browser, comments: Thread, factory: Factory
) -> None:
    data = {"text": "Yes!", "privately": str(comments.messages[0].id), "key": uuid.uuid4().hex}

    first = browser.post(f"/inbox/{comments.id}/messages", data=data, headers=SCRIPT)
    second = browser.post(
        f"/inbox/{comments.id}/messages",
        data={**data, "key": uuid.uuid4().hex},
        headers={"Accept": "application/json"},
    )

    assert (first.status_code, second.status_code) == (204, 409)
    [reply] = [each for each in all_of(factory, Message) if each.direction == "outbound"]
    assert reply.private_reply_to == "1_22"
    page = browser.read(f"/inbox/{comments.id}")
    assert "Answered in private" in page
    assert "Answer in private" not in page


@responses.activate
def test_a_conversation_is_taken_from_another_app(
    browser: Browser, threads: Threads, factory: Factory
) -> None:
    thread = threads.make(
        "hello",
        thread_owner_app_id="263902037430900",
        thread_owner_at=utc_now(),
    )
    page_id = thread.account.external_id
    responses.post(f"{GRAPH}/{page_id}/take_thread_control", json={"success": True})
    page = browser.read(f"/inbox/{thread.id}")
    assert "The Page's inbox at Meta answers here now." in page
    assert "Another app has this conversation now." in page

    answer = browser.post(f"/inbox/{thread.id}/control", data={"action": "take"}, headers=SCRIPT)

    assert answer.status_code == 204
    assert "answers here now" not in browser.read(f"/inbox/{thread.id}")
    assert read(factory, thread.conversation).thread_owner_app_id != "263902037430900"


def test_an_unknown_way_to_control_is_refused(browser: Browser, threads: Threads) -> None:
    thread = threads.make("hello")

    answer = browser.post(
        f"/inbox/{thread.id}/control",
        data={"action": "steal"},
        headers={"Accept": "application/json"},
    )

    assert answer.status_code == 422


def test_a_bot_is_let_on_again(browser: Browser, threads: Threads, factory: Factory) -> None:
    thread = threads.make("hello", bot_paused_until=utc_now() + timedelta(hours=3))
    assert "Quiet until" in browser.read(f"/inbox/{thread.id}")

    assert browser.post(f"/inbox/{thread.id}/resume-bot", headers=SCRIPT).status_code == 204

    conversation: Conversation = read(factory, thread.conversation)
    assert conversation.bot_paused_until is None


def test_where_a_person_came_from_stands_beside_the_conversation(
    browser: Browser, threads: Threads
) -> None:
    thread = threads.make(
        "hello",
        first_touch={"source": "ADS", "ads_context_data": {"ad_title": "First week free"}},
        last_touch={"source": "SHORTLINK", "ref": "poster"},
    )

    page = browser.read(f"/inbox/{thread.id}")

    assert "Where from First Ad “First week free” Last A link, poster" in page


def test_kept_replies_are_listed_filled_in_and_sent(
    app: Flask, browser: Browser, threads: Threads, factory: Factory
) -> None:
    assert state_of(app)
    thread = threads.make("hello")
    values = {"id": new_id(), "workspace_id": "w1", "created_at": utc_now()}
    saved = add(
        factory,
        SavedReply(**values, shortcut="hours", title="Opening hours", text="Hi {{ first_name }}!"),
    )
    template = add(
        factory,
        Template(
            **{**values, "id": new_id()},
            name="Book",
            content_kind="button_template",
            text="Shall we book, {{ first_name }}?",
            content={"buttons": [{"type": "postback", "title": "Yes", "payload": "YES"}]},
        ),
    )

    listed = browser.read(f"/inbox/{thread.id}/replies")
    text = browser.get(f"/inbox/{thread.id}/replies/{saved.id}").get_json()["text"]
    preview = browser.read(f"/inbox/{thread.id}/templates/{template.id}")
    sent = browser.post(
        f"/inbox/{thread.id}/messages",
        data={"template": str(template.id), "key": uuid.uuid4().hex},
        headers=SCRIPT,
    )

    assert "/hours Opening hours Book Template" in listed
    assert text == "Hi Maya!"
    assert "Shall we book, Maya? Yes" in preview
    assert sent.status_code == 204
    [message] = [each for each in all_of(factory, Message) if each.direction == "outbound"]
    assert (message.kind, message.text) == ("button_template", "Shall we book, Maya?")


def test_an_unknown_template_is_refused(browser: Browser, threads: Threads) -> None:
    thread = threads.make("hello")

    answer = browser.post(
        f"/inbox/{thread.id}/messages",
        data={"template": "no-id", "key": uuid.uuid4().hex},
        headers={"Accept": "application/json"},
    )

    assert answer.status_code == 422
    assert "no such template" in answer.get_json()["detail"]
