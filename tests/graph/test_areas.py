"""The areas of Graph: Pages, people, messages, the person who logs in."""

import json
from urllib.parse import parse_qs

import pytest
import responses
from responses import matchers

from flask_messenger.errors import (
    GraphUnavailableError,
    InvalidGraphRequestError,
    MissingPermissionError,
    TokenExpiredError,
)
from flask_messenger.graph.client import Graph
from flask_messenger.graph.messages import send_action, send_message
from flask_messenger.graph.pages import GrantedPage, PageProfile, list_pages, read_page
from flask_messenger.graph.people import Profile, read_profiles
from flask_messenger.graph.request import GraphRequest
from flask_messenger.graph.subscriptions import read_subscription, subscribe, unsubscribe
from flask_messenger.graph.users import (
    Permissions,
    debug_token,
    extend_token,
    read_me,
    read_permissions,
    revoke_login,
)
from flask_messenger.settings import MetaApp
from tests.support.app import APP_ID, APP_SECRET, GRAPH_URL

URL = f"{GRAPH_URL}/v25.0"
TOKEN = "EAAtoken"
CORE_FIELDS, FURTHER_FIELDS = ("messages", "message_reads"), ("message_edits", "standby")


def error(code: int, subcode: int | None = None) -> dict[str, object]:
    return {"json": {"error": {"code": code, "error_subcode": subcode}}, "status": 400}


def test_pages_are_listed_with_tokens_tasks_and_pictures(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock
) -> None:
    full = {
        "id": 1001,
        "name": "Shop",
        "category": "Florist",
        "access_token": "EAApage",
        "tasks": ["MESSAGING"],
        "picture": {"data": {"url": "https://cdn.example/1.jpg"}},
    }
    bare = {"id": "1002", "access_token": "EAAother"}
    meta.get(f"{URL}/me/accounts", json={"data": [full, bare, {"id": "1003"}, None]})

    pages = list(list_pages(graph, app=meta_app, token=TOKEN))

    profile = PageProfile(name="Shop", category="Florist", picture_url="https://cdn.example/1.jpg")
    assert pages == [
        GrantedPage(id="1001", profile=profile, token="EAApage", tasks=("MESSAGING",)),
        GrantedPage(id="1002", profile=PageProfile(name=""), token="EAAother", tasks=None),
    ]
    assert "EAApage" not in repr(pages)


def test_page_profile_is_read_with_the_pages_own_token(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock
) -> None:
    meta.get(f"{URL}/1001", json={"id": "1001", "name": "Shop", "picture": None})

    assert read_page(graph, app=meta_app, token=TOKEN, page_id="1001") == PageProfile(name="Shop")


def test_page_is_subscribed_to_everything_an_inbox_needs(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock
) -> None:
    meta.post(f"{URL}/1001/subscribed_apps", json={"success": True})

    fields = subscribe(
        graph, app=meta_app, token=TOKEN, owner="1001", core=CORE_FIELDS, further=FURTHER_FIELDS
    )

    assert fields == CORE_FIELDS + FURTHER_FIELDS
    assert meta.calls[0].request.params["subscribed_fields"].split(",") == list(fields)


def test_field_that_graph_does_not_know_is_left_out(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock
) -> None:
    def answer(request):
        names = request.params["subscribed_fields"].split(",")
        if "message_edits" in names:
            return (400, {}, '{"error":{"code":100}}')
        return (200, {}, '{"success":true}')

    meta.add_callback("POST", f"{URL}/1001/subscribed_apps", callback=answer)

    fields = subscribe(
        graph, app=meta_app, token=TOKEN, owner="1001", core=CORE_FIELDS, further=FURTHER_FIELDS
    )

    assert fields == tuple(each for each in CORE_FIELDS + FURTHER_FIELDS if each != "message_edits")
    succeeded = [call for call in meta.calls if call.response.status_code == 200]
    assert succeeded[-1].request.params["subscribed_fields"] == ",".join(fields)


def test_page_that_refuses_even_the_needed_fields_is_an_error(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock
) -> None:
    meta.post(f"{URL}/1001/subscribed_apps", **error(100))

    with pytest.raises(InvalidGraphRequestError):
        subscribe(
            graph, app=meta_app, token=TOKEN, owner="1001", core=CORE_FIELDS, further=FURTHER_FIELDS
        )


def test_subscription_without_permission_is_not_tried_again(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock
) -> None:
    meta.post(f"{URL}/1001/subscribed_apps", **error(200))

    with pytest.raises(MissingPermissionError):
        subscribe(
            graph, app=meta_app, token=TOKEN, owner="1001", core=CORE_FIELDS, further=FURTHER_FIELDS
        )

    assert len(meta.calls) == 1


def test_subscription_is_read_and_removed(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock
) -> None:
    ours = {"id": APP_ID, "subscribed_fields": ["messages"]}
    meta.get(f"{URL}/1001/subscribed_apps", json={"data": [{"id": "9"}, ours]})
    meta.delete(f"{URL}/1001/subscribed_apps", json={"success": True})

    fields = read_subscription(graph, app=meta_app, token=TOKEN, owner="1001")
    unsubscribe(graph, app=meta_app, token=TOKEN, owner="1001")

    assert fields == ("messages",)
    assert meta.calls[1].request.method == "DELETE"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            {
                "first_name": "Maya",
                "last_name": "Okafor",
                "name": "Maya O.",
                "profile_pic": "https://c/1",
            },
            Profile(name="Maya O.", picture_url="https://c/1"),
        ),
        ({"first_name": "Maya", "last_name": "Okafor"}, Profile(name="Maya Okafor")),
        ({"first_name": " ", "profile_pic": None, "id": "1"}, None),
        ({}, None),
    ],
)
def test_profile_is_what_meta_tells(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock, answer, expected
) -> None:
    meta.get(f"{URL}/2001", json=answer)

    assert read_profiles(graph, ["2001"], app=meta_app, token=TOKEN) == {"2001": expected}


@pytest.mark.parametrize(
    "answer",
    [error(100, 2018218), error(2018218), error(2018247), error(100, 33), error(230), error(10)],
)
def test_person_without_a_profile_is_no_failure(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock, answer
) -> None:
    meta.get(f"{URL}/2001", **answer)

    assert read_profiles(graph, ["2001"], app=meta_app, token=TOKEN) == {"2001": None}


@pytest.mark.parametrize(("code", "kind"), [(190, TokenExpiredError), (2, GraphUnavailableError)])
def test_profile_that_may_come_later_is_a_failure(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock, code, kind
) -> None:
    meta.get(f"{URL}/2001", **error(code))

    with pytest.raises(kind):
        read_profiles(graph, ["2001"], app=meta_app, token=TOKEN)


def part(code: int, body: dict[str, object]) -> dict[str, object]:
    return {"code": code, "body": json.dumps(body)}


def batch_of(request) -> list[dict[str, str]]:
    return json.loads(parse_qs(request.body)["batch"][0])


def test_profiles_of_many_are_one_call(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock
) -> None:
    """Who has none is known by then; who was not got to may be asked about later."""
    answers = [
        part(200, {"id": "2001", "name": "Maya"}),
        part(400, {"error": {"code": 100, "error_subcode": 2018218}}),
        part(200, {"id": "2003"}),
        part(500, {"error": {"code": 2}}),
        part(400, {"error": {"code": 190}}),
        None,
        {"code": 200, "body": "not json"},
    ]
    meta.post(f"{URL}/", json=answers)
    ids = [f"200{number}" for number in range(1, 9)]

    found = read_profiles(graph, ids, app=meta_app, token=TOKEN, fields="name")

    assert found == {"2001": Profile(name="Maya"), "2002": None, "2003": None}
    [call] = meta.calls
    sent = batch_of(call.request)
    assert sent[0] == {"method": "GET", "relative_url": "2001?fields=name"}
    assert len(sent) == 8
    assert call.request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in call.request.url


def test_profiles_of_more_than_a_batch_holds(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock
) -> None:
    def answer(request):
        asked = batch_of(request)
        told = [part(200, {"name": each["relative_url"].partition("?")[0]}) for each in asked]
        return 200, {}, json.dumps(told)

    meta.add_callback("POST", f"{URL}/", answer)
    ids = [str(number) for number in range(1, 121)]

    found = read_profiles(graph, ids, app=meta_app, token=TOKEN)

    assert found == {each: Profile(name=each) for each in ids}
    assert len(meta.calls) == 3


def test_what_one_batch_told_is_not_lost_with_the_next(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock
) -> None:
    meta.post(f"{URL}/", json=[part(200, {"name": "Maya"})] * 50)
    meta.post(f"{URL}/", **error(190))
    ids = [str(number) for number in range(1, 121)]

    found = read_profiles(graph, ids, app=meta_app, token=TOKEN)

    assert set(found) == set(ids[:50])
    assert len(meta.calls) == 2


def test_name_of_a_profile_fits_its_column(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock
) -> None:
    told = {"name": "M\x00 " + "a" * 300, "username": "\ud800", "profile_pic": "https://a/\x00"}
    meta.get(f"{URL}/2001", json=told)

    found = read_profiles(graph, ["2001"], app=meta_app, token=TOKEN)["2001"]

    assert found is not None
    assert (len(found.name or ""), (found.name or "")[:3]) == (255, "M\ufffd ")
    assert (found.username, found.picture_url) == ("\ufffd", None)


def test_batch_that_is_refused_tells_of_nobody(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock
) -> None:
    meta.post(f"{URL}/", **error(190))

    with pytest.raises(TokenExpiredError):
        read_profiles(graph, ["2001", "2002"], app=meta_app, token=TOKEN)


def test_sent_message_has_metas_id_and_the_usage(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock
) -> None:
    request = {"recipient": {"id": "2001"}, "message": {"text": "hi"}}
    meta.post(
        f"{URL}/1001/messages",
        json={"recipient_id": "2001", "message_id": "m_1"},
        headers={"X-Page-Usage": '{"call_count":50}'},
        match=[matchers.json_params_matcher(request)],
    )

    sent = send_message(
        graph,
        app=meta_app,
        token=TOKEN,
        request=GraphRequest(method="POST", path="1001/messages", body=request),
    )

    assert (sent.message_id, sent.recipient_id, sent.usage.percent) == ("m_1", "2001", 50)
    assert "2001" not in repr(sent)


def test_sender_action_goes_alone(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock
) -> None:
    body = {"recipient": {"id": "2001"}, "sender_action": "typing_on"}
    meta.post(
        f"{URL}/1001/messages",
        json={"recipient_id": "2001"},
        match=[matchers.json_params_matcher(body)],
    )

    send_action(
        graph,
        app=meta_app,
        token=TOKEN,
        request=GraphRequest(method="POST", path="1001/messages", body=body),
    )

    assert len(meta.calls) == 1


def test_person_and_permissions_are_read(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock
) -> None:
    meta.get(f"{URL}/me", json={"id": "900", "name": "Sam Reyes"})
    meta.get(
        f"{URL}/me/permissions",
        json={
            "data": [
                {"permission": "pages_messaging", "status": "granted"},
                {"permission": "pages_show_list", "status": "declined"},
                {"permission": "ads_read", "status": "expired"},
            ]
        },
    )

    person = read_me(graph, app=meta_app, token=TOKEN)
    permissions = read_permissions(graph, app=meta_app, token=TOKEN)

    assert (person.id, person.name) == ("900", "Sam Reyes")
    assert "Sam" not in repr(person)
    assert permissions == Permissions(granted=("pages_messaging",), declined=("pages_show_list",))


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        ({"access_token": "long", "expires_in": 5184000}, 5184000),
        ({"access_token": "long", "expires_in": "60"}, 60),
        ({"access_token": "long", "expires_in": 0}, None),
        ({"access_token": "long"}, None),
    ],
)
def test_token_is_exchanged_by_post(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock, answer, seconds
) -> None:
    form = {
        "grant_type": "fb_exchange_token",
        "client_id": APP_ID,
        "client_secret": APP_SECRET,
        "fb_exchange_token": TOKEN,
    }
    meta.post(
        f"{URL}/oauth/access_token", json=answer, match=[matchers.urlencoded_params_matcher(form)]
    )

    token = extend_token(graph, app=meta_app, token=TOKEN)

    assert (token.value, token.expires_in_seconds) == ("long", seconds)
    assert "long" not in repr(token)


def test_dead_token_is_an_answer_of_debug_token(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock
) -> None:
    dead = {"is_valid": False, "error": {"code": 190}, "scopes": []}
    alive = {"is_valid": True, "app_id": APP_ID, "expires_at": 0, "scopes": ["pages_messaging"]}
    for facts in (dead, alive):
        meta.get(f"{URL}/debug_token", json={"data": facts})

    first = debug_token(graph, app=meta_app, token=TOKEN)
    second = debug_token(graph, app=meta_app, token=TOKEN)

    assert not first.is_valid
    assert (second.is_valid, second.app_id, second.expires_at) == (True, APP_ID, None)
    assert second.scopes == ("pages_messaging",)
    assert meta.calls[0].request.headers["Authorization"] == f"Bearer {APP_ID}|{APP_SECRET}"


def test_login_is_revoked_as_the_app(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock
) -> None:
    meta.delete(f"{URL}/900/permissions", json={"success": True})

    revoke_login(graph, app=meta_app, user_id="900")

    assert meta.calls[0].request.headers["Authorization"] == f"Bearer {APP_ID}|{APP_SECRET}"


@pytest.mark.parametrize("message_id", ["m" * 256, "m\0m", ""])
def test_id_that_could_not_be_written_down_does_not_cost_the_yes(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock, message_id: str
) -> None:
    meta.post(f"{URL}/1/messages", json={"message_id": message_id, "recipient_id": "7"})

    request = GraphRequest(method="POST", path="1/messages")
    sent = send_message(graph, app=meta_app, token=TOKEN, request=request)

    assert (sent.message_id, sent.recipient_id) == (None, "7")
