"""With the simulator: the people of a Page are asked about in one call."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import null

from flask_messenger.ingest.announce import announce
from flask_messenger.models import Identity, Message
from flask_messenger.tenancy import system_scope
from tests.simulator.business import PAGE, Business
from tests.simulator.conftest import Running, callback, graph, start
from tests.support.app import Factory, Host
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


@pytest.mark.covers("facebook", "do:profiles")
def test_people_of_a_page_are_asked_about_together(
    app: Flask, factory: Factory, host: Host, graph: Running
) -> None:
    business = Business(graph)
    page = factory.account(external_id=PAGE, token=business.token)
    for customer in ("maya-okafor", "lena-vogel"):
        psid = business.write(customer)
        person = factory.identity(page, external_id=psid, name=None)
        factory.message(factory.conversation(page, person), announced_at=null())
    stranger = factory.identity(page, external_id="31337", name=None)
    factory.message(factory.conversation(page, stranger), announced_at=null())
    graph.control("DELETE", "calls")

    ids = [each.id for each in rows(app, Message)]
    with system_scope("test"):
        announce(app, ids)

    people = {each.external_id: each for each in rows(app, Identity)}
    states = {each.name: each.profile_state for each in people.values()}
    assert states["Maya Okafor"] == "fetched"
    assert people["31337"].profile_state == "unavailable"
    assert "Maya Okafor" in [each.name for each in host.resolved]
    paths = [each["path"] for each in graph.control("GET", "calls")["calls"]]
    assert sum(path in {"/", "/v25.0/"} for path in paths) == 1
    assert len(paths) == 1 + 3  # the batch, and what was in it
