"""Making many applications quickly.

Every test has an application of its own, with some two hundred rules, and for each of them werkzeug
compiles two functions: half of the time of a small test. What they do follows from the rule alone.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from werkzeug.routing import Rule


class SharedRule(Rule):
    """A rule that shares its compiled functions with its like in other applications."""

    _compiled: ClassVar[dict[tuple[Any, ...], Callable[..., tuple[str, str]]]] = {}

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:  # noqa: FBT001, FBT002 - werkzeug's
        if self.defaults:
            return super()._compile_builder(append_unknown)
        key = (self.rule, tuple(self._trace), append_unknown)
        if key not in self._compiled:
            self._compiled[key] = super()._compile_builder(append_unknown)
        return self._compiled[key]
