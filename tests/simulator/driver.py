"""An app as Meta sees it, written from Meta's documentation: no code of ours to agree with."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

APP_ID = "1000000000000001"
SECRET = "simulator-app-secret"
APP_TOKEN = f"{APP_ID}|{SECRET}"
REDIRECT = "http://127.0.0.1:5000/api/integrations/meta/callback"
SCOPE = "pages_show_list,pages_messaging,pages_manage_metadata,pages_read_engagement"
FIELDS = "messages,messaging_postbacks,message_echoes,message_deliveries,message_reads"
WAIT_SECONDS = 10


class Callback:
    """A webhook endpoint that remembers what it got, and answers what it is told."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.forms: list[tuple[str, dict[str, list[str]]]] = []
        self.status = 200
        self.verify_token = "simulator-verify-token"
        self._arrived = threading.Condition()
        callback = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                if "hub.challenge" not in query:  # a browser came back from the dialog
                    self._answer(200, b"Back at the app")
                    return
                fits = query.get("hub.verify_token") == [callback.verify_token]
                self._answer(200 if fits else 403, query["hub.challenge"][0].encode())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers["Content-Type"] == "application/x-www-form-urlencoded":
                    callback.forms.append((self.path, parse_qs(body.decode())))
                    told = {
                        "url": "http://127.0.0.1/deletion?code=abc1",
                        "confirmation_code": "abc1",
                    }
                    self._answer(200, json.dumps(told).encode())
                    return
                with callback._arrived:
                    callback.received.append((dict(self.headers), body))
                    callback._arrived.notify_all()
                self._answer(callback.status, b"")

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.01])
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.received]

    def events(self) -> list[dict[str, Any]]:
        return [
            event
            for body in self.bodies()
            for entry in body["entry"]
            for event in entry.get("messaging", [])
        ]

    def kinds(self) -> list[str]:
        return [kind_of(event) for event in self.events()]

    def wait(self, fits: Callable[[Callback], bool]) -> None:
        with self._arrived:
            arrived = self._arrived.wait_for(lambda: fits(self), timeout=WAIT_SECONDS)
        assert arrived, f"only {self.kinds()} arrived"

    def wait_for_kinds(self, *kinds: str) -> None:
        self.wait(lambda callback: all(kind in callback.kinds() for kind in kinds))


def kind_of(event: dict[str, Any]) -> str:
    if "message" in event:
        return "echo" if event["message"].get("is_echo") else "message"
    return next(key for key in event if key not in {"sender", "recipient", "timestamp"})


def proof(token: str, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()


class Graph:
    """Graph over HTTP."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.session = requests.Session()

    def call(
        self,
        method: str,
        path: str,
        token: str | None = None,
        *,
        version: str = "v25.0",
        json: Any = None,
        data: Any = None,
        has_proof: bool = True,
        **params: Any,
    ) -> requests.Response:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        if token is not None and has_proof:
            params.setdefault("appsecret_proof", proof(token))
        return self.session.request(
            method,
            f"{self.base_url}/{version}/{path}",
            params=params,
            headers=headers,
            json=json,
            data=data,
            allow_redirects=False,
            timeout=WAIT_SECONDS,
        )

    def get(self, path: str, token: str | None = None, **more: Any) -> requests.Response:
        return self.call("GET", path, token, **more)

    def post(self, path: str, token: str | None = None, **more: Any) -> requests.Response:
        return self.call("POST", path, token, **more)

    def delete(self, path: str, token: str | None = None, **more: Any) -> requests.Response:
        return self.call("DELETE", path, token, **more)

    def control(self, method: str, path: str, /, **body: Any) -> Any:
        answer = self.session.request(
            method, f"{self.base_url}/control/api/{path}", json=body, timeout=WAIT_SECONDS
        )
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def chat(self, path: str, /, **body: Any) -> Any:
        answer = self.session.post(
            f"{self.base_url}/chat/api/{path}", json=body, timeout=WAIT_SECONDS
        )
        assert answer.ok, answer.text
        return answer.json()

    def post_json(self, path: str, /, *, method: str = "POST", **body: Any) -> Any:
        """Make one call of the simulator's own pages."""
        answer = self.session.request(method, self.base_url + path, json=body, timeout=WAIT_SECONDS)
        assert answer.ok, answer.text
        return answer.json()

    # What a person and an app do together.

    def dialog(self, **parameters: str) -> requests.Response:
        asked = {"client_id": APP_ID, "redirect_uri": REDIRECT, "state": "s1", "scope": SCOPE}
        return self.session.get(
            f"{self.base_url}/v25.0/dialog/oauth",
            params={**asked, **parameters},
            timeout=WAIT_SECONDS,
        )

    def answer_dialog(
        self,
        person: str = "sam-reyes",
        *,
        pages: list[str] | None = None,
        permissions: list[str] | None = None,
        answer: str = "continue",
        **parameters: str,
    ) -> dict[str, str]:
        """Answer the dialog; return the query of the redirect."""
        form: dict[str, Any] = {
            "client_id": APP_ID,
            "redirect_uri": REDIRECT,
            "state": "s1",
            "scope": SCOPE,
            **parameters,
            "person": person,
            "page": pages or [],
            "permission": SCOPE.split(",") if permissions is None else permissions,
            "answer": answer,
        }
        response = self.session.post(
            f"{self.base_url}/v25.0/dialog/oauth",
            data=form,
            allow_redirects=False,
            timeout=WAIT_SECONDS,
        )
        assert response.status_code == 302, response.text
        location = urlsplit(response.headers["Location"])
        assert response.headers["Location"].startswith(form["redirect_uri"])
        return {name: values[0] for name, values in parse_qs(location.query).items()}

    def exchange(self, code: str, /, **changes: str) -> requests.Response:
        form = {
            "client_id": APP_ID,
            "client_secret": SECRET,
            "redirect_uri": REDIRECT,
            "code": code,
            **changes,
        }
        return self.post("oauth/access_token", data=form)

    def lengthen(self, token: str) -> str:
        form = {
            "grant_type": "fb_exchange_token",
            "client_id": APP_ID,
            "client_secret": SECRET,
            "fb_exchange_token": token,
        }
        return str(self.post("oauth/access_token", data=form).json()["access_token"])

    def log_in(self, person: str = "sam-reyes", **choice: Any) -> str:
        """Return a long-lived token of the person."""
        code = self.answer_dialog(person, **choice)["code"]
        return self.lengthen(self.exchange(code).json()["access_token"])

    def page_token(self, user_token: str, page_id: str) -> str:
        return str(self.get(page_id, user_token, fields="access_token").json()["access_token"])

    def connect(self, page_id: str, person: str = "sam-reyes", fields: str = FIELDS) -> str:
        """Log in, subscribe the Page, return its token."""
        token = self.page_token(self.log_in(person, pages=[page_id]), page_id)
        answer = self.post(f"{page_id}/subscribed_apps", token, subscribed_fields=fields)
        assert answer.json() == {"success": True}
        return token

    def send(self, page_id: str, token: str, psid: str, **message: Any) -> requests.Response:
        body = {"recipient": {"id": psid}, "messaging_type": "RESPONSE", "message": message}
        return self.post(f"{page_id}/messages", token, json=body)


def error_of(response: requests.Response) -> tuple[int, int | None]:
    """Return code and subcode of a Graph error, having checked its envelope."""
    assert response.status_code >= 400, response.text
    error = response.json()["error"]
    assert error["message"]
    assert error["type"] in {"OAuthException", "GraphMethodException"}
    assert error["fbtrace_id"]
    return error["code"], error.get("error_subcode")


def wait_until(is_done: Callable[[], bool]) -> None:
    """Look again and again until it is so; fail when the time is over."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_done():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
