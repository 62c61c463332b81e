"""Answers to comments: in public as often as one likes, in private once."""

import json
import re
import threading
from datetime import timedelta

import pytest
import responses

from flask_messenger.content import Media, Text
from flask_messenger.errors import ConflictError, ContentError, InvalidRequestError, PolicyError
from flask_messenger.hooks import Tenant
from flask_messenger.models import Conversation, Identity, Message
from flask_messenger.models.base import utc_now
from flask_messenger.outbox.drafts import ONCE
from flask_messenger.outbox.private_replies import settle_private_replies
from flask_messenger.outbox.reconcile import retry_message
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope, workspace_scope
from tests.outbox.conftest import READ_TIMEOUT, Talk
from tests.outbox.test_reconcile import decide
from tests.support.app import GRAPH_URL
from tests.support.ingest import rows

pytestmark = pytest.mark.databases("postgresql")

PSID = "7700"
COMMENTS_URL = re.compile(re.escape(GRAPH_URL) + r"/v25\.0/[\w]+/(comments|replies)")


class Post(Talk):
    """What one person wrote under one post, and the comments they wrote."""

    def __init__(self, app, factory, meta, **values):
        self.app, self.meta, self.factory = app, meta, factory
        page = {"page_external_id": "1001"} if values.get("channel") == "instagram" else {}
        self.account = factory.account("w1", **page, **values)
        self.identity = factory.identity(self.account, external_id="900", kind="commenter")
        self.conversation = factory.conversation(
            self.account, self.identity, kind="comments", subject="post_1", last_inbound_at=None
        )
        self.conversation_id, self.account_id = self.conversation.id, self.account.id
        self.comment("c_1")

    def comment(self, external_id, **values):
        values = {"kind": "comment", "sent_at": utc_now() - timedelta(minutes=5)} | values
        return self.factory.message(self.conversation, external_id=external_id, **values)

    def reply(self, text="in private", *, to="c_1", **values):
        return self.compose(text, private_reply_to=to, **values).message.id

    def direct(self):
        return rows(self.app, Conversation, kind="direct")


@pytest.fixture
def post(app, factory, meta):
    return Post(app, factory, meta)


@pytest.fixture
def instagram(app, factory, meta):
    return Post(app, factory, meta, channel="instagram")


@pytest.fixture
def commented(meta):
    """What was commented, and where."""
    asked = []

    def answer(request):
        asked.append((request.path_url.split("?")[0], json.loads(request.body)))
        return (200, {}, json.dumps({"id": f"c_own_{len(asked)}"}))

    meta.mock.add_callback(responses.POST, COMMENTS_URL, callback=answer)
    return asked


@pytest.mark.covers("facebook", "do:public_reply")
def test_answer_under_a_post_is_a_comment(post, commented):
    message_id = post.compose("Thank you!").message.id

    post.run()

    assert commented == [("/v25.0/c_1/comments", {"message": "Thank you!"})]
    message = post.message(message_id)
    assert (message.status, message.kind, message.external_id) == ("sent", "comment", "c_own_1")
    assert message.reply_to_external_id == "c_1"


@pytest.mark.covers("instagram", "do:public_reply")
def test_answer_under_media_of_instagram_is_a_reply(instagram, commented):
    instagram.compose("Thank you!")

    instagram.run()

    assert commented == [("/v25.0/c_1/replies", {"message": "Thank you!"})]


def test_public_answer_goes_to_the_newest_comment_or_to_the_one_that_is_named(post, commented):
    post.comment("c_2", sent_at=utc_now())
    post.comment("c_3", sent_at=utc_now(), deleted_at=utc_now())

    post.compose("to the newest")
    post.compose("to the first", reply_to_external_id="c_1")
    post.run()

    assert [path for path, _ in commented] == ["/v25.0/c_2/comments", "/v25.0/c_1/comments"]


def test_public_answer_needs_no_window_and_no_control(post, commented):
    post.comment("c_old", sent_at=utc_now() - timedelta(days=300))
    post.change(
        Conversation, post.conversation_id, thread_owner_app_id="77", thread_owner_at=utc_now()
    )

    post.compose("late", reply_to_external_id="c_old", sender="bot")
    post.run()

    assert len(commented) == 1


def test_public_answer_is_words(post):
    with pytest.raises(ContentError, match="private"):
        post.compose(Media(type="image", url="https://cdn.example/a.jpg"))


@pytest.mark.parametrize(("channel", "most"), [("facebook", 8000), ("instagram", 300)])
def test_public_answer_may_be_as_long_as_a_comment(channel, most, app, factory, meta, commented):
    post = Post(app, factory, meta, channel=channel)
    post.compose("a" * most)

    with pytest.raises(ContentError, match=f"{most} characters; this one has {most + 1}"):
        post.compose("a" * (most + 1))
    post.run()

    assert [asked["message"] for _, asked in commented] == ["a" * most]


@pytest.mark.parametrize("to", ["c_unknown", "m_own"])
def test_only_a_comment_of_the_conversation_is_answered(post, to):
    post.factory.message(post.conversation, external_id="m_own", direction="outbound")

    with pytest.raises(InvalidRequestError) as caught:
        post.compose("hello", reply_to_external_id=to)
    assert caught.value.field == "reply_to"
    with pytest.raises(InvalidRequestError) as caught:
        post.reply(to=to)
    assert caught.value.field == "private_reply_to"


@pytest.mark.covers("facebook", "do:private_reply")
@pytest.mark.covers("instagram", "do:private_reply")
@pytest.mark.parametrize("channel", ["facebook", "instagram"])
def test_private_reply_makes_the_commenter_somebody_to_write_to(channel, app, factory, meta):
    post = Post(app, factory, meta, channel=channel)
    message_id = post.reply()
    answer = {"recipient_id": PSID, "message_id": "m_1"}
    meta.answers.append((200, {}, json.dumps(answer)))

    post.run()

    assert meta.asked[0]["recipient"] == {"comment_id": "c_1"}
    message = post.message(message_id)
    direct = post.row(Conversation, message.conversation_id)
    person = post.row(Identity, direct.identity_id)
    commenter = post.row(Identity, post.identity.id)
    comments = post.row(Conversation, post.conversation_id)
    assert (message.status, message.external_id) == ("sent", "m_1")
    assert (direct.kind, direct.subject, person.external_id, person.kind) == (
        "direct",
        "",
        PSID,
        "person",
    )
    assert (person.linked_identity_id, commenter.linked_identity_id) == (commenter.id, person.id)
    assert direct.linked_conversation_id == comments.id
    assert comments.linked_conversation_id == direct.id
    assert direct.last_message_id == message_id
    assert comments.last_message_id != message_id
    assert direct.last_inbound_at is None  # their answer opens the window, nothing of ours


def test_private_reply_can_be_anything_a_message_can(post, meta):
    post.compose(Media(type="image", url="https://cdn.example/a.jpg"), private_reply_to="c_1")

    post.run()

    assert meta.asked[0]["message"]["attachment"]["type"] == "image"


def test_visitors_post_is_answered_in_private_by_its_own_name(post, meta):
    post.comment("p_1", kind="post")
    post.reply(to="p_1")

    post.run()

    assert meta.asked[0]["recipient"] == {"post_id": "p_1"}


def test_person_who_wrote_before_keeps_their_conversation(post, meta):
    person = post.factory.identity(post.account, external_id=PSID)
    before = post.factory.conversation(post.account, person)
    meta.answers.append((200, {}, json.dumps({"recipient_id": PSID, "message_id": "m_1"})))
    message_id = post.reply()

    post.run()

    assert post.message(message_id).conversation_id == before.id
    assert len(post.direct()) == 1


def test_second_private_reply_is_refused_in_words(post, meta):
    post.reply()
    with pytest.raises(ConflictError, match="once"):
        post.reply("again")
    post.session.rollback()

    post.run()

    with pytest.raises(ConflictError, match="once"):
        post.reply("and again")
    post.session.rollback()
    assert len(meta.asked) == 1


def test_same_key_returns_the_private_reply_that_has_moved(post, meta):
    first = post.reply(idempotency_key="k")
    post.run()

    assert post.reply(idempotency_key="k") == first
    assert len(meta.asked) == 1


def test_failed_private_reply_leaves_the_comment_free(post, meta):
    message_id = post.reply()
    meta.refuse(100)
    post.run()
    assert post.states(message_id) == ["failed"]

    post.reply("once more")
    post.run()

    assert len(meta.asked) == 2


def test_private_reply_that_nobody_answered_for_can_be_tried_again(post, meta):
    message_id = post.reply()
    meta.fail(READ_TIMEOUT)
    post.run()
    post.change(Message, message_id, status="unknown", sending_since=None)

    decide(post, "retry_message", message_id)
    post.run()

    assert len(meta.asked) == 2
    assert post.states(message_id) == ["sent"]


@pytest.mark.databases("postgresql")
def test_of_two_failed_replies_that_are_tried_again_at_once_one_goes(post, meta):
    ids = []
    for text in ("first", "second"):
        ids.append(post.reply(text))
        meta.refuse(100)
        post.run()
    refused: list[ConflictError] = []

    def retry(message_id):
        held = state_of(post.app)
        tenant = Tenant(workspace_id="w1", user_id="u1", user_name="Sam")
        values = {"tenant": tenant, "message_id": message_id, "now": utc_now()}
        return retry_message(held.db.session, held, **values)

    def retry_the_other():
        with post.app.app_context(), workspace_scope("w1"), pytest.raises(ConflictError) as caught:
            retry(ids[1])
        refused.append(caught.value)

    other = threading.Thread(target=retry_the_other)
    with workspace_scope("w1"):
        retry(ids[0])
        other.start()
        other.join(0.2)  # it waits for us, or has not begun: both end the same
        post.session.commit()
    other.join(30)

    assert [str(each) for each in refused] == [ONCE]
    assert post.states(*ids) == ["queued", "failed"]


def test_bots_are_quiet_where_the_private_reply_of_a_person_is_answered(post, meta):
    message_id = post.reply()
    meta.answers.append((200, {}, json.dumps({"recipient_id": PSID, "message_id": "m_1"})))

    post.run()

    direct = post.row(Conversation, post.message(message_id).conversation_id)
    assert direct.bot_paused_until is not None
    assert direct.bot_paused_until > utc_now()


def test_bots_go_on_where_a_bots_private_reply_is_answered(post, meta):
    message_id = post.reply(sender="bot")
    meta.answers.append((200, {}, json.dumps({"recipient_id": PSID, "message_id": "m_1"})))

    post.run()

    direct = post.row(Conversation, post.message(message_id).conversation_id)
    assert direct.bot_paused_until is None


def test_public_answer_is_never_divided_by_the_limits_of_messages(post, instagram, commented):
    post.compose("a" * 2500, on_unsupported="degrade")
    with pytest.raises(ContentError, match="300 characters"):
        instagram.compose("a" * 301, on_unsupported="degrade")

    post.run()

    assert [asked["message"] for _, asked in commented] == ["a" * 2500]


@pytest.mark.parametrize("days", [7, 30])
def test_comment_is_too_old_after_seven_days(post, days):
    post.comment("c_old", sent_at=utc_now() - timedelta(days=days))

    with pytest.raises(PolicyError) as caught:
        post.reply(to="c_old")
    assert caught.value.reason == "comment_too_old"


def test_comment_on_a_live_video_of_instagram_is_answered_while_it_can_be_live(instagram):
    instagram.comment("c_live", content={"is_live": True}, sent_at=utc_now() - timedelta(hours=5))

    with pytest.raises(PolicyError) as caught:
        instagram.reply(to="c_live")
    assert caught.value.reason == "comment_too_old"


def test_deleted_comment_is_not_answered_in_private(post):
    post.comment("c_gone", deleted_at=utc_now())

    with pytest.raises(ConflictError):
        post.reply(to="c_gone")


def settle(post, message_id, psid=PSID):
    with system_scope("test"):
        moved = settle_private_replies(post.session, {message_id: psid}, now=utc_now())
        post.session.commit()
        return moved


def test_echo_that_comes_when_nobody_answered_moves_the_reply(post, meta):
    message_id = post.reply()
    meta.fail(READ_TIMEOUT)
    post.run()
    assert settle(post, message_id) == {}  # not before it is known to have gone out
    post.change(Message, message_id, status="sent", external_id="m_1", sending_since=None)

    assert settle(post, message_id) == {message_id: post.direct()[0].id}
    assert settle(post, message_id) == {}
    assert post.message(message_id).conversation_id == post.direct()[0].id


def test_echo_without_our_mark_that_came_first_becomes_the_reply(post, meta):
    person = post.factory.identity(post.account, external_id=PSID)
    direct = post.factory.conversation(post.account, person)
    echo_id = post.factory.message(
        direct, external_id="m_1", direction="outbound", sent_by="page_inbox", text="in private"
    ).id
    message_id = post.reply()
    meta.answers.append((200, {}, json.dumps({"recipient_id": PSID, "message_id": "m_1"})))

    post.run()

    assert post.row(Message, echo_id) is None
    message = post.message(message_id)
    assert (message.conversation_id, message.sent_by) == (direct.id, "person")


def test_host_and_pages_hear_where_the_private_reply_is(post, meta, heard, pages):
    message_id = post.reply()
    meta.answers.append((200, {}, json.dumps({"recipient_id": PSID, "message_id": "m_1"})))

    post.run()

    direct_id = post.direct()[0].id
    [told] = [arguments for name, arguments in heard if name == "message_sent"]
    assert (told["conversation_id"], told["message_id"]) == (direct_id, message_id)
    assert {each["conversation_id"] for each in pages()} >= {
        str(direct_id),
        str(post.conversation_id),
    }


def test_text_of_a_public_answer_that_failed_is_sent_again_as_one(post, meta):
    message_id = post.compose(Text("Thank you!")).message.id
    meta.mock.post(COMMENTS_URL, status=400, json={"error": {"code": 100}})
    post.run()

    assert post.message(message_id).status == "failed"
