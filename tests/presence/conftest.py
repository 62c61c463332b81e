"""Accounts of workspace w1, and a Meta whose answers the test gives."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import redis
import responses
from flask import Flask

from flask_messenger.hooks import Tenant
from flask_messenger.models import Account, AuditEntry
from flask_messenger.state import state_of
from flask_messenger.tenancy import workspace_scope
from tests.support.app import ALL_PERMISSIONS, GRAPH_URL, Factory
from tests.support.ingest import rows

URL = f"{GRAPH_URL}/v25.0"


@dataclass
class Desk:
    """A Page of workspace w1, and who asks."""

    app: Flask
    page: Account

    @property
    def session(self) -> Any:
        return state_of(self.app).db.session

    @property
    def redis(self) -> redis.Redis:
        return state_of(self.app).get(redis.Redis)

    def tenant(self, *location_ids: str) -> Tenant:
        return Tenant(
            workspace_id="w1",
            user_id="u1",
            user_name="Sam Reyes",
            location_ids=frozenset(location_ids) or None,
            permissions=ALL_PERMISSIONS,
        )

    @property
    def asked(self) -> dict[str, Any]:
        """Who asks about what."""
        return {"tenant": self.tenant(), "account_id": self.page.id}

    def acts(self) -> list[str]:
        return [each.action for each in rows(self.app, AuditEntry)]


@pytest.fixture
def desk(app: Flask, factory: Factory) -> Iterator[Desk]:
    page = factory.account(external_id="1001")
    with workspace_scope("w1"):
        yield Desk(app, page)


@pytest.fixture
def meta() -> Iterator[responses.RequestsMock]:
    """Plays Meta: an address that no test gave an answer for refuses the connection."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def failure(code: int, subcode: int | None = None) -> dict[str, Any]:
    return {"json": {"error": {"code": code, "error_subcode": subcode}}, "status": 400}
