import contextlib
import hashlib
import hmac
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import requests
import responses
from urllib3.exceptions import MaxRetryError, NewConnectionError, SSLError

from flask_messenger.errors import (
    GraphError,
    GraphTimeoutError,
    GraphUnavailableError,
    InvalidGraphRequestError,
    RateLimitedError,
    TokenExpiredError,
)
from flask_messenger.graph import client, wire
from flask_messenger.graph.client import Graph, appsecret_proof, node
from flask_messenger.settings import MetaApp, Settings
from tests.support.app import APP_SECRET, GRAPH_URL, make_config

TOKEN = "EAAsecretDONOTLOG"
PERSON = "24680135791357"
URL = f"{GRAPH_URL}/v25.0"


def test_token_travels_in_the_header_with_a_proof(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock
) -> None:
    meta.get(f"{URL}/me", json={"id": "1"})

    answer = graph.get("me", app=meta_app, token=TOKEN, params={"fields": "id"})

    request = meta.calls[0].request
    expected = hmac.new(APP_SECRET.encode(), TOKEN.encode(), hashlib.sha256).hexdigest()
    assert answer == {"id": "1"}
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.params == {"fields": "id", "appsecret_proof": expected}
    assert TOKEN not in request.url


def test_every_call_has_a_timeout_and_follows_no_redirect(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock
) -> None:
    meta.get(f"{URL}/me", status=302, headers={"Location": "https://elsewhere.example/"})

    with pytest.raises(GraphError):
        graph.get("me", app=meta_app, token=TOKEN)

    assert len(meta.calls) == 1
    assert meta.calls[0].request.req_kwargs["timeout"] == (5.0, 10.0)


def test_body_is_json_and_answer_carries_usage(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock
) -> None:
    meta.post(
        f"{URL}/1/messages",
        json={"message_id": "m_1"},
        headers={"X-App-Usage": '{"call_count":81}'},
    )

    answer = graph.call("POST", "1/messages", app=meta_app, token=TOKEN, json={"text": "grüß"})

    assert meta.calls[0].request.headers["Content-Type"] == "application/json"
    assert meta.calls[0].request.body == b'{"text":"gr\\u00fc\\u00df"}'
    assert answer.usage.app_percent == 81


def test_netrc_does_not_replace_the_token(
    graph: Graph,
    meta_app: MetaApp,
    meta: responses.RequestsMock,
    tmp_path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine graph.example.test login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    meta.get(f"{URL}/me", json={})

    graph.get("me", app=meta_app, token=TOKEN)

    assert meta.calls[0].request.headers["Authorization"] == f"Bearer {TOKEN}"


def test_cookies_of_one_call_do_not_reach_the_next(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock
) -> None:
    meta.get(f"{URL}/me", json={}, headers={"Set-Cookie": "who=first"})

    graph.get("me", app=meta_app, token=TOKEN)
    graph.get("me", app=meta_app, token="other")

    assert "Cookie" not in meta.calls[1].request.headers


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (
            {"json": {"error": {"code": 190, "error_subcode": 463}}, "status": 400},
            TokenExpiredError,
        ),
        ({"json": {"error": {"code": 2}}, "status": 500}, GraphUnavailableError),
        ({"json": {"error": {"code": 100}}, "status": 200}, InvalidGraphRequestError),
        ({"body": "<html>busy</html>", "status": 429}, RateLimitedError),
        ({"body": "<html>away</html>", "status": 503}, GraphTimeoutError),
        ({"json": {"error": {"message": "upstream"}}, "status": 503}, GraphTimeoutError),
        ({"body": "<html>bad gateway</html>", "status": 502}, GraphTimeoutError),
        ({"body": "not json", "status": 200}, GraphTimeoutError),
        ({"body": "", "status": 404}, GraphError),
    ],
)
def test_answer_to_a_send_that_is_no_yes(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock, answer, kind
) -> None:
    meta.post(f"{URL}/1/messages", **answer)

    with pytest.raises(GraphError) as caught:
        graph.post("1/messages", app=meta_app, token=TOKEN, json={})

    assert type(caught.value) is kind


@pytest.mark.parametrize("answer", [{"status": 502}, {"body": "not json"}, {"status": 500}])
def test_unreadable_answer_to_a_read_is_worth_another_try(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock, answer
) -> None:
    meta.get(f"{URL}/me", **answer)

    with pytest.raises(GraphUnavailableError):
        graph.get("me", app=meta_app, token=TOKEN)


@pytest.mark.parametrize(("body", "expected"), [("true", {"success": True}), ("[]", {"data": []})])
def test_bare_values_of_old_edges_are_answers(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock, body, expected
) -> None:
    meta.delete(f"{URL}/1/subscribed_apps", body=body)

    assert graph.delete("1/subscribed_apps", app=meta_app, token=TOKEN) == expected


def test_trace_id_is_kept_and_graphs_own_words_are_not(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock
) -> None:
    error = {"message": f"No user {PERSON} for {TOKEN}", "code": 100, "fbtrace_id": "T1"}
    meta.get(f"{URL}/{PERSON}", json={"error": error}, status=400)

    with pytest.raises(InvalidGraphRequestError) as caught:
        graph.get(PERSON, app=meta_app, token=TOKEN)

    assert caught.value.trace_id == "T1"
    assert PERSON not in repr(caught.value)
    assert TOKEN not in repr(caught.value)


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Run a server that treats one connection as `answer` does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def graph_at(url: str) -> Graph:
    config = make_config("sqlite://", "redis://127.0.0.1:1", META_GRAPH_URL=url)
    return Graph(Settings.from_config({**config, "MESSENGER_GRAPH_TIMEOUT_SECONDS": 1}, {}))


def reset(connection: socket.socket) -> None:
    connection.close()


def cut(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")


def stay_silent(connection: socket.socket) -> None:
    connection.recv(1)


@pytest.mark.parametrize("behaviour", [reset, cut, stay_silent])
def test_send_without_an_answer_may_have_been_accepted(meta_app: MetaApp, behaviour) -> None:
    with server(behaviour) as url, pytest.raises(GraphTimeoutError) as caught:
        graph_at(url).post("1/messages", app=meta_app, token=TOKEN, json={})

    assert not caught.value.retryable


@pytest.mark.parametrize("behaviour", [reset, cut, stay_silent])
def test_read_without_an_answer_can_be_repeated(meta_app: MetaApp, behaviour) -> None:
    with server(behaviour) as url, pytest.raises(GraphUnavailableError):
        graph_at(url).get(PERSON, app=meta_app, token=TOKEN)


def test_refused_connection_means_nothing_was_sent(meta_app: MetaApp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    with pytest.raises(GraphUnavailableError):
        graph_at(url).post("1/messages", app=meta_app, token=TOKEN, json={})


def test_unknown_host_means_nothing_was_sent(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock
) -> None:
    refused = NewConnectionError(None, "name or service not known")
    failure = requests.ConnectionError(MaxRetryError(None, URL, refused))
    meta.post(f"{URL}/1/messages", body=failure)

    with pytest.raises(GraphUnavailableError):
        graph.post("1/messages", app=meta_app, token=TOKEN, json={})


def tls_failure(reason: Exception) -> requests.exceptions.SSLError:
    return requests.exceptions.SSLError(MaxRetryError(None, URL, SSLError(reason)))


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (tls_failure(ssl.SSLCertVerificationError("self-signed")), GraphUnavailableError),
        (tls_failure(ssl.SSLError("decryption failed or bad record mac")), GraphTimeoutError),
        (tls_failure(ssl.SSLEOFError("violation of protocol")), GraphTimeoutError),
        (requests.exceptions.SSLError(), GraphTimeoutError),
    ],
)
def test_only_a_refused_certificate_proves_that_nothing_was_sent(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock, failure, kind
) -> None:
    meta.post(f"{URL}/1/messages", body=failure)

    with pytest.raises(GraphError) as caught:
        graph.post("1/messages", app=meta_app, token=TOKEN, json={})

    assert type(caught.value) is kind


def test_answer_that_trickles_is_given_up(meta_app: MetaApp, monkeypatch) -> None:
    monkeypatch.setattr(client, "CONNECT_TIMEOUT_SECONDS", 0.2)

    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(100):
                connection.sendall(b" ")
                time.sleep(0.1)

    started = time.monotonic()
    with server(trickle) as url, pytest.raises(GraphTimeoutError):
        graph_at(url).post("1/messages", app=meta_app, token=TOKEN, json={})

    assert time.monotonic() - started < 5


def test_answer_without_an_end_is_not_read_to_its_end(meta_app: MetaApp, monkeypatch) -> None:
    monkeypatch.setattr(wire, "MAX_ANSWER_BYTES", 100_000)
    sent = []

    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(2000):
                connection.sendall(b" " * 65536)
                sent.append(65536)

    with server(flood) as url, pytest.raises(GraphUnavailableError):
        graph_at(url).get("me", app=meta_app, token=TOKEN)

    assert sum(sent) < 50_000_000


@pytest.mark.parametrize("is_chunked", [False, True])
def test_connection_is_used_again(meta_app: MetaApp, is_chunked) -> None:
    plain = b"Content-Length: 2\r\n\r\n{}"
    chunked = b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\n" + (chunked if is_chunked else plain)

    def answer_twice(connection: socket.socket) -> None:
        connection.sendall(answer)
        connection.recv(65536)
        connection.sendall(answer)

    with server(answer_twice) as url:
        graph = graph_at(url)
        for _ in range(2):  # the server takes one connection only
            assert graph.get("me", app=meta_app, token=TOKEN) == {}


def test_listing_follows_the_cursor_over_all_pages(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock
) -> None:
    first = {
        "data": [{"id": "1"}],
        "paging": {"cursors": {"after": "c1"}, "next": f"{URL}/me/x?after=c1"},
    }
    empty = {"data": [], "paging": {"next": f"{URL}/me/x?after=c2"}}
    last = {"data": [{"id": "2"}], "paging": {"cursors": {"after": "c3"}}}
    for body in (first, empty, last):
        meta.get(f"{URL}/me/accounts", json=body)

    items = list(graph.pages("me/accounts", app=meta_app, token=TOKEN, params={"limit": 1}))

    assert items == [{"id": "1"}, {"id": "2"}]
    assert [call.request.params.get("after") for call in meta.calls] == [None, "c1", "c2"]
    assert {call.request.params["limit"] for call in meta.calls} == {"1"}


def test_listing_never_follows_to_another_host(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock
) -> None:
    paging = {"cursors": {"after": "c1"}, "next": "https://evil.example/v25.0/me/accounts?after=c1"}
    meta.get(f"{URL}/me/accounts", json={"data": [{"id": "1"}], "paging": paging})

    items = list(graph.pages("me/accounts", app=meta_app, token=TOKEN))

    assert items == [{"id": "1"}]
    assert len(meta.calls) == 1


def test_listing_whose_cursor_stands_still_ends(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock
) -> None:
    paging = {"cursors": {"after": "c1"}, "next": f"{URL}/me/accounts?after=c1"}
    meta.get(f"{URL}/me/accounts", json={"data": [{"id": "1"}], "paging": paging})

    assert len(list(graph.pages("me/accounts", app=meta_app, token=TOKEN))) == 2


def test_form_carries_secrets_in_its_body_only(graph: Graph, meta: responses.RequestsMock) -> None:
    meta.post(f"{URL}/oauth/access_token", json={"access_token": "long"})

    graph.post_form("oauth/access_token", {"client_secret": APP_SECRET})

    request = meta.calls[0].request
    assert request.url == f"{URL}/oauth/access_token"
    assert request.body == f"client_secret={APP_SECRET}"


def test_log_names_path_and_codes_but_nobody(
    meta_app: MetaApp, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    body = b'{"error":{"code":10,"fbtrace_id":"T9"}}'
    answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    with server(lambda connection: connection.sendall(answer)) as url, pytest.raises(GraphError):
        graph_at(url).get(f"{PERSON}/subscribed_apps", app=meta_app, token=TOKEN)

    assert "path=*/subscribed_apps" in caplog.text
    assert "code=10" in caplog.text
    assert "trace_id=T9" in caplog.text
    for secret in (PERSON, TOKEN, APP_SECRET, appsecret_proof(TOKEN, APP_SECRET)):
        assert secret not in caplog.text


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_id_that_leads_elsewhere_is_refused(value) -> None:
    with pytest.raises(InvalidGraphRequestError):
        node(value)


def test_id_is_quoted() -> None:
    assert node("a/b?c") == "a%2Fb%3Fc"


def test_deeply_nested_answer_is_no_crash(
    graph: Graph, meta_app: MetaApp, meta: responses.RequestsMock
) -> None:
    meta.get(f"{URL}/me", body=b"[" * 100_000, status=200)

    with pytest.raises(GraphUnavailableError):
        graph.get("me", app=meta_app, token=TOKEN)
