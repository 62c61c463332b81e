"""Graph's strictness, and the person, Page, app and profile nodes."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from flask_messenger.simulator.seeds import MANY_PAGES, page_id_of
from tests.simulator.driver import (
    APP_ID,
    APP_TOKEN,
    FIELDS,
    SCOPE,
    Callback,
    Graph,
    error_of,
    proof,
)

DOWNTOWN, RIVERSIDE = page_id_of("Iron Gym Downtown"), page_id_of("Iron Gym Riverside")


class TestStrictness:
    @pytest.mark.parametrize("path", ["nonsense/x", "me/nonsense", "me/accounts/more", ""])
    def test_unknown_endpoint(self, graph: Graph, path: str) -> None:
        code, _ = error_of(graph.get(path, graph.log_in()))

        assert code in {2500, 803}

    @pytest.mark.parametrize("version", ["v99.0", "v25", "25.0", "latest", "vx.y"])
    def test_unknown_version(self, graph: Graph, version: str) -> None:
        assert error_of(graph.get("me", graph.log_in(), version=version)) == (2500, None)

    def test_expired_version_is_answered_by_the_oldest_that_lives(self, graph: Graph) -> None:
        answer = graph.get("me", graph.log_in(), version="v19.0")

        assert answer.headers["facebook-api-version"] == "v21.0"

    @pytest.mark.parametrize("version", ["v25.0", "v26.0"])
    def test_answer_names_its_version(self, graph: Graph, version: str) -> None:
        answer = graph.get("me", graph.log_in(), version=version)

        assert answer.headers["facebook-api-version"] == version

    @pytest.mark.parametrize(
        ("method", "path"),
        [("POST", "me"), ("DELETE", "me/accounts"), ("PUT", "me"), ("GET", "me/messages")],
    )
    def test_wrong_method(self, graph: Graph, method: str, path: str) -> None:
        token = graph.connect(DOWNTOWN) if "messages" in path else graph.log_in()

        answer = graph.call(method, path, token)

        assert error_of(answer) == (100, 33)
        assert f"Unsupported {method.lower()} request" in answer.json()["error"]["message"]

    def test_unknown_parameter(self, graph: Graph) -> None:
        answer = graph.get("me", graph.log_in(), colour="blue")

        assert error_of(answer) == (100, None)
        assert '"colour"' in answer.json()["error"]["message"]

    @pytest.mark.parametrize("fields", ["colour", "id,colour", "picture{colour}", "name{x}"])
    def test_unknown_field(self, graph: Graph, fields: str) -> None:
        answer = graph.get("me", graph.log_in(), fields=fields)

        assert error_of(answer) == (100, None)
        assert "nonexisting field" in answer.json()["error"]["message"]

    @pytest.mark.parametrize("fields", ["id,,name", "picture{url", "picture}", "{", "a b", "1"])
    def test_fields_that_are_no_fields(self, graph: Graph, fields: str) -> None:
        assert error_of(graph.get("me", graph.log_in(), fields=fields)) == (2500, None)

    def test_node_that_is_not_there_or_not_for_this_token(self, graph: Graph) -> None:
        token = graph.log_in(pages=[DOWNTOWN])

        assert error_of(graph.get("123456789", token)) == (100, 33)
        assert error_of(graph.get(RIVERSIDE, token)) == (100, 33)
        assert error_of(graph.get(DOWNTOWN, APP_TOKEN)) == (100, 33)
        assert error_of(graph.get("cocacola", token)) == (803, None)

    def test_errors_have_graphs_envelope_and_headers(self, graph: Graph) -> None:
        answer = graph.get("me", "nonsense")

        trace_id = answer.json()["error"]["fbtrace_id"]
        assert answer.headers["x-fb-trace-id"] == trace_id
        assert answer.headers["Content-Type"] == "application/json; charset=UTF-8"
        assert answer.headers["Cache-Control"] == "no-store"

    def test_answers_are_written_as_graph_writes_them(self, graph: Graph) -> None:
        answer = graph.get("me", graph.log_in(), fields="picture{url}")

        assert b"http:\\/\\/127.0.0.1" in answer.content

    @pytest.mark.parametrize("body", ["[1]", "{", '"x"', "[" * 5000])
    def test_body_that_is_no_object(self, graph: Graph, body: str) -> None:
        token = graph.connect(DOWNTOWN)

        answer = requests.post(
            f"{graph.base_url}/v25.0/me/messages",
            data=body,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            params={"appsecret_proof": proof(token)},
            timeout=5,
        )

        assert error_of(answer) == (100, None)


class TestUsage:
    def test_headers_tell_the_share_used(self, graph: Graph) -> None:
        token = graph.connect(DOWNTOWN)

        headers = graph.get("me", token).headers

        assert json.loads(headers["X-App-Usage"])["call_count"] == 0
        usage = json.loads(headers["X-Business-Use-Case-Usage"])[DOWNTOWN][0]
        assert usage["type"] == "pages"

    def test_share_can_be_set(self, graph: Graph) -> None:
        token = graph.connect(DOWNTOWN)

        graph.control("PUT", "usage", owner=DOWNTOWN, per_cent=96, minutes=7)

        usage = json.loads(graph.get("me", token).headers["X-Business-Use-Case-Usage"])
        assert usage[DOWNTOWN][0]["call_count"] == 96
        assert usage[DOWNTOWN][0]["estimated_time_to_regain_access"] == 7


class TestPerson:
    def test_me(self, graph: Graph) -> None:
        told = graph.get("me", graph.log_in(), fields="id,name,picture{url}").json()

        assert told["name"] == "Sam Reyes"
        assert told["id"].isdigit()
        assert requests.get(told["picture"]["data"]["url"], timeout=5).content[:4] == b"\x89PNG"

    def test_permissions_are_listed(self, graph: Graph) -> None:
        token = graph.log_in(permissions=["pages_show_list"])

        told = graph.get("me/permissions", token).json()["data"]

        assert {"permission": "pages_show_list", "status": "granted"} in told
        assert {"permission": "pages_messaging", "status": "declined"} in told

    def test_one_permission_is_taken_back(self, graph: Graph) -> None:
        token = graph.log_in()

        assert graph.delete("me/permissions/pages_messaging", token).json() == {"success": True}
        assert error_of(graph.delete("me/permissions/pages_messaging", token)) == (100, None)
        assert error_of(graph.delete("me/permissions/nonsense", token)) == (2500, None)
        declined = graph.get("me/permissions", token, status="declined").json()["data"]
        assert declined == [{"permission": "pages_messaging", "status": "declined"}]

    def test_page_tokens_have_no_permissions_edge(self, graph: Graph) -> None:
        assert error_of(graph.get("me/permissions", graph.connect(DOWNTOWN))) == (2500, None)


class TestAccounts:
    def test_lists_chosen_pages_with_their_tokens(self, graph: Graph) -> None:
        token = graph.log_in(pages=[DOWNTOWN, RIVERSIDE])

        told = graph.get("me/accounts", token).json()

        assert [page["name"] for page in told["data"]] == [
            "Iron Gym Downtown",
            "Iron Gym Riverside",
        ]
        assert told["data"][0]["access_token"] != told["data"][1]["access_token"]
        assert "MESSAGING" in told["data"][0]["tasks"]
        assert "next" not in told["paging"]

    def test_nested_fields(self, graph: Graph) -> None:
        scope = SCOPE + ",instagram_basic"
        token = graph.log_in(pages=[DOWNTOWN, RIVERSIDE], scope=scope, permissions=scope.split(","))
        fields = "name,picture.type(large){url},instagram_business_account{id,username}"

        downtown, riverside = graph.get("me/accounts", token, fields=fields).json()["data"]

        assert downtown.keys() == {"id", "name", "picture", "instagram_business_account"}
        assert downtown["picture"]["data"].keys() == {"url"}
        assert downtown["instagram_business_account"]["username"] == "irongym.downtown"
        assert "instagram_business_account" not in riverside

    def test_instagram_needs_its_permission(self, graph: Graph) -> None:
        token = graph.log_in(pages=[DOWNTOWN])

        told = graph.get("me/accounts", token, fields="instagram_business_account").json()

        assert told["data"] == [{"id": DOWNTOWN}]

    def test_pages_come_in_pages(self, graph: Graph) -> None:
        every = [page_id_of(f"Corner Shop {number:03}") for number in range(1, MANY_PAGES + 1)]
        token = graph.log_in("max-many", pages=every)
        first = graph.get("me/accounts", token, fields="id", limit=100).json()
        following = parse_qs(urlsplit(first["paging"]["next"]).query)

        second = graph.session.get(
            first["paging"]["next"], params={"appsecret_proof": proof(token)}, timeout=5
        ).json()
        back = graph.get(
            "me/accounts",
            token,
            limit=100,
            before=second["paging"]["cursors"]["before"],
            fields="id",
        ).json()

        assert [page["id"] for page in first["data"] + second["data"]] == every
        assert first["paging"]["next"].startswith(graph.base_url + "/v25.0/me/accounts?")
        assert following["access_token"] == [token]
        assert "appsecret_proof" not in following
        assert "next" not in second["paging"]
        assert back["data"] == first["data"]

    def test_default_is_twenty_five(self, graph: Graph) -> None:
        every = [page_id_of(f"Corner Shop {number:03}") for number in range(1, 40)]
        token = graph.log_in("max-many", pages=every)

        assert len(graph.get("me/accounts", token, fields="id").json()["data"]) == 25

    @pytest.mark.parametrize(
        "params", [{"limit": 101}, {"limit": 0}, {"limit": "x"}, {"after": "!"}]
    )
    def test_bad_paging(self, graph: Graph, params: dict[str, str]) -> None:
        token = graph.log_in(pages=[DOWNTOWN])

        assert error_of(graph.get("me/accounts", token, **params)) == (100, None)

    def test_without_the_permission_the_list_is_empty(self, graph: Graph) -> None:
        token = graph.log_in(pages=[DOWNTOWN], permissions=["pages_messaging"])

        assert graph.get("me/accounts", token).json() == {"data": []}


class TestPage:
    def test_shows_fields(self, graph: Graph) -> None:
        token = graph.connect(DOWNTOWN)
        fields = "id,name,category,link,picture{url}"

        told = graph.get(DOWNTOWN, token, fields=fields).json()

        assert told["name"] == "Iron Gym Downtown"
        assert told["link"] == f"https://www.facebook.com/{DOWNTOWN}"

    def test_needs_a_permission(self, graph: Graph) -> None:
        token = graph.log_in(pages=[DOWNTOWN], permissions=["pages_messaging"])

        assert error_of(graph.get(DOWNTOWN, token)) == (10, None)

    def test_picture_redirects_without_a_token(self, graph: Graph) -> None:
        answer = graph.get(f"{DOWNTOWN}/picture", type="large")

        assert answer.status_code == 302
        picture = requests.get(answer.headers["Location"], timeout=5)
        assert picture.headers["Content-Type"] == "image/png"

    def test_picture_can_be_told(self, graph: Graph) -> None:
        told = graph.get(f"{DOWNTOWN}/picture", redirect="false").json()

        assert told["data"]["url"].startswith(graph.base_url)

    def test_picture_of_nobody(self, graph: Graph) -> None:
        assert error_of(graph.get("999/picture")) == (100, 33)


class TestSubscribedApps:
    def test_list_replaces(self, graph: Graph) -> None:
        token = graph.connect(DOWNTOWN, fields=FIELDS)

        graph.post(f"{DOWNTOWN}/subscribed_apps", token, data={"subscribed_fields": '["messages"]'})

        told = graph.get(f"{DOWNTOWN}/subscribed_apps", token).json()["data"]
        assert told == [{"name": "Example CRM", "id": APP_ID, "subscribed_fields": ["messages"]}]

    def test_delete(self, graph: Graph) -> None:
        token = graph.connect(DOWNTOWN)

        assert graph.delete(f"{DOWNTOWN}/subscribed_apps", token).json() == {"success": True}
        assert graph.get(f"{DOWNTOWN}/subscribed_apps", token).json() == {"data": []}

    def test_unknown_field_is_named_with_the_valid_ones(self, graph: Graph) -> None:
        token = graph.connect(DOWNTOWN)

        answer = graph.post(
            f"{DOWNTOWN}/subscribed_apps", token, subscribed_fields="messages,message_echo"
        )

        assert error_of(answer) == (100, None)
        message = answer.json()["error"]["message"]
        assert "subscribed_fields[1] must be one of {" in message
        assert "message_echoes" in message

    def test_fields_are_required(self, graph: Graph) -> None:
        token = graph.connect(DOWNTOWN)

        assert error_of(graph.post(f"{DOWNTOWN}/subscribed_apps", token)) == (100, None)

    def test_needs_a_page_token(self, graph: Graph) -> None:
        token = graph.log_in(pages=[DOWNTOWN])

        answer = graph.post(f"{DOWNTOWN}/subscribed_apps", token, subscribed_fields="messages")

        assert error_of(answer) == (190, 2069032)

    @pytest.mark.parametrize("missing", ["pages_manage_metadata", "pages_messaging"])
    def test_needs_both_permissions(self, graph: Graph, missing: str) -> None:
        granted = [name for name in SCOPE.split(",") if name != missing]
        token = graph.page_token(graph.log_in(pages=[DOWNTOWN], permissions=granted), DOWNTOWN)

        answer = graph.post(f"{DOWNTOWN}/subscribed_apps", token, subscribed_fields="messages")

        assert error_of(answer) == (200, None)
        assert missing in answer.json()["error"]["message"]

    def test_needs_a_task_on_the_page(self, graph: Graph) -> None:
        page_id = page_id_of(f"Corner Shop {MANY_PAGES:03}")
        token = graph.page_token(graph.log_in("max-many", pages=[page_id]), page_id)

        answer = graph.post(f"{page_id}/subscribed_apps", token, subscribed_fields="messages")

        assert error_of(answer) == (200, None)


class TestAppSubscriptions:
    def subscribe(self, graph: Graph, callback: Callback, **changes: str) -> requests.Response:
        form = {
            "object": "page",
            "callback_url": callback.url + "/webhooks/meta",
            "verify_token": callback.verify_token,
            "fields": "messages,message_echoes",
            "include_values": "true",
            **changes,
        }
        return graph.post(f"{APP_ID}/subscriptions", APP_TOKEN, data=form)

    def listed(self, graph: Graph) -> dict[str, Any]:
        told = graph.get(f"{APP_ID}/subscriptions", APP_TOKEN).json()["data"]
        return {one["object"]: one for one in told}

    def test_callback_is_verified(self, graph: Graph, callback: Callback) -> None:
        assert self.subscribe(graph, callback).json() == {"success": True}

        told = self.listed(graph)["page"]
        assert told["object"] == "page"
        assert told["active"]
        assert [field["name"] for field in told["fields"]] == ["messages", "message_echoes"]

    def test_callback_that_refuses(self, graph: Graph, callback: Callback) -> None:
        answer = self.subscribe(graph, callback, verify_token="wrong")

        assert error_of(answer) == (2200, None)
        assert "HTTP Status Code = 403" in answer.json()["error"]["message"]

    def test_callback_that_is_not_there(self, graph: Graph, callback: Callback) -> None:
        answer = self.subscribe(graph, callback, callback_url="http://127.0.0.1:9/none")

        assert error_of(answer) == (2200, None)

    @pytest.mark.parametrize(
        "changes",
        [
            {"object": "cat"},
            {"object": ""},
            {"fields": ""},
            {"fields": "messages,nonsense"},
            {"callback_url": "ftp://127.0.0.1/"},
            {"verify_token": ""},
        ],
    )
    def test_bad_subscription(
        self, graph: Graph, callback: Callback, changes: dict[str, str]
    ) -> None:
        assert error_of(self.subscribe(graph, callback, **changes)) == (100, None)

    def test_fields_and_objects_can_be_removed(self, graph: Graph, callback: Callback) -> None:
        self.subscribe(graph, callback)

        graph.delete(f"{APP_ID}/subscriptions", APP_TOKEN, object="page", fields="messages")
        fields = self.listed(graph)["page"]["fields"]
        graph.delete(f"{APP_ID}/subscriptions", APP_TOKEN, object="page")

        assert [field["name"] for field in fields] == ["message_echoes"]
        assert "page" not in self.listed(graph)

    def test_needs_the_app_token(self, graph: Graph) -> None:
        assert error_of(graph.get(f"{APP_ID}/subscriptions", graph.log_in())) == (15, None)

    def test_only_app_level_fields_are_heard(self, graph: Graph, callback: Callback) -> None:
        self.subscribe(graph, callback, fields="messaging_postbacks")
        graph.connect(DOWNTOWN)

        graph.chat(f"{DOWNTOWN}/maya-okafor/messages", text="Hi")
        graph.chat(f"{DOWNTOWN}/maya-okafor/postbacks", title="Go", payload="GO")
        callback.wait_for_kinds("postback")

        assert callback.kinds() == ["postback"]


class TestProfile:
    def test_shows_who_wrote(self, graph: Graph) -> None:
        token = graph.connect(DOWNTOWN)
        psid = graph.chat(f"{DOWNTOWN}/zoe-lindqvist/messages", text="Hej")["psid"]

        told = graph.get(psid, token, fields="first_name,last_name,name,profile_pic").json()

        assert told["name"] == "Zoë Lindqvist"
        assert told["id"] == psid
        assert requests.get(told["profile_pic"], timeout=5).ok

    def test_nobody_is_seen_who_never_wrote_here(self, graph: Graph) -> None:
        token = graph.connect(DOWNTOWN)
        elsewhere = graph.chat(f"{RIVERSIDE}/maya-okafor/messages", text="Hi")["psid"]
        opened = graph.session.get(f"{graph.base_url}/chat/api/{DOWNTOWN}/maya-okafor", timeout=5)

        assert error_of(graph.get(elsewhere, token)) == (100, 33)
        assert error_of(graph.get(opened.json()["psid"], token)) == (100, 33)

    def test_extra_fields_need_their_permission(self, graph: Graph) -> None:
        token = graph.connect(DOWNTOWN)
        psid = graph.chat(f"{DOWNTOWN}/maya-okafor/messages", text="Hi")["psid"]

        assert error_of(graph.get(psid, token, fields="name,locale")) == (100, 2018247)
        assert error_of(graph.get(psid, token, fields="shoe_size")) == (100, None)

    def test_needs_the_messaging_permission(self, graph: Graph) -> None:
        token = graph.connect(DOWNTOWN)
        psid = graph.chat(f"{DOWNTOWN}/maya-okafor/messages", text="Hi")["psid"]
        graph.control("POST", "people/sam-reyes/decline", permission="pages_messaging")

        assert error_of(graph.get(psid, token)) == (230, None)


def test_same_person_has_another_id_on_another_page(graph: Graph) -> None:
    first = graph.chat(f"{DOWNTOWN}/maya-okafor/messages", text="Hi")["psid"]
    second = graph.chat(f"{RIVERSIDE}/maya-okafor/messages", text="Hi")["psid"]

    assert first != second
