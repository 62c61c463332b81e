"""What customers do, as webhooks: each kind of event, on Messenger and on Instagram."""

from collections.abc import Callable
from typing import Any

import pytest

from flask_messenger.simulator.attaching import MAKERS, UnknownAttachmentError, make_attachments
from flask_messenger.simulator.constants import INSTAGRAM, MESSENGER
from flask_messenger.simulator.seeds import igsid_of, instagram_id_of, page_id_of, psid_of
from tests.simulator.driver import APP_ID, Callback, Graph

DOWNTOWN = page_id_of("Iron Gym Downtown")
DOWNTOWN_IG = instagram_id_of("irongym.downtown")
CHAT, CHAT_IG = f"{DOWNTOWN}/maya-okafor", "irongym.downtown/maya-okafor"
PSID, IGSID = psid_of(DOWNTOWN, "maya-okafor"), igsid_of(DOWNTOWN_IG, "maya-okafor")
ALL_FIELDS = (
    "messages,messaging_postbacks,message_echoes,message_deliveries,message_reads,message_edits,"
    "message_reactions,messaging_referrals,messaging_optins,messaging_optouts,"
    "messaging_account_linking,messaging_feedback,messaging_customer_information,send_cart,"
    "response_feedback,messaging_in_thread_lead_form_submit,messaging_policy_enforcement,"
    "messaging_handovers,standby,feed"
)


@pytest.fixture
def connected(graph: Graph) -> Graph:
    graph.connect(DOWNTOWN, fields=ALL_FIELDS)
    return graph


def one_more(callback: Callback, act: Callable[[], Any]) -> dict[str, Any]:
    """Return the next webhook that comes of `act`."""
    before = len(callback.received)
    act()
    callback.wait(lambda got: len(got.received) > before)
    return callback.bodies()[before]


def event_of(body: dict[str, Any]) -> dict[str, Any]:
    return dict(body["entry"][0]["messaging"][0])


@pytest.mark.parametrize("channel", [MESSENGER, INSTAGRAM])
def test_every_attachment_has_a_type_and_a_payload(channel: str) -> None:
    for kind in MAKERS[channel]:
        made = make_attachments("http://meta.test", channel, {"kind": kind})

        assert made
        assert all(item["type"] and "payload" in item for item in made), kind


def test_attachments_that_come_twice_and_differently() -> None:
    def types(channel: str, kind: str) -> list[str]:
        made = make_attachments("http://meta.test", channel, {"kind": kind})
        return [item["type"] for item in made]

    assert types(MESSENGER, "sticker") == ["sticker"]
    assert types(MESSENGER, "sticker_with_twin") == ["image", "sticker"]
    assert types(MESSENGER, "old_sticker") == ["image"]
    assert types(INSTAGRAM, "share_with_twin") == ["share", "ig_post"]
    bare = make_attachments("", MESSENGER, {"kind": "bare_link", "url": "https://a.test"})
    assert bare == [
        {
            "type": "fallback",
            "title": "Summer at the shop",
            "url": "https://a.test",
            "payload": None,
        }
    ]
    with pytest.raises(UnknownAttachmentError, match="story_mention"):
        make_attachments("", INSTAGRAM, {"kind": "appointment"})


def test_messenger_message_with_everything(connected: Graph, callback: Callback) -> None:
    body = one_more(
        callback,
        lambda: connected.chat(
            f"{CHAT}/messages",
            text="I saw your ad",
            attachments=["image", {"kind": "sticker", "sticker_id": "369239343222814"}],
            referral={"ad": "238123", "ref": "summer"},
            more={"commands": [{"name": "prices"}]},
        ),
    )

    message = event_of(body)["message"]
    assert message["commands"] == [{"name": "prices"}]
    assert message["attachments"][1]["payload"]["sticker_id"] == 369239343222814
    referral = message["referral"]
    assert (referral["ref"], referral["ad_id"], referral["source"]) == ("summer", "238123", "ADS")
    assert referral["ads_context_data"]["ad_title"]


def test_edits_end_after_five_and_a_message_is_taken_back(
    connected: Graph, callback: Callback
) -> None:
    mid = connected.chat(f"{CHAT}/messages", text="Frist")["mid"]
    callback.wait_for_kinds("message")
    for number in range(5):
        connected.chat(f"{CHAT}/edits", mid=mid, text=f"First {number}")
    address = f"{connected.base_url}/chat/api/{CHAT}/edits"
    refused = connected.session.post(address, json={"mid": mid, "text": "Six"}, timeout=10)
    connected.chat(f"{CHAT}/unsends", mid=mid)
    callback.wait(lambda got: len(got.events()) == 7)

    assert refused.status_code == 400
    assert "5 times" in refused.json()["problem"]
    edits = [event["message_edit"] for event in callback.events() if "message_edit" in event]
    assert [each["num_edit"] for each in edits] == [1, 2, 3, 4, 5]
    assert edits[-1] == {"mid": mid, "text": "First 4", "num_edit": 5}
    assert callback.events()[-1]["message"] == {"mid": mid, "is_deleted": True}


@pytest.mark.parametrize(
    ("act", "sent", "key", "wanted"),
    [
        ("referrals", {"referral": {"ref": "spring"}}, "referral", {"source": "SHORTLINK"}),
        ("optins", {}, "optin", {"type": "notification_messages", "payload": "NEWS"}),
        ("optins", {"kind": "one_time_notif_req"}, "optin", {"type": "one_time_notif_req"}),
        ("optins", {"kind": "user_ref", "ref": "box"}, "optin", {"ref": "box"}),
        ("optouts", {}, "optin", {"notification_messages_status": "STOP NOTIFICATIONS"}),
        (
            "account-links",
            {"authorization_code": "C1"},
            "account_linking",
            {"status": "linked", "authorization_code": "C1"},
        ),
        ("account-links", {"unlink": True}, "account_linking", {"status": "unlinked"}),
        ("orders", {"note": "Ring"}, "order", {"note": "Ring"}),
        ("coupons", {"coupon_code": "X1"}, "template", {"type": "coupon", "coupon_code": "X1"}),
        ("forms", {"id": "77"}, "form", {"id": "77"}),
    ],
)
def test_messenger_notices(
    connected: Graph,
    callback: Callback,
    act: str,
    sent: dict[str, Any],
    key: str,
    wanted: dict[str, Any],
) -> None:
    event = event_of(one_more(callback, lambda: connected.chat(f"{CHAT}/{act}", **sent)))

    assert event["sender"] == {"id": PSID}
    assert event["recipient"] == {"id": DOWNTOWN}
    assert {name: event[key][name] for name in wanted} == wanted


def test_answers_to_forms_and_surveys(connected: Graph, callback: Callback) -> None:
    mid = connected.chat(f"{CHAT}/messages", text="Hi")["mid"]
    connected.chat(f"{CHAT}/response-feedback", mid=mid, good=False)
    connected.chat(f"{CHAT}/feedback", score=4, text="Slow", question_id="how")
    connected.chat(f"{CHAT}/customer-information", answers={"country": "NO"})
    callback.wait(lambda got: len(got.events()) == 4)

    _, rated, survey, form = callback.events()
    assert rated["response_feedback"] == {"feedback": "Bad response", "mid": mid}
    screens = survey["messaging_feedback"]["feedback_screens"]
    assert screens[0]["questions"]["how"] == {
        "type": "csat",
        "payload": "4",
        "follow_up": {"type": "free_form", "payload": "Slow"},
    }
    answered = form["messaging_customer_information"]["screens"][0]["responses"]
    assert answered == [{"key": "country", "value": "NO"}]


def test_postback_of_somebody_who_came_by_a_link(connected: Graph, callback: Callback) -> None:
    def act() -> None:
        body = {"title": "Get Started", "payload": "GO", "referral": {"ref": "poster"}}
        connected.chat(f"{CHAT}/postbacks", **body)

    postback = event_of(one_more(callback, act))["postback"]

    assert postback["referral"] == {"ref": "poster", "source": "SHORTLINK", "type": "OPEN_THREAD"}


def test_any_emoji_is_an_other_reaction(connected: Graph, callback: Callback) -> None:
    mid = connected.chat(f"{CHAT}/messages", text="Hi")["mid"]
    callback.wait_for_kinds("message")

    body = one_more(callback, lambda: connected.chat(f"{CHAT}/reactions", mid=mid, emoji="🦄"))

    assert event_of(body)["reaction"] == {
        "mid": mid,
        "action": "react",
        "reaction": "other",
        "emoji": "🦄",
    }


class TestInstagram:
    def test_message_names_the_account_and_comes_for_its_page(
        self, connected: Graph, callback: Callback
    ) -> None:
        body = one_more(callback, lambda: connected.chat(f"{CHAT_IG}/messages", text="Hi"))

        event = event_of(body)
        assert (body["object"], body["entry"][0]["id"]) == ("instagram", DOWNTOWN_IG)
        assert (event["sender"]["id"], event["recipient"]["id"]) == (IGSID, DOWNTOWN_IG)
        assert not event["message"]["mid"].startswith("m_")

    def test_story_reply_mention_and_what_apps_cannot_see(
        self, connected: Graph, callback: Callback
    ) -> None:
        story = connected.post_json(
            f"/posts/api/{DOWNTOWN_IG}/posts", kind="story", picture="hills"
        )
        connected.chat(f"{CHAT_IG}/messages", text="Nice", story=story["id"])
        connected.chat(f"{CHAT_IG}/messages", attachments=["story_mention"])
        connected.chat(f"{CHAT_IG}/messages", attachments=["ephemeral"])
        connected.chat(f"{CHAT_IG}/messages", is_unsupported=True)
        callback.wait(lambda got: len(got.events()) == 4)

        reply, mention, ephemeral, unsupported = [each["message"] for each in callback.events()]
        shown = reply["reply_to"]["story"]
        assert shown["id"] == story["id"]
        assert connected.session.get(shown["url"], timeout=10).status_code == 200
        assert mention["attachments"][0]["type"] == "story_mention"
        assert ephemeral["attachments"][0]["type"] == "ephemeral"
        assert set(unsupported) == {"mid", "is_unsupported"}
        connected.post_json(f"/posts/api/{DOWNTOWN_IG}/posts/{story['id']}/end")
        assert connected.session.get(shown["url"], timeout=10).status_code == 403
        callback.wait(lambda got: "story_insights" in str(got.bodies()))

    def test_echo_names_no_app_and_is_read_by_its_id(
        self, connected: Graph, callback: Callback
    ) -> None:
        connected.chat(f"{CHAT_IG}/messages", text="Hi")
        mid = connected.control("POST", f"threads/{CHAT_IG}/page-inbox", text="Hello")["mid"]
        connected.chat(f"{CHAT_IG}/seen")
        callback.wait(lambda got: len(got.events()) == 3)

        _, echo, seen = callback.events()
        assert echo["message"] == {"is_echo": True, "mid": mid, "text": "Hello"}
        assert seen["read"] == {"mid": mid}

    def test_ad_link_ice_breaker_edit_and_unsend(
        self, connected: Graph, callback: Callback
    ) -> None:
        connected.chat(f"{CHAT_IG}/postbacks", title="Hours?", payload="HOURS")
        connected.chat(f"{CHAT_IG}/referrals", referral={"ref": "bio"})
        mid = connected.chat(f"{CHAT_IG}/messages", text="Hi", referral={"ad": True})["mid"]
        connected.chat(f"{CHAT_IG}/edits", mid=mid, text="Hello")
        connected.chat(f"{CHAT_IG}/unsends", mid=mid)
        callback.wait(lambda got: len(got.events()) == 5)

        tap, link, message, edit, gone = callback.events()
        assert tap["postback"]["payload"] == "HOURS"
        assert link["referral"]["source"] == "https://ig.me/m/irongym.downtown?ref=bio"
        assert message["message"]["referral"]["source"] == "ADS"
        assert edit["message_edit"] == {"mid": mid, "text": "Hello", "num_edit": 1}
        assert gone["message"] == {"mid": mid, "is_deleted": True}

    def test_what_only_messenger_has_is_refused(self, connected: Graph) -> None:
        address = f"{connected.base_url}/chat/api/{CHAT_IG}/orders"

        answer = connected.session.post(address, json={}, timeout=10)

        assert answer.status_code == 400
        assert answer.json()["problem"] == "Instagram has no such thing."

    def test_account_that_does_not_allow_it_is_silent(
        self, connected: Graph, callback: Callback
    ) -> None:
        connected.control("PATCH", f"instagram/{DOWNTOWN_IG}", allows_messages=False)
        connected.chat(f"{CHAT_IG}/messages", text="Unheard")
        connected.control("PATCH", f"instagram/{DOWNTOWN_IG}", allows_messages=True)
        connected.chat(f"{CHAT_IG}/messages", text="Heard")
        callback.wait_for_kinds("message")

        assert [event["message"]["text"] for event in callback.events()] == ["Heard"]


def test_standby_copies_hide_what_a_button_carries(connected: Graph, callback: Callback) -> None:
    connected.chat(f"{CHAT}/messages", text="Hi")
    connected.control("POST", f"threads/{CHAT}/control", action="take")
    connected.chat(f"{CHAT}/messages", text="For the inbox")
    connected.chat(f"{CHAT}/postbacks", title="Book", payload="BOOK")
    connected.control("POST", f"threads/{CHAT}/control", action="pass", metadata="yours")
    connected.chat(f"{CHAT}/messages", text="For the app")
    callback.wait(lambda got: len(got.received) == 6)

    entries = [body["entry"][0] for body in callback.bodies()]
    taken, passed = entries[1]["messaging"][0], entries[4]["messaging"][0]
    assert taken["take_thread_control"]["new_owner_app_id"] == "263902037430900"
    assert entries[2]["standby"][0]["message"]["text"] == "For the inbox"
    assert set(entries[3]["standby"][0]["postback"]) == {"mid", "title"}
    assert passed["pass_thread_control"] == {
        "previous_owner_app_id": "263902037430900",
        "new_owner_app_id": APP_ID,
        "metadata": "yours",
    }
    assert entries[5]["messaging"][0]["message"]["text"] == "For the app"


def test_meta_acts_on_the_page(connected: Graph, callback: Callback) -> None:
    warned = event_of(
        one_more(
            callback,
            lambda: connected.control(
                "POST", f"accounts/{DOWNTOWN}/policy", action="block", reason="Spam"
            ),
        )
    )
    freed = event_of(
        one_more(
            callback,
            lambda: connected.control("POST", f"accounts/{DOWNTOWN}/policy", action="unblock"),
        )
    )

    assert "sender" not in warned
    assert warned["policy_enforcement"] == {"action": "block", "reason": "Spam"}
    assert freed["policy_enforcement"] == {"action": "unblock"}


@pytest.mark.parametrize("field", ["messages", "comments", "messaging_postbacks", "mentions"])
def test_dashboard_samples_have_ids_of_nobody(graph: Graph, callback: Callback, field: str) -> None:
    body = one_more(callback, lambda: graph.control("POST", "webhooks/test", field=field))

    assert (body["object"], body["entry"][0]["id"]) == ("instagram", "0")
    assert body["entry"][0]["changes"][0]["field"] == field


def test_accounts_are_listed(connected: Graph) -> None:
    known = {each["slug"]: each for each in connected.control("GET", "accounts")["accounts"]}

    assert known["irongym.downtown"]["is_connected"]
    assert known["irongym.downtown"]["page_id"] == DOWNTOWN
    assert not known["coach.sam"]["is_connected"]
    assert "noa.levi" not in known  # a personal account has no API
    assert connected.control("GET", "accounts/coach.sam")["channel"] == "instagram"
