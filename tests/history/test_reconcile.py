"""Every night: what Meta has of the last day, and we do not."""

from datetime import timedelta

import pytest

from flask_messenger import jobs
from flask_messenger.history import runs
from flask_messenger.models import Account, Conversation, HistoryRun, Message
from flask_messenger.models.base import utc_now
from flask_messenger.tenancy import system_scope
from tests.history.conftest import PAGE, PERSON, Past, said
from tests.support.app import Factory
from tests.support.ingest import rows

pytestmark = pytest.mark.databases("postgresql")


@pytest.mark.covers("facebook", "do:reconcile")
def test_missing_message_of_the_last_day_is_put_right(past: Past, factory: Factory) -> None:
    thread = factory.conversation(past.page, factory.identity(past.page, external_id=PERSON))
    factory.message(
        thread,
        external_id="m_1",
        direction="outbound",
        sent_at=utc_now() - timedelta(hours=6),
    )
    past.lists("t_1")
    past.has(
        "t_1",
        said("m_2", "Anybody there?", hours=5),
        said("m_1", "hello", hours=6, by=PAGE),
        said("m_0", "Years ago", hours=9000),
    )

    run = past.reconcile()

    assert run.state == "done"
    assert run.result == {"conversations": 1, "checked": 2, "missing": 1, "repaired": 1}
    assert {each.external_id for each in rows(past.app, Message)} == {"m_1", "m_2"}
    # Nobody has read it yet: the inbox shows it.
    assert rows(past.app, Conversation)[0].unread_count == 1
    assert all(each.announced_at for each in rows(past.app, Message))


def test_what_is_read_does_not_say_whose_a_thread_is(past: Past, factory: Factory) -> None:
    person = factory.identity(past.page, external_id=PERSON)
    theirs = {"thread_owner_app_id": "151", "thread_owner_at": utc_now() - timedelta(hours=7)}
    factory.conversation(past.page, person, **theirs)
    past.lists("t_1")
    past.has("t_1", said("m_2", "Told to whoever had it", hours=5))

    past.reconcile()

    assert [each.external_id for each in rows(past.app, Message)] == ["m_2"]
    assert [each.thread_owner_until for each in rows(past.app, Conversation)] == [None]


def test_account_is_compared_once_a_night(past: Past) -> None:
    now = utc_now().replace(hour=3, minute=0)
    with system_scope("test"):
        assert runs.begin_comparisons(past.session, now=now) == 1
        assert runs.begin_comparisons(past.session, now=now) == 0
        [run] = rows(past.app, HistoryRun)
    with system_scope("test"):
        found = past.session.get(HistoryRun, run.id)
        found.state, found.created_at = "done", now
        past.session.commit()
        assert runs.begin_comparisons(past.session, now=now.replace(hour=23)) == 0
        assert runs.begin_comparisons(past.session, now=now + timedelta(days=1)) == 1


def test_schedule_takes_up_what_nobody_works_on(past: Past) -> None:
    past.lists()
    run_id = past.start().id
    part = next(each for each in jobs.SCHEDULE if each.name == "sweep_history")

    jobs.sweep([part])
    jobs.take_turns("bulk")

    [done] = rows(past.app, HistoryRun, id=run_id)
    assert done.state == "done"


def test_what_came_while_an_account_was_away_is_news(past: Past) -> None:
    past.lists()
    past.start()
    with system_scope("test"):
        first = past.session.query(HistoryRun).one()
        first.state, first.created_at = "done", utc_now() - timedelta(days=2)
        past.session.get(Account, past.page.id).connected_at = utc_now()
        past.session.commit()
        past.session.expire_all()
    past.meta.reset()
    past.lists("t_1")
    past.has("t_1", said("m_1", "Anybody there?", hours=30), said("m_0", "Long ago", hours=60))

    run = past.reconcile()

    assert run.result == {"conversations": 1, "checked": 1, "missing": 1, "repaired": 1}
    assert rows(past.app, Conversation)[0].unread_count == 1
    with system_scope("test"):
        assert runs.begin_comparisons(past.session, now=utc_now()) == 0


def test_first_comparison_brings_nothing_from_before_the_account(past: Past) -> None:
    past.lists("t_1")
    past.has("t_1", said("m_2", "New", hours=70), said("m_1", "Long before us", hours=75))

    run = past.reconcile()

    assert run.since == rows(past.app, Account)[0].connected_at
    assert {each.external_id for each in rows(past.app, Message)} == {"m_2"}


def test_days_that_somebody_had_fetched_hide_no_night_that_was_missed(past: Past) -> None:
    past.lists()
    past.reconcile()
    with system_scope("test"):
        [night] = past.session.query(HistoryRun)
        night.created_at = utc_now() - timedelta(days=5)
        past.session.get(Account, past.page.id).connected_at = utc_now() - timedelta(days=9)
        past.session.commit()
    past.work(past.start(since=utc_now() - timedelta(hours=3)))

    run = past.reconcile()

    assert utc_now() - run.since > timedelta(days=5)
