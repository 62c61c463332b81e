"""From the POST of a webhook to the message on an agent's page, in a real browser.

Real processes: gunicorn, `flask messenger worker`, PostgreSQL, Valkey, Chromium. People write at
a steady rate into several conversations; one of them is open, all are in the list.
"""

import json
import sys
import threading
import time
from collections.abc import Iterator
from statistics import median, quantiles
from typing import Any

from playwright.sync_api import Page, sync_playwright
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from benchmarks.host import WORKSPACE
from benchmarks.load import Connection, make_body, make_request
from benchmarks.results import Result
from benchmarks.surroundings import PAGE_ID, Surroundings, run_process, run_surroundings, run_web
from flask_messenger.models import Account, schema
from flask_messenger.models.base import new_id
from flask_messenger.tenancy import system_scope
from tools.chromium import ADVICE, find_chromium

RATE = 50
SECONDS = 20
QUICK_SECONDS = 3
PEOPLE = 5
BAR_MILLISECONDS = 300.0
SETTLE_SECONDS = 5.0

# Notes when each number that the senders wrote first shows anywhere on the page.
WATCH = """
() => {
  window.seenAt = {};
  const note = (text) => {
    for (const match of (text || '').matchAll(/bench-(\\d+)\\./g)) {
      window.seenAt[match[1]] ??= Date.now();
    }
  };
  new MutationObserver((changes) => {
    for (const change of changes) {
      if (change.type === 'characterData') note(change.target.data);
      for (const node of change.addedNodes) note(node.textContent);
    }
  }).observe(document.body, {subtree: true, childList: true, characterData: true});
}
"""


def measure(*, quick: bool) -> Iterator[Result]:
    """Yield the 95th percentile in milliseconds."""
    with run_surroundings() as around:
        _prepare(around)
        worker = [sys.executable, "-m", "flask", "--app", "benchmarks.host:create_app"]
        with (
            run_web(around, "benchmarks.host:create_app()", workers=2, threads=16) as port,
            run_process(around, [*worker, "messenger", "worker"], "worker"),
        ):
            times = _watch_and_send(port, QUICK_SECONDS if quick else SECONDS)
    p95 = quantiles(times, n=20)[18]
    yield Result.at_most("webhook_to_page_p95", p95, "ms", bar=BAR_MILLISECONDS)
    yield Result.plain("webhook_to_page_p50", median(times), "ms")


def _prepare(around: Surroundings) -> None:
    engine = create_engine(around.database_url)
    schema.upgrade(engine)
    with system_scope("benchmark"), Session(engine) as session:
        session.add(
            Account(
                id=new_id(),
                workspace_id=WORKSPACE,
                channel="facebook",
                external_id=PAGE_ID,
                name="Bench Page",
            )
        )
        session.commit()
    engine.dispose()


def _watch_and_send(port: int, seconds: int) -> list[float]:
    path = find_chromium()
    if path is None:
        raise RuntimeError(ADVICE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page()
        _open_inbox(page, port)
        sent: dict[int, float] = {}
        sender = threading.Thread(target=_send, args=(port, seconds, sent))
        sender.start()
        page.wait_for_timeout((seconds + SETTLE_SECONDS) * 1000)
        sender.join()
        seen = {int(number): at for number, at in page.evaluate("window.seenAt").items()}
        browser.close()
    return _times(sent, seen)


def _open_inbox(page: Page, port: int) -> None:
    """Let everybody write once, open the first conversation and begin to watch."""
    connection = Connection(port)
    for person in range(PEOPLE):
        connection.send(_request(-1 - person, person))
    connection.close()
    url = f"http://127.0.0.1:{port}/messenger/inbox"
    deadline = time.monotonic() + 30
    rows: Any = page.locator("[data-fm-conversation]")
    while rows.count() < PEOPLE and time.monotonic() < deadline:
        page.goto(url)
        page.wait_for_timeout(300)
    rows.first.click()
    page.wait_for_selector("textarea")
    page.wait_for_timeout(500)
    page.evaluate(WATCH)


def _request(number: int, person: int) -> bytes:
    body = make_body(number, person=f"2000000000000{person:02}", text=f"bench-{number}.")
    return make_request(body)


def _send(port: int, seconds: int, sent: dict[int, float]) -> None:
    connection = Connection(port)
    started = time.perf_counter()
    for number in range(RATE * seconds):
        time.sleep(max(0.0, started + number / RATE - time.perf_counter()))
        request = _request(number, number % PEOPLE)
        sent[number] = time.time() * 1000
        if connection.send(request) != 200:  # noqa: PLR2004 - HTTP's own number
            message = "The webhook did not answer 200."
            raise RuntimeError(message)
    connection.close()


def _times(sent: dict[int, float], seen: dict[int, float]) -> list[float]:
    """Return each message's time in milliseconds.

    In the list a message gives way to the next of its conversation, perhaps before it was drawn;
    it then counts from when its successor is there.

    Raises:
        RuntimeError: a message never showed.
    """
    times = []
    for number, at in sent.items():
        later = [seen[each] for each in range(number, len(sent), PEOPLE) if each in seen]
        if not later:
            raise RuntimeError("A message never showed: " + json.dumps(number))
        times.append(min(later) - at)
    return times
