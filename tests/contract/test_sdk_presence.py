"""What is asked about profiles, personas and templates, against the tables of Meta's own SDK."""

import inspect
import json
import re

import pytest
import responses

from flask_messenger.channels.registry import CHANNELS
from flask_messenger.channels.sending import Endpoint
from flask_messenger.graph import page_templates, personas
from flask_messenger.graph.client import Graph
from flask_messenger.replies.proposals import Proposal
from flask_messenger.settings import Settings
from tests.channels.test_profile import WHOLE
from tests.support.app import GRAPH_URL, make_config
from tests.support.sdk import assert_edge_takes

URL = f"{GRAPH_URL}/v25.0"
BESIDE_THE_SDK = {"greeting"}
"""Documented, and in no table of the SDK.

Source: https://developers.facebook.com/docs/messenger-platform/reference/messenger-profile-api/greeting
"""
PAGE = Endpoint(external_id="1001")
GRAM = Endpoint(external_id="1789", page_external_id="1001")


@pytest.mark.parametrize(("channel", "endpoint"), [("facebook", PAGE), ("instagram", GRAM)])
def test_profile_is_asked_for_as_the_edge_takes_it(channel, endpoint):
    rules = CHANNELS[channel].profile
    names = [name for name in rules.names if name not in BESIDE_THE_SDK]

    read = rules.read(endpoint)
    write = rules.write(endpoint, WHOLE)
    remove = rules.remove(endpoint, names)

    written = {name: value for name, value in write.body.items() if name not in BESIDE_THE_SDK}
    asked = [name for name in read.body["fields"].split(",") if name not in BESIDE_THE_SDK]
    removed = {**remove.body, "fields": json.loads(remove.body["fields"])}
    assert_edge_takes("GET", read.path, {"fields": ",".join(asked)})
    assert_edge_takes("POST", write.path, written)
    assert_edge_takes("DELETE", remove.path, removed)


@pytest.fixture
def ask():
    """Return a function that makes a call, and says what Graph was asked for."""
    settings = Settings.from_config(make_config("sqlite://", "redis://127.0.0.1:1"), {})
    found = []

    def answer(request):
        body = json.loads(request.body) if request.body else dict(request.params)
        body.pop("appsecret_proof", None)
        path = request.path_url.partition("?")[0].removeprefix("/v25.0/")
        found.append((request.method, path, body))
        return 200, {}, json.dumps({"id": "5", "data": []})

    def ask(function, **values):
        made = function(Graph(settings), app=settings.default_app, token="t", **values)
        if inspect.isgenerator(made):
            list(made)
        return found.pop()

    with responses.RequestsMock(assert_all_requests_are_fired=False) as meta:
        for method in ("GET", "POST", "DELETE"):
            meta.add_callback(method, re.compile(f"^{URL}/"), callback=answer)
        yield ask


@pytest.mark.covers("facebook", "do:persona")
def test_personas_are_asked_for_as_the_edges_take_it(ask):
    face = {"name": "Sam", "picture_url": "https://cdn.example/sam.jpg"}

    assert_edge_takes(*ask(personas.create_persona, page_id="1001", **face))
    assert_edge_takes(*ask(personas.list_personas, page_id="1001"))
    assert_edge_takes(*ask(personas.delete_persona, persona_id="5"), node="persona")


@pytest.mark.covers("facebook", "do:utility_templates")
def test_templates_are_asked_for_as_the_edges_take_it(ask):
    proposal = Proposal(
        name="hi", language="en", components=[{"type": "BODY", "text": "Hi {{name}}"}]
    ).as_dict()
    clone = {
        "name": "hi",
        "language": "en",
        "category": "UTILITY",
        "library_template_name": "hi_1",
        "library_template_button_inputs": [{"type": "URL"}],
    }

    for each in (proposal, clone):
        asked = ask(page_templates.create_template, page_id="1001", proposal=each)
        assert_edge_takes(*asked)
    assert_edge_takes(*ask(page_templates.list_templates, page_id="1001", name="hi"))
    assert_edge_takes(
        *ask(page_templates.delete_template, page_id="1001", name="hi", template_id="5")
    )
