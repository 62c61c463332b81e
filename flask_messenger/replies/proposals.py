"""What may be proposed to Meta as a utility template, and what fills one in: values, no session."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from flask_messenger.content import UtilityTemplate
from flask_messenger.content.checks import is_storable
from flask_messenger.errors import ContentError, InvalidRequestError, MissingVariableError

NAMED: Final = "NAMED"
POSITIONAL: Final = "POSITIONAL"
UTILITY_CATEGORY: Final = "UTILITY"
MAX_COMPONENTS: Final = 3
MAX_BUTTONS: Final = 3
MAX_LANGUAGE: Final = 16
COMPONENTS: Final = ("HEADER", "BODY", "BUTTONS")
HEADERS: Final = ("TEXT", "IMAGE")
BUTTONS: Final = ("URL", "POSTBACK")
_NAME: Final = re.compile(r"[a-z0-9_]{1,512}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(_[A-Za-z]{2,8})?")
_PLACEHOLDER: Final = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A utility template as Meta is asked to approve it.

    Source: https://developers.facebook.com/docs/messenger-platform/send-messages/utility-messages

    Attributes:
        name: lower case letters, digits and underscores.
        language: such as `en` or `pt_BR`.
        components: as Meta has them: one BODY, perhaps a HEADER, perhaps BUTTONS. Their texts hold
            placeholders such as `{{order_number}}`, all of them named or all of them numbers.
    """

    name: str
    language: str
    components: Sequence[Mapping[str, Any]] = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse what Meta would refuse.

        Raises:
            InvalidRequestError: names the field.
        """
        check_name(self.name)
        check_language(self.language)
        _check_components(self.components)
        names = placeholders(self.components)
        numbers = [each for each in names if each.isdigit()]
        if numbers and len(numbers) != len(names):
            message = "Placeholders are all numbers or all names, such as {{order_number}}."
            raise InvalidRequestError(message, field="components")
        if numbers and sorted(map(int, numbers)) != list(range(1, len(numbers) + 1)):
            message = "Numbered placeholders begin with {{1}} and leave none out."
            raise InvalidRequestError(message, field="components")

    @property
    def parameter_format(self) -> str:
        """What Meta calls the kind of its placeholders."""
        names = placeholders(self.components)
        return POSITIONAL if names and names[0].isdigit() else NAMED

    def as_dict(self) -> dict[str, Any]:
        """Return what Meta is asked."""
        return {
            "name": self.name,
            "language": self.language,
            "category": UTILITY_CATEGORY,
            "parameter_format": self.parameter_format,
            "components": [dict(each) for each in self.components],
        }


def check_name(name: str) -> None:
    """Pass where Meta takes a name.

    Raises:
        InvalidRequestError: it does not.
    """
    if not _NAME.fullmatch(name):
        message = "A name has lower case letters, digits and underscores, at most 512."
        raise InvalidRequestError(message, field="name")


def check_language(language: str) -> None:
    """Pass where it looks like a language of Meta's.

    Raises:
        InvalidRequestError: it does not.
    """
    if len(language) > MAX_LANGUAGE or not _LANGUAGE.fullmatch(language):
        raise InvalidRequestError("A language is like en or pt_BR.", field="language")


def placeholders(components: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the placeholders of header, body and buttons, each once, in order."""
    found = (name for _, text in _texts(components) for name in _PLACEHOLDER.findall(text))
    return list(dict.fromkeys(found))


def body_of(components: Sequence[Mapping[str, Any]]) -> str:
    """Return the text of the body."""
    return next((text for kind, text in _texts(components) if kind == "BODY"), "")


def fill_utility_content(
    *,
    name: str,
    language: str,
    components: Sequence[Mapping[str, Any]],
    parameter_format: str,
    values: Mapping[str, Any],
) -> UtilityTemplate:
    """Return the content that sends an approved template with its placeholders filled.

    Raises:
        MissingVariableError: one has no value; the field is `variables`.
        ContentError: a header of a picture has no address.
    """
    is_named = parameter_format == NAMED
    filled: list[dict[str, Any]] = []
    for component in components:
        kind = _kind(component)
        parameters = list(_parameters(component, kind, values, is_named=is_named))
        if parameters:
            filled.append({"type": kind.lower(), "parameters": parameters})
    preview = _PLACEHOLDER.sub(lambda found: _value(found[1], values), body_of(components))
    return UtilityTemplate(name, language, tuple(filled), preview)


def _parameters(
    component: Mapping[str, Any], kind: str, values: Mapping[str, Any], *, is_named: bool
) -> Iterator[dict[str, Any]]:
    if kind == "BUTTONS":
        for button in component.get("buttons") or ():
            for name in _PLACEHOLDER.findall(str(button.get("url") or "")):
                yield {"type": "URL", "url": _value(name, values)}
        return
    if kind == "HEADER" and str(component.get("format")).upper() == "IMAGE":
        url = values.get("header_image")
        if not url:
            raise MissingVariableError("header_image", field="variables")
        yield {"type": "image", "image": {"link": str(url)}}
        return
    for name in dict.fromkeys(_PLACEHOLDER.findall(str(component.get("text") or ""))):
        named = {"parameter_name": name} if is_named else {}
        yield {"type": "text", **named, "text": _value(name, values)}


def _value(name: str, values: Mapping[str, Any]) -> str:
    value = values.get(name)
    if value is None or isinstance(value, Mapping) or not str(value).strip():
        raise MissingVariableError(name, field="variables")
    text = str(value)
    if not is_storable(text):
        raise ContentError("A value contains a character that cannot be sent.", field="variables")
    return text


def _texts(components: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for component in components:
        yield _kind(component), str(component.get("text") or "")
        for button in component.get("buttons") or ():
            if isinstance(button, Mapping):
                yield "BUTTON", str(button.get("url") or "")


def _kind(component: Mapping[str, Any]) -> str:
    return str(component.get("type") or "").upper()


def _check_components(components: Sequence[Mapping[str, Any]]) -> None:
    kinds = [_kind(each) for each in components]
    if kinds.count("BODY") != 1 or len(set(kinds)) != len(kinds) or len(kinds) > MAX_COMPONENTS:
        message = "A template has one BODY, and at most one HEADER and one BUTTONS."
        raise InvalidRequestError(message, field="components")
    for place, component in enumerate(components):
        where = f"components[{place}]"
        if kinds[place] not in COMPONENTS:
            message = f"A component is one of {', '.join(COMPONENTS)}."
            raise InvalidRequestError(message, field=f"{where}.type")
        if kinds[place] == "BUTTONS":
            _check_buttons(component.get("buttons"), f"{where}.buttons")
        else:
            _check_text(component, kinds[place], where)


def _check_text(component: Mapping[str, Any], kind: str, where: str) -> None:
    if kind == "HEADER":
        format_ = str(component.get("format") or "").upper()
        if format_ not in HEADERS:
            message = f"A header is one of {', '.join(HEADERS)}."
            raise InvalidRequestError(message, field=f"{where}.format")
        if format_ == "IMAGE":
            return
    text = component.get("text")
    if not isinstance(text, str) or not text.strip() or not is_storable(text):
        raise InvalidRequestError("Write something: the text is empty.", field=f"{where}.text")


def _check_buttons(buttons: Any, where: str) -> None:
    listed = buttons if isinstance(buttons, list | tuple) else ()
    if not 0 < len(listed) <= MAX_BUTTONS:
        raise InvalidRequestError(f"There can be 1 to {MAX_BUTTONS} buttons.", field=where)
    for place, button in enumerate(listed):
        if not isinstance(button, Mapping) or _kind(button) not in BUTTONS:
            message = f"A button is one of {', '.join(BUTTONS)}."
            raise InvalidRequestError(message, field=f"{where}[{place}].type")
        if not isinstance(button.get("text"), str) or not str(button["text"]).strip():
            raise InvalidRequestError("A button has a text.", field=f"{where}[{place}].text")
        if _kind(button) == "URL" and not str(button.get("url") or "").startswith("https://"):
            message = "A button's address begins with https://."
            raise InvalidRequestError(message, field=f"{where}[{place}].url")
