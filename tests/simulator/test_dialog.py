"""The login dialog: what it shows, what it refuses, what it sends back."""

import pytest

from flask_messenger.simulator.seeds import page_id_of
from flask_messenger.simulator.vocabulary import LOGIN_CONFIG_PERMISSIONS
from tests.simulator.conftest import Running
from tests.simulator.driver import REDIRECT, SCOPE, Graph, error_of

DOWNTOWN, RIVERSIDE = page_id_of("Iron Gym Downtown"), page_id_of("Iron Gym Riverside")
CONFIG_ID = "1000000000000101"


def test_person_chooses_who_they_are_first(graph: Graph) -> None:
    shown = graph.dialog()

    assert "Simulated Meta" in shown.text
    for name in ("Sam Reyes", "Ida Berg", "Noa Levi", "Max Many"):
        assert name in shown.text


def test_second_step_offers_pages_and_permissions(graph: Graph) -> None:
    shown = graph.dialog(person="sam-reyes").text

    assert "Iron Gym Harbour" in shown
    assert "pages_manage_metadata" in shown
    assert shown.count("checked") == 3 + 4


def test_person_without_pages_is_told_so(graph: Graph) -> None:
    assert "Noa Levi manages no Page" in graph.dialog(person="noa-levi").text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"client_id": "42"}, "Invalid App ID"),
        ({"redirect_uri": REDIRECT + "/"}, "URL blocked"),
        ({"redirect_uri": ""}, "URL blocked"),
        ({"scope": "pages_messaging,read_minds"}, "Invalid Scopes: read_minds"),
        ({"config_id": "77"}, "Invalid configuration"),
        ({"auth_type": "please"}, "Invalid auth_type"),
        ({"response_type": "token"}, "response_type=code"),
        ({"prompt": "none"}, "Unknown parameter: prompt"),
        ({"person": "nobody"}, "no such person"),
    ],
)
def test_bad_request_is_shown_and_not_sent_back(
    graph: Graph, changes: dict[str, str], words: str
) -> None:
    shown = graph.dialog(**changes)

    assert shown.status_code == 400
    assert words in shown.text


def test_unknown_version_has_no_dialog(graph: Graph) -> None:
    answer = graph.session.get(graph.base_url + "/v99.0/dialog/oauth", timeout=5)

    assert answer.status_code == 400


def test_what_is_shown_is_escaped(graph: Graph) -> None:
    assert "<script>x" not in graph.dialog(state='"><script>x').text


def test_cancel_is_access_denied(graph: Graph) -> None:
    assert graph.answer_dialog(answer="cancel") == {
        "error": "access_denied",
        "error_code": "200",
        "error_reason": "user_denied",
        "error_description": "Permissions error",
        "state": "s1",
    }


def test_continue_returns_code_and_state_unchanged(graph: Graph) -> None:
    answered = graph.answer_dialog(state="a b/ü&=", pages=[DOWNTOWN])

    assert answered.keys() == {"code", "state"}
    assert answered["state"] == "a b/ü&="


def test_state_is_left_out_where_none_came(graph: Graph) -> None:
    assert graph.answer_dialog(state="").keys() == {"code"}


def test_granted_scopes_come_back_where_asked_for(graph: Graph) -> None:
    answered = graph.answer_dialog(
        permissions=["pages_show_list"], response_type="code,granted_scopes"
    )

    assert answered["granted_scopes"] == "public_profile,pages_show_list"
    assert "pages_messaging" in answered["denied_scopes"]


def test_later_grant_replaces_the_pages_of_an_earlier_one(graph: Graph) -> None:
    first = graph.log_in(pages=[DOWNTOWN, RIVERSIDE])
    riverside = graph.page_token(first, RIVERSIDE)

    second = graph.log_in(pages=[DOWNTOWN])

    listed = graph.get("me/accounts", second, fields="id").json()["data"]
    assert listed == [{"id": DOWNTOWN}]
    assert error_of(graph.get("me", riverside)) == (190, 492)


def test_page_left_out_of_a_later_grant_hears_no_more_webhooks(graph: Graph) -> None:
    graph.connect(DOWNTOWN)

    graph.log_in(pages=[RIVERSIDE])

    assert graph.control("GET", "state")["subscriptions"] == []


def test_pages_of_others_cannot_be_chosen(graph: Graph) -> None:
    token = graph.log_in("ida-berg", pages=[DOWNTOWN])

    assert graph.get("me/accounts", token).json() == {"data": []}


def test_declined_permission_is_asked_again_only_by_rerequest(graph: Graph) -> None:
    graph.log_in(permissions=["pages_show_list"])

    again = graph.dialog(person="sam-reyes").text
    rerequest = graph.dialog(person="sam-reyes", auth_type="rerequest").text

    assert 'value="pages_messaging"' not in again
    assert "not asked again" in again
    assert 'value="pages_messaging"' in rerequest


def test_declined_permission_stays_declined_without_rerequest(graph: Graph) -> None:
    graph.log_in(permissions=["pages_show_list"])

    token = graph.log_in(permissions=SCOPE.split(","))
    declined = graph.get("me/permissions", token, status="declined").json()["data"]
    token = graph.log_in(permissions=SCOPE.split(","), auth_type="rerequest")

    assert {row["permission"] for row in declined} == set(SCOPE.split(",")) - {"pages_show_list"}
    assert graph.get("me/permissions", token, status="declined").json() == {"data": []}


def test_configuration_is_all_or_nothing(graph: Graph) -> None:
    shown = graph.dialog(person="sam-reyes", config_id=CONFIG_ID, scope="").text
    token = graph.log_in(pages=[DOWNTOWN], permissions=[], config_id=CONFIG_ID, scope="")

    assert shown.count("disabled") == len(LOGIN_CONFIG_PERMISSIONS)
    granted = graph.get("me/permissions", token, status="granted").json()["data"]
    assert len(granted) == len(LOGIN_CONFIG_PERMISSIONS) + 1


def test_earlier_choice_is_ticked(graph: Graph) -> None:
    graph.log_in(pages=[RIVERSIDE])

    shown = graph.dialog(person="sam-reyes").text

    assert "Reconnect" in shown
    assert f'value="{RIVERSIDE}" data-testid="page-iron-gym-riverside" checked' in shown
    assert f'value="{DOWNTOWN}" data-testid="page-iron-gym-downtown" checked' not in shown


def test_dialog_carries_no_inline_script(graph: Graph) -> None:
    shown = graph.dialog(person="sam-reyes")

    assert "default-src 'self'" in shown.headers["Content-Security-Policy"]
    assert "form-action" not in shown.headers["Content-Security-Policy"]
    assert "<script>" not in shown.text
    assert " style=" not in shown.text


def test_several_redirect_addresses_can_be_registered(start: type[Running]) -> None:
    other = "http://127.0.0.1:5999/back?via=meta"
    graph = start(SIMULATOR_REDIRECT_URI=f"{REDIRECT},{other}")

    answered = graph.answer_dialog(redirect_uri=other)

    assert answered["via"] == "meta"
    assert graph.exchange(answered["code"], redirect_uri=other).json()["access_token"]
