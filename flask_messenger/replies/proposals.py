"""What may be proposed to Meta as a utility template, and what fills one in: values, no session."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from flask_messenger.content import UtilityTemplate
from flask_messenger.content.checks import is_json, is_storable
from flask_messenger.errors import ContentError, InvalidRequestError, MissingVariableError

NAMED: Final = "NAMED"
POSITIONAL: Final = "POSITIONAL"
UTILITY_CATEGORY: Final = "UTILITY"
MAX_COMPONENTS: Final = 3
MAX_BUTTONS: Final = 3
MAX_LANGUAGE: Final = 16
HEADER_IMAGE: Final = "header_image"
COMPONENTS: Final = ("HEADER", "BODY", "BUTTONS")
HEADERS: Final = ("TEXT", "IMAGE")
BUTTONS: Final = ("URL", "POSTBACK")
_NAME: Final = re.compile(r"[a-z0-9_]{1,512}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(_[A-Za-z]{2,8})?")
_PLACEHOLDER: Final = re.compile(r"\{\{\s*([A-Za-z0-9_]{1,255})\s*\}\}")


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
        _check_placeholders(self.components)

    @property
    def parameter_format(self) -> str:
        """What Meta calls the kind of its placeholders."""
        names = [name for _, text in _texts(self.components) for name in _PLACEHOLDER.findall(text)]
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
    """Return the names of the values that fill a template, each once, in order.

    A placeholder has the name that it is written with. Numbers begin anew in each component: those
    of the body are `1`, `2`, …; of a header `header_1`; of the address of the second button
    `button_2`. A header that is a picture wants its address as `header_image`.
    """
    found: list[str] = []
    for component in components:
        kind = _kind(component)
        if kind == "BUTTONS":
            found += [name for _, name in _open_buttons(component)]
        elif _is_picture(component, kind):
            found.append(HEADER_IMAGE)
        else:
            found += [_value_name(kind, name) for name in _names_in(component)]
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
        for _, name in _open_buttons(component):
            yield {"type": "URL", "url": _value(name, values)}
    elif _is_picture(component, kind):
        yield {"type": "image", "image": {"link": _value(HEADER_IMAGE, values)}}
    else:
        for name in _names_in(component):
            named = {"parameter_name": name} if is_named else {}
            yield {"type": "text", **named, "text": _value(_value_name(kind, name), values)}


def _open_buttons(component: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    """Yield the buttons whose address is to be completed: position from 1, name of the value."""
    for position, button in enumerate(component.get("buttons") or (), start=1):
        url = button.get("url") if isinstance(button, Mapping) else None
        found = _PLACEHOLDER.search(str(url or ""))
        if found:
            yield position, f"button_{position}" if found[1].isdigit() else found[1]


def _names_in(component: Mapping[str, Any]) -> list[str]:
    names = list(dict.fromkeys(_PLACEHOLDER.findall(str(component.get("text") or ""))))
    # Numbered ones are filled in the order of their numbers, wherever they stand.
    return sorted(names, key=int) if all(each.isdigit() for each in names) else names


def _value_name(kind: str, name: str) -> str:
    return f"{kind.lower()}_{name}" if kind == "HEADER" and name.isdigit() else name


def _is_picture(component: Mapping[str, Any], kind: str) -> bool:
    return kind == "HEADER" and str(component.get("format") or "").upper() == "IMAGE"


def _value(name: str, values: Mapping[str, Any]) -> str:
    value = values.get(name)
    if value is None or isinstance(value, Mapping) or not str(value).strip():
        raise MissingVariableError(name, field="variables")
    text = str(value)
    if not is_storable(text):
        raise ContentError("A value contains a character that cannot be sent.", field="variables")
    return text


def _texts(components: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield the texts of header and body, each with the kind of its component."""
    for component in components:
        if _kind(component) != "BUTTONS":
            yield _kind(component), str(component.get("text") or "")


def _check_placeholders(components: Sequence[Mapping[str, Any]]) -> None:
    by_text = [_PLACEHOLDER.findall(text) for _, text in _texts(components)]
    numbers = [{int(each) for each in names if each.isdigit()} for names in by_text]
    if any(numbers) and any(not each.isdigit() for names in by_text for each in names):
        message = "Placeholders are all numbers or all names, such as {{order_number}}."
        raise InvalidRequestError(message, field="components")
    if any(found != set(range(1, len(found) + 1)) for found in numbers):
        message = "Numbered placeholders begin with {{1}} and leave none out."
        raise InvalidRequestError(message, field="components")
    for component in components:
        for button in component["buttons"] if _kind(component) == "BUTTONS" else ():
            if len(_PLACEHOLDER.findall(str(button.get("url") or ""))) > 1:
                message = "A button's address has one placeholder, at most."
                raise InvalidRequestError(message, field="components")


def _kind(component: Mapping[str, Any]) -> str:
    return str(component.get("type") or "").upper()


def _check_components(components: Sequence[Mapping[str, Any]]) -> None:
    kinds = [_kind(each) for each in components]
    if kinds.count("BODY") != 1 or len(set(kinds)) != len(kinds) or len(kinds) > MAX_COMPONENTS:
        message = "A template has one BODY, and at most one HEADER and one BUTTONS."
        raise InvalidRequestError(message, field="components")
    for place, component in enumerate(components):
        where = f"components[{place}]"
        if not is_json(component):
            message = "It contains something that cannot be sent or stored."
            raise InvalidRequestError(message, field=where)
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
