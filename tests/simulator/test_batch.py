"""Several calls in one, and every error of Graph's by its name."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from flask_messenger.simulator.error_table import NAMED
from tests.simulator.business import PAGE, Business
from tests.simulator.conftest import Running
from tests.simulator.driver import WAIT_SECONDS, error_of, proof


@pytest.fixture
def business(graph: Running) -> Business:
    return Business(graph)


def batch(business: Business, *calls: dict[str, Any], **more: str) -> requests.Response:
    form = {
        "access_token": business.token,
        "appsecret_proof": proof(business.token),
        "batch": json.dumps(calls),
        **more,
    }
    return business.graph.session.post(
        business.graph.base_url + "/", data=form, timeout=WAIT_SECONDS
    )


def test_calls_are_answered_one_by_one(business: Business) -> None:
    psid = business.write()
    body = {
        "recipient": json.dumps({"id": psid}),
        "message": json.dumps({"text": "By batch"}),
    }

    answers = batch(
        business,
        {"method": "GET", "relative_url": f"v25.0/{PAGE}?fields=name"},
        {"method": "POST", "relative_url": f"{PAGE}/messages", "body": urlencode(body)},
        {"method": "GET", "relative_url": "v25.0/nonsense"},
        include_headers="false",
    ).json()

    assert [answer["code"] for answer in answers] == [200, 200, 404]
    assert json.loads(answers[0]["body"])["name"] == "Iron Gym Downtown"
    assert json.loads(answers[1]["body"])["recipient_id"] == psid
    assert json.loads(answers[2]["body"])["error"]["code"] == 803
    assert business.messages()[-1]["text"] == "By batch"


def test_headers_come_along(business: Business) -> None:
    (answer,) = batch(business, {"method": "GET", "relative_url": "v25.0/me"}).json()

    assert "facebook-api-version" in {one["name"] for one in answer["headers"]}


def test_batches_that_are_refused(business: Business) -> None:
    call = {"method": "GET", "relative_url": "v25.0/me"}

    assert error_of(batch(business, *[call] * 51)) == (100, None)
    assert error_of(batch(business, {"method": "LOOK", "relative_url": "me"})) == (100, None)
    assert error_of(batch(business, {"method": "GET"})) == (100, None)
    assert error_of(batch(business, {**call, "mood": "good"})) == (100, None)
    empty = business.graph.session.post(business.graph.base_url + "/", timeout=WAIT_SECONDS)
    assert error_of(empty) == (2500, None)


def test_every_error_can_be_asked_for(business: Business) -> None:
    listed = business.graph.session.get(
        business.graph.base_url + "/control/api/errors", timeout=WAIT_SECONDS
    ).json()["errors"]

    for named in NAMED:
        business.graph.control("POST", "faults", error=named.name, path="*/conversations")
        answer = business.get(f"{PAGE}/conversations")
        assert error_of(answer) == (named.code, named.subcode), named.name

    assert [one["name"] for one in listed] == [named.name for named in NAMED]


def test_error_by_its_numbers(business: Business) -> None:
    business.graph.control("POST", "faults", error="10/2018300", path="*/messages")

    assert error_of(business.send("7", {"text": "x"})) == (10, 2018300)


def test_unknown_error(business: Business) -> None:
    answer = business.graph.session.post(
        business.graph.base_url + "/control/api/faults",
        json={"error": "nonsense"},
        timeout=WAIT_SECONDS,
    )

    assert answer.status_code == 400
