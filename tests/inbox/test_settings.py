"""What a workspace switched on."""

from collections.abc import Iterator

import pytest

from flask_messenger import Tenant
from flask_messenger.inbox.settings import read_settings, switch_human_agent
from flask_messenger.models import AuditEntry, WorkspaceSettings
from flask_messenger.tenancy import workspace_scope
from tests.support.app import Factory
from tests.support.ingest import rows

TENANT = Tenant(workspace_id="w1", user_id="u1")


@pytest.fixture(autouse=True)
def scope() -> Iterator[None]:
    with workspace_scope("w1"):
        yield


def test_switch_is_kept_in_one_row_and_audited_when_it_turns(app, factory: Factory) -> None:
    session = factory.session

    for enabled in (True, True, False, True):
        switch_human_agent(session, tenant=TENANT, enabled=enabled)
        session.commit()

    assert read_settings(session, tenant=TENANT).human_agent_enabled is True
    assert len(rows(app, WorkspaceSettings)) == 1
    assert [entry.details["enabled"] for entry in rows(app, AuditEntry)] == [True, False, True]


def test_default_is_off_and_leaves_no_row(app, factory: Factory) -> None:
    switch_human_agent(factory.session, tenant=TENANT, enabled=False)
    factory.session.commit()

    assert read_settings(factory.session, tenant=TENANT).human_agent_enabled is False
    assert rows(app, WorkspaceSettings) == []
    assert rows(app, AuditEntry) == []
