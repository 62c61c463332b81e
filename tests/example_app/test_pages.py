import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.example_app.crm import agency_of, csrf_token, make_lead, user_of

SAM, KIM, NOA = "sam@brightside.example", "kim@brightside.example", "noa@solo.example"


@pytest.mark.parametrize(
    "page", ["/login", "/leads", "/leads?stage=new&q=x", "/settings/plan", "/nowhere"]
)
def test_pages_have_nothing_inline_and_a_strict_policy(
    log_in: Callable[[str], FlaskClient], crm: Flask, page: str
) -> None:
    client = crm.test_client() if page == "/login" else log_in(SAM)

    answer = client.get(page)

    text = answer.get_data(as_text=True)
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text)


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/login", {"email": SAM, "password": "demo"}),
        ("/logout", {}),
        ("/settings/plan", {"plan": "pro"}),
        ("/settings/theme", {"theme": "dark"}),
    ],
)
def test_a_form_without_its_token_changes_nothing(
    log_in: Callable[[str], FlaskClient], crm: Flask, path: str, form: dict[str, str]
) -> None:
    client = crm.test_client() if path == "/login" else log_in(SAM)

    answer = client.post(path, data=form)

    assert answer.status_code == 400
    assert "Please try again" in answer.get_data(as_text=True)
    assert agency_of("brightside").plan == "plus"


def test_metas_webhook_passes_the_hosts_csrf_and_meets_its_own_guard(crm: Flask) -> None:
    answer = crm.test_client().post("/webhooks/meta", json={"object": "page", "entry": []})

    assert answer.status_code == 401
    assert "X-Hub-Signature-256" in answer.get_data(as_text=True)


def test_health_needs_no_log_in(crm: Flask) -> None:
    answer = crm.test_client().get("/healthz")

    assert answer.json == {"status": "ok"}


def test_unknown_pages_are_named_as_such(log_in: Callable[[str], FlaskClient]) -> None:
    answer = log_in(SAM).get("/nowhere")

    assert answer.status_code == 404
    assert "Not found" in answer.get_data(as_text=True)


def test_an_admin_changes_the_plan(log_in: Callable[[str], FlaskClient]) -> None:
    client = log_in(NOA)
    token = csrf_token(client, "/settings/plan")

    answer = client.post(
        "/settings/plan", data={"plan": "plus", "csrf_token": token}, follow_redirects=True
    )

    assert agency_of("solo").plan == "plus"
    assert "Solo Studio is on the Plus plan now." in answer.get_data(as_text=True)


def test_an_agent_may_not_change_the_plan(log_in: Callable[[str], FlaskClient]) -> None:
    client = log_in(KIM)
    token = csrf_token(client, "/settings/plan")

    answer = client.post("/settings/plan", data={"plan": "pro", "csrf_token": token})

    assert answer.status_code == 403
    assert agency_of("brightside").plan == "plus"


def test_a_plan_that_does_not_exist_is_refused(log_in: Callable[[str], FlaskClient]) -> None:
    client = log_in(SAM)
    token = csrf_token(client, "/settings/plan")

    answer = client.post("/settings/plan", data={"plan": "gold", "csrf_token": token})

    assert answer.status_code == 404


def test_the_look_is_kept_and_the_person_stays_on_the_page(
    log_in: Callable[[str], FlaskClient],
) -> None:
    client = log_in(SAM)
    form = {"theme": "dark", "csrf_token": csrf_token(client, "/leads")}

    answer = client.post(
        "/settings/theme", data=form, headers={"Referer": "http://localhost/leads?stage=new"}
    )

    assert answer.location == "/leads?stage=new"
    assert user_of(SAM).theme == "dark"
    assert 'data-theme="dark"' in client.get("/leads").get_data(as_text=True)


def test_only_admins_are_shown_the_settings(log_in: Callable[[str], FlaskClient]) -> None:
    def shows_settings(email: str) -> bool:
        return 'href="/messenger/settings"' in log_in(email).get("/leads").get_data(as_text=True)

    make_lead("brightside", "Maya Okafor", location="Iron Gym Downtown")

    assert shows_settings(SAM)
    assert not shows_settings(KIM)
