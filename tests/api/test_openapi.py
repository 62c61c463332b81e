"""The OpenAPI document: complete, resolvable, and the same for every application."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
import pytest
from flask import Flask

from tests.api.conftest import Api
from tests.support.app import Host

pytestmark = pytest.mark.databases("postgresql")

UNDOCUMENTED = {
    "messenger_api.show_docs",
    "messenger_api.show_document",
    "messenger_api.static",
}


@pytest.fixture
def document(api: Api) -> dict[str, Any]:
    return api.get("/openapi.json").json


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            yield path, method, described


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def test_document_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"] == "flask_messenger"
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_reference_resolves(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    for reference in references(document):
        assert reference.removeprefix("#/components/schemas/") in schemas


def test_every_route_is_in_it_and_nothing_of_the_host(app: Flask, document: dict[str, Any]) -> None:
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(rule)), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("messenger_api.") and rule.endpoint not in UNDOCUMENTED
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }

    assert {(path, method) for path, method, _ in operations(document)} == routes


def test_every_operation_says_how_it_fails(document: dict[str, Any]) -> None:
    for path, method, described in operations(document):
        place = f"{method} {path}"
        answers = described["responses"]
        assert {"401", "422", "503"} <= set(answers), place
        assert ("404" in answers) == ("{" in path or path.endswith("/send")), place
        needs_permission = "`settings`" in described.get("description", "")
        assert ("403" in answers) == (method != "get" or needs_permission), place
        assert ({"400", "413", "415"} <= set(answers)) == ("requestBody" in described), place
        for status, answer in answers.items():
            if int(status) >= 400:
                assert list(answer["content"]) == ["application/problem+json"], place
            assert answer["description"], place


def test_changes_carry_the_csrf_token(document: dict[str, Any]) -> None:
    for _path, method, described in operations(document):
        session, bearer = described["security"]
        assert ("csrf" in session) == (method != "get")
        assert bearer == {"bearer": []}


def test_operation_ids_are_unique_names(document: dict[str, Any]) -> None:
    ids = [described["operationId"] for _, _, described in operations(document)]

    assert len(ids) == len(set(ids))
    assert all(each.isidentifier() for each in ids)


def test_parameters_are_explained(document: dict[str, Any]) -> None:
    found = {
        parameter["name"]: parameter
        for _, _, described in operations(document)
        for parameter in described["parameters"]
    }

    assert found["limit"]["schema"] == {
        "default": 50,
        "description": "How many rows a page has at most.",
        "maximum": 100,
        "minimum": 1,
        "title": "Limit",
        "type": "integer",
    }
    assert "null" not in str([parameter["schema"] for parameter in found.values()])
    assert found["Idempotency-Key"]["in"] == "header"
    assert found["Prefer"]["in"] == "header"


def test_bodies_that_may_be_left_out_say_so(document: dict[str, Any]) -> None:
    required = {
        described["operationId"]: described["requestBody"]["required"]
        for _, _, described in operations(document)
        if "requestBody" in described
    }

    assert required == {
        "applyProfile": True,
        "changeConversation": True,
        "changeHistory": True,
        "changePersona": True,
        "changeSavedReply": True,
        "changeSettings": True,
        "changeTemplate": True,
        "changeThreadControl": True,
        "cloneUtilityTemplate": True,
        "createPersona": True,
        "createSavedReply": True,
        "createTemplate": True,
        "diffProfile": True,
        "erasePerson": True,
        "hideComment": True,
        "markConversationSeen": False,
        "pauseBots": True,
        "previewDraft": True,
        "previewSavedReply": True,
        "previewTemplate": True,
        "proposeUtilityTemplate": True,
        "reactToMessage": True,
        "replayEntries": True,
        "send": True,
        "uploadFile": True,
    }


def test_two_applications_say_the_same(new_app: Callable[..., Flask]) -> None:
    first, second = new_app(), new_app(SESSION_COOKIE_NAME="crm")

    documents = [
        app.test_client().get("/api/messenger/openapi.json").json for app in (first, second)
    ]

    assert documents[1]["components"]["securitySchemes"]["session"]["name"] == "crm"
    for each in documents:
        del each["components"]["securitySchemes"]
    assert documents[0] == documents[1]


def test_document_needs_no_session(api: Api, host: Host) -> None:
    host.tenant = None

    assert api.get("/openapi.json").status_code == 200
