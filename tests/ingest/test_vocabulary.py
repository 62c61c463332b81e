"""The vocabulary of Messenger and Instagram: of each body what is to be seen of it."""

from typing import Any

import pytest
from flask import Flask

from flask_messenger.crypto import KeyRing
from flask_messenger.events import MESSAGE_KINDS, NOTICE_KINDS
from flask_messenger.models import (
    Account,
    Attachment,
    AuditEntry,
    Conversation,
    Identity,
    Message,
    OptIn,
    Reaction,
)
from flask_messenger.models import Template as StoredTemplate
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.ingest.vocabulary import INSTAGRAM, PAGE, Row, kept, notice, receive
from tests.support.app import Factory
from tests.support.ingest import rows

pytestmark = pytest.mark.databases("postgresql")

ACCOUNT_OF = {"facebook": PAGE, "instagram": INSTAGRAM}
FACEBOOK_MESSAGES = {
    "text": Row("text", "Do you deliver to Köln?"),
    "image": Row("media", attachments=(("image", "pending"),)),
    "video": Row("media", attachments=(("video", "pending"),)),
    "audio": Row("media", attachments=(("audio", "pending"),)),
    "file": Row("media", attachments=(("file", "pending"),)),
    "sticker": Row("sticker", attachments=(("sticker", "pending"),)),
    "location": Row(
        "location",
        content={"location": {"latitude": 52.5, "longitude": 13.4, "title": "Pinned"}},
        attachments=(("location", "remote"),),
    ),
    "template": Row("template", attachments=(("template", "remote"),)),
    "share": Row("text", "https://example.com/a", attachments=(("fallback", "remote"),)),
    "post_share": Row("share", attachments=(("post", "remote"),)),
    "reel_share": Row("share", attachments=(("reel", "remote"),)),
    "ig_post_share": Row("share", attachments=(("ig_post", "remote"),)),
    "appointment": Row(
        "appointment",
        content={
            "appointment": {
                "booking_id": "b1",
                "status": "requested",
                "start_time": 1763100000,
                "end_time": 1763103600,
                "timezone": "Europe/Berlin",
            }
        },
        attachments=(("appointment_booking", "remote"),),
    ),
    "reply": Row("text", "That one", reply_to="m_facebook_text"),
    "quick_reply": Row("quick_reply", "Red", content={"payload": "PICK_RED"}),
    "postback": Row("postback", "Opening hours", content={"payload": "HOURS"}),
    "order": Row(
        "order",
        "Before noon, please",
        content={
            "order": {
                "products": [
                    {
                        "id": 1,
                        "retailer_id": "r",
                        "name": "Lamp",
                        "unit_price": 11,
                        "currency": "THB",
                        "quantity": 2,
                    }
                ],
                "note": "Before noon, please",
            }
        },
    ),
    "unsupported": Row("unsupported"),
    "unknown_attachment": Row("media", attachments=(("hologram", "remote"),)),
    "standby": Row("text", "Anybody there?", content={"standby": True}),
    "standby_postback": Row("postback", "Menu", content={"standby": True}),
    "test_event": Row("text", "test_message"),
}
INSTAGRAM_MESSAGES = {
    "text": Row("text", "hi"),
    "image": Row("media", attachments=(("image", "pending"),)),
    "video": Row("media", attachments=(("video", "pending"),)),
    "audio": Row("media", attachments=(("audio", "pending"),)),
    "file": Row("media", attachments=(("file", "pending"),)),
    "sticker": Row("sticker", attachments=(("sticker", "pending"),)),
    "story_reply": Row(
        "story_reply",
        "nice",
        content={"story": {"id": "178", "url": "https://cdn.example.com/story"}},
    ),
    "story_mention": Row("story_mention", attachments=(("story_mention", "refused"),)),
    "share": Row("share", attachments=(("share", "remote"),)),
    "ig_post": Row("share", attachments=(("ig_post", "remote"),)),
    "ig_reel": Row("share", attachments=(("ig_reel", "remote"),)),
    "template": Row("template", attachments=(("template", "remote"),)),
    "reply": Row("text", "this", reply_to="m_instagram_text"),
    "quick_reply": Row("quick_reply", "Yes", content={"payload": "YES"}),
    "ice_breaker": Row("postback", "What are your hours?", content={"payload": "HOURS"}),
    "unsupported": Row("unsupported"),
    "ephemeral": Row("ephemeral", attachments=(("ephemeral", "refused"),)),
    "standby": Row("text", "hello?", content={"standby": True}),
    "test_event": Row("text", "test_message"),
    "flat_message": Row("text", "flat"),
    "odd_entry_id": Row("text", "found by its recipient"),
}
FACEBOOK_NOTICES = {
    "opt_in": notice(
        "opt_in",
        {
            "type": "notification_messages",
            "payload": "NEWS",
            "title": "Weekly news",
            "topic": "news",
            "notification_messages_timezone": "Europe/Berlin",
            "token_expiry_timestamp": "1790000000000",
            "user_token_status": "REFRESHED",
        },
    ),
    "opt_out": notice(
        "opt_out",
        {
            "type": "notification_messages",
            "topic": "news",
            "notification_messages_status": "STOP NOTIFICATIONS",
        },
    ),
    "one_time_opt_in": notice("opt_in", {"type": "one_time_notif_req", "payload": "BACK_IN_STOCK"}),
    "plugin_opt_in": notice("opt_in", {"type": "plugin", "ref": "cart-7"}),
    "checkbox_opt_in": notice("opt_in", {"type": "plugin", "ref": "cart-8", "user_ref": "box-8"}),
    "account_linked": notice("account_linked", {"status": "linked"}),
    "account_unlinked": notice("account_unlinked", {"status": "unlinked"}),
    "response_feedback": notice(
        "response_feedback", {"feedback": "Good response"}, reply_to="m_ours"
    ),
    "feedback": notice(
        "feedback",
        {
            "feedback_screens": [
                {
                    "screen_id": 0,
                    "questions": {
                        "q1": {
                            "type": "csat",
                            "payload": "5",
                            "follow_up": {"type": "free_form", "payload": "Lovely"},
                        }
                    },
                }
            ]
        },
    ),
    "customer_information": notice(
        "customer_information",
        {
            "screens": [
                {
                    "screen_id": "Add address",
                    "responses": [
                        {"key": "country", "value": "DE"},
                        {"key": "postal_code", "value": "10115"},
                    ],
                }
            ]
        },
    ),
    "coupon": notice("coupon", {"type": "coupon", "payload": "C1", "coupon_code": "SAVE10"}),
    "lead_form": notice("lead_form", {"id": "321"}),
    "game_play": notice("game_play", {"game_id": "1", "player_id": "2", "score": 5}),
    "label_added": notice(
        "label_added", {"label": {"id": "l1", "page_label_name": "VIP"}}, sent_by="page_inbox"
    ),
    "label_removed": notice(
        "label_removed", {"label": {"id": "l1", "page_label_name": "VIP"}}, sent_by="page_inbox"
    ),
}


@pytest.mark.covers(
    "facebook",
    "receive:text",
    "receive:media",
    "receive:image",
    "receive:video",
    "receive:audio",
    "receive:file",
    "receive:sticker",
    "receive:location",
    "receive:template",
    "receive:share",
    "receive:appointment",
    "receive:reply",
    "receive:quick_reply",
    "receive:postback",
    "receive:order",
    "receive:unsupported",
    "receive:standby",
    "receive:test_event",
)
def test_what_people_send_on_messenger(app: Flask, factory: Factory) -> None:
    factory.account(external_id=PAGE)

    receive(app, "facebook", *FACEBOOK_MESSAGES)

    found = kept(app, "facebook", FACEBOOK_MESSAGES)
    assert found == {name: [row] for name, row in FACEBOOK_MESSAGES.items()}
    # Each person has one message here: it is unread, and opens the window.
    threads = rows(app, Conversation)
    assert {each.unread_count for each in threads} == {1}
    assert all(each.last_inbound_at == each.last_message_at for each in threads)


@pytest.mark.covers(
    "instagram",
    "receive:text",
    "receive:media",
    "receive:image",
    "receive:video",
    "receive:audio",
    "receive:file",
    "receive:sticker",
    "receive:story_reply",
    "receive:story_mention",
    "receive:share",
    "receive:template",
    "receive:reply",
    "receive:quick_reply",
    "receive:postback",
    "receive:ice_breaker",
    "receive:unsupported",
    "receive:ephemeral",
    "receive:standby",
    "receive:test_event",
)
def test_what_people_send_on_instagram(app: Flask, factory: Factory) -> None:
    factory.account(channel="instagram", external_id=INSTAGRAM)

    receive(app, "instagram", *INSTAGRAM_MESSAGES)

    found = kept(app, "instagram", INSTAGRAM_MESSAGES)
    assert found == {name: [row] for name, row in INSTAGRAM_MESSAGES.items()}
    assert {each.unread_count for each in rows(app, Conversation)} == {1}


@pytest.mark.covers(
    "facebook",
    "receive:opt_in",
    "receive:opt_out",
    "receive:account_linked",
    "receive:account_unlinked",
    "receive:response_feedback",
    "receive:feedback",
    "receive:customer_information",
    "receive:coupon",
    "receive:lead_form",
    "receive:game_play",
    "receive:label_added",
    "receive:label_removed",
)
def test_what_nobody_said_is_a_notice(app: Flask, factory: Factory) -> None:
    factory.account(external_id=PAGE)

    receive(app, "facebook", *FACEBOOK_NOTICES)

    found = kept(app, "facebook", FACEBOOK_NOTICES)
    assert found == {name: [row] for name, row in FACEBOOK_NOTICES.items()}
    threads = rows(app, Conversation)
    assert {(each.unread_count, each.last_message_id) for each in threads} == {(0, None)}
    opened = [each for each in threads if each.last_inbound_at is not None]
    assert len(opened) == 2  # by the plugins
    kinds = {each.external_id: each.kind for each in rows(app, Identity)}
    assert kinds["box-8"] == "user_ref"
    assert list(kinds.values()).count("person") == len(kinds) - 1


def test_what_was_agreed_is_kept_and_its_token_sealed(app: Flask, factory: Factory) -> None:
    factory.account(external_id=PAGE)

    receive(app, "facebook", "opt_in", "one_time_opt_in", "plugin_opt_in", "account_linked")

    keys = state_of(app).get(KeyRing)
    found = {
        (each.type, each.reference): each.token_sealed
        and keys.open(each.token_sealed, context=f"messenger_opt_ins:{each.id}:token")
        for each in rows(app, OptIn)
    }
    assert found == {
        ("notification_messages", "news"): "token-of-news",
        ("one_time_notif_req", "BACK_IN_STOCK"): "token-once",
        ("plugin", "cart-7"): None,
        ("account_linking", ""): "code-of-the-host",
    }
    shown = repr([each.content for each in rows(app, Message)])
    assert "token-of" not in shown
    assert "code-of-the-host" not in shown


@pytest.mark.covers(
    "facebook",
    "receive:referral",
    "receive:ad_referral",
    "receive:get_started",
)
def test_where_a_person_came_from_on_messenger(app: Flask, factory: Factory) -> None:
    factory.account(external_id=PAGE)

    receive(app, "facebook", "ad_referral", "get_started", "referral")

    refs = [each.first_touch["ref"] for each in rows(app, Conversation)]
    assert sorted(refs) == ["flyer", "flyer", "spring"]
    assert all(each.first_touch == each.last_touch for each in rows(app, Conversation))
    assert all(each.last_inbound_at is not None for each in rows(app, Conversation))
    kinds = [(each.kind, each.content["referral"]["ref"]) for each in _said(app)]
    assert sorted(kinds) == [("postback", "flyer"), ("text", "spring")]


@pytest.mark.covers("instagram", "receive:referral", "receive:ad_referral", "receive:opt_in")
def test_where_a_person_came_from_on_instagram(app: Flask, factory: Factory) -> None:
    factory.account(channel="instagram", external_id=INSTAGRAM)

    receive(app, "instagram", "ad_referral", "referral", "opt_in")

    touches = [each.last_touch["ref"] for each in rows(app, Conversation) if each.last_touch]
    assert sorted(touches) == ["promo", "r"]
    assert [each.reference for each in rows(app, OptIn)] == ["drops"]


def _said(app: Flask) -> list[Message]:
    return [each for each in rows(app, Message) if each.direction == "inbound"]


@pytest.mark.covers(
    "facebook",
    "receive:echo",
    "receive:echo_page_inbox",
    "receive:echo_other_app",
)
def test_echoes_say_who_answered_and_quiet_the_bots(app: Flask, factory: Factory) -> None:
    factory.account(external_id=PAGE)

    receive(app, "facebook", "echo", "echo_page_inbox", "echo_other_app", "echo_template")

    threads = {each.id: each for each in rows(app, Conversation)}
    found = {
        each.external_id: (
            each.kind,
            each.sent_by,
            each.sent_by_ref,
            threads[each.conversation_id].bot_paused_until is not None,
        )
        for each in rows(app, Message)
    }
    assert found == {
        "m_facebook_echo": ("text", "other_app", "4242", False),
        "m_facebook_echo_page_inbox": ("text", "page_inbox", None, True),
        "m_facebook_echo_other_app": ("text", "other_app", "151", True),
        "m_facebook_echo_template": ("template", "other_app", "151", True),
    }
    assert {each.last_inbound_at for each in threads.values()} == {None}


@pytest.mark.covers("instagram", "receive:echo")
def test_echoes_on_instagram_and_what_the_account_wrote_to_itself(
    app: Flask, factory: Factory
) -> None:
    factory.account(channel="instagram", external_id=INSTAGRAM)

    receive(app, "instagram", "echo", "self")

    found = [(each.direction, each.text, each.content) for each in rows(app, Message)]
    assert found == [
        ("outbound", "From the phone", {}),
        ("outbound", "note to self", {"self": True}),
    ]
    assert {each.unread_count for each in rows(app, Conversation)} == {0}


@pytest.mark.covers(
    "facebook", "receive:thread_passed", "receive:thread_taken", "receive:thread_requested"
)
def test_the_thread_shows_which_app_has_it(app: Flask, factory: Factory) -> None:
    factory.account(external_id=PAGE)
    names = ("thread_passed", "thread_taken", "thread_requested")

    receive(app, "facebook", *names)

    owners = [each.thread_owner_app_id for each in rows(app, Conversation)]
    assert sorted(owners, key=str) == ["263902037430900", "4242", None]
    found = {each.kind: each.content for each in rows(app, Message)}
    assert found == {
        "thread_passed": {
            "previous_owner_app_id": "4242",
            "new_owner_app_id": "263902037430900",
            "metadata": "to a person",
        },
        "thread_taken": {
            "previous_owner_app_id": "263902037430900",
            "new_owner_app_id": "4242",
            "metadata": "back",
        },
        "thread_requested": {"requested_owner_app_id": "777", "metadata": "mine?"},
    }


@pytest.mark.covers("instagram", "receive:thread_passed")
def test_a_thread_passed_on_instagram(app: Flask, factory: Factory) -> None:
    factory.account(channel="instagram", external_id=INSTAGRAM)

    receive(app, "instagram", "thread_passed")

    (thread,) = rows(app, Conversation)
    assert thread.thread_owner_app_id == "1217981644879628"


@pytest.mark.covers(
    "facebook",
    "receive:comment",
    "receive:post",
    "receive:mention",
    "receive:comment_edited",
    "receive:comment_hidden",
    "receive:comment_removed",
)
@pytest.mark.parametrize("is_backwards", [False, True])
def test_comments_under_posts_are_conversations_of_their_own(
    app: Flask, factory: Factory, *, is_backwards: bool
) -> None:
    factory.account(external_id=PAGE)
    names = [
        "comment",
        "comment_reply",
        "comment_own",
        "comment_with_photo",
        "comment_nameless",
        "comment_edited",
        "comment_hidden",
        "comment_removed",
        "post",
        "mention",
    ]

    for name in reversed(names) if is_backwards else names:
        receive(app, "facebook", name)

    people = {each.id: (each.external_id, each.kind, each.name) for each in rows(app, Identity)}
    threads = {
        each.id: (people[each.identity_id][0], each.kind, each.subject)
        for each in rows(app, Conversation)
    }
    prefix, post = f"{PAGE}_9_", f"{PAGE}_9"
    found = {
        each.external_id: (
            threads[each.conversation_id],
            each.direction,
            each.kind,
            each.text,
            each.hidden_at is not None,
            each.deleted_at is not None,
        )
        for each in rows(app, Message)
    }
    first, nameless = ("c1", "comments", post), (f"comment:{prefix}5", "comments", post)
    assert found == {
        prefix + "1": (first, "inbound", "comment", "How much is it?", False, False),
        prefix + "2": (("c2", "comments", post), "inbound", "comment", "49 I think", True, False),
        prefix + "3": (first, "outbound", "comment", "49 Euro", False, False),
        prefix + "4": (("c4", "comments", post), "inbound", "comment", None, False, True),
        prefix + "5": (nameless, "inbound", "comment", "How much?", False, False),
        f"{PAGE}_77": (
            ("c77", "comments", f"{PAGE}_77"),
            "inbound",
            "post",
            "You are great",
            False,
            False,
        ),
        "mention:6_7": (
            ("c78", "comments", "5_6"),
            "inbound",
            "mention",
            "Ask Our Page",
            False,
            False,
        ),
    }
    assert {each[1] for each in people.values()} == {"commenter"}
    assert ("c1", "commenter", "Ada Lovelace") in people.values()
    unread = {threads[each.id][0]: each.unread_count for each in rows(app, Conversation)}
    assert (unread["c1"], unread["c4"]) == (1, 0)

    receive(app, "facebook", "comment_unhidden", "comment_hidden")

    assert [each.hidden_at for each in rows(app, Message)] == [None] * len(found)


@pytest.mark.covers("instagram", "receive:comment", "receive:live_comment", "receive:mention")
@pytest.mark.parametrize("is_backwards", [False, True])
def test_comments_under_media_are_by_the_people_of_the_threads(
    app: Flask, factory: Factory, *, is_backwards: bool
) -> None:
    account = factory.account(channel="instagram", external_id=INSTAGRAM)
    factory.identity(account, external_id="c1", name="Ada")
    names = [
        "comment",
        "comment_flat",
        "comment_on_ad",
        "comment_on_reel",
        "live_comment",
        "comment_own",
        "mention",
    ]

    for name in reversed(names) if is_backwards else names:
        receive(app, "instagram", name)

    people = {each.id: (each.external_id, each.kind) for each in rows(app, Identity)}
    threads = {
        each.id: (people[each.identity_id][0], each.subject) for each in rows(app, Conversation)
    }
    found = {
        each.external_id: (
            threads[each.conversation_id],
            each.direction,
            each.kind,
            each.content.get("is_live", False),
        )
        for each in rows(app, Message)
    }
    assert found == {
        "17851": (("c1", "1790"), "inbound", "comment", False),
        "17852": (("c2", "1790"), "inbound", "comment", False),
        "17853": (("c3", "1791"), "inbound", "comment", False),
        "17854": (("c4", "1792"), "inbound", "comment", False),
        "17855": (("c5", "1793"), "inbound", "comment", True),
        "17856": (("c1", "1790"), "outbound", "comment", False),
        "mention:1801": (("comment:1801", "1800"), "inbound", "mention", False),
    }
    kinds = dict(people.values())
    assert kinds.pop("comment:1801") == "commenter"
    assert set(kinds.values()) == {"person"}
    names_of = {each.external_id: (each.name, each.username) for each in rows(app, Identity)}
    assert names_of["c1"] == ("Ada", "ada.l")
    details = {each.subject: each.subject_details for each in rows(app, Conversation)}
    assert details["1791"] == {"media_product_type": "AD", "ad_id": "23", "ad_title": "Chairs"}


@pytest.mark.covers("facebook", "receive:policy_enforcement", "receive:app_roles")
@pytest.mark.parametrize("is_backwards", [False, True])
def test_policy_shows_on_the_account_whatever_comes_first(
    app: Flask, factory: Factory, *, is_backwards: bool
) -> None:
    factory.account(external_id=PAGE)

    receive(app, "facebook", "policy_warning", "policy_block", "app_roles")

    (account,) = rows(app, Account)
    assert (account.status, account.status_reason) == ("error", "policy_block")
    if is_backwards:
        with state_of(app).db.engine.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE messenger_accounts SET status = 'active', status_reason = null,"
                " status_changed_at = null"
            )
        receive(app, "facebook", "policy_unblock")
        receive(app, "facebook", "policy_block")
    else:
        receive(app, "facebook", "policy_unblock", "policy_block")

    (account,) = rows(app, Account)
    assert (account.status, account.status_reason) == ("active", None)
    log = [(each.actor, each.action, each.details) for each in rows(app, AuditEntry)]
    assert sorted(each[1] for each in log) == ["app_roles"] + ["policy_enforcement"] * 3
    assert ("meta", "policy_enforcement", {"action": "block", "reason": "Spam"}) in log


@pytest.mark.covers("facebook", "receive:template_status")
def test_a_template_shows_what_meta_decided(app: Flask, factory: Factory) -> None:
    account = factory.account(external_id=PAGE)
    template = StoredTemplate(
        workspace_id="w1",
        account_id=account.id,
        kind="utility",
        name="order_update",
        language="en_US",
        status="pending",
        external_id="9001",
        content_kind="utility_template",
    )
    # One of our own may be called the same: Meta has never heard of it.
    ours = StoredTemplate(
        workspace_id="w1",
        account_id=account.id,
        kind="ours",
        name="order_update",
        language="en_US",
        content_kind="text",
    )
    with system_scope("test"):
        factory.session.add_all([template, ours])
        factory.session.commit()

    receive(app, "facebook", "template_status")

    assert [each.status for each in rows(app, StoredTemplate, kind="ours")] == ["ready"]
    (found,) = rows(app, StoredTemplate, kind="utility")
    assert (found.status, found.status_reason) == ("approved", "NONE")
    assert found.status_at is not None


@pytest.mark.covers(
    "facebook",
    "receive:edit",
    "receive:deletion",
    "receive:reaction",
    "receive:reaction_removed",
    "receive:delivered",
    "receive:read",
)
@pytest.mark.covers(
    "instagram",
    "receive:edit",
    "receive:deletion",
    "receive:reaction",
    "receive:reaction_removed",
    "receive:read",
    "receive:echo_page_inbox",
    "receive:echo_other_app",
)
@pytest.mark.parametrize("is_backwards", [False, True])
@pytest.mark.parametrize("channel", ["facebook", "instagram"])
def test_what_happens_to_messages(
    app: Flask, factory: Factory, channel: str, *, is_backwards: bool
) -> None:
    factory.account(channel=channel, external_id=ACCOUNT_OF[channel])
    marks = ["seen"] if channel == "instagram" else ["delivered", "read"]
    names = ["text", "image", "edit", "reaction", "deletion", "answer", "later_answer", *marks]

    for name in reversed(names) if is_backwards else names:
        receive(app, channel, name)

    found = {
        each.external_id.removeprefix(f"m_{channel}_"): (
            each.text,
            each.edit_number,
            each.deleted_at is not None,
            each.status,
            each.sent_by,
        )
        for each in rows(app, Message)
    }
    assert found == {
        "text": ("What I meant", 1, False, "received", "customer"),
        "image": (None, 0, True, "received", "customer"),
        "answer": ("Yes", 0, False, "read", "page_inbox"),
        "later_answer": ("Always", 0, False, "read", "other_app"),
    }
    assert rows(app, Attachment) == []
    (reaction,) = rows(app, Reaction)
    assert (reaction.name, reaction.is_removed) == ("love", False)

    receive(app, channel, "reaction_removed", "reaction")

    assert [each.is_removed for each in rows(app, Reaction)] == [True]


@pytest.mark.covers("instagram", "receive:thread_taken", "receive:thread_requested")
def test_a_thread_taken_back_on_instagram(app: Flask, factory: Factory) -> None:
    factory.account(channel="instagram", external_id=INSTAGRAM)

    receive(app, "instagram", "thread_taken", "thread_requested")

    (thread,) = rows(app, Conversation)
    assert thread.thread_owner_app_id == "4242"
    assert sorted(each.kind for each in rows(app, Message)) == ["thread_requested", "thread_taken"]


@pytest.mark.covers("facebook", "receive:ice_breaker", "receive:live_comment")
def test_ice_breakers_and_comments_on_live_videos_of_a_page(app: Flask, factory: Factory) -> None:
    factory.account(external_id=PAGE)

    receive(app, "facebook", "ice_breaker", "live_comment")

    found = [(each.kind, each.text) for each in rows(app, Message)]
    assert sorted(found) == [("comment", "How much?"), ("postback", "Where are you?")]


def test_nobody_hears_what_an_unknown_account_is_told(app: Flask) -> None:
    receive(app, "instagram", "odd_entry_id", "comment")

    assert rows(app, Message) == []


def test_every_kind_is_met_here() -> None:
    tables: list[dict[str, Any]] = [FACEBOOK_MESSAGES, INSTAGRAM_MESSAGES, FACEBOOK_NOTICES]
    met = {row.kind for table in tables for row in table.values()}

    elsewhere = {"comment", "post", "mention", "referral"}
    elsewhere |= {"thread_passed", "thread_taken", "thread_requested"}
    assert met | elsewhere == {*MESSAGE_KINDS, *NOTICE_KINDS}
