"""The `message` of a send request: one function per kind of content, all in a table.

Source: https://developers.facebook.com/docs/messenger-platform/reference/send-api
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from flask_messenger.content import (
    Button,
    ButtonTemplate,
    Content,
    CouponTemplate,
    CustomerInformationTemplate,
    Element,
    FeedbackTemplate,
    GenericTemplate,
    GridImage,
    Heart,
    ImageGrid,
    Images,
    InstantFormTemplate,
    Media,
    MediaTemplate,
    Picture,
    ProductTemplate,
    QuickReplies,
    QuickReply,
    ReceiptTemplate,
    SharedPost,
    Sticker,
    Text,
    UtilityTemplate,
)
from flask_messenger.content.base import plain
from flask_messenger.errors import ContentError


def message_of(content: Content) -> dict[str, Any]:
    """Return what the Send API calls `message`.

    Raises:
        ContentError: nothing sends such a content, or a file in it is not at Meta yet.
    """
    if content.upload_ids:
        raise ContentError("The file is not at Meta yet.", field="attachment.upload_id")
    build = BUILDERS.get(type(content))
    if build is None:
        raise ContentError("This cannot be sent as a message.", field="kind")
    return build(content)


def _text(content: Text) -> dict[str, Any]:
    replies = _quick_replies(content.quick_replies)
    return {"text": content.text, **({"quick_replies": replies} if replies else {})}


def _media(content: Media) -> dict[str, Any]:
    return {"attachment": _attachment(content)}


def _attachment(content: Media) -> dict[str, Any]:
    if content.attachment_id is not None:
        return {"type": content.type, "payload": {"attachment_id": content.attachment_id}}
    # Not reusable: a kept file has a life of its own at Meta, which nothing here would end.
    return {"type": content.type, "payload": {"url": content.url, "is_reusable": False}}


def _images(content: Images) -> dict[str, Any]:
    return {"attachments": [_picture(each) for each in content.images]}


def _picture(picture: Picture) -> dict[str, Any]:
    return {"type": "image", "payload": plain(picture)}


def _question(content: QuickReplies) -> dict[str, Any]:
    asked: dict[str, Any] = {"text": content.text}
    if content.attachment is not None:
        asked = {"attachment": _attachment(content.attachment)}
    return {**asked, "quick_replies": _quick_replies(content.replies)}


def _quick_replies(replies: tuple[QuickReply, ...]) -> list[dict[str, Any]]:
    return [
        {
            "content_type": each.type,
            **{name: value for name, value in plain(each).items() if name != "type"},
        }
        for each in replies
    ]


def _sticker(content: Sticker) -> dict[str, Any]:
    return {"sticker_id": int(content.sticker_id)}


def _heart(content: Heart) -> dict[str, Any]:
    del content
    return {"attachment": {"type": "like_heart"}}


def _shared_post(content: SharedPost) -> dict[str, Any]:
    return {"attachment": {"type": "MEDIA_SHARE", "payload": {"id": content.post_id}}}


def _template(type_: str, **values: Any) -> dict[str, Any]:
    given = {name: value for name, value in values.items() if value not in (None, [], False)}
    return {"attachment": {"type": "template", "payload": {"template_type": type_, **given}}}


def _buttons(buttons: tuple[Button, ...]) -> list[dict[str, Any]]:
    return [plain(each) for each in buttons]


def _button_template(content: ButtonTemplate) -> dict[str, Any]:
    return _template("button", text=content.text, buttons=_buttons(content.buttons))


def _generic_template(content: GenericTemplate) -> dict[str, Any]:
    return _template(
        "generic",
        elements=[_element(each) for each in content.elements],
        image_aspect_ratio=content.image_aspect_ratio,
        sharable=content.sharable,
    )


def _element(element: Element) -> dict[str, Any]:
    found: dict[str, Any] = plain(element)
    if element.default_action is not None:
        found["default_action"] = plain(element.default_action.as_button())
    return found


def _media_template(content: MediaTemplate) -> dict[str, Any]:
    named = (
        {"url": content.url}
        if content.url is not None
        else {"attachment_id": content.attachment_id}
    )
    element: dict[str, Any] = {"media_type": content.media_type, **named}
    if content.buttons:
        element["buttons"] = _buttons(content.buttons)
    return _template("media", elements=[element], sharable=content.sharable)


def _product_template(content: ProductTemplate) -> dict[str, Any]:
    return _template("product", elements=[{"id": each} for each in content.product_ids])


def _image_grid(content: ImageGrid) -> dict[str, Any]:
    element: dict[str, Any] = plain(content)
    element["images"] = [_grid_image(each) for each in content.images]
    return _template("image_grid", elements=[element])


def _grid_image(image: GridImage) -> dict[str, Any]:
    found: dict[str, Any] = plain(image)
    return found


def _receipt(content: ReceiptTemplate) -> dict[str, Any]:
    found = plain(content)
    if content.timestamp is not None:
        found["timestamp"] = str(content.timestamp)
    return _template("receipt", **found)


def _coupon(content: CouponTemplate) -> dict[str, Any]:
    return _template("coupon", **plain(content))


def _feedback(content: FeedbackTemplate) -> dict[str, Any]:
    question = plain(content.question)
    if content.question.follow_up is not None:
        question["follow_up"] = {"type": "free_form", "placeholder": content.question.follow_up}
    return _template(
        "customer_feedback",
        title=content.title,
        subtitle=content.subtitle,
        button_title=content.button_title,
        feedback_screens=[{"questions": [question]}],
        business_privacy={"url": content.privacy_url},
        expires_in_days=content.expires_in_days,
    )


def _customer_information(content: CustomerInformationTemplate) -> dict[str, Any]:
    return _template(
        "customer_information",
        countries=list(content.countries),
        business_privacy={"url": content.privacy_url},
        expires_in_days=content.expires_in_days,
    )


def _instant_form(content: InstantFormTemplate) -> dict[str, Any]:
    return _template("instant_form", form_id=content.form_id)


def _utility(content: UtilityTemplate) -> dict[str, Any]:
    template: dict[str, Any] = {"name": content.name, "language": {"code": content.language}}
    if content.components:
        template["components"] = plain(content.components)
    return {"template": template}


BUILDERS: Final[Mapping[type[Content], Callable[[Any], dict[str, Any]]]] = {
    Text: _text,
    Media: _media,
    Images: _images,
    QuickReplies: _question,
    Sticker: _sticker,
    Heart: _heart,
    SharedPost: _shared_post,
    ButtonTemplate: _button_template,
    GenericTemplate: _generic_template,
    MediaTemplate: _media_template,
    ProductTemplate: _product_template,
    ImageGrid: _image_grid,
    ReceiptTemplate: _receipt,
    CouponTemplate: _coupon,
    FeedbackTemplate: _feedback,
    CustomerInformationTemplate: _customer_information,
    InstantFormTemplate: _instant_form,
    UtilityTemplate: _utility,
}
