"""A Page of workspace w1, connected a while ago, and a Meta whose answers the test gives."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
import redis
import responses
from flask import Flask

from flask_messenger.history import runs, work
from flask_messenger.hooks import Tenant
from flask_messenger.models import Account, HistoryRun
from flask_messenger.models.base import utc_now
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope, workspace_scope
from tests.support.app import ALL_PERMISSIONS, GRAPH_URL, Factory
from tests.support.ingest import rows

URL = f"{GRAPH_URL}/v25.0"
PERSON = "2001"
MAYA = {"id": PERSON, "name": "Maya Okafor", "email": "2001@facebook.com"}
PAGE = {"id": "1001", "name": "Iron Gym", "email": "1001@facebook.com"}


def hours_ago(hours: float) -> datetime:
    return (utc_now() - timedelta(hours=hours)).replace(microsecond=0)


def said(mid: str, text: str, *, hours: float, by: Any = None, **more: Any) -> dict[str, Any]:
    """A message as the Conversations API shows it; the Page's where `by` is `PAGE`."""
    sender = by or MAYA
    return {
        "id": mid,
        "created_time": hours_ago(hours).strftime("%Y-%m-%dT%H:%M:%S+0000"),
        "from": sender,
        "to": {"data": [PAGE if sender is MAYA else MAYA]},
        "message": text,
        **more,
    }


@dataclass
class Past:
    """What Meta has, and a run over it."""

    app: Flask
    page: Account
    meta: responses.RequestsMock
    conversations: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def session(self) -> Any:
        return state_of(self.app).db.session

    @property
    def asked(self) -> dict[str, Any]:
        tenant = Tenant(workspace_id="w1", user_id="u1", permissions=ALL_PERMISSIONS)
        return {"tenant": tenant, "account_id": self.page.id}

    def lists(self, *ids: str, after: str | None = None, more: str | None = None) -> None:
        paging = {"cursors": {"after": more}, "next": "https://elsewhere"} if more else {}
        listed = [
            {"id": each, "updated_time": hours_ago(2).isoformat().replace("+00:00", "+0000")}
            for each in ids
        ]
        match = [responses.matchers.query_param_matcher({"after": after}, strict_match=False)]
        url = f"{URL}/1001/conversations"
        self.meta.get(url, json={"data": listed, "paging": paging}, match=match if after else [])

    def has(self, conversation_id: str, *messages: dict[str, Any], person: Any = None) -> None:
        body = {
            "id": conversation_id,
            "participants": {"data": [person or MAYA, PAGE]},
            "messages": {"data": list(messages)},
        }
        self.meta.get(f"{URL}/{conversation_id}", json=body)

    def start(self, since: datetime | None = None) -> HistoryRun:
        with workspace_scope("w1"):
            return runs.start_backfill(self.session, **self.asked, since=since)

    def work(self, run: HistoryRun) -> HistoryRun:
        """Work until there is nothing more to do now."""
        run_id = run.id
        with system_scope("test"):
            while work.work_on(self.app, run_id):
                pass
        [found] = rows(self.app, HistoryRun, id=run_id)
        return found

    def reconcile(self) -> HistoryRun:
        with system_scope("test"):
            runs.begin_comparisons(self.session, now=utc_now())
        found = [each for each in rows(self.app, HistoryRun) if each.kind == "reconcile"]
        return self.work(found[-1])


@pytest.fixture
def past(app: Flask, factory: Factory) -> Iterator[Past]:
    page = factory.account(external_id="1001")
    with system_scope("test"):
        page.connected_at = utc_now() - timedelta(days=3)
        factory.session.commit()
        factory.session.refresh(page)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield Past(app, page, mock)
    state_of(app).get(redis.Redis).flushall()
