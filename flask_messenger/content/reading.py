"""Content from JSON: what a caller of the API sent, and what is stored."""

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from flask_messenger.content.base import Content
from flask_messenger.content.basic import (
    Heart,
    Images,
    Media,
    QuickReplies,
    Reaction,
    SharedPost,
    Sticker,
    Text,
)
from flask_messenger.content.forms import (
    CouponTemplate,
    CustomerInformationTemplate,
    FeedbackTemplate,
    InstantFormTemplate,
    ReceiptTemplate,
    UtilityTemplate,
)
from flask_messenger.content.templates import (
    ButtonTemplate,
    GenericTemplate,
    ImageGrid,
    ListTemplate,
    MediaTemplate,
    ProductTemplate,
)
from flask_messenger.errors import ContentError

CONTENTS: Final[Mapping[str, type[Content]]] = {
    each.kind: each
    for each in (
        Text,
        Media,
        Images,
        QuickReplies,
        Sticker,
        Heart,
        SharedPost,
        Reaction,
        ButtonTemplate,
        GenericTemplate,
        ListTemplate,
        MediaTemplate,
        ProductTemplate,
        ImageGrid,
        ReceiptTemplate,
        CouponTemplate,
        FeedbackTemplate,
        CustomerInformationTemplate,
        InstantFormTemplate,
        UtilityTemplate,
    )
}
"""Every kind of content by its stored name."""


def content_from_json(given: Mapping[str, Any]) -> Content:
    """Return the content that JSON of the form `{"kind": "button_template", …}` describes.

    Raises:
        ContentError: no such kind, or something in it is missing, unknown or wrong; names every
            such field.
    """
    kind = given.get("kind")
    if not isinstance(kind, str) or kind not in CONTENTS:
        raise ContentError(f"A content is one of {', '.join(sorted(CONTENTS))}.", field="kind")
    return _read(kind, {name: value for name, value in given.items() if name != "kind"})


def content_of(kind: str, text: str | None, stored: Mapping[str, Any]) -> Content:
    """Return the content that a stored outbound message was made from.

    What else is stored beside it is passed over.

    Raises:
        ContentError: what is stored cannot be sent, or never was a content.
    """
    if kind not in CONTENTS:
        raise ContentError("This message cannot be sent again: write a new one.", field="kind")
    given = stored.get("attachment") if kind == Media.kind else stored
    known = {each.name for each in fields(CONTENTS[kind])}  # type: ignore[arg-type] # dataclasses
    values = {name: value for name, value in (given or {}).items() if name in known}
    if "text" in known and text is not None:
        values["text"] = text
    return _read(kind, values)


def content_schema() -> dict[str, Any]:
    """Return the JSON Schema of what `content_from_json` takes."""
    contents: list[dict[str, Any]] = []
    parts: dict[str, Any] = {}
    for kind in CONTENTS:
        schema = _adapter(kind).json_schema(ref_template="#/$defs/{model}")
        parts.update(schema.pop("$defs", {}))
        properties = {"kind": {"const": kind}, **schema.get("properties", {})}
        required = ["kind", *schema.get("required", [])]
        contents.append({**schema, "properties": properties, "required": required})
    return {"oneOf": contents, "$defs": parts}


def _read(kind: str, values: Mapping[str, Any]) -> Content:
    try:
        return _adapter(kind).validate_python(values)
    except ValidationError as error:
        # Without the values: an error's text may end in a log.
        problems = tuple(
            (_path(each["loc"]), f"{each['msg']}.")
            for each in error.errors(include_input=False, include_url=False, include_context=False)
        )
    message = " ".join(f"{field}: {words}" for field, words in problems)
    raise ContentError(message, field=problems[0][0], problems=problems)


def _path(location: tuple[int | str, ...]) -> str:
    """Return where something stands, such as `buttons[1].title`."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in location]
    return "".join(parts).removeprefix(".") or "content"


@cache
def _adapter(kind: str) -> TypeAdapter[Content]:
    return TypeAdapter(CONTENTS[kind])
