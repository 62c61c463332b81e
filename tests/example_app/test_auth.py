from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from example_app.auth import find_user
from tests.example_app.crm import csrf_token, user_of

pytestmark = pytest.mark.usefixtures("crm")

SAM = "sam@brightside.example"


@pytest.mark.parametrize("page", ["/leads", "/leads/1", "/settings/plan"])
def test_a_stranger_is_asked_to_log_in_and_brought_back(crm: Flask, page: str) -> None:
    client = crm.test_client()

    answer = client.get(page)

    assert answer.status_code == 302
    assert urlsplit(answer.location).path == "/login"
    assert parse_qs(urlsplit(answer.location).query) == {"next": [page]}


@pytest.mark.parametrize("page", ["/messenger/inbox", "/messenger/settings"])
def test_the_messengers_pages_ask_a_stranger_to_log_in_too(crm: Flask, page: str) -> None:
    client = crm.test_client()

    answer = client.get(page)

    assert answer.status_code == 302
    assert urlsplit(answer.location).path == "/login"
    assert parse_qs(urlsplit(answer.location).query) == {"next": [page]}


@pytest.mark.parametrize(
    ("email", "password"), [(SAM, "wrong"), (SAM, ""), ("nobody@brightside.example", "demo")]
)
def test_wrong_log_ins_are_answered_alike(crm: Flask, email: str, password: str) -> None:
    client = crm.test_client()
    form = {"email": email, "password": password, "csrf_token": csrf_token(client, "/login")}

    answer = client.post("/login", data=form)

    assert answer.status_code in {200, 401}
    assert client.get("/leads").status_code == 302
    if password:
        assert "do not belong together" in answer.get_data(as_text=True)


def test_the_email_is_read_as_people_write_it() -> None:
    found = find_user(" Sam@Brightside.example ", "demo")

    assert found is not None
    assert found.name == "Sam Reyes"


def test_passwords_are_hashed() -> None:
    stored = user_of(SAM).password_hash

    assert stored.startswith("scrypt:")
    assert "demo" not in stored


def test_logging_out_ends_the_session(log_in: Callable[[str], FlaskClient]) -> None:
    client = log_in(SAM)
    token = csrf_token(client, "/leads")

    client.post("/logout", data={"csrf_token": token})

    assert client.get("/leads").status_code == 302


@pytest.mark.parametrize(
    ("target", "goes_to"),
    [
        ("/leads?stage=new", "/leads?stage=new"),
        ("https://elsewhere.example/", "/"),
        ("//elsewhere.example/", "/"),
        ("/\\elsewhere.example/", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_log_in_only_goes_on_to_pages_of_ours(crm: Flask, target: str, goes_to: str) -> None:
    client = crm.test_client()
    form = {"email": SAM, "password": "demo", "csrf_token": csrf_token(client, "/login")}

    answer = client.post("/login", query_string={"next": target}, data=form)

    assert answer.location == goes_to


def test_a_session_of_somebody_who_is_gone_is_over(crm: Flask) -> None:
    client = crm.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = "999999"

    assert client.get("/leads").status_code == 302


def test_people_on_localhost_are_sent_to_the_name_meta_brings_them_back_to(crm: Flask) -> None:
    client = crm.test_client()

    answer = client.get("/login?next=/leads", base_url="http://localhost:5000")

    assert answer.location == "http://127.0.0.1:5000/login?next=/leads"
