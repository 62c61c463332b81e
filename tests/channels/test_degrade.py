"""What becomes of a content that a channel cannot carry: by rule, or refused."""

from dataclasses import replace

import pytest

from flask_messenger.channels._cutting import cut
from flask_messenger.channels._degrade import RULES, degrade
from flask_messenger.channels.registry import CHANNELS
from flask_messenger.content import (
    CONTENTS,
    HEART,
    ButtonTemplate,
    GenericTemplate,
    Heart,
    Images,
    ListTemplate,
    Media,
    MediaTemplate,
    Picture,
    ProductTemplate,
    QuickReplies,
    Reaction,
    SharedPost,
    Sticker,
    Text,
    account_unlink,
    ask_email,
    element,
    phone_number,
    postback,
    quick_reply,
    web_url,
)
from flask_messenger.errors import ContentError
from tests.support.contents import BUTTONS, CARD, EXAMPLES, REPLIES

FACEBOOK, INSTAGRAM = CHANNELS["facebook"], CHANNELS["instagram"]
URL = "https://shop.example/1"
PICTURE = Media("image", "https://cdn.example/a.jpg")
MANY = tuple(quick_reply(f"Answer {number}") for number in range(1, 15))
NUMBERED = "\n".join(f"{number}. Answer {number}" for number in range(1, 15))
GRIN = "\N{GRINNING FACE}"
FAMILY = "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}"
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e007f"
KEYCAP = "1\ufe0f\u20e3"
SKIN = "\N{WAVING HAND SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-4}"
FLAG = "\N{REGIONAL INDICATOR SYMBOL LETTER P}\N{REGIONAL INDICATOR SYMBOL LETTER T}"


def turned(channel, content):
    return channel.degrade(content).contents


def texts(contents):
    return [each.text for each in contents]


@pytest.mark.parametrize("channel", [FACEBOOK, INSTAGRAM], ids=lambda each: each.name)
@pytest.mark.parametrize("kind", EXAMPLES)
def test_whatever_comes_out_is_carried_and_changes_are_told(channel, kind):
    content = EXAMPLES[kind]
    if kind not in channel.limits.contents and type(content) not in RULES:
        with pytest.raises(ContentError) as caught:
            channel.degrade(content)
        assert caught.value.field == "kind"
        return

    degraded = channel.degrade(content)

    for each in degraded.contents:
        channel.check_content(each)
    assert (degraded.contents == (content,)) == (not degraded.notes)
    assert (kind in channel.limits.contents) == (not degraded.notes)


@pytest.mark.parametrize(
    ("channel", "content", "expected"),
    [
        pytest.param(
            FACEBOOK, Text("Which?", MANY), [Text(f"Which?\n\n{NUMBERED}")], id="too_many_replies"
        ),
        pytest.param(
            FACEBOOK,
            Text("Which?", (quick_reply("a" * 21),)),
            [Text(f"Which?\n\n1. {'a' * 21}")],
            id="too_long_reply",
        ),
        pytest.param(
            FACEBOOK,
            QuickReplies(MANY, "Which?"),
            [Text(f"Which?\n\n{NUMBERED}")],
            id="too_many_replies_to_a_question",
        ),
        pytest.param(
            FACEBOOK,
            QuickReplies(MANY, attachment=PICTURE),
            [PICTURE, Text(NUMBERED)],
            id="too_many_replies_to_a_picture",
        ),
        pytest.param(
            FACEBOOK,
            Text("Which?", (ask_email(), *MANY)),
            [Text(f"Which?\n\n{NUMBERED}")],
            id="too_many_replies_and_one_without_words",
        ),
        pytest.param(
            FACEBOOK,
            QuickReplies((ask_email(),) * 14, attachment=PICTURE),
            [PICTURE],
            id="too_many_replies_and_none_with_words",
        ),
        pytest.param(
            INSTAGRAM,
            Text("Which?", (*REPLIES, ask_email())),
            [Text("Which?", REPLIES)],
            id="reply_the_channel_lacks",
        ),
        pytest.param(
            INSTAGRAM,
            QuickReplies((ask_email(),), "Your address?"),
            [Text("Your address?")],
            id="only_reply_the_channel_lacks",
        ),
        pytest.param(
            INSTAGRAM,
            QuickReplies((*REPLIES, ask_email()), attachment=PICTURE),
            [QuickReplies(REPLIES, attachment=PICTURE)],
            id="reply_to_a_picture_the_channel_lacks",
        ),
        pytest.param(
            INSTAGRAM,
            QuickReplies((ask_email(),), attachment=PICTURE),
            [PICTURE],
            id="only_reply_to_a_picture_the_channel_lacks",
        ),
        pytest.param(
            INSTAGRAM,
            ButtonTemplate(
                "Next?",
                (
                    web_url("Shop", URL),
                    postback("Ask", "ASK"),
                    phone_number("Call", "+4915"),
                    postback("Stop", "STOP"),
                    account_unlink(),
                ),
            ),
            [Text(f"Next?\nShop: {URL}\n1. Ask\nCall: +4915\n2. Stop")],
            id="buttons",
        ),
        pytest.param(
            FACEBOOK,
            ButtonTemplate("a" * 641, BUTTONS),
            [Text("a" * 641 + f"\nOpen: {URL}\n1. Ask")],
            id="long_text_with_buttons",
        ),
        pytest.param(
            FACEBOOK,
            GenericTemplate((CARD,) * 11),
            [GenericTemplate((CARD,) * 10), GenericTemplate((CARD,))],
            id="too_many_cards",
        ),
        pytest.param(
            INSTAGRAM,
            GenericTemplate((replace(CARD, buttons=(phone_number("Call", "+4915"),)),)),
            [
                Media("image", "https://cdn.example/roses.jpg"),
                Text("Roses\nTwelve of them\nhttps://shop.example/roses\nCall: +4915"),
            ],
            id="card_with_a_button_the_channel_lacks",
        ),
        pytest.param(
            FACEBOOK,
            ListTemplate((element("A", url=URL), element("B", url=URL)), BUTTONS),
            [GenericTemplate((element("A", url=URL), element("B", *BUTTONS, url=URL)))],
            id="list",
        ),
        pytest.param(
            INSTAGRAM,
            MediaTemplate("video", attachment_id="185", buttons=BUTTONS),
            [Media("video", attachment_id="185"), Text(f"Open: {URL}\n1. Ask")],
            id="picture_with_buttons",
        ),
        pytest.param(
            INSTAGRAM,
            MediaTemplate("image", upload_id="u1"),
            [Media("image", upload_id="u1")],
            id="picture_of_ours",
        ),
        pytest.param(
            INSTAGRAM,
            MediaTemplate("image", "https://facebook.example/photo/1", buttons=BUTTONS[:1]),
            [Text(f"https://facebook.example/photo/1\nOpen: {URL}")],
            id="picture_on_facebook",
        ),
        pytest.param(
            INSTAGRAM,
            EXAMPLES["image_grid"],
            [
                Images(
                    (Picture("https://cdn.example/a.jpg"), Picture("https://cdn.example/b.jpg"))
                ),
                Text(
                    "Autumn\nTwo colours\nhttps://shop.example/b\n"
                    f"1. The first\nOpen: {URL}\n2. Ask"
                ),
            ],
            id="grid",
        ),
        pytest.param(
            INSTAGRAM,
            Images((Picture(URL),) * 11),
            [Images((Picture(URL),) * 10), Images((Picture(URL),))],
            id="too_many_pictures",
        ),
        pytest.param(
            FACEBOOK,
            ProductTemplate(("1",) * 11),
            [ProductTemplate(("1",) * 10), ProductTemplate(("1",))],
            id="too_many_products",
        ),
        pytest.param(
            INSTAGRAM,
            EXAMPLES["receipt_template"],
            [
                Text(
                    "Sam Reyes, A-1\n2 x Roses 25.00\nSubtotal: 50.00\nShipping: 4.50\nTax: 5.00\n"
                    "Voucher: -3.00\nTotal: 56.50\nVisa 1234, EUR\nhttps://shop.example/orders/1"
                )
            ],
            id="receipt",
        ),
        pytest.param(
            INSTAGRAM,
            EXAMPLES["coupon_template"],
            [Text("For you\nTen off\nUntil Sunday\nTENOFF\nShop: https://shop.example/")],
            id="coupon",
        ),
        pytest.param(
            INSTAGRAM, Sticker("369239263222822"), [Text("\N{THUMBS UP SIGN}")], id="thumb"
        ),
        pytest.param(FACEBOOK, Heart(), [Text(HEART)], id="heart"),
        pytest.param(FACEBOOK, SharedPost("178", URL), [Text(URL)], id="post"),
        pytest.param(INSTAGRAM, Reaction("m_1", GRIN), [Text(GRIN)], id="reaction"),
    ],
)
def test_rule(channel, content, expected):
    assert list(turned(channel, content)) == expected


@pytest.mark.parametrize(
    ("channel", "content"),
    [
        (INSTAGRAM, Sticker("1")),
        (FACEBOOK, SharedPost("178")),
        (INSTAGRAM, EXAMPLES["feedback_template"]),
        (INSTAGRAM, EXAMPLES["utility_template"]),
    ],
)
def test_what_has_no_rule_is_refused(channel, content):
    with pytest.raises(ContentError) as caught:
        channel.degrade(content)

    assert caught.value.field == "kind"


def test_long_text_goes_out_in_parts_and_asks_with_the_last():
    text = " ".join(f"word{number}" for number in range(600))
    parts = turned(INSTAGRAM, Text(text, REPLIES))

    assert " ".join(texts(parts)) == text
    assert [bool(each.quick_replies) for each in parts] == [False] * (len(parts) - 1) + [True]
    assert all(len(each.text.encode()) <= 1000 for each in parts)


def test_notes_are_told_once_each():
    cards = replace(EXAMPLES["generic_template"], elements=(replace(CARD, title="a" * 81),) * 12)

    notes = FACEBOOK.degrade(cards).notes

    assert notes == (RULES[GenericTemplate].note,)


def test_channel_that_has_text_only_still_gets_everything_that_has_a_rule():
    limits = replace(INSTAGRAM.limits, contents=frozenset({"text", "media"}), quick_replies=0)

    for content in EXAMPLES.values():
        if type(content) in RULES and not isinstance(content, ProductTemplate):
            for each in degrade(content, limits, label="Fax").contents:
                assert each.kind in {"text", "media"}


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        ("short", 10, ["short"]),
        ("one two three four", 9, ["one two", "three", "four"]),
        ("First one.\n\nSecond one.", 15, ["First one.", "Second one."]),
        ("First. Second it is", 12, ["First.", "Second it is"]),
        ("a" * 25, 10, ["a" * 10, "a" * 10, "a" * 5]),
        ("abc" + FAMILY, 6, ["abc", FAMILY]),
        ("ab" + FLAG + FLAG, 5, ["ab" + FLAG, FLAG]),
        ("abcde\u0301", 5, ["abcd", "e\u0301"]),
        ("abc" + ENGLAND, 6, ["abc", ENGLAND]),
        ("abcd" + KEYCAP, 6, ["abcd", KEYCAP]),
        ("abcd" + SKIN, 5, ["abcd", SKIN]),
        ("abc\u0915\u093f", 4, ["abc", "\u0915\u093f"]),  # a vowel that takes room of its own
        ("abc\u0915\u094d\u0937", 5, ["abc", "\u0915\u094d\u0937"]),  # two consonants in one
        ("abc\u1112\u1161\u11ab", 5, ["abc", "\u1112\u1161\u11ab"]),  # a syllable of letters
        ("abc\u0e19\u0e33", 4, ["abc", "\u0e19\u0e33"]),
        ("a" + FAMILY, 5, ["a", FAMILY]),
        (FAMILY + "a", 3, [FAMILY[:3], FAMILY[3:] + "a"]),  # one that fits nowhere
    ],
)
def test_text_is_cut_where_a_reader_would_pause(text, most, expected):
    assert list(cut(text, most=most, length_of=len)) == expected


def test_text_is_cut_by_bytes_where_the_channel_counts_bytes():
    parts = list(cut(GRIN * 10, most=10, length_of=lambda each: len(each.encode())))

    assert parts == [GRIN * 2] * 5


def test_every_content_has_a_rule_or_is_known_to_be_refused():
    refused = {each.kind for each in CONTENTS.values() if each not in RULES}

    assert refused == {
        "media",
        "feedback_template",
        "customer_information_template",
        "instant_form_template",
        "utility_template",
    }
