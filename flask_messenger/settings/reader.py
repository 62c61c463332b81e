"""Reading one key at a time, so that all that is wrong is said at once."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from flask_messenger.errors import ConfigurationError


class Reader:
    """Reads one key at a time and collects what is wrong, so that all of it is said at once."""

    def __init__(self, config: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        self._config = config
        self._environ = environ
        self._problems: list[str] = []

    def raw(self, key: str) -> Any:
        """Return a value as it was given; None where there is none, or an empty text."""
        value = self._config.get(key)
        if value is None:
            value = self._environ.get(key)
        return None if value == "" else value

    def problem(self, key: str, text: str) -> None:
        """Note what is wrong with a key."""
        self._problems.append(f"{key} {text}")

    def raise_problems(self) -> None:
        """Say all that is wrong, in one line.

        Raises:
            ConfigurationError: something is.
        """
        if self._problems:
            raise ConfigurationError("flask_messenger: " + "; ".join(self._problems))

    def text(self, key: str, default: str) -> str:
        """Return a text."""
        value = self.raw(key)
        return default if value is None else str(value)

    def matching(self, key: str, default: str, pattern: str) -> str:
        """Return a text that fits `pattern`; `default` is the example of one."""
        value = self.text(key, default)
        if not re.fullmatch(pattern, value):
            self.problem(key, f"must look like {default}")
        return value

    def number(self, key: str, default: float, *, minimum: float = 1) -> float:
        """Return a number that is `minimum` or more."""
        value = self.raw(key)
        try:
            number = default if value is None else float(value)
        except (TypeError, ValueError):
            self.problem(key, "must be a number")
            return default
        if not minimum <= number < float("inf"):
            self.problem(key, f"must be {minimum} or more")
            return default
        return number

    def names(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """Return names, from a list or from text with commas."""
        value = self.raw(key)
        if value is None:
            return default
        parts = value.split(",") if isinstance(value, str) else list(value)
        names = tuple(str(part).strip() for part in parts if str(part).strip())
        if not names or len(set(names)) != len(names):
            self.problem(key, "must list names once each, lowest first, such as free,plus,pro")
            return default
        return names

    def url(self, key: str, default: str | None) -> Any:
        """Return an address without a slash at its end."""
        value = self.raw(key)
        if value is None:
            return default
        text = str(value).rstrip("/")
        if not _is_web_address(text):
            self.problem(key, "must be an http or https address")
        return text

    def mapping(self, key: str) -> dict[str, Any]:
        """Return a mapping, from one or from JSON."""
        value = self.raw(key)
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                self.problem(key, "must be a JSON object")
                return {}
        if value is not None and not isinstance(value, Mapping):
            self.problem(key, "must be a JSON object")
            return {}
        return dict(value or {})


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:  # half an IPv6 address, say
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def optional(value: Any) -> str | None:
    """Return a value as text; None for nothing and for what is empty."""
    return str(value) if value else None
