"""The banner of what holds messages up."""

import time
from collections.abc import Callable

import pytest
import redis
from flask import Flask

from flask_messenger.monitor.figures import Figures, Waiting, save_figures
from flask_messenger.state import state_of
from tests.support.app import Host
from tests.ui.conftest import Browser, words_of

pytestmark = pytest.mark.databases("postgresql")


@pytest.mark.parametrize(
    ("seconds", "age", "words"),
    [
        (240.0, 0, "New messages arrive about 4 min late at the moment. None of them is lost."),
        (20.0, 0, ""),  # what nobody minds
        (240.0, 600, ""),  # measured long ago: nobody knows
    ],
)
def test_pages_say_that_messages_arrive_late(
    app: Flask, browser: Browser, host: Host, seconds: float, age: int, words: str
) -> None:
    host.sign_in()
    waiting = Waiting(count=9, oldest_seconds=seconds)
    figures = Figures(at=time.time() - age, journal=waiting)
    save_figures(state_of(app).get(redis.Redis), figures)

    assert words_of(browser.get("/outage").text) == words


def test_nothing_is_said_where_nobody_can_be_asked(new_app: Callable[..., Flask]) -> None:
    app = new_app(MESSENGER_REDIS_URL="redis://127.0.0.1:1/0")
    app.extensions["host"].sign_in()

    assert words_of(Browser(app).get("/outage").text) == ""
