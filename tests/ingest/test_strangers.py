"""Who does not sign is slowed down; who signs never is."""

import logging
from collections.abc import Callable, Iterator

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import TestResponse

from flask_messenger.errors import TooManyRequestsError
from flask_messenger.ingest.strangers import Strangers
from tests.support import meta
from tests.support.app import VERIFY_TOKEN

NewApp = Callable[..., Flask]
A_MINUTE = 3
NOWHERE = "redis://127.0.0.1:1/0"

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture
def limited(new_app: NewApp) -> Iterator[FlaskClient]:
    app = new_app(MESSENGER_WEBHOOK_REFUSALS_A_MINUTE=A_MINUTE)
    with app.app_context():
        yield app.test_client()


def post_unsigned(
    client: FlaskClient, address: str = "203.0.113.9", **options: str
) -> TestResponse:
    return client.post(
        "/webhooks/meta",
        data=b'{"object":"page","entry":[]}',
        environ_overrides={"REMOTE_ADDR": address},
        headers=options,
    )


def post_signed(client: FlaskClient, address: str = "203.0.113.9") -> TestResponse:
    client.environ_base["REMOTE_ADDR"] = address
    return meta.post(client, meta.delivery(meta.entry("1")))


def ask_to_verify(client: FlaskClient, token: str) -> TestResponse:
    query = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "1"}
    return client.get("/webhooks/meta", query_string=query)


def test_too_many_unsigned_requests_have_to_wait(limited: FlaskClient) -> None:
    answers = [post_unsigned(limited) for _ in range(A_MINUTE + 2)]

    assert [answer.status_code for answer in answers] == [401] * A_MINUTE + [429, 429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60


def test_signed_requests_are_never_limited(limited: FlaskClient) -> None:
    for _ in range(A_MINUTE + 1):
        refused = post_unsigned(limited)

    answers = [post_signed(limited) for _ in range(A_MINUTE + 3)]

    assert refused.status_code == 429
    assert {answer.status_code for answer in answers} == {200}


def test_signed_requests_are_not_counted(limited: FlaskClient) -> None:
    for _ in range(A_MINUTE + 3):
        post_signed(limited)

    assert post_unsigned(limited).status_code == 401


def test_each_address_has_its_own_count(limited: FlaskClient) -> None:
    for _ in range(A_MINUTE + 1):
        post_unsigned(limited, "203.0.113.1")

    assert post_unsigned(limited, "203.0.113.2").status_code == 401


def test_addresses_of_one_network_count_as_one(limited: FlaskClient) -> None:
    answers = [post_unsigned(limited, f"2001:db8:1:2::{number}") for number in range(A_MINUTE + 1)]

    assert answers[-1].status_code == 429
    assert post_unsigned(limited, "2001:db8:1:3::1").status_code == 401


def test_wrong_verify_tokens_count_too(limited: FlaskClient) -> None:
    statuses = [ask_to_verify(limited, "wrong").status_code for _ in range(A_MINUTE + 1)]

    assert statuses == [403] * A_MINUTE + [429]
    # Whoever guesses learns nothing any more, not even by guessing right.
    assert ask_to_verify(limited, VERIFY_TOKEN).status_code == 429


def test_processes_count_together_in_redis(new_app: NewApp) -> None:
    first, second = (
        new_app(MESSENGER_WEBHOOK_REFUSALS_A_MINUTE=A_MINUTE).test_client() for _ in range(2)
    )
    for _ in range(A_MINUTE):
        post_unsigned(first)

    assert post_unsigned(second).status_code == 429


def test_without_redis_a_process_counts_alone(
    new_app: NewApp, caplog: pytest.LogCaptureFixture
) -> None:
    app = new_app(MESSENGER_REDIS_URL=NOWHERE, MESSENGER_WEBHOOK_REFUSALS_A_MINUTE=A_MINUTE)
    client = app.test_client()

    with caplog.at_level(logging.WARNING):
        statuses = [post_unsigned(client).status_code for _ in range(A_MINUTE + 1)]

    assert statuses == [401] * A_MINUTE + [429]
    assert "webhook_limit_alone" in caplog.text
    assert "203.0.113.9" not in caplog.text


def test_behind_a_proxy_the_hosts_own_word_counts(new_app: NewApp) -> None:
    app = new_app(MESSENGER_WEBHOOK_REFUSALS_A_MINUTE=A_MINUTE)
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1)  # type: ignore[method-assign]
    client = app.test_client()
    for number in range(A_MINUTE + 2):
        header = {"X-Forwarded-For": f"198.51.100.{number}"}
        answer = post_unsigned(client, "10.0.0.1", **header)

    assert answer.status_code == 401


@pytest.mark.parametrize(
    "address", [None, "", "not an address", "::ffff:203.0.113.7", "fe80::1%lo"]
)
def test_whatever_the_server_calls_an_address_is_counted(
    redis_url: str, address: str | None
) -> None:
    with redis.Redis.from_url(redis_url) as client:
        strangers = Strangers(client, a_minute=1)
        strangers.count(address)

        with pytest.raises(TooManyRequestsError):
            strangers.count(address)
