"""What `graph/` asks by itself, against the parameter tables of Meta's own SDK.

Every function is called once; what goes out is caught at the edge to Meta.
"""

import io
import json
import re
from urllib.parse import urlsplit

import pytest
import responses
from werkzeug.wrappers import Request

from flask_messenger.channels.registry import CHANNELS
from flask_messenger.channels.sending import Endpoint
from flask_messenger.graph import attachments, page_templates, pages, personas, subscriptions, users
from flask_messenger.graph.client import Graph
from flask_messenger.graph.request import INSTAGRAM
from flask_messenger.settings import Settings
from tests.support.app import make_config
from tests.support.sdk import assert_edge_takes

PROPOSAL = {
    "name": "order_update",
    "language": "en",
    "category": "UTILITY",
    "parameter_format": "NAMED",
    "components": [{"type": "BODY", "text": "Order {{id}}"}],
}
DOCUMENTED = {"picture", "tasks"}
"""An edge that can be read as a field, and what a Page says in `/me/accounts` only."""


def all_fields(channel):
    fields = CHANNELS[channel].webhook_fields
    return {"core": fields.core, "further": fields.further}


def upload(ask, channel, endpoint):
    request = CHANNELS[channel].build_upload("image", endpoint=endpoint)
    file = {"file": io.BytesIO(b"x"), "filename": "a.png", "mime_type": "image/png"}
    return attachments.upload_attachment(**ask, request=request, **file)


AREAS = {
    "attachments.upload": (
        "page",
        lambda ask: upload(ask, "facebook", Endpoint(external_id="1001")),
    ),
    "attachments.upload_instagram": (
        "page",
        lambda ask: upload(
            ask, "instagram", Endpoint(external_id="17841", page_external_id="1001")
        ),
    ),
    "attachments.upload_own_instagram": (
        "instagram",
        lambda ask: upload(ask, "instagram", Endpoint(external_id="17841", login="instagram")),
    ),
    "personas.create": (
        "page",
        lambda ask: personas.create_persona(
            **ask, page_id="1001", name="Sam", picture_url="https://cdn.example/s.jpg"
        ),
    ),
    "personas.list": ("page", lambda ask: list(personas.list_personas(**ask, page_id="1001"))),
    "personas.delete": ("persona", lambda ask: personas.delete_persona(**ask, persona_id="5")),
    "templates.create": (
        "page",
        lambda ask: page_templates.create_template(**ask, page_id="1001", proposal=PROPOSAL),
    ),
    "templates.list": (
        "page",
        lambda ask: list(page_templates.list_templates(**ask, page_id="1001", name="order")),
    ),
    "templates.delete": (
        "page",
        lambda ask: page_templates.delete_template(
            **ask, page_id="1001", name="order", template_id="9"
        ),
    ),
    "subscriptions.subscribe": (
        "page",
        lambda ask: subscriptions.subscribe(**ask, owner="1001", **all_fields("facebook")),
    ),
    "subscriptions.subscribe_instagram": (
        "instagram_login",
        lambda ask: subscriptions.subscribe(
            **ask, owner="me", host=INSTAGRAM, **all_fields("instagram")
        ),
    ),
    "subscriptions.unsubscribe": (
        "page",
        lambda ask: subscriptions.unsubscribe(**ask, owner="1001"),
    ),
    "subscriptions.read": (
        "page",
        lambda ask: subscriptions.read_subscription(**ask, owner="1001"),
    ),
    "pages.list": ("user", lambda ask: list(pages.list_pages(**ask))),
    "pages.read": ("page", lambda ask: pages.read_page(**ask, page_id="1001")),
    "pages.linked": ("page", lambda ask: pages.read_linked_instagram(**ask, page_id="1001")),
    "pages.instagram": (
        "instagram",
        lambda ask: pages.read_instagram(**ask, external_id="17841"),
    ),
    "users.me": ("user", lambda ask: users.read_me(**ask)),
    "users.permissions": ("user", lambda ask: users.read_permissions(**ask)),
}


def read_body(request):
    """Return what a body says: JSON, or the fields of a form with a file."""
    if request.headers.get("Content-Type", "").startswith("multipart/"):
        environ = {
            "REQUEST_METHOD": "POST",
            "CONTENT_TYPE": request.headers["Content-Type"],
            "CONTENT_LENGTH": request.headers["Content-Length"],
            "wsgi.input": io.BytesIO(request.body),
        }
        with Request(environ) as form:
            assert list(form.files) == ["filedata"]
            said = form.form.to_dict()
            return said | {"message": json.loads(said["message"])}
    return json.loads(request.body) if request.body else {}


@pytest.fixture
def settings():
    return Settings.from_config(make_config("sqlite://", "redis://127.0.0.1:1"), {})


@pytest.fixture
def asked():
    """Return a list that gets every request: its verb, its path and what it asks with."""
    requests = []

    def answer(request):
        path = urlsplit(request.url).path.split("/", 2)[2]
        body = read_body(request)
        requests.append((request.method, path, {**request.params, **body}))
        return (
            200,
            {},
            json.dumps(
                {"id": "1", "attachment_id": "1", "name": "Shop", "success": True, "data": []}
            ),
        )

    with responses.RequestsMock() as meta:
        for method in ("GET", "POST", "DELETE"):
            meta.add_callback(method, re.compile("https?://.*"), answer)
        meta.assert_all_requests_are_fired = False
        yield requests


@pytest.mark.parametrize("area", AREAS)
def test_request_is_taken(settings, asked, area):
    node, call = AREAS[area]

    call({"graph": Graph(settings), "app": settings.default_app, "token": "EAAtoken"})

    assert asked
    for method, path, params in asked:
        assert_edge_takes(method, path, params, node=node, documented=DOCUMENTED)
