"""What an operator asks about accounts and webhooks, at the command line."""

import json
import uuid
from urllib.parse import urlsplit

import pytest

from flask_messenger.models.base import utc_now
from flask_messenger.operate.accounts import check_accounts
from flask_messenger.state import state_of
from tests.connect.conftest import INSTAGRAM_FIELDS, PAGE_FIELDS, URL
from tests.connect.test_doctor import CALLBACK, PAGE, answers
from tests.support.app import APP_ID, VERIFY_TOKEN

pytestmark = pytest.mark.databases("sqlite")
LOST = {"check": "link", "state": "wrong", "title": "Link", "says": "Gone.", "mend": "Link it."}


@pytest.fixture
def run(app):
    return lambda *args: app.test_cli_runner().invoke(args=["messenger", *args])


def checked(app) -> list[tuple[str, str]]:
    with app.app_context():
        return [(each.state, each.check) for each in check_accounts(state_of(app))]


def test_doctor_asks_about_one_account(run, make, meta) -> None:
    account = make("account", external_id=PAGE)
    answers(meta, fields=())

    answer = run("doctor", "--account", str(account.id))

    assert answer.exit_code == 1
    assert "!! Webhooks of the account: Not subscribed: messages" in answer.output
    assert "ok Connection: Meta accepts the token" in answer.output


def test_doctor_takes_the_id_that_meta_gives_an_account(run, make, meta) -> None:
    make("account", external_id=PAGE)
    answers(meta, fields=())

    answer = run("doctor", "--account", PAGE)

    assert "ok Connection: Meta accepts the token" in answer.output


def test_doctor_says_where_there_is_no_such_account(run) -> None:
    for unknown in (str(uuid.uuid4()), "none"):
        answer = run("doctor", "--account", unknown)

        assert (answer.exit_code, "no such account" in answer.output) == (1, True)
        assert "page in the settings" in answer.output


def test_doctor_tells_what_is_wrong_with_any_account(app, make) -> None:
    assert checked(app) == [("ok", "accounts")]
    well = make("account", checked_at=utc_now())
    assert checked(app) == [("ok", "accounts")]
    lost = make("account", checked_at=utc_now(), findings=[LOST])
    ended = make("account", "w2", checked_at=utc_now(), status="needs_reauth")
    make("account", status="disconnected")

    found = checked(app)

    assert sorted(found) == sorted(
        [("wrong", f"account {lost.id}"), ("wrong", f"account {ended.id}")]
    )
    assert str(well.id) not in str(found)


def test_account_that_nobody_examined_yet_is_worth_knowing(app, make) -> None:
    make("account")

    assert checked(app) == [("note", "accounts")]


def test_app_is_sent_what_is_read_and_keeps_what_else_it_had(run, meta) -> None:
    fields = [{"name": "messages"}, {"name": "leadgen"}]
    listed = [{"object": "page", "callback_url": CALLBACK, "fields": fields}]
    meta.get(f"{URL}/{APP_ID}/subscriptions", json={"data": listed})
    meta.post(f"{URL}/{APP_ID}/subscriptions", json={"success": True})

    shown, done = run("webhooks", "show"), run("webhooks", "subscribe")

    assert "default instagram → nowhere: 0 fields; missing: messages" in shown.output
    assert done.exit_code == 0, done.output
    asked = [json.loads(call.request.body) for call in meta.calls if call.request.body]
    by_object = {each["object"]: set(each["fields"].split(",")) for each in asked}
    assert by_object == {
        "page": {*PAGE_FIELDS.all, "leadgen"},
        "instagram": set(INSTAGRAM_FIELDS.all),
    }
    assert {each["callback_url"] for each in asked} == {CALLBACK}
    assert {each["verify_token"] for each in asked} == {VERIFY_TOKEN}


def test_field_that_meta_does_not_know_is_left_out(run, meta) -> None:
    meta.get(f"{URL}/{APP_ID}/subscriptions", json={"data": []})

    def answer(request):
        is_known = b"message_edit" not in request.body
        return (200, {}, "{}") if is_known else (400, {}, '{"error":{"code":100}}')

    meta.add_callback("POST", f"{URL}/{APP_ID}/subscriptions", callback=answer)

    done = run("webhooks", "subscribe")

    assert done.exit_code == 0, done.output
    assert f"instagram → {CALLBACK}: {len(INSTAGRAM_FIELDS.all) - 1} fields" in done.output
    assert urlsplit(meta.calls[-1].request.url).path.endswith("/subscriptions")


def test_app_that_is_not_configured_is_named(run) -> None:
    answer = run("webhooks", "show", "--app", "nope")

    assert (answer.exit_code, "'nope'" in answer.output) == (1, True)


def test_webhooks_need_an_address(new_app) -> None:
    app = new_app(MESSENGER_PUBLIC_URL=None)

    answer = app.test_cli_runner().invoke(args=["messenger", "webhooks", "subscribe"])

    assert (answer.exit_code, "MESSENGER_PUBLIC_URL" in answer.output) == (1, True)
