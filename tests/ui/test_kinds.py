"""Every kind of message says something to the one who reads it."""

from datetime import UTC, timedelta
from typing import Any

import pytest

from flask_messenger.events import MESSAGE_KINDS, NOTICE_KINDS
from flask_messenger.hooks import Tenant
from flask_messenger.inbox.messages import MessageRow
from flask_messenger.models import Message
from flask_messenger.ui.presenters.attachments import size_words
from flask_messenger.ui.presenters.cards import received_cards
from flask_messenger.ui.presenters.inbox import MessageView
from flask_messenger.ui.presenters.messages import message_view
from flask_messenger.ui.presenters.notices import touch_words
from flask_messenger.ui.presenters.reader import Reader
from tests.ui.kinds import (
    BEGIN,
    INBOUND,
    NOTICES,
    PICTURE,
    REFERRAL,
    make_attachment,
    make_message,
    rows_of_all_kinds,
)


def reader(**values: Any) -> Reader:
    tenant = Tenant(workspace_id="w1", user_id="u1", permissions=frozenset({"reply"}))
    return Reader(
        tenant=tenant,
        now=BEGIN + timedelta(hours=1),
        zone=UTC,
        link=lambda name, **given: f"/{name}/" + "/".join(map(str, given.values())),
        **values,
    )


def shown(message: Message, *attachments: Any, quoted: Message | None = None) -> MessageView:
    row = MessageRow(message=message, attachments=list(attachments), quoted=quoted)
    return message_view(row, reader())


def test_every_kind_of_the_vocabulary_is_here() -> None:
    assert set(INBOUND) == set(MESSAGE_KINDS)
    assert set(NOTICES) == set(NOTICE_KINDS)


@pytest.mark.parametrize("row", list(rows_of_all_kinds()), ids=lambda row: row.message.kind)
def test_every_kind_says_something(row: MessageRow) -> None:
    view = message_view(row, reader())

    assert view.text or view.attachments or view.cards
    assert "cannot be shown" not in view.text or row.message.kind == "unsupported"


HOSTILE: dict[str, tuple[str, dict[str, Any]]] = {
    "address of a place": ("location", {"location": {"url": ["https://a.example"], "title": 3}}),
    "address of a story": ("text", {"story": {"url": {"javascript": "alert(1)"}}}),
    "quantity": ("order", {"order": {"products": [{"quantity": 10**400, "unit_price": 10**400}]}}),
    "price": ("receipt_template", {"summary": {"total_cost": 10**400}}),
    "times": ("appointment", {"appointment": {"start_time": 10**40, "timezone": "../../etc"}}),
    "origin": ("text", {"referral": "an ad"}),
    "lists": ("generic_template", {"elements": [None, 3, {"buttons": {"url": "x"}}]}),
    "attachment": ("media", {"attachment": {"type": ["image"], "url": 7}}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_makes_no_sense_costs_nobody_the_page(name: str) -> None:
    kind, content = HOSTILE[name]

    view = shown(make_message("inbound", kind, content=content))

    assert "javascript" not in repr(view)


def test_a_notice_is_a_line_with_what_happened() -> None:
    view = shown(make_message("notice", "thread_passed", content=NOTICES["thread_passed"]))

    assert (view.look, view.text) == (
        "notice",
        "The conversation was passed to the Page's inbox at Meta",
    )
    assert (view.author, view.state, view.actions) == ("", None, ())


def test_feedback_is_told_with_its_comment() -> None:
    view = shown(make_message("notice", "feedback", content=NOTICES["feedback"]))

    assert view.text == "Gave feedback: 5 — “Great coach”"


@pytest.mark.parametrize("content", [{}, {"feedback_screens": 3}, {"screens": [None]}])
@pytest.mark.parametrize("kind", sorted(NOTICES))
def test_a_notice_of_an_odd_shape_is_told_all_the_same(kind: str, content: dict[str, Any]) -> None:
    assert shown(make_message("notice", kind, content=content)).text


@pytest.mark.parametrize(
    ("touch", "words"),
    [
        (None, ""),
        (REFERRAL, "Ad “First week free”"),
        ({"source": "ADS"}, "An ad"),
        ({"source": "SHORTLINK", "ref": "poster"}, "A link, poster"),
        ({"source": "https://ig.me/m/shop?ref=promo", "ref": "promo"}, "A link, promo"),
        ({"source": "CUSTOMER_CHAT_PLUGIN"}, "The chat on your site"),
    ],
)
def test_where_a_person_came_from_is_said_in_words(touch: Any, words: str) -> None:
    assert touch_words(touch) == words


def test_an_answer_quotes_what_it_answers() -> None:
    first = make_message("inbound", "text", text="When do you open?", external_id="m1")
    view = shown(
        make_message("outbound", "text", text="At six.", reply_to_external_id="m1"), quoted=first
    )

    assert view.quote is not None
    assert (view.quote.who, view.quote.text) == ("They", "When do you open?")
    assert view.quote.dom_id == f"fm-m-{first.id}"


def test_an_answer_to_what_is_not_here_says_so() -> None:
    view = shown(make_message("inbound", "text", text="Yes", reply_to_external_id="gone"))

    assert view.quote is not None
    assert view.quote.who == "An earlier message"


def test_an_order_and_an_appointment_are_told_in_full() -> None:
    order = shown(make_message("inbound", "order", content=INBOUND["order"][1])).cards[0]
    booked = shown(make_message("inbound", "appointment", content=INBOUND["appointment"][1]))

    assert list(order.lines) == [("2\N{MULTIPLICATION SIGN} Towel", "12.00 EUR")]
    assert booked.cards[0].title == "Appointment requested"
    assert booked.cards[0].subtitle == "22 Nov 2026 07:00 to 22 Nov 2026 08:00"


@pytest.mark.parametrize("kind", ["order", "appointment"])
@pytest.mark.parametrize("content", [{}, {"order": 3}, {"appointment": {"start_time": 10**40}}])
def test_odd_orders_cost_no_page(kind: str, content: dict[str, Any]) -> None:
    assert shown(make_message("inbound", kind, content=content)).cards


def test_a_file_that_was_fetched_is_shown_from_our_store() -> None:
    message = make_message("inbound", "media")
    file = make_attachment(
        message, type="image", url=PICTURE, state="stored", size_bytes=2_400_000, width=4, height=3
    )
    row = MessageRow(message=message, attachments=[file])

    (view,) = message_view(
        row, reader(file_link=lambda _: "/file", thumbnail_link=lambda _: "/small")
    ).attachments

    assert (view.kind, view.url, view.picture_url) == ("image", "/file", "/small")
    assert (view.width, view.height) == (4, 3)
    assert view.detail == "2.4 MB"


def test_a_file_that_failed_says_why_and_can_be_tried_again() -> None:
    message = make_message("inbound", "media")
    file = make_attachment(message, type="video", state="failed", error_slug="media_timed_out")

    (view,) = shown(message, file).attachments

    assert (view.is_broken, view.detail) == (True, "Meta's server took too long.")
    assert view.retry_url == f"/messenger_ui.fetch_again/{file.id}"


def test_a_story_is_not_kept_and_its_link_may_be_gone() -> None:
    message = make_message("inbound", "story_mention")
    file = make_attachment(message, type="story_mention", url=PICTURE, state="refused")

    (view,) = shown(message, file).attachments

    assert view.url == PICTURE
    assert "it may be gone" in view.detail
    assert view.retry_url is None


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "", None])
def test_only_web_addresses_are_linked(url: str | None) -> None:
    message = make_message("inbound", "media")
    (view,) = shown(message, make_attachment(message, type="image", url=url)).attachments
    cards = received_cards(
        {
            "template_type": "generic",
            "elements": [
                {
                    "title": "x",
                    "image_url": url,
                    "default_action": {"url": url},
                    "buttons": [{"title": "b", "url": url}],
                }
            ],
        }
    )

    assert view.url is None
    assert (cards[0].url, cards[0].picture_url, cards[0].buttons[0].url) == (None, None, None)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"template_type": "generic", "elements": "no list"},
        {"template_type": "receipt", "elements": [None], "summary": {"total_cost": "free"}},
        {"template_type": "of tomorrow", "text": "Hello", "buttons": [None, {"type": "new"}]},
        {"product": {"elements": [7]}},
    ],
)
def test_a_template_of_an_odd_shape_costs_no_page(payload: dict[str, Any]) -> None:
    message = make_message("inbound", "template")
    view = shown(message, make_attachment(message, type="template", payload=payload))

    assert view.text or view.cards


def test_what_was_taken_back_shows_nothing_of_it() -> None:
    message = make_message("inbound", "media", deleted_at=BEGIN)
    view = shown(message, make_attachment(message, type="image", url=PICTURE))

    assert (view.look, view.text) == ("gone", "Message deleted")
    assert not view.attachments


@pytest.mark.parametrize(
    ("size", "words"), [(None, ""), (10, "1 kB"), (640_000, "640 kB"), (2_400_000, "2.4 MB")]
)
def test_sizes_are_said_in_words(size: int | None, words: str) -> None:
    assert size_words(size) == words
