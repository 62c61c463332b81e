"""A claim reads what it takes, not what waits, whatever the planner believes of the journal."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, text

from flask_messenger.ingest.claim import claim
from flask_messenger.ingest.journal import insert_rows, make_rows
from flask_messenger.ingest.receive import Delivery
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.support import meta

PAGES = ("551", "552", "553", "554")
WAITING = 3_000
LIMIT = 60


@pytest.fixture
def waiting(new_app: Any) -> Iterator[Flask]:
    """Yield an application with many entries waiting, whose planner has seen an empty journal."""
    app = new_app()
    with app.app_context():
        engine = state_of(app).db.engine
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE messenger_webhook_entries"))
        entries = [
            json.dumps(meta.entry(page, meta.message(page, "9", f"text {number}"))).encode()
            for number in range(WAITING)
            for page in (PAGES[number % len(PAGES)],)
        ]
        with engine.begin() as connection:
            rows = make_rows(Delivery("page", tuple(entries)), app_name="default")
            insert_rows(connection, [rows])
        yield app


def plans_of_two_claims(app: Flask) -> list[tuple[str, dict[str, Any]]]:
    """Claim twice, as in a backlog; return each SELECT on the journal with its plan as run."""
    engine = state_of(app).db.engine
    session = state_of(app).db.session
    plans: list[tuple[str, dict[str, Any]]] = []

    def explain(connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "messenger_webhook_entries" in statement:
            driver = connection.connection.driver_connection
            with driver.cursor() as cursor:
                cursor.execute("SAVEPOINT looked")
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
                (found,) = cursor.fetchone()
                cursor.execute("ROLLBACK TO looked")
            plans.append((statement, found[0]["Plan"]))

    with system_scope("test"):
        event.listen(engine, "before_cursor_execute", explain)
        try:
            assert len(claim(session, limit=LIMIT)) == LIMIT
            assert len(claim(session, limit=LIMIT)) == LIMIT
        finally:
            event.remove(engine, "before_cursor_execute", explain)
            session.rollback()
    return plans


def rows_read(plan: dict[str, Any]) -> Iterator[float]:
    """Yield how many rows of the journal each scan of a plan looked at."""
    if str(plan.get("Relation Name", "")).startswith("messenger_webhook_entries"):
        each_time = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        yield each_time * plan["Actual Loops"]
    for child in plan.get("Plans", ()):
        yield from rows_read(child)


@pytest.mark.databases("postgresql")
def test_a_claim_reads_what_it_takes_and_not_what_waits(waiting: Flask) -> None:
    plans = plans_of_two_claims(waiting)

    # By age, whose turn it is, some of each; and, the second time, who has little.
    assert len(plans) >= 5
    for statement, plan in plans:
        assert sum(rows_read(plan)) <= 5 * LIMIT, statement
