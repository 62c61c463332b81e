"""The webhook sender: signs, posts, retries, and gives up on a Page after an hour of failure."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass
from http import HTTPStatus

import requests

from flask_messenger.simulator import ids, wire
from flask_messenger.simulator.outbound_queue import DONE, DROPPED, LANES, PENDING
from flask_messenger.simulator.settings import SimulatorSettings
from flask_messenger.simulator.storage import Storage, switch

ANSWER_SECONDS = 5.0  # Messenger's own deadline; waiting is not scaled by the speed
RETRY_SECONDS = (0, 1, 2, 5, 10, 20, 40, 80, 160, 300)
GIVE_UP_SECONDS = 3600
IDLE_SECONDS = 30.0
KEPT_DONE = 5000


@dataclass(frozen=True, slots=True)
class Job:
    """One webhook that is due."""

    delivery_id: int
    app_id: str
    page_id: str
    body: bytes
    attempts: int
    callback_url: str
    secret: str


class Sender:
    """Threads that send what is queued, one a lane."""

    def __init__(self, storage: Storage, settings: SimulatorSettings) -> None:
        self._storage = storage
        self._settings = settings
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin sending."""
        self._prepare()
        for lane in range(LANES):
            thread = threading.Thread(target=self._run, args=[lane], name=f"webhooks-{lane}")
            thread.daemon = True
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """End the threads, after what they are sending right now."""
        self._stopping.set()
        self._storage.pulse.beat()
        for thread in self._threads:
            thread.join(ANSWER_SECONDS * 2)
        self._threads.clear()

    def _run(self, lane: int) -> None:
        with requests.Session() as session:
            session.trust_env = False  # a proxy of the machine is no part of this
            while not self._stopping.is_set():
                seen = self._storage.pulse.count()
                job, wait_seconds = self._next_job(lane)
                if job is None:
                    self._storage.pulse.wait(seen, wait_seconds)
                else:
                    self._send(session, job)

    def _next_job(self, lane: int) -> tuple[Job | None, float]:
        """Return the next webhook that is due, or how long to wait for one."""
        with self._storage.reading() as db:
            if switch(db, "paused", default=False):
                return None, IDLE_SECONDS
            row = db.execute(
                "SELECT d.*, s.callback_url,"
                " iif(x.app_id IS NULL, a.secret, a.instagram_app_secret) AS secret"
                " FROM deliveries d"
                " LEFT JOIN app_subscriptions s ON s.app_id = d.app_id AND s.object = d.object"
                " LEFT JOIN apps a ON a.id = d.app_id"
                " LEFT JOIN instagram_subscriptions x"
                " ON x.instagram_id = d.page_id AND x.app_id = d.app_id"
                " WHERE d.state = ? AND d.lane = ? ORDER BY d.next_at, d.id LIMIT 1",
                [PENDING, lane],
            ).fetchone()
        if row is None:
            return None, IDLE_SECONDS
        wait_ms = row["next_at"] - ids.now_ms()
        if wait_ms > 0:
            return None, min(IDLE_SECONDS, wait_ms / 1000)
        return _job_of(row), 0.0

    def _send(self, session: requests.Session, job: Job) -> None:
        answer = self._post(session, job) if job.callback_url else "no subscription"
        with self._storage.writing() as db:
            if answer == str(int(HTTPStatus.OK)):
                self._note_success(db, job)
            elif not job.callback_url:
                _finish(db, job, DROPPED, answer)
            else:
                self._note_failure(db, job, answer)

    def _post(self, session: requests.Session, job: Job) -> str:
        """Return the status of the answer, or why there was none."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "facebookexternalua",
            "X-Hub-Signature": wire.signature(job.secret, job.body, "sha1"),
            "X-Hub-Signature-256": wire.signature(job.secret, job.body),
        }
        try:
            answer = session.post(
                job.callback_url,
                data=job.body,
                headers=headers,
                timeout=ANSWER_SECONDS,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            return type(error).__name__
        return str(answer.status_code)

    def _note_success(self, db: sqlite3.Connection, job: Job) -> None:
        _finish(db, job, DONE, str(int(HTTPStatus.OK)))
        subscription = _find_subscription(db, job.page_id, job.app_id)
        if subscription is not None and subscription.failing_since is not None:
            subscription.note_failing(db, None)

    def _note_failure(self, db: sqlite3.Connection, job: Job, answer: str) -> None:
        now = ids.now_ms()
        speed = float(switch(db, "speed", self._settings.speed))
        subscription = _find_subscription(db, job.page_id, job.app_id)
        if subscription is None:
            _finish(db, job, DROPPED, answer)
            return
        if subscription.failing_since is None:
            subscription.note_failing(db, now)
        since = subscription.failing_since or now
        if now - since >= GIVE_UP_SECONDS * 1000 / speed:
            disable_webhooks(db, page_id=job.page_id, app_id=job.app_id)
        else:
            pause_seconds = RETRY_SECONDS[min(job.attempts, len(RETRY_SECONDS) - 1)] / speed
            db.execute(
                "UPDATE deliveries SET attempts = attempts + 1, next_at = ?, last_answer = ?"
                " WHERE id = ?",
                [now + round(pause_seconds * 1000), answer, job.delivery_id],
            )

    def _prepare(self) -> None:
        """Forget what is long done; try at once what an earlier run could not deliver."""
        with self._storage.writing() as db:
            db.execute(
                "DELETE FROM deliveries WHERE state IN (?, ?) AND id <="
                " (SELECT max(id) FROM deliveries) - ?",
                [DONE, DROPPED, KEPT_DONE],
            )
            db.execute(
                "UPDATE deliveries SET next_at = min(next_at, ?) WHERE state = ?",
                [ids.now_ms(), PENDING],
            )


def disable_webhooks(db: sqlite3.Connection, *, page_id: str, app_id: str) -> int:
    """Unsubscribe the app from an account that failed too long; return how many webhooks are lost.

    An Instagram account that rides on its Page's subscription takes that one with it.
    """
    subscription = _find_subscription(db, page_id, app_id)
    if subscription is not None:
        subscription.end(db)
    return db.execute(
        "UPDATE deliveries SET state = ?, last_answer = 'webhooks disabled'"
        " WHERE page_id = ? AND app_id = ? AND state = ?",
        [DROPPED, page_id, app_id, PENDING],
    ).rowcount


@dataclass(frozen=True, slots=True)
class Subscription:
    """The row that lets an app hear of an account."""

    table: str
    column: str
    account_id: str
    app_id: str
    failing_since: int | None

    def note_failing(self, db: sqlite3.Connection, since_ms: int | None) -> None:
        """Note since when nothing gets through."""
        db.execute(
            f"UPDATE {self.table} SET failing_since = ? WHERE {self.column} = ? AND app_id = ?",  # noqa: S608
            [since_ms, self.account_id, self.app_id],
        )

    def end(self, db: sqlite3.Connection) -> None:
        """Let the app hear no more."""
        db.execute(
            f"DELETE FROM {self.table} WHERE {self.column} = ? AND app_id = ?",  # noqa: S608
            [self.account_id, self.app_id],
        )


def _find_subscription(db: sqlite3.Connection, account_id: str, app_id: str) -> Subscription | None:
    carrier = db.execute(
        "SELECT page_id FROM instagram_accounts WHERE id = ?", [account_id]
    ).fetchone()
    for table, column, key in (
        ("page_subscriptions", "page_id", account_id),
        ("instagram_subscriptions", "instagram_id", account_id),
        ("page_subscriptions", "page_id", carrier["page_id"] if carrier else None),
    ):
        row = db.execute(
            f"SELECT failing_since FROM {table} WHERE {column} = ? AND app_id = ?",  # noqa: S608
            [key, app_id],
        ).fetchone()
        if row is not None:
            return Subscription(table, column, str(key), app_id, row["failing_since"])
    return None


def _finish(db: sqlite3.Connection, job: Job, state: str, answer: str) -> None:
    db.execute(
        "UPDATE deliveries SET state = ?, attempts = attempts + 1, done_at = ?, last_answer = ?"
        " WHERE id = ?",
        [state, ids.now_ms(), answer, job.delivery_id],
    )


def _job_of(row: sqlite3.Row) -> Job:
    return Job(
        delivery_id=row["id"],
        app_id=row["app_id"],
        page_id=row["page_id"],
        body=wire.rewrite(row["body"]),
        attempts=row["attempts"],
        callback_url=row["callback_url"] or "",
        secret=row["secret"] or "",
    )
