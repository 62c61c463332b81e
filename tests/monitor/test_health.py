"""Whether messages flow: measured by the worker, shown to admins, scraped by operators."""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient

from flask_messenger import jobs
from flask_messenger.ingest.wake import DrainWaker
from flask_messenger.models.audit import record
from flask_messenger.models.base import utc_now
from flask_messenger.monitor.beats import Beat, beat, leave, read_beats
from flask_messenger.monitor.figures import Figures, Waiting, load_figures, save_figures
from flask_messenger.monitor.health import Alert, find_alerts
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.api.conftest import Api, Threads
from tests.support import meta
from tests.support.app import Factory, Host
from tests.support.ingest import drain
from tests.ui.conftest import Browser

PAGE, PERSON = "555", "9001001"
GROUPS = ("ingest", "outbox", "default", "bulk", "schedule")
TOKEN = "metrics-token"


def redis_of(app: Flask) -> "redis.Redis":
    return state_of(app).get(redis.Redis)


def start_workers(app: Flask, *groups: str) -> None:
    """Give the signs of life that worker processes give."""
    for group in groups:
        beat(redis_of(app), group=group, started_at=time.time(), works_by="queue")


def beats(*groups: str, at: float | None = None) -> list[Beat]:
    now = time.time() if at is None else at
    return [
        Beat(
            id=f"h:{group}",
            group=group,
            host="h",
            started_at=now,
            at=now,
            works_by="queue",
            job="",
            job_since=0.0,
        )
        for group in groups
    ]


def test_the_sweep_measures_what_waits(
    app: Flask, client: FlaskClient, factory: Factory, threads: Threads
) -> None:
    account = factory.account(external_id=PAGE)
    meta.post(client, meta.delivery(meta.entry(PAGE, meta.message(PAGE, PERSON, "Hello"))))
    state_of(app).get(DrainWaker).close()
    thread = threads.make(account=account)
    long_ago = utc_now() - timedelta(minutes=5)
    for status, values in (
        ("queued", {"created_at": long_ago}),
        ("queued", {"next_attempt_at": utc_now() + timedelta(hours=1)}),
        ("unknown", {}),
    ):
        factory.message(
            thread.conversation, direction="outbound", external_id=None, status=status, **values
        )
    untold = factory.message(thread.conversation, created_at=long_ago)
    threads.update(untold, announced_at=None)

    jobs.sweep([each for each in jobs.SCHEDULE if each.name == "sweep_figures"])
    figures = load_figures(redis_of(app))

    assert figures is not None
    assert figures.journal.count == 1
    assert figures.outbox.count == 1
    assert 300 <= figures.outbox.oldest_seconds < 900
    assert figures.news.count == 1
    assert figures.lags["announcing"] >= 300
    assert (figures.unknown, figures.failed_entries) == (1, 0)
    assert figures.queues["ingest"].count == 1
    assert figures.last_received_at is not None


def test_figures_come_back_as_they_were_kept(app: Flask) -> None:
    figures = Figures(
        at=time.time(),
        journal=Waiting(count=3, oldest_seconds=1.5),
        queues={"bulk": Waiting(count=1)},
        turns={"bulk": {"w1": 2}},
    )
    save_figures(redis_of(app), figures)

    assert load_figures(redis_of(app)) == figures


def test_workers_are_alive_while_they_say_so(app: Flask) -> None:
    start_workers(app, "ingest", "bulk")
    assert [each.group for each in read_beats(redis_of(app))] == ["bulk", "ingest"]

    leave(redis_of(app), group="bulk")
    assert [each.group for each in read_beats(redis_of(app))] == ["ingest"]
    assert not beats("ingest", at=time.time() - 60)[0].is_alive(time.time())


@pytest.mark.parametrize(
    ("groups", "figures", "is_redis_here", "expected"),
    [
        (GROUPS, Figures(at=0.0), True, []),
        (
            ("ingest", "outbox", "bulk", "schedule"),
            Figures(at=0.0),
            True,
            [Alert(kind="no_worker", part="default")],
        ),
        (
            GROUPS[:3],
            None,
            True,
            [
                Alert(kind="no_worker", part="bulk"),
                Alert(kind="no_worker", part="schedule"),
                Alert(kind="unmeasured"),
            ],
        ),
        (GROUPS, None, True, [Alert(kind="unmeasured")]),
        ((), None, False, [Alert(kind="redis_away")]),
        (
            GROUPS,
            Figures(at=0.0, outbox=Waiting(count=1, oldest_seconds=90.0)),
            True,
            [Alert(kind="behind", part="outbox", seconds=90.0)],
        ),
        (GROUPS, Figures(at=0.0, outbox=Waiting(count=1, oldest_seconds=9.0)), True, []),
    ],
)
def test_alerts_name_what_keeps_messages_from_flowing(
    groups: tuple[str, ...], figures: Figures | None, *, is_redis_here: bool, expected: list[Alert]
) -> None:
    found = find_alerts(beats(*groups), figures, is_redis_here=is_redis_here, alert_seconds=60)

    assert found == expected


def test_admins_read_it_over_the_api_and_only_their_own(
    app: Flask, api: Api, host: Host, threads: Threads
) -> None:
    for workspace_id in ("w1", "w2", "w2"):
        thread = threads.make(account=threads.factory.account(workspace_id))
        threads.factory.message(
            thread.conversation, direction="outbound", external_id=None, status="queued"
        )
    host.sign_in("w1")
    start_workers(app, *GROUPS)
    save_figures(redis_of(app), Figures(at=time.time(), turns={"bulk": {"w2": 7}}))

    answer = api.get("/health")

    assert answer.status_code == 200
    assert answer.json["state"] == "good"
    assert answer.json["workers"] == dict.fromkeys(GROUPS, 1)
    assert answer.json["lags"] == {"ingest": 0, "outbox": 0, "announcing": 0}
    assert answer.json["workspace"]["queued_count"] == 1
    assert "w2" not in answer.text


def test_who_may_not_change_settings_does_not_see_it(api: Api, host: Host) -> None:
    host.sign_in(permissions={"reply"})

    assert api.get("/health").status_code == 403
    assert api.get("/messenger/health").status_code == 403


def test_the_page_says_that_all_is_well(
    app: Flask, browser: Browser, signed_in: Host, threads: Threads
) -> None:
    del signed_in
    threads.make()
    start_workers(app, *GROUPS)
    save_figures(
        redis_of(app), Figures(at=time.time(), journal=Waiting(count=1, oldest_seconds=12.0))
    )

    words = browser.read("/health")

    assert "Messages flow" in words
    assert "12 s behind" in words
    assert "Answers waiting" in words
    assert "Health" in browser.read("/settings")


def test_the_page_says_what_is_wrong_and_what_follows(
    app: Flask, browser: Browser, signed_in: Host
) -> None:
    del signed_in
    save_figures(
        redis_of(app), Figures(at=time.time(), journal=Waiting(count=9, oldest_seconds=200.0))
    )

    words = browser.read("/health")

    assert "Messages wait" in words
    assert "No worker is running." in words
    assert "New messages show about 3 min late." in words
    assert "Exports and erasures go on" not in words
    assert "New messages are kept" in browser.read("/settings")


def test_the_page_without_redis_claims_nothing(new_app: Callable[..., Flask]) -> None:
    app = new_app(MESSENGER_REDIS_URL="redis://127.0.0.1:1/0")
    app.extensions["host"].sign_in()

    words = Browser(app, headers={"Accept": "text/html"}).read("/health")

    assert "The queue does not answer." in words
    assert "Exports and erasures go on" in words
    assert "Not measured" in words
    assert "No worker is running" not in words


def test_old_figures_are_not_taken_for_new_ones(
    app: Flask, browser: Browser, signed_in: Host
) -> None:
    del signed_in
    start_workers(app, *GROUPS)
    save_figures(redis_of(app), Figures(at=time.time() - 600))

    words = browser.read("/health")

    assert "Not measured" in words
    assert "Nobody measures." in words
    assert "Messages flow" not in words


def test_without_a_schedule_messages_flow_and_somebody_has_to_look(
    app: Flask, api: Api, browser: Browser, signed_in: Host
) -> None:
    del signed_in
    start_workers(app, "ingest", "outbox", "default")
    save_figures(redis_of(app), Figures(at=time.time()))

    answer, words = api.get("/health"), browser.read("/health")

    assert answer.json["state"] == "slow"
    assert [each["part"] for each in answer.json["alerts"]] == ["bulk", "schedule"]
    assert "Needs a look" in words
    assert "Exports and erasures of personal data wait" in words
    assert "not tried again" in words


def test_what_is_set_aside_is_counted_once_a_minute(app: Flask, client: FlaskClient) -> None:
    part = [each for each in jobs.SCHEDULE if each.name == "sweep_figures"]
    jobs.sweep(part)
    meta.post(client, meta.delivery(meta.entry("999", meta.message("999", PERSON, "Hello"))))
    drain(app)

    def count() -> int:
        jobs.sweep(part)
        figures = load_figures(redis_of(app))
        assert figures is not None
        return figures.unrouted_entries

    assert count() == 0
    assert 0 < redis_of(app).ttl("messenger:figures:counted") <= 60
    redis_of(app).delete("messenger:figures:counted")
    assert count() == 1


def test_the_page_tells_of_subscriptions_that_were_restored(
    app: Flask, browser: Browser, signed_in: Host, factory: Factory
) -> None:
    del signed_in
    start_workers(app, *GROUPS)
    ours, theirs = factory.account(name="Iron Gym"), factory.account("w2", name="Theirs")
    with system_scope("test"):
        for account in (ours, theirs):
            record(
                factory.session,
                workspace_id=account.workspace_id,
                actor="system",
                action="subscription_restored",
                subject=str(account.id),
                fields=["message_reads"],
            )
        factory.session.commit()

    words = browser.read("/health")

    assert "Iron Gym" in words
    assert "message_reads" in words
    assert "Theirs" not in words


def test_metrics_are_off_without_a_token(client: FlaskClient) -> None:
    assert client.get("/messenger/metrics").status_code == 404


def test_metrics_are_for_who_has_the_token(new_app: Callable[..., Flask]) -> None:
    app = new_app(MESSENGER_METRICS_TOKEN=TOKEN)
    start_workers(app, *GROUPS)
    figures = Figures(
        at=time.time(),
        last_received_at=time.time(),
        journal=Waiting(count=4, oldest_seconds=2.5),
        queues={"bulk": Waiting(count=1)},
        turns={"bulk": {"w1": 2}},
    )
    save_figures(redis_of(app), figures)
    client = app.test_client()

    assert client.get("/messenger/metrics").status_code == 401
    wrong = {"Authorization": "Bearer wrong"}
    assert client.get("/messenger/metrics", headers=wrong).status_code == 401
    answer = client.get("/messenger/metrics", headers={"Authorization": f"Bearer {TOKEN}"})

    assert answer.status_code == 200
    assert 'messenger_backlog_oldest_seconds{part="ingest"} 2.5' in answer.text
    assert 'messenger_backlog_items{part="ingest"} 4.0' in answer.text
    assert 'messenger_turns_workspace_items{group="bulk",workspace="w1"} 2.0' in answer.text
    assert 'messenger_workers{group="ingest"} 1.0' in answer.text
    assert "messenger_redis_up 1.0" in answer.text


def test_metrics_without_redis_say_so(new_app: Callable[..., Flask]) -> None:
    app = new_app(MESSENGER_METRICS_TOKEN=TOKEN, MESSENGER_REDIS_URL="redis://127.0.0.1:1/0")

    answer = app.test_client().get(
        "/messenger/metrics", headers={"Authorization": f"Bearer {TOKEN}"}
    )

    assert answer.status_code == 200
    assert "messenger_redis_up 0.0" in answer.text
