"""With the simulator: what was said before us, and what its webhooks never brought."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import redis
from flask import Flask

from flask_messenger.history import runs, work
from flask_messenger.models import HistoryRun, Identity, Message
from flask_messenger.models.base import utc_now
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.simulator.business import INSTAGRAM, PAGE, Business
from tests.simulator.conftest import Running, callback, graph, start
from tests.support.app import Factory
from tests.support.ingest import rows
from tests.support.leaks import watch_leaks

__all__ = ["callback", "graph", "start"]

pytestmark = pytest.mark.databases("postgresql")


@pytest.fixture
def app(new_app: Callable[..., Flask], graph: Running) -> Iterator[Flask]:
    app = new_app(
        META_APP_ID=None,
        META_APP_SECRET=None,
        META_VERIFY_TOKEN=None,
        META_GRAPH_URL=graph.base_url,
        MESSENGER_SIMULATOR_URL=graph.base_url,
    )
    with watch_leaks(app), app.app_context():
        yield app
        state_of(app).get(redis.Redis).flushall()


def connect(factory: Factory, business: Business, external_id: str) -> None:
    """Have an account connected that the Page's token is for: the Page, or its Instagram."""
    is_page = external_id == PAGE
    account = factory.account(
        channel="facebook" if is_page else "instagram",
        external_id=external_id,
        page_external_id=None if is_page else PAGE,
        token=business.token,
    )
    with system_scope("test"):
        account.connected_at = utc_now() - timedelta(days=2)
        factory.session.commit()


def go_through(app: Flask, begin: Callable[..., int]) -> HistoryRun:
    with system_scope("test"):
        assert begin(state_of(app).db.session, now=utc_now()) == 1
    run_id = rows(app, HistoryRun)[-1].id
    with system_scope("test"):
        while work.work_on(app, run_id):
            pass
    [run] = rows(app, HistoryRun, id=run_id)
    return run


@pytest.mark.covers("instagram", "do:backfill")
@pytest.mark.covers("instagram", "do:reconcile")
@pytest.mark.parametrize("external_id", [PAGE, INSTAGRAM], ids=["page", "instagram"])
def test_past_is_fetched_and_what_is_missing_is_found(
    app: Flask, factory: Factory, graph: Running, external_id: str
) -> None:
    business = Business(graph)
    said = [
        {"direction": "in", "text": "Do you have a pool?", "hours_ago": 90},
        {"direction": "out", "text": "We do.", "hours_ago": 89},
        {"direction": "in", "text": "And a sauna?", "hours_ago": 20},
    ]
    graph.control("POST", f"threads/{external_id}/maya-okafor/history", messages=said)
    connect(factory, business, external_id)

    filled = go_through(app, lambda session, now: runs.begin_backfills(session, now=now, days=3))
    in_time = go_through(app, runs.begin_comparisons)
    with system_scope("test"):
        [lost] = [each for each in rows(app, Message) if each.text == "And a sauna?"]
        state_of(app).db.session.delete(state_of(app).db.session.get(Message, lost.id))
        for each in state_of(app).db.session.query(HistoryRun):
            each.created_at -= timedelta(days=1)
        state_of(app).db.session.commit()
    repaired = go_through(app, runs.begin_comparisons)

    assert (filled.state, in_time.state, repaired.state) == ("done", "done", "done")
    assert filled.result == {"conversations": 1, "messages": 1, "new": 1}
    assert in_time.result == {"conversations": 0, "checked": 0, "missing": 0, "repaired": 0}
    assert repaired.result == {"conversations": 1, "checked": 1, "missing": 1, "repaired": 1}
    [found] = rows(app, Message)
    assert (found.text, found.direction) == ("And a sauna?", "inbound")
    assert found.external_id == lost.external_id
    assert rows(app, Identity)[0].name is not None
