"""`flask messenger doctor`: what is wrong is said, with how to mend it."""

import base64
import json
import time
from collections.abc import Callable

import pytest
import redis
from flask import Flask
from sqlalchemy import text

from flask_messenger.crypto import KeyRing
from flask_messenger.models import Account, schema
from flask_messenger.models.base import new_id
from flask_messenger.monitor.beats import beat
from flask_messenger.monitor.figures import Figures, save_figures
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.servers import connect_to
from tests.support.app import ENCRYPTION_KEYS, Factory

PASSWORDS = {"MESSENGER_WEB_PASSWORD": "web", "MESSENGER_WORKER_PASSWORD": "worker"}
NEW_KEY = "k2:" + base64.b64encode(bytes(range(1, 33))).decode()


def examine(app: Flask, *args: str) -> tuple[int, dict[str, list[tuple[str, str]]]]:
    """Return the exit status, and what was found by the name of the check."""
    shown = app.test_cli_runner().invoke(args=["messenger", "doctor", "--json", *args])
    found: dict[str, list[tuple[str, str]]] = {}
    for each in json.loads(shown.output):
        assert each["mend"] or each["state"] != "wrong", each
        found.setdefault(each["check"], []).append((each["state"], each["says"]))
    return shown.exit_code, found


def states(found: dict[str, list[tuple[str, str]]]) -> dict[str, set[str]]:
    return {check: {state for state, _ in each} for check, each in found.items()}


@pytest.fixture
def roles(site) -> None:
    shown = site.run(
        site.made[0],
        *("roles", "create", "--web-role", site.role("web"), "--worker-role", site.role("worker")),
        *("--web-login", site.role("web_login"), "--worker-login", site.role("worker_login")),
        env=PASSWORDS,
    )
    assert shown.exit_code == 0, shown.output


@pytest.fixture
def healthy_redis(redis_url: str):
    """A Redis that keeps what it is given, and a worker of each kind."""
    with redis.Redis.from_url(redis_url) as client:
        before = client.config_get("appendonly")["appendonly"]
        client.config_set("appendonly", "yes")
        for group in ("ingest", "outbox", "default", "bulk", "schedule"):
            beat(client, group=group, started_at=0, works_by="queue")
        save_figures(client, Figures(at=time.time()))
        yield client
        client.config_set("appendonly", before)


@pytest.mark.usefixtures("roles", "healthy_redis")
def test_nothing_is_wrong_where_everything_is_set_up(site) -> None:
    web = examine(site.app(site.role("web_login"), "web"))
    worker = examine(site.app(site.role("worker_login"), "worker"), "--process", "worker")

    for status, found in (web, worker):
        assert status == 0, found
        assert not [each for each in found.values() if each[0][0] == "wrong"]
    assert states(web[1])["search"] == {"note"}
    assert web[1]["system scope"] == [("ok", "Not for this role.")]
    assert worker[1]["system scope"] == [("ok", "Allowed.")]
    assert states(worker[1])["keys"] == {"ok"}


@pytest.mark.usefixtures("roles")
def test_the_wrong_role_for_a_process_is_said(site) -> None:
    _, as_web = examine(site.app(site.role("worker_login"), "worker"))
    _, as_worker = examine(site.app(site.role("web_login"), "web"), "--process", "worker")

    assert states(as_web)["system scope"] == {"wrong"}
    assert states(as_worker)["system scope"] == {"wrong"}


def test_a_connection_that_could_pass_the_walls_is_said(site) -> None:
    site.run(site.made[0], "roles", "create", *("--web-role", site.role("web")),
             *("--worker-role", site.role("worker")))  # fmt: skip
    with connect_to(site.server) as connection:
        for statement in (
            f"CREATE ROLE {site.role('bypass')} LOGIN PASSWORD 'x' BYPASSRLS",
            f"CREATE ROLE {site.role('heir')} LOGIN PASSWORD 'x'",
            f"GRANT {site.owner} TO {site.role('heir')} WITH INHERIT FALSE",
            f"CREATE ROLE {site.role('super')} LOGIN PASSWORD 'x' SUPERUSER",
            f"GRANT {site.role('web')} TO {site.role('bypass')}, {site.role('heir')}",
        ):
            connection.execute(statement)

    said = {}
    for kind in ("bypass", "heir", "super"):
        status, found = examine(site.app(site.role(kind), "x"))
        assert status == 1
        said[kind] = " ".join(says for _, says in found["role"])
    _, found = examine(site.made[0])

    assert "has BYPASSRLS" in said["bypass"]
    assert f"may be {site.owner}, which owns our tables" in said["heir"]
    assert "is a superuser" in said["super"]
    assert "owns our tables" in found["role"][0][1]


def test_walls_that_are_down_are_said(site) -> None:
    owner = site.made[0]
    with owner.app_context(), state_of(owner).db.engine.begin() as connection:
        for statement in (
            "ALTER TABLE messenger_messages DISABLE ROW LEVEL SECURITY",
            "ALTER TABLE messenger_identities NO FORCE ROW LEVEL SECURITY",
            "DROP POLICY messenger_workspace ON messenger_accounts",
            "CREATE POLICY theirs ON messenger_receipts USING (true)",
            "CREATE POLICY messenger_all ON messenger_reactions USING (true)",
            "ALTER POLICY messenger_workspace ON messenger_attachments USING (true)",
            "ALTER POLICY messenger_system ON messenger_erasures TO PUBLIC",
            "ALTER TABLE messenger_webhook_entries_default DISABLE ROW LEVEL SECURITY",
            "GRANT EXECUTE ON FUNCTION messenger_put_back(text, text) TO PUBLIC",
        ):
            connection.execute(text(statement))

    status, found = examine(owner)

    lets_through = "A policy that is not ours lets rows through:"
    assert status == 1
    assert {says for _, says in found["tables"]} == {
        "messenger_accounts lacks a policy of ours.",
        "messenger_identities does not force it on its owner.",
        "messenger_messages has no row-level security.",
        "A policy that is not ours lets rows through: theirs on messenger_receipts.",
        "A policy that is not ours lets rows through: messenger_all on messenger_reactions.",
        "A policy that is not ours lets rows through: messenger_system on messenger_erasures.",
        f"{lets_through} messenger_workspace on messenger_attachments.",
        "messenger_attachments lacks a policy of ours.",
        "messenger_erasures lacks a policy of ours.",
        "messenger_webhook_entries_default has no row-level security, past the journal.",
    }
    assert "messenger_put_back()" in found["functions"][0][1]


@pytest.mark.usefixtures("roles")
def test_a_side_door_to_the_journal_or_to_the_search_is_said(site) -> None:
    with connect_to(site.server.set(database=site.name)) as connection:
        connection.execute(f"ALTER DATABASE {site.name} OWNER TO {site.owner}")
    names = [f"--{kind}-role={site.role(kind)}" for kind in ("web", "worker", "reader")]
    assert site.run(site.made[0], "roles", "create", *names).exit_code == 0
    with connect_to(site.server.set(database=site.name)) as connection:
        login = site.role("web_login")
        connection.execute(f"GRANT SELECT ON messenger_webhook_entries_default TO {login}")
        connection.execute(f"GRANT {site.role('reader')} TO {login}")

    status, found = examine(site.app(login, "web"))

    assert status == 1
    said = " ".join(says for each in found.values() for state, says in each if state == "wrong")
    assert "messenger_webhook_entries_default may be reached by the role in use" in said
    assert "reads every workspace's rows of messenger_conversations, messenger_identities" in said


@pytest.mark.usefixtures("roles")
def test_a_grant_that_is_missing_is_said(site) -> None:
    owner = site.made[0]
    with owner.app_context(), state_of(owner).db.engine.begin() as connection:
        connection.execute(text(f"REVOKE ALL ON messenger_messages FROM {site.role('web')}"))

    status, found = examine(site.app(site.role("web_login"), "web"))

    assert status == 1
    assert found["grants"][0][1].endswith("messenger_messages.")


def test_tables_of_an_older_version_are_said(site) -> None:
    owner = site.made[0]
    with owner.app_context():
        schema.downgrade(state_of(owner).db.engine, "0001")

    status, found = examine(owner)

    assert status == 1
    assert "at 0001" in found["migrations"][0][1]


@pytest.mark.databases("sqlite")
def test_tables_that_are_not_there_do_not_make_the_database_silent(app: Flask) -> None:
    with app.app_context():
        engine = state_of(app).db.engine
    schema.downgrade(engine, "base")

    _, found = examine(app)
    schema.upgrade(engine)

    assert states(found)["migrations"] == {"wrong"}
    assert "database" not in found


@pytest.mark.databases("sqlite")
def test_settings_for_trying_out_are_said_in_production(new_app: Callable[..., Flask]) -> None:
    app = new_app(
        TESTING=False,
        MESSENGER_SIMULATOR_URL="http://127.0.0.1:9",
        MESSENGER_PUBLIC_URL="http://crm.example.test",
    )

    status, found = examine(app)

    assert status == 1
    assert states(found)["simulator"] == {"wrong"}
    assert states(found)["public url"] == {"wrong"}
    assert states(found)["walls"] == {"note"}


@pytest.mark.databases("sqlite")
def test_an_address_that_is_not_set_is_worth_knowing(new_app: Callable[..., Flask]) -> None:
    _, found = examine(new_app(MESSENGER_PUBLIC_URL=""))

    assert states(found)["public url"] == {"note"}


@pytest.mark.databases("sqlite")
def test_a_schedule_that_hangs_is_said(app: Flask, healthy_redis: "redis.Redis") -> None:
    save_figures(healthy_redis, Figures(at=time.time() - 600))

    _, found = examine(app)

    assert states(found)["workers"] == {"ok"}
    assert states(found)["schedule"] == {"wrong"}


@pytest.mark.databases("sqlite")
def test_workers_and_a_file_that_are_missing_are_said(app: Flask, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        beat(client, group="ingest", started_at=0, works_by="queue")

    status, found = examine(app)

    assert status == 1
    assert "append-only" in found["redis"][0][1]
    assert found["workers"] == [
        ("wrong", "No worker was heard of lately for: outbox, default, bulk, schedule.")
    ]


@pytest.mark.databases("sqlite")
@pytest.mark.usefixtures("healthy_redis")
def test_a_redis_that_throws_jobs_away_is_said(app: Flask, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.config_set("maxmemory", "100mb")
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            _, found = examine(app)
        finally:
            client.config_set("maxmemory", "0")
            client.config_set("maxmemory-policy", "noeviction")

    assert "allkeys-lru" in found["redis"][0][1]


def test_servers_that_are_away_are_findings(
    new_app: Callable[..., Flask], database_url: str
) -> None:
    del database_url
    app = new_app(
        SQLALCHEMY_DATABASE_URI="postgresql+psycopg://nobody@127.0.0.1:1/none",
        MESSENGER_REDIS_URL="redis://127.0.0.1:1/0",
    )

    status, found = examine(app)

    assert status == 1
    assert states(found)["database"] == {"wrong"}
    assert states(found)["redis"] == {"wrong"}


def test_keys_that_are_missing_or_old_are_said(app: Flask, factory: Factory) -> None:
    factory.account(token="EAAold")
    lost = Account(id=new_id(), workspace_id="w1", channel="facebook", external_id="9")
    lost.seal_token(KeyRing([("gone", bytes(32))]), "EAAlost")
    with system_scope("test"):
        factory.session.add(lost)
        factory.session.commit()
    keys = [pair.partition(":") for pair in (NEW_KEY, ENCRYPTION_KEYS)]
    state_of(app).add(KeyRing([(name, base64.b64decode(key)) for name, _, key in keys]))

    status, found = examine(app, "--process", "worker")

    assert status == 1
    said = [says for _, says in found["keys"]]
    assert "messenger_accounts.token_sealed: 1 of the newest values do not open." in said
    assert "k1 still opens 1 values." in said


@pytest.mark.databases("sqlite")
def test_lines_say_what_and_how(app: Flask) -> None:
    shown = app.test_cli_runner().invoke(args=["messenger", "doctor"])

    assert shown.exit_code == 1
    assert "ok public url: https://crm.example.test" in shown.output
    assert "!! workers: No worker was heard of lately" in shown.output
    assert "   → Start `flask messenger worker`." in shown.output


@pytest.mark.usefixtures("roles")
def test_keys_are_a_matter_for_the_worker(site) -> None:
    shown = site.run(site.app(site.role("web_login"), "web"), "keys", "status")

    assert shown.exit_code == 1
    assert "Error: The database role of this process may not see all workspaces" in shown.output
