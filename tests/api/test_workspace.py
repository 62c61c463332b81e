"""Accounts, settings, and who is asking."""

import pytest
from flask import Flask

from flask_messenger.models import AuditEntry
from tests.api.conftest import Api, Threads
from tests.support.app import PAGE_TOKEN, Factory, Host
from tests.support.ingest import rows


def test_accounts_come_by_name_and_never_with_a_token(
    api: Api, host: Host, factory: Factory, threads: Threads
) -> None:
    host.sign_in()
    yoga = factory.account(name="Yoga")
    factory.account(name="Art")
    factory.account(name="Gone", status="disconnected", token=None)
    thread = threads.make(account=yoga)
    factory.message(thread.conversation, direction="outbound", status="queued")
    factory.message(thread.conversation, direction="outbound", status="sent")

    answer = api.get("/accounts")
    everything = api.get("/accounts?include_disconnected=true")

    shown = {item["name"]: item["queued_count"] for item in answer.json["items"]}
    assert shown == {"Art": 0, "Yoga": 1}
    assert list(shown) == ["Art", "Yoga"]
    assert [item["name"] for item in everything.json["items"]] == ["Art", "Gone", "Yoga"]
    assert PAGE_TOKEN not in answer.text
    assert "token" not in answer.text.replace("token_expires_at", "")
    assert answer.headers["Cache-Control"] == "no-store"


def test_account_by_itself(api: Api, host: Host, factory: Factory) -> None:
    host.sign_in()
    account = factory.account(status="needs_reauth", status_reason="token_expired")

    shown = api.get(f"/accounts/{account.id}").json

    assert shown["status"] == "needs_reauth"
    assert shown["status_reason"] == "token_expired"
    assert shown["can_send"] is False


def test_settings_are_switched_and_audited(app: Flask, api: Api, host: Host) -> None:
    host.sign_in()

    before = api.get("/settings").json
    on = api.patch("/settings", json={"human_agent_enabled": True})
    again = api.patch("/settings", json={"human_agent_enabled": True})
    nothing = api.patch("/settings", json={})
    off = api.patch("/settings", json={"human_agent_enabled": False})

    assert before == {"human_agent_enabled": False}
    assert on.json == again.json == nothing.json == {"human_agent_enabled": True}
    assert off.json == {"human_agent_enabled": False}
    audited = [(entry.actor, entry.details["enabled"]) for entry in rows(app, AuditEntry)]
    assert audited == [("u1", True), ("u1", False)]


def test_settings_need_their_permission(api: Api, host: Host) -> None:
    host.sign_in(permissions=("reply", "assign", "connect"))

    assert api.get("/settings").status_code == 200
    assert api.patch("/settings", json={"human_agent_enabled": True}).status_code == 403


@pytest.mark.parametrize("value", ["yes", 1, None, "true"])
def test_settings_take_booleans_only(api: Api, host: Host, value: object) -> None:
    host.sign_in()

    answer = api.patch("/settings", json={"human_agent_enabled": value})

    assert answer.status_code == 422
    assert answer.json["field"] == "human_agent_enabled"


def test_settings_of_workspaces_are_apart(api: Api, host: Host) -> None:
    host.sign_in("w1")
    api.patch("/settings", json={"human_agent_enabled": True})
    host.sign_in("w2")

    assert api.get("/settings").json == {"human_agent_enabled": False}


def test_me_says_what_the_tenant_may_do(api: Api, host: Host) -> None:
    host.sign_in(permissions=("reply", "unheard-of"), location_ids={"l2", "l1"})
    host.plans["w1"] = "plus"

    me = api.get("/me").json

    assert me["permissions"] == ["reply"]
    assert me["location_ids"] == ["l1", "l2"]
    assert me["plan"] == "plus"
    allowed = {each["name"]: each["allowed"] for each in me["features"]}
    assert allowed["facebook"] is True
    assert allowed["whatsapp"] is False
    assert {"name": "whatsapp", "allowed": False, "needed_plan": "pro"} in me["features"]
