"""Working as the roles of production: in a request as the web's, anywhere else as the worker's.

One application serves a test as both. Its connections log in as a member of the web's role that
may also take the worker's on, which is what happens outside of a request: in jobs, and where a
test makes or looks at rows. Nothing is done as the owner of the tables but migrating and emptying.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from flask import has_request_context
from psycopg import sql
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url

from flask_messenger.models import Base, schema
from flask_messenger.models.walls import ASK_SYSTEM, SYSTEM_ON, SYSTEM_SETTING
from flask_messenger.operate.roles import create_roles
from flask_messenger.tenancy import ALLOWED, _scope, system_scope, tell_database
from tests.servers import connect_to

OURS = "messenger_"
TAKE_ON = "SET LOCAL ROLE "
LOOK_AROUND = f"SELECT set_config('{SYSTEM_SETTING}', '{SYSTEM_ON}', true)"
KEY, LOOKS = "test_role", "test_looks_around"


_elsewhere: ContextVar[bool] = ContextVar("test_elsewhere", default=False)


@contextmanager
def elsewhere() -> Iterator[None]:
    """Work as the worker's role in the middle of a request: somebody else does, at that moment."""
    token = _elsewhere.set(True)
    try:
        yield
    finally:
        _elsewhere.reset(token)


def _is_in_request() -> bool:
    return has_request_context() and not _elsewhere.get()


@dataclass
class Roles:
    """The roles of this run, and the owner's connections to the databases it has seen."""

    web: str
    worker: str
    login: str
    password: str
    owners: dict[str, Engine] = field(default_factory=dict)

    def owner(self, database_url: str) -> Engine:
        """Return the engine of the owner of the tables."""
        if database_url not in self.owners:
            engine = create_engine(database_url, pool_size=1, max_overflow=0)
            tell_database(engine)
            self.owners[database_url] = engine
        return self.owners[database_url]

    def url(self, database_url: str) -> str:
        """Return the address of the same database for the login of the tests."""
        url = make_url(database_url).set(username=self.login, password=self.password)
        return url.render_as_string(hide_password=False)

    def prepare(self, database_url: str) -> None:
        """Bring the database to the newest schema, give the roles their grants, remove all rows."""
        engine = self.owner(database_url)
        names = [table.name for table in reversed(Base.metadata.sorted_tables)]
        if not self._is_ready(engine):
            schema.upgrade(engine)
            with engine.begin() as connection:
                create_roles(connection, web=self.web, worker=self.worker)
        # Nearly all of them are empty: a DELETE of nothing is quicker than a TRUNCATE.
        with system_scope("emptying"), engine.begin() as connection:
            for name in names:
                connection.execute(text(f"DELETE FROM {name}"))  # noqa: S608 - our own names

    def _is_ready(self, engine: Engine) -> bool:
        """Say whether no test has taken the tables, or what the roles may, away since."""
        names = [table.name for table in Base.metadata.sorted_tables]
        may = text("SELECT bool_and(has_table_privilege(:role, to_regclass(n), 'SELECT'))"
                   " FROM unnest(CAST(:names AS text[])) n")  # fmt: skip
        with engine.connect() as connection:
            found = connection.scalar(
                text(
                    "SELECT bool_and(to_regclass(n) IS NOT NULL) FROM unnest(CAST(:n AS text[])) n"
                ),
                {"n": names},
            )
            return bool(found) and bool(
                connection.scalar(may, {"role": self.worker, "names": names})
            )


@contextmanager
def make_roles(server: URL) -> Iterator[Roles]:
    """Make roles of this run's own on `server`, and remove them at the end."""
    run = secrets.token_hex(4)
    roles = Roles(
        web=f"fm_test_web_{run}",
        worker=f"fm_test_worker_{run}",
        login=f"fm_test_login_{run}",
        password=secrets.token_hex(8),
    )
    names = {
        "web": sql.Identifier(roles.web),
        "worker": sql.Identifier(roles.worker),
        "login": sql.Identifier(roles.login),
        "password": sql.Literal(roles.password),
    }
    with connect_to(server) as connection:
        for statement in (
            "CREATE ROLE {web} NOLOGIN",
            "CREATE ROLE {worker} NOLOGIN",
            "CREATE ROLE {login} LOGIN PASSWORD {password}",
            "GRANT {web} TO {login} WITH INHERIT TRUE",
            "GRANT {worker} TO {login} WITH INHERIT FALSE, SET TRUE",
        ):
            connection.execute(sql.SQL(statement).format(**names))
    try:
        yield roles
    finally:
        for engine in roles.owners.values():
            engine.dispose()
        with connect_to(server) as connection:
            for name in ("login", "web", "worker"):
                connection.execute(sql.SQL("DROP ROLE {}").format(names[name]))


def work_as_roles(engine: Engine, roles: Roles) -> None:
    """Have the connections of `engine` take the worker's role on, except in a request."""

    def choose(connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
        if OURS not in statement or cursor.connection.autocommit:
            return
        role = "NONE" if _is_in_request() else roles.worker
        if connection.info.get(KEY, "NONE") != role:
            connection.exec_driver_sql(TAKE_ON + role)
            connection.info[KEY] = role
            connection.info.pop(ALLOWED, None)

    # Before what tells the scope: whether a role may see everything is asked there.
    event.listen(engine, "before_cursor_execute", choose, insert=True)
    event.listen(engine, "before_cursor_execute", _look_around)
    event.listen(engine, "commit", _forget)
    event.listen(engine, "rollback", _forget)
    event.listen(engine, "rollback_savepoint", _doubt)
    event.listen(engine, "checkin", lambda _, record: _forget(record))


def _look_around(connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
    """Let a test read attributes and tables outside of any scope: our own code never does."""
    if OURS not in statement or statement == ASK_SYSTEM or cursor.connection.autocommit:
        return
    if _is_in_request():
        return
    if _scope.get() is not None:
        connection.info.pop(LOOKS, None)
    elif LOOKS not in connection.info:
        connection.exec_driver_sql(LOOK_AROUND)
        connection.info[LOOKS] = True


def _forget(connection: Any, *_: Any) -> None:
    for name in (KEY, LOOKS, ALLOWED):
        connection.info.pop(name, None)


def _doubt(connection: Connection, *_: Any) -> None:
    _forget(connection)
    connection.info[KEY] = "?"


def is_of_the_walls(statement: str) -> bool:
    """Say whether a statement only tells the scope or takes a role on: once per transaction."""
    return statement.startswith(TAKE_ON) or statement in {LOOK_AROUND, ASK_SYSTEM}
