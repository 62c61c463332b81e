"""What each channel allows: at the limit it passes, above it the field and the limit are named."""

from dataclasses import replace

import pytest

from flask_messenger.channels.registry import CHANNELS
from flask_messenger.content import (
    ButtonTemplate,
    CouponTemplate,
    CustomerInformationTemplate,
    GenericTemplate,
    GridAction,
    GridImage,
    ImageGrid,
    Images,
    Media,
    MediaTemplate,
    Picture,
    ProductTemplate,
    QuickReplies,
    Reaction,
    ReceiptItem,
    Text,
    account_link,
    ask_email,
    ask_phone_number,
    element,
    phone_number,
    postback,
    quick_reply,
)
from flask_messenger.errors import ContentError
from tests.support.contents import EXAMPLES

FACEBOOK, INSTAGRAM = CHANNELS["facebook"], CHANNELS["instagram"]
BOTH = pytest.mark.parametrize("channel", [FACEBOOK, INSTAGRAM], ids=lambda each: each.name)
URL = "https://shop.example/1"


def refused(channel, content, **how):
    with pytest.raises(ContentError) as caught:
        channel.check_content(content, **how)
    return caught.value


def buttons(count, title="A", payload="P"):
    return tuple(postback(title, payload) for _ in range(count))


def replies(count, title="A", payload="P"):
    return tuple(quick_reply(title, payload) for _ in range(count))


def cards(count, *its_buttons, title="A", subtitle="B"):
    return tuple(element(title, *its_buttons, subtitle=subtitle) for _ in range(count))


SHARED = [
    (Text("a", replies(13)), Text("a", replies(14)), "quick_replies", "13"),
    (
        Text("a", replies(1, title="a" * 20)),
        Text("a", replies(1, title="a" * 21)),
        "quick_replies[0].title",
        "20 characters; this one has 21",
    ),
    (
        Text("a", replies(1, payload="a" * 1000)),
        Text("a", replies(1, payload="a" * 1001)),
        "quick_replies[0].payload",
        "1000",
    ),
    (QuickReplies(replies(13), "a"), QuickReplies(replies(14), "a"), "replies", "13"),
    (
        ButtonTemplate("a" * 640, buttons(3)),
        ButtonTemplate("a" * 641, buttons(3)),
        "text",
        "640 characters; this one has 641",
    ),
    (ButtonTemplate("a", buttons(3)), ButtonTemplate("a", buttons(4)), "buttons", "At most 3"),
    (
        ButtonTemplate("a", buttons(2, title="a" * 20)),
        ButtonTemplate("a", (*buttons(1), *buttons(1, title="a" * 21))),
        "buttons[1].title",
        "20",
    ),
    (
        ButtonTemplate("a", buttons(1, payload="a" * 1000)),
        ButtonTemplate("a", buttons(1, payload="a" * 1001)),
        "buttons[0].payload",
        "1000",
    ),
    (GenericTemplate(cards(10)), GenericTemplate(cards(11)), "elements", "At most 10"),
    (
        GenericTemplate(cards(1, title="a" * 80)),
        GenericTemplate(cards(1, title="a" * 81)),
        "elements[0].title",
        "80",
    ),
    (
        GenericTemplate(cards(1, subtitle="a" * 80)),
        GenericTemplate((*cards(1), *cards(1, subtitle="a" * 81))),
        "elements[1].subtitle",
        "80",
    ),
    (
        GenericTemplate(cards(1, *buttons(3))),
        GenericTemplate(cards(1, *buttons(4))),
        "elements[0].buttons",
        "3",
    ),
    (
        ProductTemplate(("1",) * 10),
        ProductTemplate(("1",) * 11),
        "product_ids",
        "At most 10 products; there are 11",
    ),
]


@BOTH
@pytest.mark.parametrize(("fits", "too_much", "field", "told"), SHARED)
def test_limit_of_both_channels(channel, fits, too_much, field, told):
    channel.check_content(fits)
    error = refused(channel, too_much)

    assert error.field == field
    assert told in str(error)


def grid(count=2, **values):
    return ImageGrid(tuple(GridImage(URL) for _ in range(count)), **values)


RECEIPT = EXAMPLES["receipt_template"]
FEEDBACK = EXAMPLES["feedback_template"]
LINES = (ReceiptItem("Rose", 1),)
MESSENGERS = [
    (Text("\N{GRINNING FACE}" * 2000), Text("a" * 2001), "text", "2000 characters"),
    (Images((Picture(URL),) * 30), Images((Picture(URL),) * 31), "images", "At most 30"),
    (
        MediaTemplate("image", attachment_id="185", buttons=buttons(3)),
        MediaTemplate("image", attachment_id="185", buttons=buttons(4)),
        "buttons",
        "3",
    ),
    (
        MediaTemplate("image", "https://www.facebook.com/photo/1"),
        MediaTemplate("image", "https://notfacebook.com/photo/1"),
        "media.url",
        "facebook.com only: upload",
    ),
    (
        replace(RECEIPT, elements=LINES * 100),
        replace(RECEIPT, elements=LINES * 101),
        "elements",
        "100",
    ),
    (CouponTemplate("a" * 80, "X"), CouponTemplate("a" * 81, "X"), "title", "80"),
    (
        CouponTemplate("a", "X", subtitle="a" * 80),
        CouponTemplate("a", "X", subtitle="a" * 81),
        "subtitle",
        "80",
    ),
    (grid(6), grid(7), "images", "At most 6"),
    (grid(title="a" * 45), grid(title="a" * 46), "title", "45"),
    (grid(subtitle="a" * 80), grid(subtitle="a" * 81), "subtitle", "80"),
    (grid(buttons=buttons(3)), grid(buttons=buttons(4)), "buttons", "3"),
    (
        grid(buttons=buttons(1)),
        grid(buttons=(phone_number("Call", "+4915"),)),
        "buttons[0].type",
        "one of postback, web_url",
    ),
    (
        grid(),
        ImageGrid(
            (
                GridImage(URL),
                GridImage(URL, action=GridAction("postback", payload="a" * 1001, text="a")),
            )
        ),
        "images[1].action.payload",
        "1000",
    ),
    (replace(FEEDBACK, title="a" * 65), replace(FEEDBACK, title="a" * 66), "title", "65"),
    (replace(FEEDBACK, subtitle="a" * 80), replace(FEEDBACK, subtitle="a" * 81), "subtitle", "80"),
    (
        replace(FEEDBACK, button_title="a" * 20),
        replace(FEEDBACK, button_title="a" * 21),
        "button_title",
        "20",
    ),
    (
        replace(FEEDBACK, expires_in_days=7),
        replace(FEEDBACK, expires_in_days=8),
        "expires_in_days",
        "1 to 7 days",
    ),
    (
        CustomerInformationTemplate(("US",), URL, 7),
        CustomerInformationTemplate(("US",), URL, 0),
        "expires_in_days",
        "1 to 7 days",
    ),
]


@pytest.mark.parametrize(("fits", "too_much", "field", "told"), MESSENGERS)
def test_limit_of_messenger(fits, too_much, field, told):
    FACEBOOK.check_content(fits)
    error = refused(FACEBOOK, too_much)

    assert error.field == field
    assert told in str(error)


INSTAGRAMS = [
    (Text("a" * 1000), Text("a" * 1001), "text", "1000 bytes; this one has 1001"),
    (Text("\u00e9" * 500), Text("\u00e9" * 501), "text", "1000 bytes; this one has 1002"),
    (Images((Picture(URL),) * 10), Images((Picture(URL),) * 11), "images", "At most 10"),
    (
        Text("a", replies(1)),
        Text("a", (*replies(1), ask_email())),
        "quick_replies[1].type",
        "plain answers",
    ),
    (
        Text("a", replies(1)),
        QuickReplies((ask_phone_number(),), "a"),
        "replies[0].type",
        "plain answers",
    ),
    (
        ButtonTemplate("a", buttons(1)),
        ButtonTemplate("a", (phone_number("Call", "+4915"),)),
        "buttons[0].type",
        "one of postback, web_url",
    ),
    (
        GenericTemplate(cards(1)),
        GenericTemplate(cards(1, account_link(URL))),
        "elements[0].buttons[0].type",
        "one of postback, web_url",
    ),
    (
        Reaction("m_1", "\N{HEAVY BLACK HEART}\N{VARIATION SELECTOR-16}"),
        Reaction("m_1", "\N{GRINNING FACE}"),
        "emoji",
        "heart",
    ),
]


@pytest.mark.parametrize(("fits", "too_much", "field", "told"), INSTAGRAMS)
def test_limit_of_instagram(fits, too_much, field, told):
    INSTAGRAM.check_content(fits)
    error = refused(INSTAGRAM, too_much)

    assert error.field == field
    assert told in str(error)


def test_messenger_has_what_instagram_lacks():
    FACEBOOK.check_content(Text("a", (ask_phone_number(), ask_email())))
    FACEBOOK.check_content(ButtonTemplate("a", (phone_number("Call", "+4915"), account_link(URL))))
    FACEBOOK.check_content(Reaction("m_1", "\N{GRINNING FACE}"))


@BOTH
def test_content_that_the_channel_lacks_is_refused_by_its_name(channel):
    lacking = [each for kind, each in EXAMPLES.items() if kind not in channel.limits.contents]

    for content in lacking:
        error = refused(channel, content)
        assert error.field == "kind"
        assert f"{channel.label} has no {content.kind.replace('_', ' ')}" in str(error)
    assert EXAMPLES["list_template"] in lacking


@BOTH
def test_everything_above_a_limit_is_told_at_once(channel):
    error = refused(channel, ButtonTemplate("a" * 641, buttons(4, title="a" * 21)))

    assert [field for field, _ in error.problems] == [
        "text",
        "buttons",
        *(f"buttons[{number}].title" for number in range(4)),
    ]


@pytest.mark.parametrize(("channel", "most"), [(FACEBOOK, 8000), (INSTAGRAM, 300)])
def test_public_comment_has_a_limit_of_its_own(channel, most):
    channel.check_content(Text("a" * most), is_public=True)
    error = refused(channel, Text("a" * (most + 1)), is_public=True)

    assert error.field == "text"
    assert f"{most} characters; this one has {most + 1}" in str(error)


def test_public_comment_is_words_and_on_facebook_a_picture():
    picture = Media("image", URL)

    FACEBOOK.check_content(picture, is_public=True)
    assert refused(INSTAGRAM, picture, is_public=True).field == "kind"
    assert refused(FACEBOOK, Media("video", URL), is_public=True).field == "kind"
    assert refused(FACEBOOK, Text("a", replies(1)), is_public=True).field == "kind"
