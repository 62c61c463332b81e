"""Contents as values: what no channel could carry is refused, and the rest survives storage."""

import json

import pytest
from jsonschema import Draft202012Validator

from flask_messenger.content import (
    CONTENTS,
    Button,
    ButtonTemplate,
    CouponTemplate,
    CustomerInformationTemplate,
    DefaultAction,
    Element,
    FeedbackTemplate,
    GenericTemplate,
    GridAction,
    GridImage,
    ImageGrid,
    Images,
    ListTemplate,
    Media,
    MediaTemplate,
    Picture,
    ProductTemplate,
    Question,
    QuickReplies,
    QuickReply,
    Reaction,
    ReceiptTemplate,
    SharedPost,
    Sticker,
    Summary,
    Text,
    UtilityTemplate,
    account_link,
    account_unlink,
    ask_email,
    ask_phone_number,
    content_from_json,
    content_of,
    content_schema,
    element,
    phone_number,
    postback,
    quick_reply,
    utility,
    web_url,
)
from flask_messenger.errors import ContentError
from tests.support.contents import EXAMPLES

URL = "https://shop.example/1"
SCHEMA = Draft202012Validator(content_schema())
PICTURE = GridImage("https://cdn.example/a.jpg")


def as_json(content):
    return {"kind": content.kind, **given(content)}


def given(content):
    stored = content.as_dict()
    if isinstance(content, Media):
        return stored["attachment"]
    has_text = isinstance(content, Text | ButtonTemplate | QuickReplies)
    return stored | ({"text": content.text} if has_text and content.text else {})


@pytest.mark.parametrize("kind", EXAMPLES)
def test_content_comes_back_from_what_is_stored(kind):
    content = EXAMPLES[kind]
    stored = json.loads(json.dumps(content.as_dict()))

    again = content_of(kind, content.words, stored | {"options": {"tag": "x"}, "standby": True})

    assert again == content
    assert type(again) is CONTENTS[kind]


@pytest.mark.parametrize("kind", EXAMPLES)
def test_content_is_read_from_the_json_its_schema_describes(kind):
    content = EXAMPLES[kind]
    asked = json.loads(json.dumps(as_json(content)))

    SCHEMA.validate(asked)
    assert content_from_json(asked) == content


@pytest.mark.parametrize("kind", EXAMPLES)
def test_no_repr_tells_what_is_said(kind):
    shown = repr(EXAMPLES[kind])

    assert kind not in {"text", "coupon_template"} or EXAMPLES[kind].words not in shown
    assert "example/" not in shown


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (Text(" Hello\n"), "Hello"),
        (ButtonTemplate("Next?", (postback("A", "A"),)), "Next?"),
        (GenericTemplate((element("A", url=URL), element("B", url=URL))), "A\nB"),
        (EXAMPLES["receipt_template"], "A-1: 56.50 EUR"),
        (EXAMPLES["coupon_template"], "Ten off"),
        (EXAMPLES["utility_template"], "Order A-1 is on its way."),
        (EXAMPLES["product_template"], None),
    ],
)
def test_words_are_what_people_read_of_it(content, words):
    assert content.words == words


def test_lists_become_tuples():
    template = ButtonTemplate("Next?", [postback("A", "A")])

    assert template.buttons == (postback("A", "A"),)
    assert hash(template)


def test_components_may_be_nested_as_deep_as_metas_are():
    assert UtilityTemplate("a", "en", (nested(16),)).components == (nested(16),)


def refused(make):
    with pytest.raises(ContentError) as caught:
        make()
    return caught.value


def nested(depth):
    return {"type": "a", "x": nested(depth - 1)} if depth else {"type": "a"}


GOOD = postback("Ask", "ASK")
WRONG = [
    (lambda: Text(" "), "text", "the text is empty"),
    (lambda: Text("a\x00b"), "text", "cannot be sent"),
    (lambda: Text("a\ud83d"), "text", "cannot be sent"),
    (lambda: Text("a", (QuickReply(),)), "quick_replies[0].title", "needs a title"),
    (lambda: Text("a", (QuickReply("A"),)), "quick_replies[0].payload", "when the quick reply"),
    (
        lambda: Text("a", (QuickReply(type="location"),)),
        "quick_replies[0].type",
        "one of text, user_email, user_phone_number",
    ),
    (lambda: Media("gif", URL), "attachment.type", "one of audio, file, image, video"),
    (lambda: Media("image"), "attachment", "exactly one of"),
    (lambda: Media("image", URL, "185"), "attachment", "exactly one of"),
    (lambda: Media("image", "ftp://a.example/x"), "attachment.url", "public http or https"),
    (lambda: Media("image", "https://u:p@a.example/"), "attachment.url", "public http"),
    (lambda: Media("image", "https://[a/"), "attachment.url", "public http"),
    (lambda: Media("image", "https://a.example/" + "x" * 2048), "attachment.url", "public"),
    (lambda: Media("image", attachment_id=""), "attachment.attachment_id", "by its id"),
    (lambda: Images(()), "images", "At least 1 picture"),
    (lambda: Images((Picture(URL), Picture())), "images[1]", "exactly one of"),
    (lambda: QuickReplies((quick_reply("A"),)), "text", "exactly one of text, attachment"),
    (lambda: QuickReplies((), "Which?"), "replies", "At least 1 quick reply"),
    (lambda: QuickReplies((quick_reply("A"),), " "), "text", "empty"),
    (lambda: Sticker("thumb"), "sticker_id", "by its number"),
    (lambda: SharedPost(""), "post_id", "by its id"),
    (lambda: Reaction(""), "message_external_id", "Meta's id"),
    (lambda: ButtonTemplate("", (GOOD,)), "text", "the text is empty"),
    (lambda: ButtonTemplate("a", ()), "buttons", "At least 1 button: add 1 more"),
    (lambda: ButtonTemplate("a", (Button("dance"),)), "buttons[0].type", "A button is one of"),
    (lambda: ButtonTemplate("a", (web_url("", URL),)), "buttons[0].title", "needs a title"),
    (lambda: ButtonTemplate("a", (GOOD, web_url("A", "shop"))), "buttons[1].url", "public"),
    (lambda: ButtonTemplate("a", (postback("A", ""),)), "buttons[0].payload", "is tapped"),
    (lambda: ButtonTemplate("a", (phone_number("A", "call"),)), "buttons[0].payload", "+1415"),
    (
        lambda: GenericTemplate(
            (Element("A", default_action=DefaultAction("https://a.b", "big")),)
        ),
        "elements[0].default_action.webview_height_ratio",
        "compact, full, tall",
    ),
    (lambda: ButtonTemplate("a", (phone_number("A", "4915"),)), "buttons[0].payload", "+1415"),
    (
        lambda: ButtonTemplate("a", (web_url("A", URL, height="huge"),)),
        "buttons[0].webview_height_ratio",
        "one of compact, full, tall",
    ),
    (lambda: GenericTemplate(()), "elements", "At least 1 element"),
    (lambda: GenericTemplate((Element("A"),)), "elements[0]", "Beside its title"),
    (lambda: GenericTemplate((element("", url=URL),)), "elements[0].title", "needs a title"),
    (
        lambda: GenericTemplate((element("A", url="shop"),)),
        "elements[0].default_action.url",
        "public",
    ),
    (
        lambda: GenericTemplate((element("A", postback("", "A")),)),
        "elements[0].buttons[0].title",
        "needs a title",
    ),
    (
        lambda: GenericTemplate((element("A", url=URL),), "round"),
        "image_aspect_ratio",
        "horizontal, square",
    ),
    (lambda: ListTemplate((), (GOOD,)), "elements", "At least 1 element"),
    (
        lambda: ListTemplate((element("A", url=URL),), (), "huge"),
        "top_element_style",
        "compact, large",
    ),
    (lambda: MediaTemplate("audio", URL), "media_type", "one of image, video"),
    (lambda: MediaTemplate("image"), "media", "exactly one of"),
    (lambda: ProductTemplate(()), "product_ids", "At least 1 product"),
    (lambda: ProductTemplate(("",)), "product_ids[0]", "by its id"),
    (lambda: ImageGrid((PICTURE,)), "images", "At least 2 pictures: add 1 more"),
    (
        lambda: ImageGrid((GridImage(URL, is_hero_image=True),) * 2),
        "images[1].is_hero_image",
        "Only one",
    ),
    (
        lambda: ImageGrid((PICTURE, GridImage(URL, action=GridAction("postback", payload="A")))),
        "images[1].action.text",
        "Say what the person says",
    ),
    (
        lambda: ImageGrid((PICTURE, GridImage(URL, action=GridAction("call")))),
        "images[1].action.type",
        "one of postback, web_url",
    ),
    (
        lambda: ReceiptTemplate("Sam", "A", "euro", "Visa", Summary(1)),
        "currency",
        "three letters",
    ),
    (lambda: ReceiptTemplate("", "A", "EUR", "Visa", Summary(1)), "recipient_name", "names its"),
    (lambda: CouponTemplate("A"), "coupon_code", "a code or a page"),
    (lambda: CouponTemplate("A", "TEN OFF"), "coupon_code", "no spaces"),
    (lambda: CouponTemplate("A", coupon_url="shop"), "coupon_url", "public"),
    (
        lambda: FeedbackTemplate("A", "Rate", Question("", "csat"), URL),
        "question.id",
        "comes back",
    ),
    (
        lambda: FeedbackTemplate("A", "Rate", Question("q", "stars"), URL),
        "question.type",
        "one of ces, csat, free_form, nps",
    ),
    (lambda: CustomerInformationTemplate(("USA",), URL), "countries[0]", "two letters"),
    (lambda: UtilityTemplate("", "en"), "name", "Name the template"),
    (lambda: UtilityTemplate("a", "en", ({},)), "components[0].type", "has a type"),
    (
        lambda: FeedbackTemplate("A", "Rate", Question("q", "csat", score_label="\x00"), URL),
        "question.score_label",
        "cannot be sent",
    ),
    (
        lambda: ButtonTemplate("a", (GOOD, Button("web_url", "A", URL, "\x00"))),
        "buttons[1].payload",
        "cannot be sent",
    ),
    (lambda: UtilityTemplate("a", "en", ({"type": "a\x00"},)), "components[0]", "is JSON"),
    (lambda: UtilityTemplate("a", "en", (nested(17),)), "components[0]", "is JSON"),
    (
        lambda: UtilityTemplate("a", "en", ({"type": "a", "x": float("nan")},)),
        "components[0]",
        "is JSON",
    ),
    (
        lambda: UtilityTemplate("a", "en", ({"type": "a", "x": object()},)),
        "components[0]",
        "is JSON",
    ),
]


@pytest.mark.parametrize(("make", "field", "told"), WRONG)
def test_what_no_channel_could_carry_is_refused_with_its_field(make, field, told):
    error = refused(make)

    assert error.field == field
    assert told in str(error)


def test_schema_is_one_and_refuses_what_the_reader_refuses():
    Draft202012Validator.check_schema(SCHEMA.schema)

    for wrong in ({"kind": "dance"}, {"kind": "text"}, {"kind": "heart", "text": "a"}):
        assert not SCHEMA.is_valid(wrong)


def test_everything_wrong_is_told_at_once():
    error = refused(lambda: ButtonTemplate("", (web_url("", "shop"), GOOD, Button("dance"))))

    assert [field for field, _ in error.problems] == [
        "text",
        "buttons[0].title",
        "buttons[0].url",
        "buttons[2].type",
    ]
    assert all(f"{field}: {message}" in str(error) for field, message in error.problems)


@pytest.mark.parametrize(
    ("asked", "field", "told"),
    [
        ({}, "kind", "A content is one of"),
        ({"kind": "dance"}, "kind", "A content is one of"),
        ({"kind": ["text"]}, "kind", "A content is one of"),
        ({"kind": "text"}, "text", "required"),
        ({"kind": "text", "text": 5}, "text", "valid string"),
        ({"kind": "text", "text": "a", "colour": "red"}, "colour", "Unexpected"),
        ({"kind": "heart", "text": "a"}, "text", "Unexpected"),
        (
            {"kind": "button_template", "text": "a", "buttons": [{"type": "postback", "x": 1}]},
            "buttons[0].x",
            "Unexpected",
        ),
        (
            {"kind": "generic_template", "elements": [{"title": "A", "buttons": [{}]}]},
            "elements[0].buttons[0].type",
            "required",
        ),
        ({"kind": "media", "type": "image", "url": "x"}, "attachment.url", "public"),
        (
            as_json(EXAMPLES["receipt_template"]) | {"summary": {"total_cost": float("inf")}},
            "summary.total_cost",
            "finite",
        ),
    ],
)
def test_json_that_is_no_content_is_refused_with_its_field(asked, field, told):
    error = refused(lambda: content_from_json(asked))

    assert error.field == field
    assert told in str(error)


def test_refusal_does_not_repeat_what_was_sent():
    error = refused(lambda: content_from_json({"kind": "text", "text": ["my secret"]}))

    assert "my secret" not in str(error)


@pytest.mark.parametrize("kind", ["postback", "comment", "unsupported"])
def test_what_was_never_composed_is_not_sent_again(kind):
    assert refused(lambda: content_of(kind, "a", {})).field == "kind"


def test_what_a_person_sent_has_no_attachment_to_send_again():
    assert refused(lambda: content_of("media", None, {})).field == "type"


@pytest.mark.parametrize(
    ("made", "parts"),
    [
        (web_url("A", URL, height="full"), {"type": "web_url", "title": "A", "url": URL}),
        (postback("A", "P"), {"type": "postback", "title": "A", "payload": "P"}),
        (phone_number("A", "+4915"), {"type": "phone_number", "title": "A", "payload": "+4915"}),
        (account_link(URL), {"type": "account_link", "title": None, "url": URL}),
        (account_unlink(), {"type": "account_unlink", "title": None}),
        (quick_reply("A"), {"type": "text", "title": "A", "payload": "A"}),
        (quick_reply("A", "P", image_url=URL), {"payload": "P", "image_url": URL}),
        (ask_phone_number(), {"type": "user_phone_number", "title": None}),
        (ask_email(), {"type": "user_email", "payload": None}),
    ],
)
def test_helpers_make_parts(made, parts):
    assert {name: getattr(made, name) for name in parts} == parts


def test_utility_message_names_what_fills_its_placeholders():
    made = utility(
        "order_update", "en", header={"shop": "Roses"}, body={"id": "1", "day": "Monday"}
    )

    assert [each["type"] for each in made.components] == ["header", "body"]
    assert made.components[1]["parameters"] == [
        {"type": "text", "parameter_name": "id", "text": "1"},
        {"type": "text", "parameter_name": "day", "text": "Monday"},
    ]


@pytest.mark.parametrize(
    "content",
    [
        Media("image", upload_id="u1"),
        MediaTemplate("image", upload_id="u1"),
        Images((Picture(URL), Picture(upload_id="u1"))),
        QuickReplies((quick_reply("A"),), attachment=Media("image", upload_id="u1")),
    ],
)
def test_files_of_ours_become_files_of_metas(content):
    sent = content.with_attachments({"u1": "185"})

    assert (content.upload_ids, sent.upload_ids) == (("u1",), ())
    assert "185" in json.dumps(sent.as_dict())
    assert refused(lambda: content.with_attachments({})).field == "attachment.upload_id"


def test_content_without_files_stays_as_it_is():
    for kind, content in EXAMPLES.items():
        assert content.upload_ids == (), kind
        assert content.with_attachments({"u1": "185"}) == content
