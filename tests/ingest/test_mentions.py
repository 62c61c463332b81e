"""What a mention on Instagram says: its event names it only, and Meta is asked for the words."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import responses
from flask import Flask
from sqlalchemy import null

from flask_messenger.channels.instagram import Instagram
from flask_messenger.channels.sending import Endpoint
from flask_messenger.ingest.announce import announce
from flask_messenger.models import Account, Conversation, Identity, Message
from flask_messenger.signals import comment_received
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.simulator.business import INSTAGRAM, Business
from tests.simulator.conftest import Running, callback, graph, start
from tests.support.app import GRAPH_URL, Factory
from tests.support.ingest import rows
from tests.support.leaks import watch_leaks
from tests.support.sdk import assert_edge_takes

__all__ = ["callback", "graph", "start"]

pytestmark = pytest.mark.databases("postgresql")
IG = "17841400000000001"


def mention(factory: Factory, account: Account, **content: str) -> Message:
    """Return a mention as ingest stores it: by nobody, and without words."""
    (about, *_) = sorted(content.values(), reverse=True)
    somebody = factory.identity(
        account, external_id=f"comment:{about}", name=None, kind="commenter"
    )
    thread = factory.conversation(account, somebody, kind="comments", subject="1800")
    values: dict[str, Any] = {"kind": "mention", "text": None, "announced_at": null()}
    return factory.message(thread, external_id=f"mention:{about}", content=content, **values)


def tell(app: Flask) -> list[str | None]:
    """Announce everything; return the words the host finds when it hears."""
    heard: list[str | None] = []

    def listen(_: Flask, *, message_id: Any, **_arguments: Any) -> None:
        heard.append(state_of(app).db.session.get_one(Message, message_id).text)

    ids = [each.id for each in rows(app, Message)]
    with comment_received.connected_to(listen, sender=app), system_scope("test"):
        assert announce(app, ids) == []
    return heard


@pytest.fixture
def simulated(new_app: Callable[..., Flask], graph: Running) -> Iterator[Flask]:
    app = new_app(
        META_APP_ID=None,
        META_APP_SECRET=None,
        META_VERIFY_TOKEN=None,
        META_GRAPH_URL=graph.base_url,
        MESSENGER_SIMULATOR_URL=graph.base_url,
    )
    with watch_leaks(app), app.app_context():
        yield app


@pytest.mark.parametrize("in_comment", [True, False])
def test_words_of_a_mention_are_read_from_meta(
    simulated: Flask, graph: Running, *, in_comment: bool
) -> None:
    factory = Factory(simulated)
    account = factory.account(
        channel="instagram", external_id=INSTAGRAM, token=Business(graph).token
    )
    told = graph.post_json(
        f"/posts/api/{INSTAGRAM}/mentions", in_comment=in_comment, text="Go to @irongym.downtown"
    )
    named = {name: each for name, each in told.items() if each is not None}
    message_id = mention(factory, account, **named).id

    assert tell(simulated) == ["Go to @irongym.downtown"]

    (found,) = rows(simulated, Message)
    (somebody,) = rows(simulated, Identity)
    assert (found.id, found.text) == (message_id, "Go to @irongym.downtown")
    assert somebody.username == (None if in_comment else "a.friend")


@responses.activate
@pytest.mark.parametrize(
    "answer",
    [
        {"status": 500, "json": {"error": {"code": 2}}},
        {"status": 400, "json": {"error": {"code": 100, "error_subcode": 33}}},
        {"status": 403, "json": {"error": {"code": 10}}},
        {"json": {"id": IG}},
        {"json": {"mentioned_comment": {"id": "1801", "text": 7}, "id": IG}},
    ],
    ids=["away", "gone", "forbidden", "silent", "odd"],
)
def test_host_hears_of_a_mention_whose_words_meta_does_not_tell(
    app: Flask, factory: Factory, answer: dict[str, Any]
) -> None:
    account = factory.account(channel="instagram", external_id=IG, page_external_id="1001")
    mention(factory, account, media_id="1800", comment_id="1801")
    asked = responses.get(f"{GRAPH_URL}/v25.0/{IG}", **answer)

    assert tell(app) == [None]

    assert asked.call_count >= 1
    assert [each.announced_at is not None for each in rows(app, Message)] == [True]


@responses.activate
def test_nobody_is_asked_about_what_is_told_or_taken_back(app: Flask, factory: Factory) -> None:
    account = factory.account(channel="instagram", external_id=IG)
    told = mention(factory, account, comment_id="1")
    page = mention(factory, factory.account(external_id="1001"), comment_id="2", post_id="3")
    odd = mention(factory, account, comment_id="1){id}")
    without_token = mention(
        factory, factory.account(channel="instagram", external_id="1", token=None), comment_id="4"
    )
    with system_scope("test"):
        session = state_of(app).db.session
        session.get_one(Message, told.id).text = "told"
        session.commit()

    assert len(tell(app)) == len({told.id, page.id, odd.id, without_token.id})
    assert len(rows(app, Conversation)) == len(rows(app, Message))


@pytest.mark.parametrize(
    ("content", "login"),
    [
        ({"media_id": "1800", "comment_id": "1801"}, "facebook"),
        ({"media_id": "1800"}, "facebook"),
        ({"media_id": "1800"}, "instagram"),
    ],
)
def test_the_account_is_asked_at_the_host_of_its_login(content: dict[str, str], login: str) -> None:
    endpoint = Endpoint(external_id=IG, page_external_id="1001", login=login)

    request = Instagram().build_mention(content, endpoint=endpoint)

    assert request is not None
    assert_edge_takes(request.method, request.path, request.body, node="instagram")
    assert request.host == {"facebook": "graph", "instagram": "instagram"}[login]
    assert content.get("comment_id", content["media_id"]) in request.body["fields"]
