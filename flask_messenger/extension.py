"""Messenger: what a host registers. The top of the house; nothing imports it but hosts."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

import redis
from flask import Flask
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import Engine, event

from flask_messenger import api, cli, metrics, ui, webhook
from flask_messenger.api import integrations
from flask_messenger.connect.oauth import create_oauth
from flask_messenger.crypto import KeyRing
from flask_messenger.errors import ConfigurationError
from flask_messenger.graph.client import Graph
from flask_messenger.hooks import Agent, Hooks, IdentityInfo, Location, ReplyInfo, Tenant
from flask_messenger.ingest.journal import Journal
from flask_messenger.ingest.spool import Spool
from flask_messenger.ingest.strangers import Strangers
from flask_messenger.ingest.wake import DrainWaker
from flask_messenger.media.store import Store
from flask_messenger.outbox.board import Board
from flask_messenger.outbox.breaker import Breaker
from flask_messenger.outbox.pacing import Pace, Pacer
from flask_messenger.outbox.unwritten import Leftovers
from flask_messenger.realtime import Hub
from flask_messenger.redis_client import open_redis
from flask_messenger.settings import Settings
from flask_messenger.state import KEY, MessengerState
from flask_messenger.tenancy import tell_database

F = TypeVar("F", bound=Callable[..., Any])

REDIS_TIMEOUT_SECONDS: Final = 2.0
WEBHOOK_REDIS_CONNECT_SECONDS: Final = 0.5
WEBHOOK_REDIS_SECONDS: Final = 3.0
"""Longer than the spool waits for the disk of Redis; both together within Meta's patience."""
SQLITE_BUSY_MILLISECONDS: Final = 10_000


class Messenger:
    """Meta channels inside a host's Flask application.

    One instance keeps the host's hooks and nothing else, so it may serve several applications;
    what belongs to an application lives in `app.extensions["messenger"]`.

    Hooks can be given by name (`Messenger(app, db, tier_loader=...)`) or by decorator.
    """

    def __init__(
        self,
        app: Flask | None = None,
        db: Any = None,
        *,
        tenant_loader: Callable[[], Tenant | None] | None = None,
        tier_loader: Callable[[str], str] | None = None,
        contact_resolver: Callable[[IdentityInfo], str | None] | None = None,
        agents_loader: Callable[[str], Iterable[Agent]] | None = None,
        locations_loader: Callable[[str], Iterable[Location]] | None = None,
        contact_panel: Callable[[str], str | None] | None = None,
        variables_loader: Callable[[ReplyInfo], Mapping[str, Any]] | None = None,
    ) -> None:
        self._hooks = Hooks(
            tenant=tenant_loader,
            tier=tier_loader,
            contact=contact_resolver,
            agents=agents_loader,
            locations=locations_loader,
            contact_panel=contact_panel,
            variables=variables_loader,
        )
        if app is not None:
            self.init_app(app, db)

    def tenant_loader(self, function: F) -> F:
        """Register `function() -> Tenant | None`: who is asking, for this request."""
        self._hooks.tenant = function
        return function

    def tier_loader(self, function: F) -> F:
        """Register `function(workspace_id) -> plan name`."""
        self._hooks.tier = function
        return function

    def contact_resolver(self, function: F) -> F:
        """Register `function(identity) -> reference`: find or create the host's contact.

        Called in a worker, after commit, inside the workspace's scope; at least once per person
        until it returns a reference, so it has to find what it made before.
        """
        self._hooks.contact = function
        return function

    def agents_loader(self, function: F) -> F:
        """Register `function(workspace_id) -> agents` a conversation can be assigned to."""
        self._hooks.agents = function
        return function

    def locations_loader(self, function: F) -> F:
        """Register `function(workspace_id) -> locations`, for pages to name and to offer."""
        self._hooks.locations = function
        return function

    def contact_panel(self, function: F) -> F:
        """Register `function(contact_ref) -> HTML` shown next to a conversation.

        Plain text is escaped; HTML has to be `markupsafe.Markup`.
        """
        self._hooks.contact_panel = function
        return function

    def variables_loader(self, function: F) -> F:
        """Register `function(reply) -> values`: variables of templates beside our own.

        Text, numbers, dates, and mappings of them. Called while somebody waits: be quick.
        """
        self._hooks.variables = function
        return function

    def init_app(self, app: Flask, db: Any) -> None:
        """Read the settings and register blueprints and commands on `app`.

        Args:
            app: the host's application.
            db: its Flask-SQLAlchemy object, already initialised on `app`.

        Raises:
            ConfigurationError: a setting is missing or malformed, `db` is not ready, or `app`
                already has this extension.
        """
        if KEY in app.extensions:
            raise ConfigurationError("flask_messenger: init_app was already called on this app")
        if db is None or "sqlalchemy" not in app.extensions:
            raise ConfigurationError("flask_messenger: call db.init_app(app) before init_app")
        settings = Settings.from_config(app.config)
        held = MessengerState(settings, self._hooks, db)
        _add_clients(held, app)
        app.extensions[KEY] = held
        with app.app_context():
            _prepare_engine(db.engine)
            tell_database(db.engine)
            _add_webhook_clients(held, db.engine)
        _register_blueprints(app)


def _add_clients(held: MessengerState, app: Flask) -> None:
    """Make what belongs to one application; nothing of it is shared between two."""
    settings = held.settings
    client = _make_redis(settings, REDIS_TIMEOUT_SECONDS, REDIS_TIMEOUT_SECONDS)
    held.add(client, redis.Redis)
    held.add(KeyRing(settings.encryption_keys))
    held.add(Graph(settings))
    held.add(Hub(client))
    held.add(DrainWaker(client))
    board = Board(client)
    held.add(Pacer(client, board, _pace(settings)))
    held.add(Breaker(board))
    held.add(Leftovers())
    held.add(Store.of(app, settings.media))
    held.add(create_oauth(app, settings))


def _make_redis(settings: Settings, connect_seconds: float, answer_seconds: float) -> redis.Redis:
    return open_redis(
        settings.redis_url,
        connect_seconds=connect_seconds,
        answer_seconds=answer_seconds,
        health_check_interval=30,
        # One try over a connection that had died, and no waiting: callers know what to do without.
        retry=Retry(NoBackoff(), 1),
    )


def _add_webhook_clients(held: MessengerState, engine: Engine) -> None:
    settings = held.settings
    client = _make_redis(settings, WEBHOOK_REDIS_CONNECT_SECONDS, WEBHOOK_REDIS_SECONDS)
    held.add(
        Journal(
            engine,
            connections=settings.webhook_connections,
            timeout_seconds=settings.webhook_database_seconds,
        )
    )
    held.add(
        Spool(
            client,
            held.get(KeyRing),
            max_bytes=settings.spool_max_bytes,
            replicas=settings.spool_replicas,
        )
    )
    held.add(Strangers(client, a_minute=settings.webhook_refusals_a_minute))


def _pace(settings: Settings) -> Pace:
    return Pace(
        account_per_second=settings.account_sends_per_second,
        media_per_second=settings.account_media_per_second,
        app_per_second=settings.app_sends_per_second,
        slow_from=settings.usage_slow_from_percent,
        pause_from=settings.usage_pause_from_percent,
    )


def _register_blueprints(app: Flask) -> None:
    app.register_blueprint(webhook.bp)
    app.register_blueprint(api.bp)
    app.register_blueprint(integrations.bp)
    app.register_blueprint(ui.bp)
    app.register_blueprint(metrics.bp)
    app.cli.add_command(cli.messenger)
    _exempt_from_host_csrf(app)


def _exempt_from_host_csrf(app: Flask) -> None:
    """Keep a host's Flask-WTF `CSRFProtect` away from the webhook.

    Meta's calls are signed and carry no session. (Our other routes see to it themselves, in
    `api.security`.) The host may set `CSRFProtect` up after us, so this looks once, at the first
    request.
    """
    done = False

    def exempt() -> None:
        nonlocal done
        protect = None if done else app.extensions.get("csrf")
        if protect is not None:
            protect.exempt(app.blueprints[webhook.bp.name])
        done = True

    # First in line: the host's own check may be registered already.
    app.before_request_funcs.setdefault(None, []).insert(0, exempt)


def _prepare_engine(engine: Engine) -> None:
    """Keep values out of what the database's errors say, and make SQLite fit for two processes.

    A statement's values are people's messages, and an error's text ends in logs.
    """
    engine.hide_parameters = True
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA busy_timeout={SQLITE_BUSY_MILLISECONDS}")
        cursor.close()
