"""One content of every kind, with everything such a content can have that every channel takes."""

from flask_messenger.content import (
    CONTENTS,
    Address,
    Adjustment,
    ButtonTemplate,
    CouponTemplate,
    CustomerInformationTemplate,
    FeedbackTemplate,
    GenericTemplate,
    GridAction,
    GridImage,
    Heart,
    ImageGrid,
    Images,
    InstantFormTemplate,
    ListTemplate,
    Media,
    MediaTemplate,
    Picture,
    ProductTemplate,
    Question,
    QuickReplies,
    Reaction,
    ReceiptItem,
    ReceiptTemplate,
    SharedPost,
    Sticker,
    Summary,
    Text,
    element,
    postback,
    quick_reply,
    utility,
    web_url,
)

BUTTONS = (web_url("Open", "https://shop.example/1", height="tall"), postback("Ask", "ASK"))
REPLIES = (quick_reply("Red", "RED"), quick_reply("Blue", image_url="https://cdn.example/b.png"))
CARD = element(
    "Roses",
    *BUTTONS,
    subtitle="Twelve of them",
    image_url="https://cdn.example/roses.jpg",
    url="https://shop.example/roses",
)

EXAMPLES = {
    example.kind: example
    for example in (
        Text("Which one?", REPLIES),
        Media("image", "https://cdn.example/a.jpg"),
        Images((Picture("https://cdn.example/a.jpg"), Picture(attachment_id="185"))),
        QuickReplies(REPLIES, attachment=Media("image", "https://cdn.example/a.jpg")),
        Sticker("369239263222822"),
        Heart(),
        SharedPost("178", "https://instagram.example/p/1"),
        Reaction("m_1", "\N{HEAVY BLACK HEART}"),
        ButtonTemplate("What next?", BUTTONS),
        GenericTemplate((CARD, element("Tulips", subtitle="Ten")), "square", sharable=True),
        ListTemplate((CARD, element("Tulips", subtitle="Ten")), (postback("More", "MORE"),)),
        MediaTemplate("image", attachment_id="185", buttons=BUTTONS, sharable=True),
        ProductTemplate(("100", "101")),
        ImageGrid(
            (
                GridImage(
                    "https://cdn.example/a.jpg",
                    is_hero_image=True,
                    action=GridAction("postback", payload="A", text="The first"),
                ),
                GridImage(
                    "https://cdn.example/b.jpg",
                    action=GridAction("web_url", url="https://shop.example/b"),
                ),
            ),
            "Autumn",
            "Two colours",
            BUTTONS,
        ),
        ReceiptTemplate(
            recipient_name="Sam Reyes",
            order_number="A-1",
            currency="EUR",
            payment_method="Visa 1234",
            summary=Summary(56.5, subtotal=50, shipping_cost=4.5, total_tax=5),
            elements=(ReceiptItem("Roses", 25, quantity=2, currency="EUR"),),
            adjustments=(Adjustment("Voucher", 3),),
            address=Address("1 Main St", "Lisbon", "1000-001", "LX", "PT"),
            timestamp=1763000000,
            order_url="https://shop.example/orders/1",
        ),
        CouponTemplate(
            "Ten off",
            "TENOFF",
            "https://shop.example/",
            subtitle="Until Sunday",
            coupon_url_button_title="Shop",
            coupon_pre_message="For you",
            image_url="https://cdn.example/c.jpg",
            payload="COUPON",
        ),
        FeedbackTemplate(
            "How was it?",
            "Rate",
            Question("q1", "csat", "Your visit?", "neg_pos", "one_to_five", "Tell us more"),
            "https://shop.example/privacy",
            "One question",
            3,
        ),
        CustomerInformationTemplate(("US", "PT"), "https://shop.example/privacy", 2),
        InstantFormTemplate("900"),
        utility("order_update", "en", body={"order_id": "A-1"}, preview="Order A-1 is on its way."),
    )
}
assert EXAMPLES.keys() == CONTENTS.keys()
