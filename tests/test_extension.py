"""Registering the extension on a host's application."""

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect

from flask_messenger import ConfigurationError, Messenger, ReplyInfo
from flask_messenger.crypto import KeyRing
from flask_messenger.state import state_of
from tests.support import meta
from tests.support.app import make_config

REDIS_URL = "redis://127.0.0.1:1/0"


def make_plain_app(**overrides: object) -> tuple[Flask, SQLAlchemy]:
    app = Flask("plain")
    app.config.update(make_config("sqlite://", REDIS_URL, **overrides))
    db = SQLAlchemy()
    db.init_app(app)
    return app, db


def test_two_applications_share_nothing() -> None:
    messenger = Messenger(tier_loader=lambda _: "pro")
    first, first_db = make_plain_app(META_APP_SECRET="one")
    second, second_db = make_plain_app(META_APP_SECRET="two")

    messenger.init_app(first, first_db)
    messenger.init_app(second, second_db)

    one, two = state_of(first), state_of(second)
    assert one.settings.default_app.app_secret == "one"
    assert two.settings.default_app.app_secret == "two"
    assert one.get(KeyRing) is not two.get(KeyRing)
    body = b'{"object":"page","entry":[]}'
    signed = {"X-Hub-Signature-256": meta.sign(body, "one")}
    assert meta.post(first.test_client(), body, **signed).status_code == 200
    assert meta.post(second.test_client(), body, **signed).status_code == 401


def test_the_same_application_twice_is_refused() -> None:
    app, db = make_plain_app()
    messenger = Messenger(app, db)

    with pytest.raises(ConfigurationError, match="already"):
        messenger.init_app(app, db)


def test_a_database_that_is_not_ready_is_refused() -> None:
    app = Flask("plain")
    app.config.update(make_config("sqlite://", REDIS_URL))

    with pytest.raises(ConfigurationError, match=r"db\.init_app"):
        Messenger(app, SQLAlchemy())


def test_a_missing_setting_stops_the_start_with_one_line() -> None:
    app, db = make_plain_app(META_VERIFY_TOKEN=None)

    with pytest.raises(ConfigurationError) as caught:
        Messenger(app, db)

    assert str(caught.value) == "flask_messenger: META_VERIFY_TOKEN is missing"


@pytest.mark.parametrize("protect_first", [True, False])
def test_the_hosts_csrf_keeps_working_and_lets_meta_in(*, protect_first: bool) -> None:
    app, db = make_plain_app(WTF_CSRF_ENABLED=True)
    if protect_first:
        CSRFProtect(app)
    Messenger(app, db)
    if not protect_first:
        CSRFProtect(app)
    app.add_url_rule("/own", view_func=lambda: "changed", methods=["POST"])
    client = app.test_client()

    body = b'{"object":"page","entry":[]}'

    assert client.post("/own").status_code == 400
    assert meta.post(client, body).status_code == 200
    assert client.post("/own").status_code == 400


def test_host_gives_variables_of_templates_by_name_or_by_decorator() -> None:
    def load(_reply: ReplyInfo) -> dict[str, object]:
        return {"order": 7}

    by_name, by_decorator = Messenger(variables_loader=load), Messenger()
    assert by_decorator.variables_loader(load) is load

    for messenger in (by_name, by_decorator):
        app, db = make_plain_app()
        messenger.init_app(app, db)
        assert state_of(app).hooks.variables is load
