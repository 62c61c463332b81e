"""The table of Graph's endpoints, and what a call to one of them carries."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug.datastructures import FileStorage

from flask_messenger.simulator import errors
from flask_messenger.simulator.fields import Field, parse_fields
from flask_messenger.simulator.grants import find_grant
from flask_messenger.simulator.tokens import Token

COMMON_PARAMETERS = frozenset(
    {
        "access_token",
        "appsecret_proof",
        "appsecret_time",
        "pretty",
        "locale",
        "format",
        "debug",
        "summary",
    }
)
NOBODY, ANYBODY, OPTIONAL = "nobody", "anybody", "optional"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call to Graph, already checked: version, token, proof, node, parameter names."""

    method: str
    version: str
    path: str
    node_id: str
    parameters: Mapping[str, Any] = field(repr=False)
    signed_by: Token | None = None
    sent_token: str | None = field(default=None, repr=False)
    files: Mapping[str, FileStorage] = field(default_factory=dict, repr=False)

    @property
    def token(self) -> Token:
        """The token of a call that cannot get here without one."""
        if self.signed_by is None:
            raise errors.no_token()
        return self.signed_by

    def bearer(self) -> str | None:
        """Return the token as it was sent, for an endpoint that checks it itself."""
        return None if self.sent_token is None else str(self.sent_token)

    def text(self, name: str, default: str | None = None) -> str | None:
        """Return a parameter as text; an empty one counts as missing."""
        value = self.parameters.get(name)
        if value is None or value == "":
            return default
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise errors.invalid(f"Param {name} must be a string")
        return str(value)

    def word(self, name: str) -> str | None:
        """Return a parameter that is one of a few words: Graph takes them in either case."""
        value = self.text(name)
        return None if value is None else value.lower()

    def required_text(self, name: str) -> str:
        """Return a parameter as text.

        Raises:
            GraphError: it is not there.
        """
        value = self.text(name)
        if value is None:
            raise errors.missing(name)
        return value

    def thing(self, name: str) -> dict[str, Any] | None:
        """Return an object parameter: JSON in a JSON body, JSON in a string anywhere else."""
        value = self._parsed(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise errors.invalid(f"Param {name} must be a JSON object")
        return value

    def names(self, name: str) -> list[str] | None:
        """Return a list parameter: `a,b`, or a JSON array."""
        value = self.parameters.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, str) and not value.lstrip().startswith("["):
            return [part.strip() for part in value.split(",") if part.strip()]
        parsed = self._parsed(name)
        if not isinstance(parsed, list) or not all(isinstance(item, str) for item in parsed):
            raise errors.invalid(f"Param {name} must be an array.")
        return parsed

    def items(self, name: str) -> list[Any]:
        """Return a list of objects: JSON in a JSON body, JSON in a string anywhere else."""
        value = self._parsed(name)
        if value is None:
            raise errors.missing(name)
        if not isinstance(value, list):
            raise errors.invalid(f"Param {name} must be an array.")
        return value

    def wanted_fields(self, default: str) -> tuple[Field, ...]:
        """Return the fields asked for, or those that come without asking."""
        return parse_fields(self.text("fields") or default)

    def _parsed(self, name: str) -> Any:
        value = self.parameters.get(name)
        if not isinstance(value, str):
            return value
        if value == "":
            return None
        try:
            return json.loads(value)
        except ValueError as error:
            raise errors.invalid(f"Param {name} must be valid JSON") from error


Handler = Callable[[Call], Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one edge: who may call it, with which parameters, and what answers."""

    answer: Handler
    auth: frozenset[str]
    parameters: frozenset[str]


TABLE: dict[tuple[str, str], dict[str, Endpoint]] = {}


def endpoint(
    method: str,
    node: str,
    edge: str = "",
    *,
    auth: str | Iterable[str],
    parameters: Iterable[str] = (),
) -> Callable[[Handler], Handler]:
    """Register the decorated function for `method` on an edge of a kind of node.

    Args:
        method: GET, POST or DELETE.
        node: what `nodes.resolve` calls the node, or the root of a host (`graph.HOSTS`).
        edge: what follows the node's id, or nothing.
        auth: the kinds of token it takes (USER, PAGE, APP, INSTAGRAM_USER), or NOBODY,
            OPTIONAL, ANYBODY. Instagram's tokens, and no others, work on graph.instagram.com.
        parameters: the names it knows beside `COMMON_PARAMETERS`.
    """

    def register(answer: Handler) -> Handler:
        known = frozenset(parameters)
        kinds = frozenset([auth] if isinstance(auth, str) else auth)
        TABLE.setdefault((node, edge), {})[method] = Endpoint(answer, kinds, known)
        return answer

    return register


def require_permission(
    db: sqlite3.Connection, token: Token, name: str, error: errors.GraphError
) -> None:
    """Pass where the person behind `token` granted the permission, else raise `error`."""
    grant = find_grant(db, token.person, token.app_id)
    if grant is None or not grant.has(name):
        raise error
