"""Message templates of a Page, and the utility messages made of them."""

from typing import Any

import pytest

from tests.simulator.business import INSTAGRAM, PAGE, Business
from tests.simulator.conftest import Running
from tests.simulator.driver import error_of

BODY = {"type": "BODY", "text": "Your order {{order_id}} is ready."}
BUTTONS = {
    "type": "BUTTONS",
    "buttons": [
        {"type": "URL", "text": "Track", "url": "https://example.com/{{1}}"},
        {"type": "POSTBACK", "text": "Thanks"},
    ],
}
NEW = {
    "name": "order_ready",
    "language": "en",
    "category": "UTILITY",
    "parameter_format": "NAMED",
    "components": [BODY, BUTTONS],
}
FILLED = [
    {
        "type": "body",
        "parameters": [{"type": "text", "parameter_name": "order_id", "text": "77"}],
    },
    {"type": "buttons", "parameters": [{"type": "URL", "url": "77"}]},
]


@pytest.fixture
def business(graph: Running) -> Business:
    return Business(graph)


def send(business: Business, psid: str, name: str = "order_ready", **changes: Any) -> Any:
    wanted = {"name": name, "language": {"code": "en"}, "components": FILLED, **changes}
    return business.send(psid, {"template": wanted}, messaging_type="UTILITY")


def test_template_is_made_listed_and_deleted(business: Business) -> None:
    edge = f"{PAGE}/message_templates"

    told = business.post(edge, **NEW).json()
    listed = business.get(edge, name="order_ready", fields="name,status,components").json()["data"]
    by_id = business.get(told["id"], fields="name").json()
    none = business.get(edge, status="REJECTED").json()

    assert told["status"] == "APPROVED"
    assert told["category"] == "UTILITY"
    assert listed[0]["components"] == [BODY, BUTTONS]
    assert by_id["name"] == "order_ready"
    assert none == {"data": []}
    assert error_of(business.post(edge, **NEW)) == (100, None)
    assert business.delete(edge, name="order_ready").json() == {"success": True}
    assert error_of(business.delete(edge, name="order_ready")) == (100, None)


def test_utility_message_reaches_beyond_the_window(business: Business) -> None:
    psid = business.write()
    business.post(f"{PAGE}/message_templates", **NEW)
    business.graph.control("POST", f"threads/{PAGE}/maya-okafor/age", hours=24 * 30)

    assert error_of(business.send(psid, {"text": "x"})) == (10, 2018278)
    assert send(business, psid).ok

    (shown,) = business.messages()[-1]["templates"]
    assert shown["text"] == "Your order 77 is ready."
    assert shown["buttons"][0]["url"] == "https://example.com/77"


def test_what_does_not_fit_is_refused(business: Business) -> None:
    psid = business.write()
    business.post(f"{PAGE}/message_templates", **NEW)
    wrong = [{"type": "body", "parameters": [{"type": "text", "text": "77"}]}]
    more = [*FILLED, {"type": "header", "parameters": "x"}]

    assert error_of(send(business, psid, "order_lost")) == (100, None)
    assert error_of(send(business, psid, language={"code": "de"})) == (100, None)
    assert error_of(send(business, psid, components=[])) == (100, None)
    assert error_of(send(business, psid, components=wrong)) == (100, None)
    assert error_of(send(business, psid, components=FILLED[:1])) == (100, None)
    assert error_of(send(business, psid, components=more)) == (100, None)
    assert error_of(business.send(psid, {"text": "x"}, messaging_type="UTILITY")) == (100, None)
    template = {"template": {"name": "order_ready", "language": {"code": "en"}}}
    assert error_of(business.send(psid, template)) == (100, None)
    igsid = business.write(account=INSTAGRAM)
    assert error_of(send(business, igsid)) == (100, 2534015)


def test_permission(business: Business) -> None:
    psid = business.write()
    business.post(f"{PAGE}/message_templates", **NEW)
    business.graph.control("POST", "people/sam-reyes/decline", permission="page_utility_messaging")

    assert error_of(business.get(f"{PAGE}/message_templates")) == (10, None)
    assert error_of(send(business, psid)) == (10, None)


def test_judgement(business: Business) -> None:
    psid = business.write()
    edge = f"{PAGE}/message_templates"
    sale = {**NEW, "name": "sale", "components": [{"type": "BODY", "text": "20% off today!"}]}
    business.graph.control("PUT", "template-review", by_hand=True)

    told = business.post(edge, **NEW).json()
    rejected = business.post(edge, **sale).json()
    early = send(business, psid)
    business.graph.control("PATCH", f"templates/{told['id']}", status="APPROVED")
    reason = business.get(rejected["id"], fields="rejected_reason").json()

    assert (told["status"], rejected["status"]) == ("PENDING", "REJECTED")
    assert reason["rejected_reason"] == "TAG_SHOULD_BE_MARKETING"
    assert error_of(early) == (100, None)
    assert send(business, psid).ok


def test_library_is_searched_and_cloned(business: Business) -> None:
    found = business.get("message_template_library", name_or_content="order").json()["data"]
    body = {"name": "shipped", "language": "en", "library_template_name": found[0]["name"]}

    told = business.post(f"{PAGE}/message_templates", **body).json()

    assert told["status"] == "APPROVED"
    assert error_of(
        business.post(f"{PAGE}/message_templates", **{**body, "library_template_name": "x"})
    ) == (100, None)


def test_wrong_templates_are_refused(business: Business) -> None:
    edge = f"{PAGE}/message_templates"
    refused: list[dict[str, Any]] = [
        {"name": "Order Ready"},
        {"category": "MARKETING"},
        {"parameter_format": "LOOSE"},
        {"components": []},
        {"components": [BUTTONS]},
        {"components": [BODY, BODY]},
        {"components": [{"type": "BODY", "text": "x" * 1025}]},
        {"components": [{"type": "FOOTER", "text": "x"}]},
        {"components": [BODY, {"type": "BUTTONS", "buttons": [{"type": "CALL", "text": "x"}]}]},
    ]

    for changes in refused:
        assert error_of(business.post(edge, **{**NEW, **changes})) == (100, None), changes
