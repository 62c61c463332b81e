"""A message of every kind that is received or sent, as rows: for the tests, and to look at."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from flask_messenger.inbox.messages import MessageRow
from flask_messenger.models import Attachment, Message, Reaction

BEGIN = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
PICTURE = "https://pictures.example/hill.jpg"
BUTTONS = [
    {"type": "web_url", "title": "Book a place", "url": "https://irongym.example/book"},
    {"type": "postback", "title": "Ask a coach", "payload": "COACH"},
]
ELEMENT = {
    "title": "Evening strength",
    "subtitle": "Mon to Thu, 18:00 · 60 min",
    "image_url": PICTURE,
    "buttons": BUTTONS,
}
REFERRAL = {"source": "ADS", "ad_id": "23", "ads_context_data": {"ad_title": "First week free"}}

Files = list[dict[str, Any]]

INBOUND: dict[str, tuple[str | None, dict[str, Any], Files]] = {
    "text": ("Is the 6 pm class still open?", {"referral": REFERRAL}, []),
    "media": (None, {}, [{"type": "image", "url": PICTURE, "state": "pending"}]),
    "sticker": (None, {}, [{"type": "sticker", "url": PICTURE, "state": "pending"}]),
    "location": (
        None,
        {"location": {"latitude": 59.9, "longitude": 10.7, "title": "Town hall"}},
        [{"type": "location", "state": "remote"}],
    ),
    "share": (
        None,
        {},
        [{"type": "ig_reel", "url": PICTURE, "title": "Squats", "state": "remote"}],
    ),
    "template": (
        None,
        {},
        [
            {
                "type": "template",
                "payload": {"product": {"elements": [{"title": "A towel", "subtitle": "€ 12"}]}},
                "state": "remote",
            }
        ],
    ),
    "appointment": (
        None,
        {
            "appointment": {
                "status": "REQUESTED",
                "start_time": 1795327200,
                "end_time": 1795330800,
                "timezone": "Europe/Oslo",
            }
        },
        [],
    ),
    "quick_reply": ("Classes", {"payload": "CLASSES"}, []),
    "postback": ("Opening hours", {"payload": "HOURS"}, []),
    "story_reply": ("😍 when does it start", {"story": {"id": "1", "url": PICTURE}}, []),
    "story_mention": (None, {}, [{"type": "story_mention", "url": PICTURE, "state": "refused"}]),
    "ephemeral": (None, {}, [{"type": "ephemeral", "state": "refused"}]),
    "order": (
        None,
        {
            "order": {
                "products": [{"name": "Towel", "unit_price": 12, "currency": "EUR", "quantity": 2}]
            }
        },
        [],
    ),
    "unsupported": (None, {}, []),
    "comment": ("Do you have a sauna?", {"post": {"id": "1_2"}}, []),
    "post": ("Lovely place.", {}, []),
    "mention": (None, {"media_id": "1"}, []),
}
OUTBOUND: dict[str, tuple[str | None, dict[str, Any]]] = {
    "text": ("Yes. Shall I hold one?", {"quick_replies": [{"title": "Yes"}, {"title": "No"}]}),
    "media": (None, {"attachment": {"type": "image", "url": PICTURE}}),
    "images": (None, {"images": [{"url": PICTURE}, {"url": PICTURE}]}),
    "quick_replies": ("Which day?", {"replies": [{"title": "Monday"}, {"title": "Tuesday"}]}),
    "button_template": ("How can we help?", {"buttons": BUTTONS}),
    "generic_template": ("Evening strength", {"elements": [ELEMENT, ELEMENT, ELEMENT]}),
    "media_template": (None, {"media_type": "image", "url": PICTURE, "buttons": BUTTONS[:1]}),
    "receipt_template": (
        None,
        {
            "recipient_name": "Maya Okafor",
            "order_number": "1042",
            "currency": "EUR",
            "payment_method": "Visa 4242",
            "elements": [{"title": "Ten classes", "price": 120, "quantity": 1}],
            "summary": {"subtotal": 120, "total_tax": 24, "total_cost": 144},
        },
    ),
    "coupon_template": (None, {"title": "A week for free", "coupon_code": "WEEK"}),
    "product_template": (None, {"product_ids": ["1", "2"]}),
    "feedback_template": (
        None,
        {"title": "How was it?", "button_title": "Answer", "question": {"title": "Rate us"}},
    ),
    "customer_information_template": (None, {"countries": ["NO"]}),
    "instant_form_template": (None, {"form_id": "1"}),
    "image_grid": (
        None,
        {"title": "Our rooms", "images": [{"url": PICTURE}, {"url": PICTURE}], "buttons": BUTTONS},
    ),
    "utility_template": (
        "Your class is moved.",
        {"name": "moved", "preview": "Your class is moved."},
    ),
    "shared_post": (None, {"post_id": "1", "url": "https://instagram.com/p/x"}),
    "sticker": (None, {"sticker_id": "369239263222822"}),
    "heart": (None, {}),
}
NOTICES: dict[str, dict[str, Any]] = {
    "opt_in": {"type": "notification_messages", "topic": "New classes"},
    "opt_out": {"type": "notification_messages"},
    "account_linked": {"status": "linked"},
    "account_unlinked": {"status": "unlinked"},
    "thread_passed": {"new_owner_app_id": "263902037430900"},
    "thread_taken": {"previous_owner_app_id": "99", "new_owner_app_id": None},
    "thread_requested": {"requested_owner_app_id": "77"},
    "response_feedback": {"feedback": "Good response"},
    "feedback": {
        "feedback_screens": [
            {"questions": {"q": {"payload": "5", "follow_up": {"payload": "Great coach"}}}}
        ]
    },
    "customer_information": {"screens": [{"responses": [{"key": "postal_code", "value": "1"}]}]},
    "coupon": {"coupon_code": "WEEK"},
    "lead_form": {"id": "1"},
    "label_added": {"label": {"page_label_name": "trial"}},
    "label_removed": {"label": {"page_label_name": "trial"}},
    "referral": {"source": "SHORTLINK", "ref": "poster"},
    "game_play": {},
}


def make_message(direction: str, kind: str, **values: Any) -> Message:
    number = values.pop("number", 0)
    given: dict[str, Any] = {
        "id": uuid.uuid4(),
        "workspace_id": "w1",
        "account_id": uuid.uuid4(),
        "direction": direction,
        "kind": kind,
        "status": "received" if direction == "inbound" else "read",
        "sent_by": "customer" if direction == "inbound" else "person",
        "sent_by_ref": None if direction == "inbound" else "u1",
        "sent_at": BEGIN + timedelta(minutes=number),
        "content": {},
        **values,
    }
    return Message(**given)


def make_attachment(message: Message, **values: Any) -> Attachment:
    given: dict[str, Any] = {"payload": {}, "state": "remote", "position": 0, **values}
    return Attachment(id=uuid.uuid4(), message_id=message.id, workspace_id="w1", **given)


def rows_of_all_kinds() -> Iterator[MessageRow]:
    """Yield one row of each kind, each a minute after the one before."""
    number = 0
    for kind, (text, content, files) in INBOUND.items():
        number += 1
        message = make_message("inbound", kind, text=text, content=content, number=number)
        reactions = [Reaction(emoji="❤", direction="outbound")] if kind == "text" else []
        attachments = [make_attachment(message, **each) for each in files]
        yield MessageRow(message=message, attachments=attachments, reactions=reactions)
    for kind, (text, content) in OUTBOUND.items():
        number += 1
        message = make_message("outbound", kind, text=text, content=content, number=number)
        yield MessageRow(message=message, attachments=[])
    for kind, content in NOTICES.items():
        number += 1
        message = make_message("notice", kind, content=content, number=number)
        yield MessageRow(message=message, attachments=[])
