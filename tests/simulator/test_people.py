"""Labels, blocking, links to accounts of the business's own."""

import pytest

from tests.simulator.business import INSTAGRAM, PAGE, Business
from tests.simulator.conftest import Running
from tests.simulator.driver import APP_ID, APP_TOKEN, error_of


@pytest.fixture
def business(graph: Running) -> Business:
    return Business(graph)


def test_labels(business: Business) -> None:
    psid = business.write()
    label = business.post(f"{PAGE}/custom_labels", page_label_name="VIP").json()["id"]
    edge = f"{label}/label"

    assert business.post(edge, user=psid).json() == {"success": True}
    carried = business.get(f"{psid}/custom_labels", fields="page_label_name").json()["data"]
    assert carried == [{"page_label_name": "VIP", "id": label}]
    assert business.delete(edge, user=psid).json() == {"success": True}
    assert business.get(f"{psid}/custom_labels").json() == {"data": []}
    assert business.get(f"{PAGE}/custom_labels").json()["data"] == [{"id": label}]
    assert error_of(business.post(f"{PAGE}/custom_labels", page_label_name="VIP")) == (100, None)
    assert error_of(business.post(edge, user="7")) == (100, 2018001)
    assert business.delete(label).json() == {"success": True}
    assert error_of(business.get(label)) == (100, 33)


@pytest.mark.parametrize("account", [PAGE, INSTAGRAM])
def test_blocked_person_is_not_reached(business: Business, account: str) -> None:
    psid = business.write(account=account)
    edge = f"{PAGE}/moderate_conversations"
    who = [{"id": psid}]

    assert business.post(edge, user_ids=who, actions=["block_user"]).json() == {"success": True}
    assert error_of(business.send(psid, {"text": "x"})) == (551, 1545041)
    assert business.post(edge, user_ids=who, actions=["unblock_user"]).ok
    assert business.send(psid, {"text": "x"}).ok
    assert error_of(business.post(edge, user_ids=who, actions=["hug"])) == (100, None)
    assert error_of(business.post(edge, user_ids=[], actions=["ban_user"])) == (100, None)


def test_spam_leaves_the_inbox(business: Business) -> None:
    psid = business.write()
    who = [{"id": psid}]
    business.post(f"{PAGE}/moderate_conversations", user_ids=who, actions=["move_to_spam"])

    assert business.get(f"{PAGE}/conversations").json() == {"data": []}
    assert len(business.get(f"{PAGE}/conversations", folder="spam").json()["data"]) == 1


def test_account_linking(business: Business, graph: Running) -> None:
    psid = business.write()
    with graph.app.extensions["flask_messenger.simulator"].storage.writing() as db:
        db.execute(
            "INSERT INTO optins (token, kind, account_id, customer, expires_at)"
            " VALUES ('ticket', 'account_linking', ?, 'maya-okafor', ?)",
            [PAGE, 2**33],
        )
        db.execute("UPDATE threads SET linked_at = 1 WHERE psid = ?", [psid])

    told = business.get("me", fields="recipient", account_linking_token="ticket").json()
    wrong = business.get("me", fields="recipient", account_linking_token="other")
    unlinked = business.post("me/unlink_accounts", psid=psid)

    assert told["recipient"] == psid
    assert error_of(wrong) == (10303, None)
    assert unlinked.json() == {"result": "unlink account success"}
    assert error_of(business.post("me/unlink_accounts", psid=psid)) == (100, None)


def test_permissions_of_the_app_follow_its_mode(graph: Running) -> None:
    live = graph.get(f"{APP_ID}/permissions", APP_TOKEN, permission="pages_messaging").json()
    graph.control("PATCH", f"apps/{APP_ID}/mode", mode="development")
    developed = graph.get(f"{APP_ID}/permissions", APP_TOKEN, status="live").json()

    assert live["data"] == [{"permission": "pages_messaging", "status": "live"}]
    assert developed == {"data": []}


def test_debug_token_says_for_which_accounts(business: Business, graph: Running) -> None:
    told = graph.get("debug_token", APP_TOKEN, input_token=business.token).json()["data"]
    granular = {one["scope"]: one.get("target_ids") for one in told["granular_scopes"]}

    assert granular["pages_messaging"] == [PAGE]
    assert granular["instagram_manage_messages"] == [INSTAGRAM]
    assert granular["public_profile"] is None
    assert told["expires_at"] == 0
    assert told["data_access_expires_at"] > told["issued_at"]
