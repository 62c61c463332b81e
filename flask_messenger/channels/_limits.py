"""What each channel allows, in one place. What Meta changes is changed here.

Sources:
    https://developers.facebook.com/docs/messenger-platform/reference/send-api
    https://developers.facebook.com/docs/messenger-platform/reference/templates
    https://developers.facebook.com/docs/messenger-platform/send-messages/quick-replies
    https://developers.facebook.com/docs/messenger-platform/reference/buttons
    https://developers.facebook.com/documentation/business-messaging/messenger-platform/send-messages/template/image-grid
    https://developers.facebook.com/documentation/business-messaging/instagram-messaging/features/send-message
    https://developers.facebook.com/docs/messenger-platform/instagram/features/generic-template
    https://developers.facebook.com/docs/messenger-platform/instagram/features/quick-replies
    https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-media/comments
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from flask_messenger.content import HEART, parts

CHARACTERS: Final = "characters"
BYTES: Final = "bytes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one channel. A limit whose content the channel lacks means nothing.

    Attributes:
        contents: the kinds of content it carries as they are.
        text: how long a text may be, counted in `text_unit`.
        text_unit: `characters`, or `bytes` of UTF-8.
        comment: how many characters a public comment may have.
        has_comment_pictures: whether a public comment can be a picture.
        images: how many pictures one message can have.
        files: by type of attachment, the MIME types that are taken; a type that is not there takes
            what Meta can read.
        reactions: what a reaction can be; None where any emoji will do.
        button_types: what a button can do.
        quick_reply_types: what a quick reply can ask for.
    """

    contents: frozenset[str]
    text: int
    text_unit: str = CHARACTERS
    comment: int
    has_comment_pictures: bool = False
    images: int
    files: Mapping[str, frozenset[str]] = field(default_factory=dict)
    reactions: frozenset[str] | None = None
    quick_replies: int = 13
    quick_reply_types: frozenset[str] = frozenset(parts.REPLY_TYPES)
    quick_reply_title: int = 20
    payload: int = 1000
    buttons: int = 3
    button_types: frozenset[str] = frozenset(parts.BUTTON_TYPES)
    button_title: int = 20
    button_text: int = 640
    elements: int = 10
    element_title: int = 80
    element_subtitle: int = 80
    products: int = 10
    receipt_elements: int = 100
    coupon_title: int = 80
    coupon_subtitle: int = 80
    grid_images: int = 6
    grid_title: int = 45
    grid_subtitle: int = 80
    grid_button_types: frozenset[str] = frozenset({parts.WEB_URL, parts.POSTBACK})
    feedback_title: int = 65
    feedback_subtitle: int = 80
    feedback_button_title: int = 20
    expires_in_days: int = 7

    def length_of(self, text: str) -> int:
        """Return how long a message's `text` is, as this channel counts."""
        return len(text.encode()) if self.text_unit == BYTES else len(text)


_BOTH: Final = frozenset(
    {
        "text",
        "media",
        "images",
        "quick_replies",
        "reaction",
        "button_template",
        "generic_template",
        "product_template",
    }
)

MESSENGER: Final = Limits(
    contents=_BOTH
    | {
        "sticker",
        "media_template",
        "image_grid",
        "receipt_template",
        "coupon_template",
        "feedback_template",
        "customer_information_template",
        "instant_form_template",
        "utility_template",
    },
    text=2000,
    comment=8000,
    has_comment_pictures=True,
    images=30,
)
INSTAGRAM: Final = Limits(
    contents=_BOTH | {"heart", "shared_post"},
    # Meta says "1000 bytes" and "less than 1000 characters"; bytes are the safe reading of both.
    text=1000,
    text_unit=BYTES,
    comment=300,
    images=10,
    files={
        "image": frozenset({"image/gif", "image/jpeg", "image/png"}),
        "audio": frozenset({"audio/aac", "audio/mp4", "audio/wav", "video/mp4"}),
        "video": frozenset(
            {"video/mp4", "video/ogg", "video/quicktime", "video/webm", "video/x-msvideo"}
        ),
        "file": frozenset({"application/pdf"}),
    },
    reactions=frozenset({"love", "\N{HEAVY BLACK HEART}", HEART}),
    button_types=frozenset({parts.WEB_URL, parts.POSTBACK}),
    # Those that ask for a phone number or an address ended on Instagram on 2026-10-05.
    quick_reply_types=frozenset({parts.REPLY_TEXT}),
)
