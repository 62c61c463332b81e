"""Thousands of accounts: the schedule stays cheap and fair, and its table does not grow."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from flask_messenger import jobs
from flask_messenger.history import retention, runs
from flask_messenger.models import Account, HistoryRun
from flask_messenger.models.base import new_id_at, utc_now
from flask_messenger.models.history import BACKFILL, RECONCILE
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.history.conftest import Past
from tests.support.app import Factory
from tests.support.ingest import rows

DAY = timedelta(days=1)


def ran(
    past: Past, at: datetime, kind: str = RECONCILE, state: str = "done", page: Any = None
) -> Any:
    """Have a run that began at `at`; return its id."""
    account: Account = page or past.page
    row = {"kind": kind, "state": state, "created_at": at, "progress": {}, "result": {}}
    run = HistoryRun(
        id=new_id_at(at), workspace_id=account.workspace_id, account_id=account.id, **row
    )
    run_id = run.id
    with system_scope("test"):
        past.session.add(run)
        past.session.commit()
    return run_id


def test_runs_of_long_ago_are_removed_but_for_the_last_of_each_kind(past: Past) -> None:
    now = utc_now()
    filled = ran(past, now - 200 * DAY, BACKFILL)
    refused = ran(past, now - 190 * DAY, BACKFILL, "failed")
    ran(past, now - 100 * DAY)
    ran(past, now - 99 * DAY, state="failed")
    compared = ran(past, now - 98 * DAY)
    ran(past, now - 97 * DAY, state="failed")
    failed = ran(past, now - 96 * DAY, state="failed")
    young = ran(past, now - 29 * DAY, state="cancelled")
    going = ran(past, now - 60 * DAY, state="running")
    part = next(each for each in jobs.SCHEDULE if each.name == "sweep_retention")

    jobs.sweep([part])

    left = {each.id for each in rows(past.app, HistoryRun)}
    assert left == {filled, refused, compared, failed, young, going}


def test_what_is_kept_still_says_that_an_account_was_filled(past: Past) -> None:
    now = utc_now()
    ran(past, now - 200 * DAY, BACKFILL)
    with system_scope("test"):
        retention.forget_runs(past.session, now=now)
        assert runs.begin_backfills(past.session, now=now, days=30) == 0


def test_workspace_with_many_accounts_keeps_no_other_out(past: Past, factory: Factory) -> None:
    now = utc_now()
    for number in range(3):
        page = factory.account(external_id=f"30{number}")
        ran(past, now - timedelta(hours=2), state="queued", page=page)
    other = factory.account(external_id="401", workspace_id="w2")
    late = ran(past, now - timedelta(hours=1), state="queued", page=other)

    with system_scope("test"):
        found = runs.find_open(past.session, now=now, limit=2)

    assert [workspace_id for workspace_id, _ in found] == ["w1", "w2"]
    assert found[1][1] == late
    with system_scope("test"):
        assert len(runs.find_open(past.session, now=now, of_each=2)) == 3


@pytest.mark.databases("postgresql")
def test_schedule_looks_runs_up_by_their_accounts(past: Past) -> None:
    """Whatever the planner believes of the tables, it has an index to go by."""
    engine = state_of(past.app).db.engine
    plans: list[str] = []

    def explain(connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT") and "messenger_history_runs" in statement:
            with connection.connection.driver_connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN {statement}", parameters)
                plans.append("\n".join(row[0] for row in cursor.fetchall()))

    with system_scope("test"):
        past.session.execute(text("SET LOCAL enable_seqscan = off"))
        event.listen(engine, "before_cursor_execute", explain)
        try:
            runs.begin_comparisons(past.session, now=utc_now())
        finally:
            event.remove(engine, "before_cursor_execute", explain)

    assert "ix_messenger_history_runs_account_id_kind_created_at" in plans[0]
    assert "Seq Scan on messenger_history_runs" not in plans[0]
