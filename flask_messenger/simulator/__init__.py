"""A local Meta: login dialog, Graph, signed webhooks, and a chat page to be the customer.

Its own application with its own SQLite file, meant to run in its own process:
`python -m flask_messenger.simulator`. Its rules come from Meta's published
facts, never from our client, so the two can disagree. README.md beside this
file documents the control API.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask

__all__ = ["create_simulator"]


def create_simulator(config: Mapping[str, Any] | None = None) -> Flask:
    """Make the simulated Meta; see `flask_messenger.simulator.app.create_simulator`."""
    # Imported late: a host that only wants `simulator.constants` loads none of the rest.
    from flask_messenger.simulator import app  # noqa: PLC0415

    return app.create_simulator(config)
