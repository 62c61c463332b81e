"""What the inbox asks, with a hundred thousand messages in the database and with ten million.

The questions of an agent's day, each at every size in turn, as the web's own role and behind the
policies: in a workspace of the usual size, whose number grows with the messages, and in one that
holds a tenth of them all and grows with them.
"""

import contextlib
import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import quantiles
from typing import Any, Final

from flask import Flask
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import URL, make_url

from benchmarks.crowd import LARGE, WORDS, fill, word_at
from benchmarks.host import create_app
from benchmarks.results import Result
from benchmarks.surroundings import Surroundings, run_surroundings
from flask_messenger import Tenant
from flask_messenger.inbox import messages as reading
from flask_messenger.inbox import queries
from flask_messenger.inbox.filters import ConversationFilters
from flask_messenger.models import schema
from flask_messenger.operate.roles import WEB_ROLE, Login, create_roles
from flask_messenger.state import state_of
from flask_messenger.tenancy import workspace_scope

SIZES: Final = (100_000, 1_000_000, 10_000_000)
QUICK_SIZES: Final = (10_000, 100_000)
ROUNDS, QUICK_ROUNDS = 300, 40
WARM_UP_ROUNDS = 20
USUAL: Final = "t1"
BAR: Final = 1.5
LOGIN: Final = "bench_web"

SCANS = """
    SELECT coalesce(sum(seq_scan), 0)::int FROM pg_stat_user_tables
    WHERE relname IN ('messenger_messages', 'messenger_conversations', 'messenger_identities')
"""

Ask = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Site:
    """One database, and an application in front of it."""

    size: int
    app: Flask
    owner: Engine

    def sequential_scans(self) -> int:
        """Return how often a large table was read from end to end, as PostgreSQL counts it."""
        with self.owner.connect() as connection:
            connection.execute(text("SELECT pg_stat_clear_snapshot()"))
            found: int = connection.execute(text(SCANS)).scalar_one()
            return found


def measure(*, quick: bool) -> Iterator[Result]:
    """Yield the 95th percentile of every question at every size, against the smallest size."""
    with run_surroundings() as around, contextlib.ExitStack() as stack:
        sites = [
            stack.enter_context(_site(around, size)) for size in (QUICK_SIZES if quick else SIZES)
        ]
        for workspace in (USUAL, LARGE):
            asks = [_questions(site, workspace) for site in sites]
            _ask_all(asks, rounds=WARM_UP_ROUNDS)
            # Of the largest only: a table of a few pages is read at once by whoever is wise.
            before = sites[-1].sequential_scans()
            times = _ask_all(asks, rounds=QUICK_ROUNDS if quick else ROUNDS)
            time.sleep(1.5)  # PostgreSQL tells its counters at most once a second
            scans = [
                site.sequential_scans() - then for site, then in zip(sites, before, strict=True)
            ]
            yield from _results(sites, workspace, times)
            yield Result.at_most(
                f"{workspace}: tables read whole", scans, "times", bar=0, size=sites[-1].size
            )


def _results(
    sites: list[Site], workspace: str, times: dict[str, list[list[float]]]
) -> Iterator[Result]:
    for name, by_site in times.items():
        floor = _p95(by_site[0])
        for site, seconds in zip(sites, by_site, strict=True):
            label = f"{workspace}: {name}"
            p95 = _p95(seconds)
            if site is sites[-1]:
                yield Result.at_most(label, p95, "ms (p95)", floor=floor, bar=BAR, size=site.size)
            else:
                yield Result.plain(label, p95, "ms (p95)", size=site.size)


def _p95(seconds: list[float]) -> float:
    return quantiles(seconds, n=20)[-1] * 1000


@contextlib.contextmanager
def _site(around: Surroundings, size: int) -> Iterator[Site]:
    url = make_url(around.database_url)
    name = f"crowd_{size}"
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    owner = create_engine(url.set(database=name))
    schema.upgrade(owner)
    with owner.begin() as connection:
        login = Login(name=LOGIN, role=WEB_ROLE, password="bench")  # noqa: S106 - of this run only
        create_roles(connection, logins=[login])
    fill(owner, messages=size)
    app = _make_app(around, url.set(database=name, username=LOGIN, password="bench"))  # noqa: S106
    try:
        yield Site(size, app, owner)
    finally:
        with app.app_context():
            state_of(app).db.engine.dispose()
        owner.dispose()


def _make_app(around: Surroundings, url: URL) -> Flask:
    os.environ.update(around.environment)
    os.environ["BENCH_DATABASE_URL"] = url.render_as_string(hide_password=False)
    return create_app()


def _questions(site: Site, workspace: str) -> dict[str, Ask]:
    """Return what is asked of one site, ready to be called."""
    session = state_of(site.app).db.session
    everywhere = Tenant(workspace_id=workspace, user_id="1", permissions=frozenset())
    somewhere = Tenant(
        workspace_id=workspace, user_id="1", permissions=frozenset(), location_ids=frozenset({"l1"})
    )
    chance = random.Random(site.size)  # noqa: S311 - the same questions in every run

    def listing(tenant: Tenant = everywhere, **filters: Any) -> Ask:
        chosen = ConversationFilters(**filters)
        return lambda: queries.list_conversations(session, tenant=tenant, filters=chosen)

    def search() -> object:
        wanted = ConversationFilters(text=word_at(int(chance.random() ** 3 * WORDS)))
        return queries.list_conversations(session, tenant=everywhere, filters=wanted)

    with site.app.app_context(), workspace_scope(workspace):
        page = queries.list_conversations(
            session, tenant=everywhere, filters=ConversationFilters(), limit=100
        )
        ids = [row.conversation.id for row in page.items]
        session.remove()

    def open_one() -> object:
        return reading.list_messages(session, tenant=everywhere, conversation_id=chance.choice(ids))

    asks = {
        "list": listing(status="open"),
        "list, mine": listing(status="open", assignee="me"),
        "list, one location": listing(somewhere, status="open"),
        "search": search,
        "open a conversation": open_one,
        "unread counts": lambda: queries.count_conversations(session, tenant=everywhere),
        "unread counts, one location": lambda: queries.count_conversations(
            session, tenant=somewhere
        ),
    }
    return {name: _timed(site, workspace, ask) for name, ask in asks.items()}


def _timed(site: Site, workspace: str, ask: Ask) -> Callable[[], float]:
    session = state_of(site.app).db.session

    def run() -> float:
        with site.app.app_context(), workspace_scope(workspace):
            started_at = time.perf_counter()
            ask()
            session.rollback()
            seconds = time.perf_counter() - started_at
            session.remove()
            return seconds

    return run


def _ask_all(asks: list[dict[str, Any]], *, rounds: int) -> dict[str, list[list[float]]]:
    """Ask each question of every site in turn: a slow moment is slow for all of them."""
    times: dict[str, list[list[float]]] = {name: [[] for _ in asks] for name in asks[0]}
    for _ in range(rounds):
        for name, by_site in times.items():
            for place, questions in enumerate(asks):
                by_site[place].append(questions[name]())
    return times
