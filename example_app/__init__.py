"""A small CRM that mounts flask_messenger the way a real host would.

`application.py` is the whole wiring, `messenger_hooks.py` is what the CRM tells the messenger,
and `timeline.py` is what it hears from it. `python -m example_app.run` starts all of it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask


def create_app(config: Mapping[str, Any] | None = None) -> "Flask":
    """Make the CRM; `config` wins over the environment."""
    # Late, because `run.py` lives in this package too and must not wait for a second of imports.
    from example_app.application import create_app as create  # noqa: PLC0415

    return create(config)
