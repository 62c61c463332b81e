"""The past of an account: fetched once, quietly, and as the webhooks would have brought it."""

from datetime import timedelta
from typing import Any

import pytest
import responses
from flask.testing import FlaskClient
from sqlalchemy import event

from flask_messenger.errors import ConflictError, NotFoundError
from flask_messenger.history import runs, trouble, work
from flask_messenger.hooks import Tenant
from flask_messenger.models import (
    Account,
    Attachment,
    Conversation,
    HistoryRun,
    Identity,
    Message,
)
from flask_messenger.models.base import utc_now
from flask_messenger.models.history import BACKFILL
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope, workspace_scope
from tests.history.conftest import MAYA, PAGE, PERSON, URL, Past, hours_ago, said
from tests.support.app import Factory
from tests.support.ingest import drain, rows
from tests.support.meta import delivery, entry, message, post

pytestmark = pytest.mark.databases("postgresql")


def refuses(past: Past, code: int, path: str = "1001/conversations", **more: Any) -> None:
    past.meta.get(f"{URL}/{path}", json={"error": {"code": code, **more}}, status=400)


@pytest.mark.covers("facebook", "do:backfill")
def test_past_is_there_and_nobody_is_told_of_it(past: Past) -> None:
    past.lists("t_1")
    past.has(
        "t_1",
        said("m_2", "At six.", hours=99, by=PAGE),
        said("m_1", "When do you open?", hours=100),
    )

    run = past.work(past.start())

    assert (run.state, run.error) == ("done", None)
    assert run.result == {"conversations": 1, "messages": 2, "new": 2}
    first, second = sorted(rows(past.app, Message), key=lambda each: each.sent_at)
    assert (first.external_id, first.direction) == ("m_1", "inbound")
    assert first.text == "When do you open?"
    assert (second.external_id, second.direction, second.status) == ("m_2", "outbound", "sent")
    assert first.announced_at is not None
    assert second.announced_at is not None
    [thread] = rows(past.app, Conversation)
    assert thread.unread_count == 0
    assert thread.last_inbound_at == first.sent_at < utc_now() - timedelta(days=4)
    assert thread.last_message_id == second.id
    assert thread.bot_paused_until is None
    [person] = rows(past.app, Identity)
    assert (person.external_id, person.name) == (PERSON, "Maya Okafor")


def test_webhook_of_a_message_that_is_there_changes_nothing(
    past: Past, client: FlaskClient
) -> None:
    past.lists("t_1")
    past.has("t_1", said("m_1", "Hello?", hours=100))
    past.work(past.start())
    [before] = rows(past.app, Message)
    at = round(before.sent_at.timestamp() * 1000) + 700

    post(client, delivery(entry("1001", message("1001", PERSON, "Hello?", at=at, mid="m_1"))))
    told = drain(past.app)

    [after] = rows(past.app, Message)
    assert told == []
    assert (after.id, after.sent_at, after.text) == (before.id, before.sent_at, before.text)
    assert rows(past.app, Conversation)[0].unread_count == 0


def test_message_of_a_webhook_stays_as_it_is(past: Past, client: FlaskClient) -> None:
    at = round(hours_ago(5).timestamp() * 1000) + 700
    post(client, delivery(entry("1001", message("1001", PERSON, "Hello?", at=at, mid="m_1"))))
    drain(past.app)
    [before] = rows(past.app, Message)
    past.lists("t_1")
    past.has("t_1", said("m_1", "Hello?", hours=5))

    run = past.work(past.start())

    [after] = rows(past.app, Message)
    assert run.result == {"conversations": 1, "messages": 1, "new": 0}
    assert (after.sent_at, after.announced_at) == (before.sent_at, before.announced_at)
    assert rows(past.app, Conversation)[0].unread_count == 1


def test_old_messages_hide_none_that_are_unread_and_open_no_closed_thread(
    past: Past, client: FlaskClient
) -> None:
    at = round(hours_ago(5).timestamp() * 1000)
    post(client, delivery(entry("1001", message("1001", PERSON, "New!", at=at, mid="m_9"))))
    drain(past.app)
    with system_scope("test"):
        thread = past.session.get(Conversation, rows(past.app, Conversation)[0].id)
        thread.status = "closed"
        past.session.commit()
    past.lists("t_1")
    past.has(
        "t_1",
        said("m_9", "New!", hours=5),
        said("m_8", "Old", hours=100),
        said("m_10", "Missed", hours=4),
    )

    run = past.work(past.start())

    [thread] = rows(past.app, Conversation)
    assert run.result["new"] == 2
    assert thread.status == "closed"
    assert thread.unread_count == 2  # what was here, and what came after it


def test_what_a_webhook_may_still_bring_is_left_to_it(past: Past) -> None:
    past.lists("t_1")
    past.has("t_1", said("m_2", "Just now", hours=0.1), said("m_1", "Before", hours=30))

    run = past.work(past.start())

    assert run.result["new"] == 1
    assert [each.external_id for each in rows(past.app, Message)] == ["m_1"]


def test_message_of_ours_without_an_answer_is_found_at_meta(past: Past, factory: Factory) -> None:
    person = factory.identity(past.page, external_id=PERSON)
    thread = factory.conversation(past.page, person)
    at = hours_ago(30)
    ours = factory.message(
        thread,
        direction="outbound",
        status="unknown",
        external_id=None,
        text="Yes, two places.",
        sent_at=at,
        sending_since=at,
    )
    past.lists("t_1")
    past.has(
        "t_1",
        said("m_3", "Something else", hours=30, by=PAGE),
        said("m_2", "Yes, two places.", hours=30, by=PAGE),
    )

    past.work(past.start())

    found = {each.id: each for each in rows(past.app, Message)}
    assert (found[ours.id].status, found[ours.id].external_id) == ("sent", "m_2")
    assert found[ours.id].announced_at is not None
    assert {each.external_id for each in found.values()} == {"m_2", "m_3"}


def test_thread_is_locked_after_erasures_are_held_off(past: Past, factory: Factory) -> None:
    """An erasure locks its table and then a thread: the other way round, the two would meet."""
    factory.conversation(past.page, factory.identity(past.page, external_id=PERSON))
    past.lists("t_1")
    past.has("t_1", said("m_1", "Hello?", hours=100))
    run = past.start()
    seen: list[str] = []
    engine = state_of(past.app).db.engine

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "FROM messenger_erasures" in statement:
            seen.append("erasures")
        elif "FROM messenger_conversations" in statement and "FOR UPDATE" in statement:
            seen.append("thread")

    event.listen(engine, "before_cursor_execute", note)
    try:
        past.work(run)
    finally:
        event.remove(engine, "before_cursor_execute", note)

    assert seen[0] == "erasures"
    assert "thread" in seen


def test_run_goes_on_where_a_worker_died(past: Past) -> None:
    past.lists("t_1", "t_2", more="c2")
    past.lists("t_3", after="c2")
    past.has("t_1", said("m_1", "One", hours=100))
    past.has("t_3", said("m_3", "Three", hours=100))
    run = past.start()
    past.meta.add_callback(responses.GET, f"{URL}/t_2", callback=_die)
    with system_scope("test"), pytest.raises(AssertionError, match="killed"):
        work.work_on(past.app, run.id, turn_seconds=30)
    past.session.rollback()
    [left] = rows(past.app, HistoryRun)
    assert left.progress["pending"] == ["t_2"]
    assert left.result == {"conversations": 1, "messages": 1, "new": 1}
    past.meta.remove(responses.GET, f"{URL}/t_2")
    past.has("t_2", said("m_2", "Two", hours=100))

    done = past.work(left)

    assert done.state == "done"
    assert done.result == {"conversations": 3, "messages": 3, "new": 3}
    asked = [call.request.url.partition("?")[0] for call in past.meta.calls]
    assert asked.count(f"{URL}/t_1") == 1


def test_what_another_worker_listed_meanwhile_is_not_listed_again(past: Past) -> None:
    run = past.start()

    def list_slowly(_: Any) -> Any:
        found = past.session.get(HistoryRun, run.id)
        found.progress = {"pending": ["t_2"], "after": None, "is_listed": True}
        past.session.commit()
        return 200, {}, '{"data": [{"id": "t_1"}, {"id": "t_2"}]}'

    past.meta.add_callback(responses.GET, f"{URL}/1001/conversations", callback=list_slowly)
    past.has("t_2", said("m_2", "Two", hours=100))

    done = past.work(run)

    assert (done.state, done.result["conversations"]) == ("done", 1)


def _die(_: Any) -> Any:
    raise AssertionError("killed")


def test_worker_that_dies_again_and_again_ends_the_run(past: Past) -> None:
    run = past.start()
    with system_scope("test"):
        past.session.get(HistoryRun, run.id).progress = {"tries": work.MAX_TRIES}
        past.session.commit()

    assert past.work(run).error == work.LOST


def test_conversation_that_ends_the_workers_is_left_out(past: Past) -> None:
    past.lists("t_1", "t_2")
    past.meta.add_callback(responses.GET, f"{URL}/t_1", callback=_die)
    past.has("t_2", said("m_2", "Two", hours=100))
    run = past.start()
    for _ in range(1 + work.MAX_TRIES):  # what the first turn listed was a success
        with system_scope("test"), pytest.raises(AssertionError, match="killed"):
            work.work_on(past.app, run.id)
        past.session.remove()

    done = past.work(rows(past.app, HistoryRun)[0])

    assert done.state == "done"
    assert done.result == {"conversations": 1, "messages": 1, "new": 1, "skipped": 1}


def test_run_that_loses_one_conversation_after_the_other_has_failed(past: Past) -> None:
    run = past.start()
    with system_scope("test"):
        lost = {"tries": work.MAX_TRIES, "lost": work.MAX_LOST, "pending": ["t_4", "t_5"]}
        past.session.get(HistoryRun, run.id).progress = lost
        past.session.commit()

    assert past.work(run).error == work.LOST


def test_cancelled_run_is_over(past: Past) -> None:
    run = past.start()
    with workspace_scope("w1"):
        runs.cancel_run(past.session, **past.asked)

    assert past.work(run).state == "cancelled"
    assert len(past.meta.calls) == 0
    with workspace_scope("w1"), pytest.raises(ConflictError, match="not being looked at"):
        runs.cancel_run(past.session, **past.asked)


def test_one_run_at_a_time_and_of_ones_own_accounts_only(past: Past) -> None:
    past.start()

    with pytest.raises(ConflictError, match="already"):
        past.start()
    stranger = {"tenant": Tenant(workspace_id="w2", user_id="u9"), "account_id": past.page.id}
    with workspace_scope("w2"), pytest.raises(NotFoundError):
        runs.start_backfill(past.session, **stranger)


def test_dead_token_ends_the_run_and_the_account_says_so(past: Past) -> None:
    refuses(past, 190, error_subcode=460)

    run = past.work(past.start())

    assert (run.state, run.error) == ("failed", "graph_token_expired")
    assert rows(past.app, Account)[0].status == "needs_reauth"
    with pytest.raises(ConflictError, match="connected again"):
        past.start()


def test_missing_permission_ends_the_run(past: Past) -> None:
    refuses(past, 200)

    run = past.work(past.start())

    assert (run.state, run.error) == ("failed", "graph_permission")


def test_meta_that_is_busy_is_asked_again_later(past: Past) -> None:
    refuses(past, 613)
    run = past.work(past.start())
    assert (run.state, run.error) == ("running", "graph_rate_limited")
    with system_scope("test"):
        waiting = runs.find_open(past.session, now=utc_now() + timedelta(minutes=1))
        assert waiting == [("w1", run.id)]
    past.meta.reset()
    past.lists()

    assert past.work(run).state == "done"


def test_run_that_waits_waits_longer_each_time(past: Past) -> None:
    past.meta.get(
        f"{URL}/1001/conversations",
        json={"error": {"code": 613}},
        headers={"Retry-After": "300"},
        status=400,
    )
    refuses(past, 2)
    run = past.work(past.start())
    assert run.retry_at - run.worked_at == timedelta(minutes=5)
    run = past.work(run)
    assert run.retry_at - run.worked_at == timedelta(minutes=1)
    for _ in range(6):
        run = past.work(run)
    assert run.retry_at - run.worked_at == trouble.LONGEST_WAIT
    with system_scope("test"):
        assert runs.find_open(past.session, now=utc_now() + timedelta(minutes=10)) == []
        assert runs.find_open(past.session, now=utc_now() + timedelta(minutes=16)) != []
        past.session.get(HistoryRun, run.id).progress = {"waits": trouble.MAX_WAITS}
        past.session.commit()

    assert (past.work(run).state, past.work(run).error) == ("failed", "graph_unavailable")


@pytest.mark.parametrize("code", [2022, 3])
def test_what_no_waiting_mends_ends_the_run(past: Past, code: int) -> None:
    refuses(past, code)

    assert past.work(past.start()).state == "failed"


def test_conversation_that_meta_fails_over_for_good_is_left_out(past: Past) -> None:
    past.lists("t_1", "t_2")
    refuses(past, 1, "t_1")
    past.has("t_2", said("m_2", "Two", hours=100))
    run = past.start()

    for _ in range(trouble.MAX_STUMBLES):
        assert run.state != "done"
        run = past.work(run)

    run = past.work(run)
    assert run.state == "done"
    assert run.result == {"conversations": 1, "messages": 1, "new": 1, "skipped": 1}


def test_conversation_that_cannot_be_read_costs_no_other(past: Past) -> None:
    past.lists("t_1", "t_2", "t_3")
    refuses(past, 100, "t_1")
    past.has("t_2", said("m_2", "Two", hours=100))
    past.has("t_3", said("m_3", "Three", hours=100), person=PAGE)

    run = past.work(past.start())

    assert run.state == "done"
    assert run.result == {"conversations": 1, "messages": 1, "new": 1, "skipped": 2}


def test_calls_of_an_account_keep_their_distance(past: Past) -> None:
    past.lists()
    past.work(past.start())
    began = utc_now()

    past.work(past.start())

    assert utc_now() - began >= timedelta(milliseconds=150)
    assert rows(past.app, HistoryRun)[0].kind == BACKFILL


def test_files_of_the_past_are_fetched_and_shares_are_not(past: Past) -> None:
    image = {"mime_type": "image/jpeg", "image_data": {"url": "https://cdn.example.test/1.jpg"}}
    past.lists("t_1")
    past.has(
        "t_1",
        said("m_1", "", hours=100, attachments={"data": [image]}, by=MAYA),
        said("m_2", "", hours=100, shares={"data": [{"link": "https://a.example.test"}]}),
    )

    past.work(past.start())

    kinds = {each.external_id: each.kind for each in rows(past.app, Message)}
    assert kinds == {"m_1": "media", "m_2": "share"}
    states = {each.type: each.state for each in rows(past.app, Attachment)}
    assert states == {"image": "pending", "share": "remote"}


def test_new_account_is_filled_once_as_far_back_as_the_setting_says(past: Past) -> None:
    now = utc_now()
    with system_scope("test"):
        assert runs.begin_backfills(past.session, now=now, days=0) == 0
        assert runs.begin_backfills(past.session, now=now, days=30) == 1
        assert runs.begin_backfills(past.session, now=now, days=30) == 0
    [run] = rows(past.app, HistoryRun)
    assert (run.kind, run.since, run.requested_by) == (BACKFILL, now - timedelta(days=30), None)
    past.lists()
    past.work(run)
    with system_scope("test"):
        assert runs.begin_backfills(past.session, now=now, days=30) == 0


def test_any_number_of_days_is_good(past: Past) -> None:
    with system_scope("test"):
        assert runs.begin_backfills(past.session, now=utc_now(), days=10**9) == 1


def test_account_that_is_not_connected_is_left_alone(past: Past) -> None:
    with system_scope("test"):
        past.session.get(Account, past.page.id).status = "disconnected"
        past.session.commit()
        assert runs.begin_backfills(past.session, now=utc_now(), days=30) == 0
        assert runs.begin_comparisons(past.session, now=utc_now()) == 0


def test_listing_that_leads_to_itself_ends(past: Past) -> None:
    past.lists("t_1", more="here")
    past.lists("t_1", after="here", more="here")
    past.has("t_1", said("m_1", "Hello?", hours=100))

    run = past.work(past.start())

    assert (run.state, run.result["new"]) == ("done", 1)
