"""Filling in a template: Jinja, with little of it left.

Who may write a template may not keep a worker busy, nor see more than the values it is given. So a
template is text, variables, a few filters and conditions. What repeats, calls, multiplies or looks
into objects is refused when it is saved, before anything of it runs: what is left takes a time in
proportion to its length, which is bounded, as are the values and what comes out.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, cast

from jinja2 import StrictUndefined, Template, TemplateError, UndefinedError, nodes
from jinja2.sandbox import SandboxedEnvironment

from flask_messenger.errors import ContentError, MissingVariableError

MAX_SOURCE: Final = 10_000
MAX_NODES: Final = 500
"""Far more than a message has parts."""
MAX_VALUE: Final = 4_000
MAX_RENDERED: Final = 65_536
"""Characters; far above every channel's own limit, which is checked afterwards."""
MAX_DEPTH: Final = 4
"""Of mappings in the values, and of names in a variable: `order.customer.city`."""

LARGEST_NUMBER: Final = 10**18
MARKS: Final = ("{{", "{%", "{#")
_NEWLINE: Final = re.compile(r"\r\n|\r|\n")
"""As Jinja reads it."""

FILTERS: Final = ("capitalize", "default", "d", "lower", "title", "trim", "truncate", "upper")
TESTS: Final = ("defined", "undefined")
ALLOWED: Final = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Const,
    nodes.Name,
    nodes.Getattr,
    nodes.Filter,
    nodes.Keyword,
    nodes.Test,
    nodes.If,
    nodes.CondExpr,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Concat,
)
WHAT_IS_ALLOWED: Final = "Use variables, conditions and the filters " + ", ".join(
    each for each in FILTERS if each != "d"
)


class _Missing(StrictUndefined):
    """A variable without a value; using it raises an error that says its name, and only that."""

    @property
    def _undefined_message(self) -> str:
        return str(self._undefined_name)


class _Named(dict[str, Any]):
    """Values inside a value: to be looked into by name; its text would be for programmers."""

    def __str__(self) -> str:
        raise TypeError


class _Sandbox(SandboxedEnvironment):
    """Looks into mappings only: no attribute of any object can be reached."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        if isinstance(obj, _Missing):
            return obj
        return self.undefined(name=attribute)

    def is_safe_callable(self, obj: Any) -> bool:
        del obj
        return False


def _only_what_can_be_shown(value: Any) -> Any:
    """Return `value`, unless it is a mapping, whose text is for programmers.

    Raises:
        TypeError: it is.
    """
    if isinstance(value, str | int | float | _Missing):
        return value
    raise TypeError


def _make_environment() -> _Sandbox:
    environment = _Sandbox(
        undefined=_Missing,
        finalize=_only_what_can_be_shown,
        autoescape=False,  # what comes out is a message, not a page
        keep_trailing_newline=True,
        cache_size=0,
    )
    environment.globals.clear()
    environment.filters = {name: environment.filters[name] for name in FILTERS}
    environment.tests = {name: environment.tests[name] for name in TESTS}
    return environment


_environment: Final = _make_environment()


def is_plain(source: str) -> bool:
    """Say whether a text stands for itself: nothing in it is filled in."""
    return not any(mark in source for mark in MARKS)


def check_source(source: str, *, field: str) -> frozenset[str]:
    """Pass where `source` is a template of ours; return the names of the variables in it.

    Raises:
        ContentError: it is too long, no template, or uses what is not allowed; names `field`.
    """
    _check_length(source, field=field)
    return frozenset() if is_plain(source) else _read(source, field=field)[1]


def names_in(source: str) -> frozenset[str]:
    """Return the names of the variables in a template that was checked before.

    A fraction of the work: nothing is made of it that could be filled in.
    """
    if is_plain(source):
        return frozenset()
    try:
        return _names_in(_environment.parse(source))
    except (TemplateError, ValueError, RecursionError):
        return frozenset()  # other rules held when it was kept: it says so when it is filled in


def render(source: str, values: Mapping[str, Any], *, field: str) -> str:
    """Return the text of a template with `values`, which went through `clean_values`.

    Raises:
        MissingVariableError: a variable has no value.
        ContentError: as of `check_source`, or what comes out is too long.
    """
    _check_length(source, field=field)
    if is_plain(source):
        return _NEWLINE.sub("\n", source)
    template, _ = _read(source, field=field)
    try:
        # Not `**values`: a host may call one of them `self`.
        return _join(template.generate(values), field=field)
    except ContentError:
        raise
    except UndefinedError as error:
        raise MissingVariableError(error.message or "?", field=field) from None
    except Exception as error:  # noqa: BLE001 - whatever filters say of values anybody may choose
        # The other exception's text may quote them.
        message = f"The template cannot be filled in ({type(error).__name__})."
        raise ContentError(message, field=field) from None


def _join(pieces: Iterable[str], *, field: str) -> str:
    kept: list[str] = []
    length = 0
    for piece in pieces:
        kept.append(piece)
        length += len(piece)
        if length > MAX_RENDERED:
            raise ContentError("What the template makes is too long.", field=field)
    return "".join(kept)


def clean_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` as plain data; what is None, or nothing that can be shown, is left out.

    A variable without a value then is a missing one, and `default` can stand for it.
    """
    return _clean_mapping(values, depth=0)


def _clean_mapping(values: Mapping[Any, Any], *, depth: int) -> dict[str, Any]:
    cleaned = ((str(name), _clean(value, depth=depth)) for name, value in values.items())
    return {name: value for name, value in cleaned if value is not None}


def _clean(value: Any, *, depth: int) -> Any:
    if isinstance(value, str):
        return str(value)[:MAX_VALUE] or None
    if isinstance(value, int | float):
        return value if abs(value) < LARGEST_NUMBER else None
    if isinstance(value, Decimal):
        return str(value)[:MAX_VALUE]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping) and depth < MAX_DEPTH:
        return _Named(_clean_mapping(value, depth=depth + 1))
    return None


@lru_cache(maxsize=128)
def _compile(source: str) -> tuple[Template, frozenset[str]]:
    """Return the template and its variables.

    Raises:
        TemplateError: it is no template of ours; the message is for whoever wrote it.
    """
    tree = _environment.parse(source)
    _check_tree(tree)
    names = _names_in(tree)
    template: Template = _environment.from_string(cast("Any", tree))
    return template, names


def _names_in(tree: nodes.Template) -> frozenset[str]:
    """Return the names in a template: nothing in it can give one a value, so all are asked for."""
    return frozenset(each.name for each in tree.find_all(nodes.Name))


def _check_length(source: str, *, field: str) -> None:
    if len(source) > MAX_SOURCE:
        message = f"A template has at most {MAX_SOURCE} characters."
        raise ContentError(message, field=field)


def _read(source: str, *, field: str) -> tuple[Template, frozenset[str]]:
    try:
        return _compile(source)
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        where = f" (line {line})" if line else ""
        raise ContentError(f"This is no template: {error.message}{where}", field=field) from None
    except (ValueError, OverflowError, RecursionError, MemoryError, SyntaxError):
        message = "This is no template: a part of it is too large."
        raise ContentError(message, field=field) from None


def _check_tree(tree: nodes.Template) -> None:
    count = 0
    waiting: list[nodes.Node] = [tree]
    while waiting:
        found = waiting.pop()
        count += 1
        if count > MAX_NODES:
            raise _refused(found, "it has too many parts")
        problem = _problem_of(found)
        if problem:
            raise _refused(found, problem)
        waiting.extend(found.iter_child_nodes())


def _problem_of(node: nodes.Node) -> str | None:
    if not isinstance(node, ALLOWED):
        return f"{_word_for(node)} cannot be used"
    checks: tuple[tuple[type[nodes.Node], Callable[[Any], str | None]], ...] = (
        (nodes.Filter, lambda each: _unknown("filter", each.name, FILTERS)),
        (nodes.Test, lambda each: _unknown("test", each.name, TESTS)),
        (nodes.Getattr, _problem_of_path),
        (nodes.Name, lambda each: "'self' cannot be used" if each.name == "self" else None),
        (nodes.Const, _problem_of_constant),
    )
    return next((check(node) for kind, check in checks if isinstance(node, kind)), None)


def _unknown(what: str, name: str, known: tuple[str, ...]) -> str | None:
    return None if name in known else f"the {what} {name!r} cannot be used"


def _problem_of_path(node: nodes.Getattr) -> str | None:
    depth, inner = 0, cast("nodes.Node", node)
    while isinstance(inner, nodes.Getattr):
        if inner.attr.startswith("_"):
            return f"{inner.attr!r} cannot be used"
        depth, inner = depth + 1, inner.node
    if not isinstance(inner, nodes.Name) or depth > MAX_DEPTH:
        return "only a variable can have a dot, and not many"
    return None


def _problem_of_constant(node: nodes.Const) -> str | None:
    # Also `1e400`, which is infinite and no name that Python knows.
    is_large = isinstance(node.value, int | float) and abs(node.value) > MAX_RENDERED
    return "a number is too large" if is_large else None


def _word_for(node: nodes.Node) -> str:
    words = {
        "For": "a loop",
        "Call": "a call",
        "Getitem": "an index",
        "Include": "an include",
        "Import": "an import",
        "Extends": "another template",
        "Macro": "a macro",
        "Assign": "an assignment",
    }
    name = type(node).__name__
    return words.get(name, name.lower())


def _refused(node: nodes.Node, problem: str) -> TemplateError:
    error = TemplateError(f"{problem}. {WHAT_IS_ALLOWED}.")
    error.lineno = node.lineno  # type: ignore[attr-defined]
    return error
