"""The conversations of the demo: one of each kind, on Messenger, on Instagram, and under posts."""

from collections.abc import Callable
from typing import Any, Final

from example_app.showcase.crm import COMMENTS, Crm
from example_app.showcase.meta import Meta

PAGE: Final = "iron-gym-downtown"
INSTAGRAM: Final = "irongym.downtown"
SITE: Final = "https://irongym.example"
PRIVACY: Final = f"{SITE}/privacy"

Scene = Callable[[Crm, Meta], None]
Json = dict[str, Any]


def talk(crm: Crm, meta: Meta) -> None:
    """Show words both ways: quick replies, a quote, a reaction, a change, a thing taken back."""
    maya = meta.customer(PAGE, "maya-okafor")
    maya.taps("Get Started", "GET_STARTED")
    maya.writes("Hi! Are you open on Sunday?")
    replies = [_reply("Morning", "SUN_AM"), _reply("Evening", "SUN_PM")]
    text = "Yes: 8 to 12 and 16 to 20. When would you come?"
    asked = crm.answer(maya, content={"kind": "quick_replies", "text": text, "replies": replies})
    maya.does("seen")
    maya.writes(quick_reply={"title": "Morning", "payload": "SUN_AM"})
    quoted = {"reply_to": asked["message_id"]} if asked.get("message_id") else {}
    question = maya.writes("Do I need a tiket for that?", **quoted)
    maya.does("edits", mid=question, text="Do I need a ticket for that?")
    wrong = maya.writes("Wrong chat, sorry")
    maya.does("unsends", mid=wrong)
    answer = crm.answer(maya, text="No, the day pass is sold at the door.")
    if answer.get("message_id"):
        maya.does("reactions", mid=answer["message_id"], reaction="love")
        maya.does("response-feedback", mid=answer["message_id"], good=True)


def media(crm: Crm, meta: Meta) -> None:
    """Show files: photos, a voice message, a clip, a document, a sticker, a place, one gone."""
    lena = meta.customer(PAGE, "lena-vogel")
    lena.writes("Here is the locker I meant", attachments=["image"])
    several = [{"kind": "image", "photo": each} for each in ("hills", "dunes", "meadow")]
    lena.writes(attachments=several)
    for kind in ("audio", "video", "file", "sticker", "location"):
        lena.writes(attachments=[kind])
    lena.writes(attachments=[{"kind": "image", "expired": True}])
    crm.answer(lena, attachment={"type": "image", "url": meta.photo_url("sea")})


def shares(crm: Crm, meta: Meta) -> None:
    """Show what people pass on: a post, a reel, a link, a product, an appointment, the unknown."""
    tomas = meta.customer(PAGE, "tomas-duarte")
    tomas.writes("Is this you?", attachments=["post"])
    for kind in ("reel", "ig_post", "link", "product", "appointment", "unknown"):
        tomas.writes(attachments=[kind])
    tomas.writes(is_unsupported=True)
    crm.wait_for(tomas)


def from_ad(crm: Crm, meta: Meta) -> None:
    """Show where somebody came from, first and last, and buttons that they tap."""
    meta.publish(PAGE, kind="ad", text="Train for free in June", picture="dunes")
    aiko = meta.customer(PAGE, "aiko-nakamura")
    aiko.writes("Is the first month really free?", referral={"ad": True})
    buttons = [
        {"type": "postback", "title": "Book a visit", "payload": "BOOK"},
        {"type": "web_url", "title": "Prices", "url": f"{SITE}/prices"},
    ]
    text = "It is! Shall we show you around?"
    crm.answer(aiko, content={"kind": "button_template", "text": text, "buttons": buttons})
    aiko.taps("Book a visit", "BOOK")
    aiko.does("referrals", referral={"ref": "summer-poster"})


def templates(crm: Crm, meta: Meta) -> None:
    """Show cards, a receipt, a coupon and forms, and what comes back from them."""
    priya = meta.customer(PAGE, "priya-raman")
    priya.writes("Which passes do you have?")
    for content in _cards(meta):
        crm.answer(priya, content=content)
    priya.does("coupons", coupon_code="SUMMER10")
    priya.does("orders", note="I pick them up")
    priya.does("customer-information")
    priya.does("feedback", score=5, text="Quick and friendly")
    priya.does("optins", title="News of the gym")
    priya.does("optouts")
    priya.does("account-links", authorization_code="member-1187")


def handover(crm: Crm, meta: Meta) -> None:
    """Show a conversation that moves: the Page inbox answers, takes it, and gives it back."""
    jonas = meta.customer(PAGE, "jonas-berg")
    jonas.writes("I lost my member card")
    crm.wait_for(jonas)
    jonas.meets("page-inbox", text="Hi Jonas, Sam here. I look for it.")
    jonas.meets("other-app", text="Your card can be ordered again in the app.")
    jonas.meets("control", action="take", metadata="Sam takes over")
    jonas.writes("Thank you! It is blue.")
    jonas.meets("control", action="pass", metadata="Found it")
    jonas.writes("Great, I come by tomorrow")


def refused(crm: Crm, meta: Meta) -> None:
    """Show an answer that could not be sent."""
    zoe = meta.customer(PAGE, "zoe-lindqvist")
    zoe.writes("Please stop writing to me")
    crm.wait_for(zoe)
    zoe.meets("block", blocked=True)
    crm.answer(zoe, text="We are sorry, Zoë. You will not hear from us again.")


def too_late(crm: Crm, meta: Meta) -> None:
    """Show a conversation that can be answered no more: its window has closed."""
    omar = meta.customer(PAGE, "omar-haddad")
    omar.writes("Do you rent out the hall for a birthday?", hours_ago=30)
    crm.wait_for(omar)


def under_posts(crm: Crm, meta: Meta) -> None:
    """Show comments: on a post, an ad and a live video; changed, removed, answered twice."""
    post = meta.publish(PAGE, kind="photo", text="Our new room is open", picture="meadow")
    advert = meta.publish(PAGE, kind="ad", text="Bring a friend", ad_title="Two for one")
    live = meta.publish(PAGE, kind="live", text="Live: leg day with Sam")
    maya, jonas = meta.customer(PAGE, "maya-okafor"), meta.customer(PAGE, "jonas-berg")
    asked = maya.comments(post, "Looks great! What does it cost?")
    again = maya.comments(post, "And is there a sauna?", parent=asked)
    gone = jonas.comments(post, "First!")
    meta.change("PATCH", f"/posts/api/{PAGE}/comments/{again}", text="Is there a sauna, too?")
    meta.change("DELETE", f"/posts/api/{PAGE}/comments/{gone}")
    meta.customer(PAGE, "aiko-nakamura").comments(advert, "Until when?")
    meta.customer(PAGE, "priya-raman").comments(live, "How many of these?")
    crm.answer(maya, kind=COMMENTS, text="There is one, Maya.", reply_to=again)
    price = "The day pass is 12 euro. Shall I book you one?"
    crm.answer(maya, kind=COMMENTS, text=price, private_reply_to=asked)


def on_instagram(crm: Crm, meta: Meta) -> None:
    """Show Instagram's own: a story answered and a story that names the account."""
    story = meta.publish(INSTAGRAM, kind="story", text="Open day", picture="hills")
    maya = meta.customer(INSTAGRAM, "maya-okafor")
    maya.writes("Can I bring a friend?", story=story)
    maya.writes(attachments=["story_mention"])
    answer = crm.answer(maya, text="Of course, the more the better!")
    maya.does("seen")
    if answer.get("message_id"):
        maya.does("reactions", mid=answer["message_id"], reaction="love")


def shared_on_instagram(crm: Crm, meta: Meta) -> None:
    """Show what is sent on Instagram: posts, reels, files, what apps cannot show."""
    lena = meta.customer(INSTAGRAM, "lena-vogel")
    lena.writes("Hallo! Is this class on Mondays?", attachments=["ig_post"])
    for kind in ("ig_reel", "image", "audio", "ephemeral"):
        lena.writes(attachments=[kind])
    lena.writes(is_unsupported=True)
    wrong = lena.writes("Never mind")
    lena.does("unsends", mid=wrong)
    elements = [
        {
            "title": "Yoga on Monday",
            "subtitle": "18:00, bring a mat",
            "image_url": meta.photo_url("sea"),
            "buttons": [{"type": "postback", "title": "Save me a place", "payload": "YOGA"}],
        }
    ]
    crm.answer(lena, content={"kind": "generic_template", "elements": elements})
    lena.taps("Save me a place", "YOGA")


def asked_on_instagram(crm: Crm, meta: Meta) -> None:
    """Show an ice breaker, and somebody who came from an ad on Instagram."""
    tomas = meta.customer(INSTAGRAM, "tomas-duarte")
    tomas.taps("What are your hours?", "HOURS")
    aiko = meta.customer(INSTAGRAM, "aiko-nakamura")
    aiko.writes("I saw your ad", referral={"ad": True})
    aiko.does("referrals", referral={"ref": "bio"})
    crm.wait_for(aiko)


def under_instagram_posts(crm: Crm, meta: Meta) -> None:
    """Show comments below a picture and a reel."""
    picture = meta.publish(INSTAGRAM, kind="photo", text="New bags!", picture="dunes")
    reel = meta.publish(INSTAGRAM, kind="reel", text="Leg day", picture="hills")
    priya = meta.customer(INSTAGRAM, "priya-raman")
    asked = priya.comments(picture, "Where can I get one?")
    meta.customer(INSTAGRAM, "jonas-berg").comments(reel, "My legs hurt already")
    text = "At the front desk, Priya. Shall I keep one for you?"
    crm.answer(priya, kind=COMMENTS, text=text, private_reply_to=asked)


SCENES: Final[tuple[Scene, ...]] = (
    too_late,
    talk,
    media,
    shares,
    from_ad,
    templates,
    handover,
    refused,
    under_posts,
    on_instagram,
    shared_on_instagram,
    asked_on_instagram,
    under_instagram_posts,
)


def _reply(title: str, payload: str) -> Json:
    return {"title": title, "payload": payload}


def _cards(meta: Meta) -> list[Json]:
    passes = [("Day pass", "12 euro", "sea"), ("Month", "49 euro", "hills")]
    elements = [
        {
            "title": title,
            "subtitle": price,
            "image_url": meta.photo_url(photo),
            "buttons": [{"type": "postback", "title": "Buy", "payload": f"BUY {title}"}],
        }
        for title, price, photo in passes
    ]
    receipt: Json = {
        "kind": "receipt_template",
        "recipient_name": "Priya Raman",
        "order_number": "1187",
        "currency": "EUR",
        "payment_method": "Visa 1234",
        "summary": {"total_cost": 12},
        "elements": [{"title": "Day pass", "price": 12, "quantity": 1}],
    }
    survey: Json = {
        "kind": "feedback_template",
        "title": "How did we do?",
        "button_title": "Rate us",
        "question": {"id": "q1", "type": "csat", "title": "How was the answer?"},
        "privacy_url": PRIVACY,
    }
    return [
        {"kind": "generic_template", "elements": elements},
        receipt,
        {"kind": "coupon_template", "title": "10 % off", "coupon_code": "SUMMER10"},
        {
            "kind": "customer_information_template",
            "countries": ["NO"],
            "privacy_url": PRIVACY,
        },
        survey,
    ]
