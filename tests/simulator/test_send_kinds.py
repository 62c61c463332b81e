"""Every kind of message of the Send API: what is taken, and what is refused with which code."""

from typing import Any

import pytest

from flask_messenger.simulator.catalogue import form_id_of, product_ids
from tests.simulator.business import PAGE, Business, template
from tests.simulator.conftest import Running
from tests.simulator.driver import error_of

URL = "https://example.com/x"
LINK = {"type": "web_url", "title": "Open", "url": URL}
TAP = {"type": "postback", "title": "Yes", "payload": "YES"}
PRIVACY = {"business_privacy": {"url": URL}}
QUESTION = {"id": "q1", "type": "csat", "score_option": "five_star", "score_label": "neg_pos"}
FEEDBACK = {
    "title": "How was it?",
    "feedback_screens": [{"questions": [QUESTION]}],
    "expires_in_days": 3,
    **PRIVACY,
}
RECEIPT = {
    "recipient_name": "Maya",
    "order_number": "1",
    "currency": "EUR",
    "payment_method": "Card",
    "summary": {"total_cost": 12.5},
    "elements": [{"title": "Pass", "price": 12.5}],
}
PHOTOS = [{"url": URL, "action": {"type": "web_url", "url": URL}}, {"url": URL}]
GRID = {"title": "Rooms", "images": PHOTOS, "buttons": [LINK, TAP]}

TAKEN: list[dict[str, Any]] = [
    template("button", text="Go?", buttons=[LINK, TAP]),
    template("button", text="In", buttons=[{"type": "account_link", "url": URL}]),
    template("button", text="Out", buttons=[{"type": "account_unlink"}]),
    template(
        "button",
        text="Call",
        buttons=[{"type": "phone_number", "title": "Call", "payload": "+4912345"}],
    ),
    template("generic", elements=[{"title": "A", "subtitle": "B", "buttons": [TAP]}] * 10),
    template(
        "generic", elements=[{"title": "A", "default_action": {"type": "web_url", "url": URL}}]
    ),
    template("media", elements=[{"media_type": "image", "url": "https://www.facebook.com/p/1"}]),
    template("receipt", **RECEIPT),
    template("coupon", title="10 EUR", coupon_code="SUMMER10"),
    template("coupon", title="10 EUR", coupon_url=URL, coupon_url_button_title="Use"),
    template("product", elements=[{"id": next(iter(product_ids(PAGE)))}]),
    template("customer_feedback", **FEEDBACK),
    template("customer_information", countries=["US"], expires_in_days=1, **PRIVACY),
    template("image_grid", elements=[GRID]),
    template("instant_form", form_id=form_id_of(PAGE)),
    template("notification_messages", title="News?", payload="NEWS"),
    {"sticker_id": 369239263222822},
    {
        "text": "Who?",
        "quick_replies": [
            {"content_type": "user_email"},
            {"content_type": "user_phone_number"},
            {"content_type": "text", "title": "Me", "payload": "ME", "image_url": URL},
        ],
    },
]
REFUSED: list[tuple[dict[str, Any], tuple[int, int | None]]] = [
    (template("list", elements=[]), (100, None)),
    (template("open_graph", elements=[{"url": URL}]), (100, None)),
    (template("airline_update", elements=[]), (100, None)),
    (template("button", text="x" * 641, buttons=[TAP]), (100, None)),
    (template("button", text="x", buttons=[TAP] * 4), (100, None)),
    (template("button", text="x", buttons=[TAP | {"title": "y" * 21}]), (100, None)),
    (template("button", text="x", buttons=[LINK | {"url": "example"}]), (100, None)),
    (template("button", text="x", buttons=[LINK | {"webview_height_ratio": "huge"}]), (100, None)),
    (template("button", text="x", buttons=[{"type": "nested", "title": "x"}]), (100, None)),
    (template("generic", elements=[{"title": "A"}]), (100, None)),
    (template("generic", elements=[{"title": "A", "subtitle": "B"}] * 11), (100, None)),
    (template("generic", elements=[{"title": "x" * 81, "subtitle": "B"}]), (100, None)),
    (template("media", elements=[{"media_type": "image", "url": URL}]), (100, 2018173)),
    (template("media", elements=[{"media_type": "image"}]), (100, 2018173)),
    (template("media", elements=[{"media_type": "image", "attachment_id": "1"}]), (100, 2018074)),
    (template("receipt", **{**RECEIPT, "summary": {}}), (100, None)),
    (template("receipt", **{**RECEIPT, "order_number": ""}), (100, None)),
    (template("coupon", title="10 EUR"), (100, None)),
    (template("coupon", title="10 EUR", coupon_code="SUMMER 10"), (100, None)),
    (template("product", elements=[{"id": "1"}]), (100, 2018320)),
    (template("product", elements=[]), (100, None)),
    (template("customer_feedback", **{**FEEDBACK, "expires_in_days": 8}), (100, None)),
    (template("customer_feedback", **{**FEEDBACK, "business_privacy": {}}), (100, None)),
    (template("customer_feedback", **{**FEEDBACK, "title": "x" * 66}), (100, None)),
    (template("customer_information", countries=["USA"], **PRIVACY), (100, None)),
    (template("image_grid", elements=[GRID | {"images": PHOTOS[:1]}]), (100, None)),
    (template("image_grid", elements=[GRID | {"title": "x" * 46}]), (100, None)),
    (
        template("image_grid", elements=[GRID | {"buttons": [{"type": "account_unlink"}]}]),
        (100, None),
    ),
    (template("instant_form", form_id="1"), (1, 2018382)),
    (template("notification_messages", title="News?"), (100, None)),
    ({"attachment": {"type": "like_heart"}}, (100, None)),
    ({"attachment": {"type": "MEDIA_SHARE", "payload": {"id": "1"}}}, (100, None)),
    ({"text": "x", "sticker_id": 1}, (100, None)),
    ({"text": "x", "quick_replies": [{"content_type": "location"}]}, (100, None)),
]


@pytest.fixture
def business(graph: Running) -> Business:
    return Business(graph)


def test_every_kind_is_taken(business: Business) -> None:
    psid = business.write()

    for message in TAKEN:
        answer = business.send(psid, message, messaging_type="RESPONSE")
        assert answer.ok, (message, answer.text)

    assert len(business.messages()) == 1 + len(TAKEN)


def test_wrong_kinds_are_refused(business: Business) -> None:
    psid = business.write()

    for message, error in REFUSED:
        assert error_of(business.send(psid, message)) == error, message

    assert len(business.messages()) == 1


def test_number_of_an_order_is_used_once(business: Business) -> None:
    psid = business.write()

    business.send(psid, template("receipt", **RECEIPT))

    assert error_of(business.send(psid, template("receipt", **RECEIPT))) == (100, None)


@pytest.mark.parametrize(
    "tag", ["CONFIRMED_EVENT_UPDATE", "ACCOUNT_UPDATE", "POST_PURCHASE_UPDATE"]
)
def test_dead_tags(business: Business, tag: str) -> None:
    answer = business.send(business.write(), {"text": "x"}, messaging_type="MESSAGE_TAG", tag=tag)

    assert error_of(answer) == (100, None)


def test_survey_goes_out_for_seven_days(business: Business) -> None:
    psid = business.write()
    business.graph.control("POST", f"threads/{PAGE}/maya-okafor/age", hours=6 * 24)
    tagged = {"messaging_type": "MESSAGE_TAG", "tag": "CUSTOMER_FEEDBACK"}

    survey = business.send(psid, template("customer_feedback", **FEEDBACK), **tagged)
    text = business.send(psid, {"text": "x"}, **tagged)
    business.graph.control("POST", f"threads/{PAGE}/maya-okafor/age", hours=2 * 24)
    late = business.send(psid, template("customer_feedback", **FEEDBACK), **tagged)

    assert survey.ok
    assert error_of(text) == (100, None)
    assert error_of(late) == (10, 2018278)


def test_reactions_are_given_and_taken_back(business: Business) -> None:
    psid = business.write()
    mid = business.messages()[0]["mid"]

    def act(action: str, **payload: str) -> Any:
        return business.send(psid, sender_action=action, payload=payload)

    assert act("react", message_id=mid, reaction="\U0001f60a").json() == {"recipient_id": psid}
    assert act("unreact", message_id=mid).ok
    assert error_of(act("react", message_id="m_unknown", reaction="x")) == (100, None)
    assert error_of(act("react", message_id=mid)) == (100, None)
    assert error_of(act("unreact", message_id=mid, reaction="x")) == (100, None)
    assert error_of(act("typing_on", message_id=mid)) == (100, None)
    assert error_of(business.send(psid, sender_action="dance")) == (100, None)


def test_development_app_reaches_no_customer(business: Business) -> None:
    psid = business.write()
    business.graph.control("PATCH", "apps/1000000000000001/mode", mode="development")

    assert error_of(business.send(psid, {"text": "x"})) == (200, 2018028)


def test_checkbox_is_answered_once(business: Business) -> None:
    optin = business.graph.chat(f"{PAGE}/lena-vogel/optins", kind="user_ref")
    body = {"recipient": {"user_ref": optin["token"]}, "message": {"text": "Welcome"}}

    first = business.post(f"{PAGE}/messages", **body)
    second = business.post(f"{PAGE}/messages", **body)

    assert first.json().keys() == {"message_id"}
    assert error_of(second) == (100, None)
    assert business.messages("lena-vogel")[-1]["text"] == "Welcome"


@pytest.mark.parametrize(
    ("kind", "key", "times"),
    [
        ("notification_messages", "notification_messages_token", 2),
        ("one_time_notif_req", "one_time_notif_token", 1),
    ],
)
def test_leave_to_write_holds_beyond_the_window(
    business: Business, kind: str, key: str, times: int
) -> None:
    optin = business.graph.chat(f"{PAGE}/lena-vogel/optins", kind=kind)
    business.graph.control("POST", f"threads/{PAGE}/lena-vogel/age", hours=48)
    body = {"recipient": {key: optin["token"]}, "message": {"text": "News"}}

    answers = [business.post(f"{PAGE}/messages", **body) for _ in range(2)]

    assert answers[0].json()["recipient_id"] == optin["psid"]
    assert sum(answer.ok for answer in answers) == times


def test_stopped_topic_is_not_written_about(business: Business) -> None:
    optin = business.graph.chat(f"{PAGE}/lena-vogel/optins", kind="notification_messages")
    recipient = {"notification_messages_token": optin["token"]}
    body = {"recipient": recipient, "message": {"text": "News"}}

    business.graph.chat(f"{PAGE}/lena-vogel/optouts")
    stopped = business.post(f"{PAGE}/messages", **body)
    business.graph.chat(f"{PAGE}/lena-vogel/optouts", resume=True)

    assert error_of(stopped) == (10, 1893015)
    assert business.post(f"{PAGE}/messages", **body).ok
