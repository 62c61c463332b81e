"""What Meta decides of a utility template while nobody has a row for it yet."""

from collections.abc import Iterator
from typing import Any

import pytest
import responses

from flask_messenger.models import Template
from flask_messenger.replies import utility
from flask_messenger.replies.proposals import Proposal
from tests.presence.conftest import URL, failure
from tests.replies.conftest import Desk

pytestmark = pytest.mark.databases("postgresql")

PROPOSAL = Proposal(
    name="order_sent", language="en", components=[{"type": "BODY", "text": "It is on its way."}]
)


@pytest.fixture
def meta() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def create(desk: Desk) -> Template:
    return utility.create_utility_template(
        desk.app, tenant=desk.tenant(), account_id=desk.downtown.id, proposal=PROPOSAL
    )


def listed(status: str, **values: Any) -> dict[str, Any]:
    found = {"id": "64001", "name": "order_sent", "language": "en", "status": status, **values}
    return {"data": [{**found, "id": "64000"}, found]}


@pytest.mark.parametrize(
    ("then", "status", "reason"),
    [
        ({"json": listed("APPROVED")}, "approved", None),
        ({"json": listed("REJECTED", rejected_reason="TAG")}, "rejected", "TAG"),
        ({"json": listed("PENDING")}, "pending", None),
        ({"json": {"data": []}}, "pending", None),
        (failure(2), "pending", None),
    ],
)
def test_template_that_was_decided_on_meanwhile_is_not_pending_for_ever(
    desk: Desk, meta: responses.RequestsMock, then: dict[str, Any], status: str, reason: str | None
) -> None:
    address = f"{URL}/{desk.downtown.external_id}/message_templates"
    meta.post(address, json={"id": "64001", "status": "PENDING", "category": "UTILITY"})
    meta.get(address, **then)

    template = create(desk)

    desk.session.refresh(template)
    assert (template.status, template.status_reason) == (status, reason)


def test_template_that_was_approved_at_once_is_not_asked_about(
    desk: Desk, meta: responses.RequestsMock
) -> None:
    address = f"{URL}/{desk.downtown.external_id}/message_templates"
    meta.post(address, json={"id": "64001", "status": "APPROVED"})

    assert create(desk).status == "approved"
    assert len(meta.calls) == 1
