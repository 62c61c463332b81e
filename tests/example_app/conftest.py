"""The CRM on both databases, with its demo agencies, and browsers logged in as their people."""

from collections.abc import Callable, Iterator

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select
from sqlalchemy.engine import URL

from example_app import create_app, seed
from example_app.database import db
from example_app.models import Activity, Lead, User
from flask_messenger.ingest.spool import Spool
from flask_messenger.ingest.wake import DrainWaker
from flask_messenger.state import state_of
from tests.example_app.crm import CRM_SETTINGS, OutsideClient, agency_of, csrf_token
from tests.servers import create_database
from tests.support.app import Factory, empty_tables


@pytest.fixture(scope="session", autouse=True)
def clean_crm_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the developer's own CRM out of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in CRM_SETTINGS:
            patch.delenv(name, raising=False)
        patch.setenv("VAR_DIR", str(tmp_path_factory.mktemp("var")))
        yield


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def crm_database_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A database of the CRM's own: its tables must not meet those of other tests."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('crm')}/crm.sqlite"
        return
    server: URL = request.getfixturevalue("postgres_server")
    with create_database(server) as url:
        yield url


@pytest.fixture(scope="session")
def migrated_crm(crm_database_url: str, valkey_server: str) -> Iterator[Flask]:
    """The CRM with both sets of migrations run and the demo's people in it."""
    app = create_app(
        {
            "TESTING": True,
            "SQLALCHEMY_DATABASE_URI": crm_database_url,
            "MESSENGER_REDIS_URL": valkey_server,
        }
    )
    app.test_client_class = OutsideClient
    try:
        result = app.test_cli_runner().invoke(args=["prepare"])
        assert result.exit_code == 0, result.output
        yield app
    finally:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()
        state_of(app).get(DrainWaker).close()
        state_of(app).get(Spool).close()
        state_of(app).get(redis.Redis).close()


@pytest.fixture
def crm(migrated_crm: Flask) -> Iterator[Flask]:
    """The CRM as the demo begins: agencies and people, no leads, nothing connected."""
    with migrated_crm.app_context():
        db.session.execute(delete(Activity))
        db.session.execute(delete(Lead))
        for user in db.session.scalars(select(User)):
            user.theme = "system"
        for demo in seed.AGENCIES:
            agency_of(demo.slug).plan = demo.plan
        db.session.commit()
        empty_tables(migrated_crm)
        yield migrated_crm
        db.session.remove()


@pytest.fixture
def rows(crm: Flask) -> Factory:
    """Makes rows of the messenger's own tables."""
    return Factory(crm)


@pytest.fixture
def log_in(crm: Flask) -> Callable[[str], FlaskClient]:
    """Returns a browser in which somebody is logged in, CSRF protection and all."""

    def browse(email: str) -> FlaskClient:
        client = crm.test_client()
        form = {"email": email, "password": "demo", "csrf_token": csrf_token(client, "/login")}
        assert client.post("/login", data=form).status_code == 302
        return client

    return browse
