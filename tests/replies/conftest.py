"""What tests of templates share: a workspace with accounts in two locations, and who asks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask

from flask_messenger.hooks import Tenant
from flask_messenger.models import Account, AuditEntry, Conversation
from flask_messenger.state import MessengerState, state_of
from flask_messenger.tenancy import workspace_scope
from tests.support.app import ALL_PERMISSIONS, Factory
from tests.support.ingest import rows


@dataclass
class Desk:
    """A workspace w1: an account in each of two locations, a conversation with Maya in l1."""

    app: Flask
    downtown: Account
    riverside: Account
    conversation: Conversation

    @property
    def held(self) -> MessengerState:
        return state_of(self.app)

    @property
    def session(self) -> Any:
        return self.held.db.session

    def tenant(self, *location_ids: str) -> Tenant:
        """Somebody who sees these locations; all of the workspace where none is named."""
        return Tenant(
            workspace_id="w1",
            user_id="u1",
            user_name="Sam Reyes",
            location_ids=frozenset(location_ids) or None,
            permissions=ALL_PERMISSIONS,
        )

    def acts(self) -> list[str]:
        return [each.action for each in rows(self.app, AuditEntry)]


@pytest.fixture
def desk(app: Flask, factory: Factory) -> Iterator[Desk]:
    downtown = factory.account(name="Downtown Gym", location_id="l1")
    riverside = factory.account(name="Riverside Gym", location_id="l2")
    conversation = factory.conversation(downtown, factory.identity(downtown, name="Maya Okafor"))
    with workspace_scope("w1"):
        yield Desk(app, downtown, riverside, conversation)
