"""What one application holds. Anyone may read it; only `extension.py` fills it."""

from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast

from flask import Flask, current_app

from flask_messenger.errors import ConfigurationError
from flask_messenger.hooks import Hooks
from flask_messenger.settings import Settings

KEY: Final = "messenger"
"""Our place in `app.extensions`."""

T = TypeVar("T")


@dataclass(slots=True)
class MessengerState:
    """Settings, hooks and clients of one application.

    Clients (the key ring, the Redis client, the Graph client, …) are kept by their type, so that
    this file at the bottom of the house need not know the files that define them.
    """

    settings: Settings
    hooks: Hooks
    db: Any
    """The host's Flask-SQLAlchemy object; `db.session` is the session of requests and jobs."""
    _clients: dict[type, Any] = field(default_factory=dict, repr=False)

    def add(self, client: object, kind: type | None = None) -> None:
        """Keep `client` under its own type, or under `kind`."""
        self._clients[kind or type(client)] = client

    def get(self, kind: type[T]) -> T:
        """Return the client of this type."""
        return cast("T", self._clients[kind])


def state_of(app: Flask) -> MessengerState:
    """Return what `app` holds.

    Raises:
        ConfigurationError: `init_app` was never called on it.
    """
    held = app.extensions.get(KEY)
    if held is None:
        raise ConfigurationError("flask_messenger: Messenger.init_app was not called on this app")
    return cast("MessengerState", held)


def current_application() -> Flask:
    """Return the current application itself: signals have it as sender, and a proxy is none."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - documented
    return app


def state() -> MessengerState:
    """Return what the current application holds."""
    return state_of(current_app)
