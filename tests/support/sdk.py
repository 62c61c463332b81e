"""What Meta's own SDK says an edge of Graph takes: the tables in its generated methods.

Each generated method of `facebook_business.adobjects` makes a request object that knows its verb,
its edge, and a checker with the types and enums of its parameters. With `pending=True` the method
returns that object and asks nobody.
"""

# ruff: noqa: SLF001 - the tables are nowhere else than in what the SDK calls private

import contextlib
import inspect
import json
import re
import warnings
from functools import cache
from importlib import import_module

from facebook_business.typechecker import TypeChecker

NODES = {
    "application": "application.Application",
    "comment": "comment.Comment",
    "instagram": "iguser.IGUser",
    "instagram_comment": "igcomment.IGComment",
    "instagram_login": "iguserforigonlyapi.IGUserForIGOnlyAPI",
    "instagram_media": "igmedia.IGMedia",
    "page": "page.Page",
    "persona": "persona.Persona",
    "post": "pagepost.PagePost",
    "thread": "unifiedthread.UnifiedThread",
    "user": "user.User",
}
"""What the id at the beginning of a path can be the id of."""

EVERYWHERE = {"access_token", "appsecret_proof", "fields"}
LISTINGS = {"after", "before", "limit", "summary"}


class Edge:
    """What one verb on one edge takes."""

    def __init__(self, request):
        self.checker: TypeChecker = request._param_checker
        self.target = request._target_class
        self.types = self.checker._type_check_info
        self.enums = {name: list(values) for name, values in self.checker._enum_data.items()}

    def problems(self, params, *, is_listing, documented=()):
        """Yield what Meta would not know or not take."""
        known = {*EVERYWHERE, *documented, *(LISTINGS if is_listing else ())}
        for name, value in params.items():
            if name in self.types:
                if not self._takes(self.types[name], value, documented):
                    yield f"{name}: {value!r} is no {self.types[name]}"
            elif name not in known:
                yield f"{name}: not a parameter; there are {', '.join(sorted(self.types))}"
        if "fields" not in self.types:
            yield from self._unknown_fields(params.get("fields"), documented)

    def _takes(self, type_, value, documented):
        if type_ in self.enums:
            return value in documented or str(value).upper() in {
                str(each).upper() for each in self.enums[type_]
            }
        if type_ == "Object":  # Meta's word for whatever the table does not describe
            return True
        if type_ == "string" and isinstance(value, dict):  # a form has it as JSON
            return isinstance(json.dumps(value), str)
        if type_.startswith("list<") and isinstance(value, str):  # in an address, as JSON or so
            value = json.loads(value) if value.startswith("[") else value.split(",")
        if type_.startswith("list<"):
            kind = type_.removeprefix("list<").removesuffix(">")
            return isinstance(value, list) and all(
                self._takes(kind, each, documented) for each in value
            )
        return self.checker.is_type(type_, value)

    def _unknown_fields(self, fields, documented):
        known = _fields_of(self.target)
        for field in _top_level(fields or ""):
            if known and field not in {*known, *documented}:
                yield f"fields: {field} is no field of {self.target.__name__}"


def assert_edge_takes(method, path, params, *, node="page", documented=()):
    """Fail where Meta's SDK knows no such edge, or the edge not one of the parameters.

    Args:
        method: `GET`, `POST` or `DELETE`.
        path: as in a `GraphRequest`: `1001/messages`, `1001` for the node itself.
        params: of the address or the body.
        node: what `1001` is the id of: one of `NODES`.
        documented: parameters and fields that Meta's pages describe and its SDK does not know.
    """
    endpoint = "/" + path.partition("/")[2]
    edge = edges_of(node).get((method, _name_of(endpoint)))
    assert edge is not None, f"the SDK knows no {method} {endpoint} of a {node}"
    problems = list(edge.problems(params, is_listing=method == "GET", documented=documented))
    assert not problems, f"{method} {path}: {'; '.join(problems)}"


@cache
def edges_of(node):
    """Return what can be asked of a kind of node: by verb and edge."""
    module, _, name = NODES[node].partition(".")
    kind = getattr(import_module(f"facebook_business.adobjects.{module}"), name)
    return {(each._method, _name_of(each._endpoint)): Edge(each) for each in _requests(kind)}


def _name_of(endpoint):
    """Return an edge's name, as its tables have it with underscores here and without them there."""
    return endpoint.strip("/").replace("_", "")


def _requests(kind):
    """Yield the request of every generated method of a class."""
    for name, method in inspect.getmembers(kind, inspect.isfunction):
        parameters = inspect.signature(method).parameters
        if "pending" not in parameters or "parent_id" in parameters or name.startswith("remote_"):
            continue
        # A module of the SDK does not compile: what it is the answer of is no edge of ours.
        with contextlib.suppress(SyntaxError), warnings.catch_warnings(action="ignore"):
            yield method(kind("1", api=object()), params={}, pending=True)


def _fields_of(target):
    field = getattr(target, "Field", None)
    return {str(value) for name, value in vars(field).items() if name[0] != "_"} if field else set()


def _top_level(fields):
    """Return the names in `a,b{c,d},e.limit(1){f}`, without what is inside of them."""
    text = fields if isinstance(fields, str) else ",".join(fields)
    while "{" in text:
        text = re.sub(r"\{[^{}]*\}", "", text)
    return [re.split(r"[.(]", name)[0].strip() for name in text.split(",") if name.strip()]
