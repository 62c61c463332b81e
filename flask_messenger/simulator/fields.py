"""Graph's `fields` language: `id,name,picture.type(large){url}`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from flask_messenger.simulator import errors

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MODIFIER = re.compile(r"\.([a-z_]+)\(([^()]*)\)")


@dataclass(frozen=True, slots=True)
class Field:
    """One wanted field, and what is wanted of it."""

    name: str
    modifiers: Mapping[str, str]
    children: tuple[Field, ...]


Edge = Callable[[Field], Any]


def parse_fields(text: str) -> tuple[Field, ...]:
    """Return the fields that `text` asks for.

    Raises:
        GraphError: it is not Graph's syntax.
    """
    found, end = _parse_list(text, 0)
    if end != len(text):
        raise _syntax_error(text, end)
    return found


def pick(node: Mapping[str, Any], wanted: tuple[Field, ...], node_type: str) -> dict[str, Any]:
    """Return what is wanted of `node`, and its id.

    A field that the node type has but this node has not is `None` in `node`,
    and left out, as Graph does. An edge keeps its `data`.

    Raises:
        GraphError: a wanted field does not exist on the node type.
    """
    picked: dict[str, Any] = {}
    for field in wanted:
        if field.name not in node:
            raise errors.no_field(field.name, node_type)
        value = node[field.name]
        if value is not None:
            picked[field.name] = _pick_inside(value, field)
    if "id" in node:
        picked.setdefault("id", node["id"])
    return picked


def expand(
    node: dict[str, Any], wanted: tuple[Field, ...], edges: Mapping[str, Edge]
) -> tuple[Field, ...]:
    """Read the wanted `edges` into `node`; return what is left to pick.

    An edge is read only where it is asked for, and answers with its own `data`.
    """
    left = []
    for field in wanted:
        edge = edges.get(field.name)
        if edge is not None:
            node[field.name] = edge(field)
            field = replace(field, children=())  # noqa: PLW2901
        left.append(field)
    return tuple(left)


def require_names(wanted: tuple[Field, ...], known: Iterable[str], node_type: str) -> None:
    """Pass where a list's items have every wanted field, though the list may be empty.

    Raises:
        GraphError: a wanted field does not exist on the node type.
    """
    names = set(known)
    for field in wanted:
        if field.name not in names:
            raise errors.no_field(field.name, node_type)


def limit_of(field: Field, default: int) -> int:
    """Return how many items of an edge are wanted: `messages.limit(20)`."""
    text = field.modifiers.get("limit", str(default))
    if not text.isdigit():
        raise errors.invalid("Param limit must be an integer greater than or equal to 0")
    return int(text)


def _pick_inside(value: Any, field: Field) -> Any:
    if not field.children:
        return value
    if not isinstance(value, Mapping):
        raise errors.no_field(field.children[0].name, field.name)
    inner = value.get("data")
    if isinstance(inner, Mapping):
        return {"data": pick(inner, field.children, field.name)}
    if isinstance(inner, list):
        return {"data": [_pick_known(item, field) for item in inner]}
    return pick(value, field.children, field.name)


def _pick_known(item: Mapping[str, Any], field: Field) -> dict[str, Any]:
    """Return what is wanted of an item of a list, whose items differ in what they have."""
    names = {child.name for child in field.children} | {"id"}
    return {name: value for name, value in item.items() if name in names}


def _parse_list(text: str, start: int) -> tuple[tuple[Field, ...], int]:
    found = []
    position = start
    while True:
        field, position = _parse_one(text, position)
        found.append(field)
        if position >= len(text) or text[position] != ",":
            return tuple(found), position
        position += 1


def _parse_one(text: str, start: int) -> tuple[Field, int]:
    name = NAME.match(text, start)
    if name is None:
        raise _syntax_error(text, start)
    position = name.end()
    modifiers = {}
    while modifier := MODIFIER.match(text, position):
        modifiers[modifier[1]] = modifier[2]
        position = modifier.end()
    children: tuple[Field, ...] = ()
    if position < len(text) and text[position] == "{":
        children, position = _parse_list(text, position + 1)
        if position >= len(text) or text[position] != "}":
            raise _syntax_error(text, position)
        position += 1
    return Field(name[0], modifiers, children), position


def _syntax_error(text: str, position: int) -> errors.GraphError:
    return errors.GraphError(
        f'Syntax error "Expected name." at character {position}: {text}', code=2500
    )
