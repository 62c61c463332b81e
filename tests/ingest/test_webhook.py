"""The route Meta calls: what it takes, what it refuses, and that nothing is lost."""

import io
import json
from collections.abc import Callable

import pytest
from flask import Flask, request
from flask.testing import FlaskClient

from flask_messenger.models import Message, WebhookEntry
from tests.support import meta
from tests.support.app import VERIFY_TOKEN, Factory
from tests.support.ingest import drain, journal_states, rows

NewApp = Callable[..., Flask]


def test_verification_echoes_the_challenge(client: FlaskClient) -> None:
    answer = client.get(
        "/webhooks/meta",
        query_string={
            "hub.mode": "subscribe",
            "hub.verify_token": VERIFY_TOKEN,
            "hub.challenge": "1158201444",
        },
    )

    assert (answer.status_code, answer.text, answer.mimetype) == (200, "1158201444", "text/plain")


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"hub.mode": "subscribe", "hub.verify_token": "wrong", "hub.challenge": "1"},
        {"hub.mode": "other", "hub.verify_token": VERIFY_TOKEN, "hub.challenge": "1"},
        {"hub.mode": "subscribe", "hub.verify_token": VERIFY_TOKEN, "hub.challenge": "<script>"},
        {"hub.mode": "subscribe", "hub.verify_token": VERIFY_TOKEN},
    ],
)
def test_verification_refuses(client: FlaskClient, query: dict[str, str]) -> None:
    answer = client.get("/webhooks/meta", query_string=query)

    assert answer.status_code == 403
    assert "<script>" not in answer.text


@pytest.mark.parametrize(
    "header", [None, "", "sha256=", "sha256=00", "sha1=abc", "sha256=" + "é" * 64]
)
def test_unsigned_or_wrongly_signed_is_401(
    app: Flask, client: FlaskClient, header: str | None
) -> None:
    headers = {} if header is None else {"X-Hub-Signature-256": header}

    answer = client.post("/webhooks/meta", data=b'{"object":"page","entry":[]}', headers=headers)

    assert answer.status_code == 401
    assert rows(app, WebhookEntry) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b'{"object":"page","entry":[{"id":"1"',
        b"[]",
        b"null",
        b'{"entry":[]}',
        b'{"object":"page"}',
        b'{"object":"page","entry":null}',
        b'{"object":"page","entry":{}}',
        b'{"object":1,"entry":[]}',
        b'"\xff\xfe"',
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
    ],
)
def test_signed_but_not_metas_envelope_is_400(app: Flask, client: FlaskClient, body: bytes) -> None:
    assert meta.post(client, body).status_code == 400
    assert rows(app, WebhookEntry) == []


def test_ten_megabytes_are_413(app: Flask, client: FlaskClient) -> None:
    body = b'{"object":"page","entry":["' + b"x" * (10 * 1024 * 1024) + b'"]}'

    assert meta.post(client, body).status_code == 413
    assert rows(app, WebhookEntry) == []


def test_the_hosts_own_body_limit_does_not_refuse_a_delivery(
    new_app: NewApp,
) -> None:
    app = new_app(MAX_CONTENT_LENGTH=10)

    answer = meta.post(app.test_client(), meta.delivery(meta.entry("1")))

    assert answer.status_code == 200


def test_a_host_may_read_the_body_first(new_app: NewApp) -> None:
    app = new_app()
    seen: list[bytes] = []
    app.before_request(lambda: seen.append(request.get_data()))

    answer = meta.post(app.test_client(), meta.delivery(meta.entry("1")))

    assert answer.status_code == 200
    assert seen[0].startswith(b'{"object"')


@pytest.mark.parametrize(("size", "status"), [(100, 200), (200_000, 413)])
def test_a_body_without_a_length_is_read_to_its_end(
    new_app: NewApp, size: int, status: int
) -> None:
    app = new_app(MESSENGER_WEBHOOK_MAX_BYTES=100_000)
    body = b'{"object":"page","entry":[{"id":"%s"}]}' % (b"1" * size)

    answer = app.test_client().post(
        "/webhooks/meta",
        input_stream=io.BytesIO(body),
        headers={"X-Hub-Signature-256": meta.sign(body), "Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )

    assert answer.status_code == status


class Pieces(io.BytesIO):
    """A body that comes a few bytes at a time, as over a slow line."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(7 if size is None or size < 0 else min(7, size))


@pytest.mark.parametrize(("missing", "status"), [(0, 200), (1, 401)])
def test_a_body_may_come_in_pieces(app: Flask, missing: int, status: int) -> None:
    body = b'{"object":"page","entry":[{"id":"1"}]}'

    answer = app.test_client().post(
        "/webhooks/meta",
        input_stream=Pieces(body[: len(body) - missing]),
        headers={"X-Hub-Signature-256": meta.sign(body), "Content-Length": str(len(body))},
    )

    assert answer.status_code == status
    assert len(rows(app, WebhookEntry)) == (1 if status == 200 else 0)


def test_every_entry_is_journalled_byte_for_byte(app: Flask, client: FlaskClient) -> None:
    first = b'{"id": "1",  "note": "caf\\u00e9 \\/ \\ud83d\\ude00"}'
    second = b'{"id":2}'

    meta.post(client, b'{"object":"page","entry":[' + first + b" ,\n" + second + b"]}")

    assert [each.raw for each in rows(app, WebhookEntry)] == [first, second]


@pytest.mark.parametrize("object_", ["page", "instagram", "permissions", "made_up", "x" * 300])
def test_unknown_objects_are_kept_and_never_an_error(
    app: Flask, client: FlaskClient, object_: str
) -> None:
    answer = meta.post(client, meta.delivery({"id": "1"}, object_=object_))

    drain(app)

    assert answer.status_code == 200
    assert journal_states(app) == ["unrouted"]


def test_previous_secret_is_accepted_during_a_rotation(new_app: NewApp) -> None:
    app = new_app(META_APP_SECRET="new", META_APP_SECRET_PREVIOUS="old")
    body = json.dumps(meta.delivery(meta.entry("1"))).encode()

    answers = [
        meta.post(app.test_client(), body, **{"X-Hub-Signature-256": meta.sign(body, secret)})
        for secret in ("new", "old", "older")
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 401]


def test_the_journal_says_which_app_signed(new_app: NewApp) -> None:
    apps = {"eu": {"app_id": "77", "app_secret": "eu-secret", "verify_token": "eu-token"}}
    app = new_app(META_APPS=json.dumps(apps))
    body = json.dumps(meta.delivery(meta.entry("1"))).encode()

    with app.app_context():
        meta.post(app.test_client(), body, **{"X-Hub-Signature-256": meta.sign(body, "eu-secret")})

        assert [each.app_name for each in rows(app, WebhookEntry)] == ["eu"]


def two_apps(new_app: NewApp, **tenant: object) -> Flask:
    """An application of two Meta apps, where whoever owns the second may know its secret only."""
    values = {"app_id": "77", "app_secret": "tenant-secret", "verify_token": "t", **tenant}
    return new_app(META_APPS=json.dumps({"tenant": values}))


def post_signed_by_the_tenant(app: Flask, *page_ids: str) -> None:
    entries = [meta.entry(each, meta.message(each, "9", f"for {each}")) for each in page_ids]
    body = json.dumps(meta.delivery(*entries)).encode()
    headers = {"X-Hub-Signature-256": meta.sign(body, "tenant-secret")}
    assert meta.post(app.test_client(), body, **headers).status_code == 200


def test_an_app_does_not_speak_for_accounts_of_another(new_app: NewApp) -> None:
    app = two_apps(new_app)
    with app.app_context():
        factory = Factory(app)
        factory.account("victim", external_id="555")
        factory.account("tenant", external_id="777", app_name="tenant")

        post_signed_by_the_tenant(app, "555", "777")
        drain(app)

        assert [(each.workspace_id, each.text) for each in rows(app, Message)] == [
            ("tenant", "for 777")
        ]
        assert [(each.state, each.error) for each in rows(app, WebhookEntry)] == [
            ("unrouted", "signed_by_another_app"),
            ("done", None),
        ]


def test_an_app_may_be_told_to_speak_for_another(new_app: NewApp) -> None:
    app = two_apps(new_app, speaks_for=["default"])
    with app.app_context():
        Factory(app).account(external_id="555")

        post_signed_by_the_tenant(app, "555")
        drain(app)

        assert [each.text for each in rows(app, Message)] == ["for 555"]


def test_a_nul_in_the_object_costs_nothing(app: Flask, client: FlaskClient) -> None:
    answer = meta.post(client, b'{"object":"pa\\u0000ge","entry":[{"id":"1"}]}')

    assert answer.status_code == 200
    assert [each.object for each in rows(app, WebhookEntry)] == ["pa?ge"]


AWKWARD = [
    pytest.param(b'{"id":"1","messaging":' + b"[" * 5000 + b"]" * 5000 + b"}", id="deep"),
    pytest.param(b'{"id":"1","x":' + b"[" * 200_000 + b"]" * 200_000 + b"}", id="very deep"),
    pytest.param(b'{"id":"1","x":"\xff\xfe"}', id="not utf-8"),
    pytest.param(b'{"id":"1","x":"\\ud800"}', id="lone surrogate"),
    pytest.param(b'{"id":"1","x":NaN}', id="NaN"),
    pytest.param(b'{"id":"1","x":1' + b"0" * 400 + b"}", id="huge number"),
    pytest.param(b"null", id="null"),
    pytest.param(b"17", id="number"),
    pytest.param(b'"text"', id="text"),
    pytest.param(b"[]", id="list"),
    pytest.param(b'{"id":null,"messaging":null,"changes":7}', id="nulls"),
    pytest.param(b'{"messaging":[null,1,"x",[],{}]}', id="events that are none"),
    pytest.param(b'{"id":{"a":1},"messaging":[{"message":{}}]}', id="id is an object"),
]


@pytest.mark.parametrize("awkward", AWKWARD)
def test_an_awkward_entry_costs_the_others_nothing(
    app: Flask, client: FlaskClient, factory: Factory, awkward: bytes
) -> None:
    factory.account(external_id="555")
    good = [json.dumps(meta.entry("555", meta.message("555", "9", text))) for text in ("a", "b")]
    body = b'{"object":"page","entry":[%b,%b,%b]}' % (
        good[0].encode(),
        awkward,
        good[1].encode(),
    )

    answer = meta.post(client, body)
    drain(app)

    assert answer.status_code == 200
    assert sorted(each.text for each in rows(app, Message)) == ["a", "b"]
    assert len(rows(app, WebhookEntry)) == 3
    assert "pending" not in journal_states(app)


def test_503_and_no_200_when_the_database_is_away(new_app: NewApp) -> None:
    app = new_app(SQLALCHEMY_DATABASE_URI="postgresql+psycopg://nobody@127.0.0.1:1/none")

    answer = meta.post(app.test_client(), meta.delivery(meta.entry("1")))

    assert answer.status_code == 503


def test_200_while_redis_is_away(new_app: NewApp) -> None:
    app = new_app(MESSENGER_REDIS_URL="redis://127.0.0.1:1/0")

    answer = meta.post(app.test_client(), meta.delivery(meta.entry("1")))

    assert answer.status_code == 200
