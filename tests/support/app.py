"""A small host application for tests: the extension, its tables, and a way to be a tenant."""

import base64
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import text

from flask_messenger import Agent, Location, Messenger, Tenant
from flask_messenger.crypto import KeyRing
from flask_messenger.models import Account, Base, Conversation, Identity, Message, schema
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.support.roles import elsewhere

GRAPH_URL = "https://graph.example.test"
APP_ID = "4242"
APP_SECRET = "test-app-secret-do-not-log"
INSTAGRAM_GRAPH_URL = "https://graph.instagram.example.test"
INSTAGRAM_API_URL = "https://api.instagram.example.test"
INSTAGRAM_APP_ID = "5252"
INSTAGRAM_APP_SECRET = "test-instagram-secret-do-not-log"
VERIFY_TOKEN = "test-verify-token"
PAGE_TOKEN = "EAAtestpagetokenDONOTLOG"
ENCRYPTION_KEYS = "k1:" + base64.b64encode(bytes(range(32))).decode()
ALL_PERMISSIONS = frozenset({"assign", "connect", "reply", "settings"})


@dataclass
class Host:
    """What the host knows, for tests to set: who asks, which plan, which contacts."""

    tenant: Tenant | None = None
    plans: dict[str, str] = field(default_factory=dict)
    contacts: dict[str, str] = field(default_factory=dict)
    resolved: list[Any] = field(default_factory=list)

    def sign_in(self, workspace_id: str = "w1", **values: Any) -> Tenant:
        values.setdefault("user_id", "u1")
        values.setdefault("user_name", "Sam Reyes")
        values.setdefault("permissions", ALL_PERMISSIONS)
        self.tenant = Tenant(workspace_id=workspace_id, **values)
        return self.tenant


def make_config(database_url: str, redis_url: str, **overrides: Any) -> dict[str, Any]:
    return {
        "TESTING": True,
        "SECRET_KEY": "test-secret-key",
        "WTF_CSRF_ENABLED": False,
        "SERVER_NAME": "crm.example.test",
        "SQLALCHEMY_DATABASE_URI": database_url,
        "META_APP_ID": APP_ID,
        "META_APP_SECRET": APP_SECRET,
        "META_VERIFY_TOKEN": VERIFY_TOKEN,
        "META_GRAPH_URL": GRAPH_URL,
        "META_DIALOG_URL": "https://dialog.example.test",
        "META_INSTAGRAM_APP_ID": INSTAGRAM_APP_ID,
        "META_INSTAGRAM_APP_SECRET": INSTAGRAM_APP_SECRET,
        "META_INSTAGRAM_GRAPH_URL": INSTAGRAM_GRAPH_URL,
        "META_INSTAGRAM_API_URL": INSTAGRAM_API_URL,
        "META_INSTAGRAM_DIALOG_URL": "https://dialog.instagram.example.test",
        "MESSENGER_ENCRYPTION_KEYS": ENCRYPTION_KEYS,
        "MESSENGER_REDIS_URL": redis_url,
        "MESSENGER_MEDIA_URL": "memory://messenger-media",
        "MESSENGER_PUBLIC_URL": "https://crm.example.test",
        "MESSENGER_WEBHOOK_DATABASE_SECONDS": 30,  # the machine that runs the tests may be busy
        **overrides,
    }


def make_app(config: dict[str, Any]) -> Flask:
    """Return an application with the extension; its `Host` is `app.extensions["host"]`."""
    app = Flask("crm")
    app.config.update(config)
    db = SQLAlchemy()
    db.init_app(app)
    host = Host()
    app.extensions["host"] = host
    messenger = Messenger()
    messenger.tenant_loader(lambda: host.tenant)
    messenger.tier_loader(lambda workspace_id: host.plans.get(workspace_id, "pro"))
    messenger.agents_loader(
        lambda _: [Agent(id="u1", name="Sam Reyes"), Agent(id="u2", name="Ida")]
    )
    messenger.locations_loader(
        lambda _: [Location(id="l1", name="Downtown"), Location(id="l2", name="Riverside")]
    )

    @messenger.contact_resolver
    def resolve(identity: Any) -> str:
        host.resolved.append(identity)
        return host.contacts.setdefault(identity.external_id, f"lead-{len(host.contacts) + 1}")

    messenger.init_app(app, db)
    return app


_migrated: set[str] = set()


def migrate(app: Flask) -> None:
    """Bring the test database to the newest schema, once per run."""
    url = app.config["SQLALCHEMY_DATABASE_URI"]
    if url not in _migrated:
        with app.app_context():
            schema.upgrade(state_of(app).db.engine)
        _migrated.add(url)


def empty_tables(app: Flask) -> None:
    """Remove every row of ours."""
    with app.app_context():
        engine = state_of(app).db.engine
        names = [table.name for table in reversed(Base.metadata.sorted_tables)]
        # Nearly all of them are empty: a DELETE of nothing is quicker than a TRUNCATE.
        with engine.begin() as connection:
            for name in names:
                connection.execute(text(f"DELETE FROM {name}"))  # noqa: S608 - our own names


class Factory:
    """Makes committed rows; every value can be given, and those that are not make sense."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._numbers = itertools.count(1)

    @property
    def session(self) -> Any:
        return state_of(self._app).db.session

    @contextmanager
    def _saving(self, row: Any) -> Iterator[Any]:
        with elsewhere(), system_scope("factory"):
            yield row
            self.session.add(row)
            self.session.commit()
            self.session.refresh(row)

    def account(self, workspace_id: str = "w1", **values: Any) -> Account:
        number = next(self._numbers)
        token = values.pop("token", PAGE_TOKEN)
        row = Account(
            id=new_id(),
            workspace_id=workspace_id,
            location_id=values.pop("location_id", "l1"),
            channel=values.pop("channel", "facebook"),
            external_id=values.pop("external_id", f"10000{number}"),
            name=values.pop("name", f"Page {number}"),
            app_name=values.pop("app_name", "default"),
            connected_at=utc_now(),
            **values,
        )
        with self._saving(row):
            if token:
                row.seal_token(state_of(self._app).get(KeyRing), token)
        return row

    def identity(self, account: Account, **values: Any) -> Identity:
        values.setdefault("external_id", f"20000{next(self._numbers)}")
        values.setdefault("name", "Maya Okafor")
        row = Identity(
            id=new_id(), workspace_id=account.workspace_id, account_id=account.id, **values
        )
        with self._saving(row):
            return row

    def conversation(
        self, account: Account, identity: Identity | None = None, **values: Any
    ) -> Conversation:
        identity = identity or self.identity(account)
        row = Conversation(
            id=new_id(),
            workspace_id=account.workspace_id,
            account_id=account.id,
            identity_id=identity.id,
            channel=account.channel,
            **values,
        )
        with self._saving(row):
            return row

    def message(self, conversation: Conversation, **values: Any) -> Message:
        values.setdefault("external_id", f"m_{next(self._numbers)}")
        values.setdefault("direction", "inbound")
        values.setdefault("kind", "text")
        values.setdefault("text", "hello")
        inbound = values["direction"] == "inbound"
        values.setdefault("status", "received" if inbound else "sent")
        values.setdefault("sent_by", "customer" if inbound else "person")
        values.setdefault("sent_at", utc_now())
        row = Message(
            id=new_id(),
            workspace_id=conversation.workspace_id,
            account_id=conversation.account_id,
            conversation_id=conversation.id,
            **values,
        )
        with self._saving(row):
            return row
