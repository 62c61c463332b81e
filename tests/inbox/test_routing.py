"""Which app has a thread: asked of Meta, kept, and respected by what waits in the outbox."""

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
import responses

from flask_messenger.errors import (
    ConflictError,
    InvalidRequestError,
    MissingPermissionError,
    NotFoundError,
    RoutingRefusedError,
    ThreadTakenError,
    TierError,
)
from flask_messenger.hooks import Tenant
from flask_messenger.inbox import routing
from flask_messenger.models import AuditEntry, Conversation, Message
from flask_messenger.models.base import utc_now
from flask_messenger.outbox.ownership import FREE, OURS, PAGE_INBOX, THEIRS
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope, workspace_scope
from tests.support.app import APP_ID, GRAPH_URL
from tests.support.ingest import rows

pytestmark = pytest.mark.databases("postgresql")

EDGES = re.compile(re.escape(GRAPH_URL) + r"/v25\.0/1001/(\w+_thread_control|thread_owner)")
NOW = utc_now()


@dataclass
class Edges:
    """The edges of routing, as Graph has them: say yes, unless told otherwise."""

    asked: list = field(default_factory=list)
    owners: list = field(default_factory=list)
    refusal: dict | None = None

    def answer(self, request):
        path = request.path_url.partition("?")[0].rpartition("/")[2]
        self.asked.append((path, json.loads(request.body) if request.body else request.params))
        if self.refusal:
            return (400, {}, json.dumps({"error": self.refusal}))
        body = {"data": self.owners} if path == "thread_owner" else {"success": True}
        return (200, {}, json.dumps(body))


@pytest.fixture
def edges():
    edges = Edges()
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in (responses.GET, responses.POST):
            mock.add_callback(method, EDGES, callback=edges.answer)
        yield edges


class Thread:
    """A conversation of `w1`, and what somebody of the team does about its owner."""

    def __init__(self, app, factory, **values):
        self.app, self.factory = app, factory
        self.account = factory.account("w1", external_id="1001", **values)
        self.identity = factory.identity(self.account, external_id="7")
        self.row = factory.conversation(
            self.account, self.identity, last_inbound_at=NOW - timedelta(hours=1)
        )
        self.id = self.row.id

    def do(self, act, tenant=None, **values):
        tenant = tenant or Tenant(workspace_id="w1", user_id="u1", user_name="Sam")
        with workspace_scope(tenant.workspace_id):
            return act(self.app, tenant=tenant, conversation_id=self.id, now=NOW, **values)

    def now(self):
        session = state_of(self.app).db.session
        session.rollback()
        with system_scope("test"):
            return session.get(Conversation, self.id, populate_existing=True)

    def hold(self):
        return self.factory.message(
            self.row,
            direction="outbound",
            external_id=None,
            status="queued",
            error_slug="graph_thread_taken",
            next_attempt_at=NOW + timedelta(minutes=5),
        ).id


@pytest.fixture
def thread(app, factory):
    return Thread(app, factory)


@pytest.mark.covers("facebook", "do:take_thread")
def test_taking_makes_it_ours_and_lets_go_what_was_held(thread, edges):
    message_id = thread.hold()

    routed = thread.do(routing.take_control)

    assert edges.asked == [("take_thread_control", {"recipient": {"id": "7"}})]
    assert (routed.control.owner, routed.control.name) == (OURS, "this inbox")
    assert routed.wakes
    assert thread.now().thread_owner_app_id == APP_ID
    [held] = [each for each in rows(thread.app, Message) if each.id == message_id]
    assert (held.error_slug, held.next_attempt_at) == (None, None)
    assert [each.action for each in rows(thread.app, AuditEntry)] == ["thread_taken"]


@pytest.mark.covers("facebook", "do:pass_thread")
def test_passing_makes_it_theirs(thread, edges):
    routed = thread.do(routing.pass_control, app_id=PAGE_INBOX, metadata="see above")

    assert edges.asked[0] == (
        "pass_thread_control",
        {"recipient": {"id": "7"}, "target_app_id": PAGE_INBOX, "metadata": "see above"},
    )
    assert (routed.control.owner, routed.control.name) == (THEIRS, "the Page's inbox at Meta")
    assert routed.update.change == "thread_passed"


@pytest.mark.covers("facebook", "do:request_thread")
def test_a_request_changes_nothing_yet(thread, edges):
    thread.do(routing.pass_control, app_id="77")
    message_id = thread.hold()

    routed = thread.do(routing.request_control)

    assert edges.asked[-1][0] == "request_thread_control"
    assert (routed.control.owner, routed.wakes) == (THEIRS, False)
    [held] = [each for each in rows(thread.app, Message) if each.id == message_id]
    assert held.error_slug == "graph_thread_taken"


@pytest.mark.covers("facebook", "do:release_thread")
def test_releasing_makes_it_nobodys(thread, edges):
    thread.do(routing.take_control)

    routed = thread.do(routing.release_control)

    assert edges.asked[-1][0] == "release_thread_control"
    assert routed.control.owner == FREE


@pytest.mark.covers("facebook", "do:extend_thread")
def test_extending_keeps_it_for_as_long(thread, edges):
    routed = thread.do(routing.extend_control, seconds=3 * 24 * 3600)

    assert edges.asked[0][1]["duration"] == 3 * 24 * 3600
    assert routed.control.until == NOW + timedelta(days=3)


@pytest.mark.parametrize("seconds", [0, -1, 7 * 24 * 3600 + 1])
def test_control_is_extended_by_seven_days_at_most(thread, edges, seconds):
    with pytest.raises(InvalidRequestError) as caught:
        thread.do(routing.extend_control, seconds=seconds)
    assert (caught.value.field, edges.asked) == ("seconds", [])


@pytest.mark.parametrize(
    ("owners", "owner"),
    [
        ([], FREE),
        ([{"thread_owner": {"app_id": APP_ID, "expiration": 4102444800}}], OURS),
        ([{"thread_owner": {"app_id": int(PAGE_INBOX)}}], THEIRS),
        ([{"thread_owner": None}], FREE),
        ([{"thread_owner": {}}], FREE),
        ([{"thread_owner": {"expiration": 4102444800}}], THEIRS),  # another's, which is not named
        ([{"thread_owner": {"app_id": PAGE_INBOX, "expiration": 0}}], THEIRS),
    ],
)
def test_meta_says_whose_it_is(thread, edges, owners, owner):
    edges.owners = owners

    routed = thread.do(routing.ask_owner)

    assert edges.asked[0] == ("thread_owner", {**edges.asked[0][1], "recipient": "7"})
    assert routed.control.owner == owner
    if owner == OURS:
        assert routed.control.until == datetime(2100, 1, 1, tzinfo=UTC)


@pytest.mark.covers(
    "instagram",
    "do:take_thread",
    "do:pass_thread",
    "do:request_thread",
    "do:release_thread",
    "do:extend_thread",
)
def test_instagram_is_routed_through_its_page(app, factory, edges):
    thread = Thread(app, factory, channel="instagram", page_external_id="1001")
    thread.account.external_id = "17841"

    thread.do(routing.pass_control, app_id="77")
    thread.do(routing.request_control)
    thread.do(routing.take_control)
    thread.do(routing.extend_control, seconds=60)
    thread.do(routing.release_control)

    assert [path for path, _ in edges.asked] == [
        "pass_thread_control",
        "request_thread_control",
        "take_thread_control",
        "extend_thread_control",
        "release_thread_control",
    ]


def test_refusal_of_meta_changes_nothing(thread, edges):
    edges.refusal = {"code": 10, "message": "no"}

    with pytest.raises(MissingPermissionError):
        thread.do(routing.take_control)

    assert thread.now().thread_owner_app_id is None
    assert rows(thread.app, AuditEntry) == []


def test_app_that_is_not_the_default_one_is_told_so(thread, edges):
    edges.refusal = {"code": 10, "error_subcode": 2018171, "message": "no"}

    with pytest.raises(RoutingRefusedError) as caught:
        thread.do(routing.take_control)

    assert "Only the account's default app" in caught.value.remedy


@pytest.mark.parametrize(
    ("act", "values"),
    [
        (routing.release_control, {}),
        (routing.extend_control, {"seconds": 60}),
        (routing.pass_control, {"app_id": "77"}),
    ],
)
def test_who_is_not_the_owner_learns_it_and_hands_nothing_over(thread, edges, act, values):
    thread.do(routing.take_control)
    edges.refusal = {"code": 10, "error_subcode": 2018300, "message": "no"}

    with pytest.raises(ThreadTakenError):
        thread.do(act, **values)

    assert thread.now().thread_owner_app_id == ""
    assert [each.action for each in rows(thread.app, AuditEntry)] == ["thread_taken"]


def test_thread_of_others_does_not_exist(thread):
    for who in (
        Tenant(workspace_id="w2", user_id="u1", user_name="Sam"),
        Tenant(workspace_id="w1", user_id="u1", user_name="Sam", location_ids=frozenset({"other"})),
    ):
        with pytest.raises(NotFoundError):
            thread.do(routing.take_control, who)


def test_account_without_a_connection_or_a_plan_cannot_act(app, factory, host):
    with pytest.raises(ConflictError):
        Thread(app, factory, status="needs_reauth").do(routing.take_control)
    host.plans["w1"] = "free"
    thread = Thread(app, factory, status="disconnected")
    with pytest.raises(TierError):
        thread.do(routing.take_control)


def test_comments_have_no_owner(factory, thread):
    thread.id = factory.conversation(
        thread.account, thread.identity, kind="comments", subject="post"
    ).id

    with pytest.raises(InvalidRequestError):
        thread.do(routing.take_control)


def test_metadata_is_as_long_as_meta_takes(thread):
    with pytest.raises(InvalidRequestError) as caught:
        thread.do(routing.pass_control, app_id="77", metadata="x" * 1001)
    assert caught.value.field == "metadata"


def pause(thread, until):
    session = state_of(thread.app).db.session
    tenant = Tenant(workspace_id="w1", user_id="u1", user_name="Sam")
    with workspace_scope("w1"):
        routed = routing.pause_bots(
            session,
            state_of(thread.app),
            tenant=tenant,
            conversation_id=thread.id,
            until=until,
            now=NOW,
        )
        session.commit()
    return routed


def test_bots_are_paused_and_go_on(thread):
    assert pause(thread, NOW + timedelta(hours=2)).update.change == "bot_paused"
    assert thread.now().bot_paused_until == NOW + timedelta(hours=2)
    assert pause(thread, None).update.change == "bot_resumed"
    assert thread.now().bot_paused_until is None
    for until in (NOW, NOW + timedelta(days=400)):
        with pytest.raises(InvalidRequestError):
            pause(thread, until)
