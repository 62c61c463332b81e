"""An app that connects Instagram accounts, written from Instagram's documentation."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from flask_messenger.simulator.seeds import instagram_id_of
from tests.simulator.driver import REDIRECT, WAIT_SECONDS, Graph

APP_ID, SECRET = "1000000000000002", "simulator-instagram-app-secret"
BASIC, MESSAGES = "instagram_business_basic", "instagram_business_manage_messages"
COMMENTS = "instagram_business_manage_comments"
SCOPE = f"{BASIC},{MESSAGES},{COMMENTS}"
COACH = instagram_id_of("coach.sam")


class Instagram:
    """The hosts of Instagram Login over HTTP."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.session = graph.session

    def authorize(self, account: str = "coach.sam", **changes: Any) -> requests.Response:
        form = {
            "client_id": APP_ID,
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "scope": SCOPE,
            "state": "s1",
            "account": account,
            "permission": SCOPE.split(","),
            "answer": "continue",
            **changes,
        }
        return self.session.post(
            f"{self.graph.base_url}/www.instagram.com/oauth/authorize",
            data=form,
            allow_redirects=False,
            timeout=WAIT_SECONDS,
        )

    def code(self, account: str = "coach.sam", **changes: Any) -> str:
        location = urlsplit(self.authorize(account, **changes).headers["Location"])
        assert location.fragment == "_"
        return parse_qs(location.query)["code"][0]

    def exchange(self, code: str, **changes: str) -> requests.Response:
        form = {
            "client_id": APP_ID,
            "client_secret": SECRET,
            "grant_type": "authorization_code",
            "redirect_uri": REDIRECT,
            "code": code,
            **changes,
        }
        return self.session.post(
            f"{self.graph.base_url}/api.instagram.com/oauth/access_token",
            data=form,
            timeout=WAIT_SECONDS,
        )

    def call(self, method: str, path: str, token: str, **more: Any) -> requests.Response:
        json = more.pop("json", None)
        return self.session.request(
            method,
            f"{self.graph.base_url}/graph.instagram.com/{path}",
            params={**more, "access_token": token},
            json=json,
            timeout=WAIT_SECONDS,
        )

    def get(self, path: str, token: str, **more: Any) -> requests.Response:
        return self.call("GET", path, token, **more)

    def post(self, path: str, token: str, **more: Any) -> requests.Response:
        return self.call("POST", path, token, **more)

    def lengthen(self, token: str, **changes: str) -> requests.Response:
        query = {"grant_type": "ig_exchange_token", "client_secret": SECRET, **changes}
        return self.get("access_token", token, **query)

    def short_token(self, account: str = "coach.sam", **changes: Any) -> str:
        answer = self.exchange(self.code(account, **changes)).json()
        return str(answer["data"][0]["access_token"])

    def log_in(self, account: str = "coach.sam", **changes: Any) -> str:
        """Return a long-lived token of the account."""
        return str(self.lengthen(self.short_token(account, **changes)).json()["access_token"])

    def connect(self, account: str = "coach.sam") -> str:
        """Log in, subscribe to the messages, return the token."""
        token = self.log_in(account)
        fields = "messages,messaging_postbacks,messaging_seen,message_reactions"
        answer = self.post("v25.0/me/subscribed_apps", token, subscribed_fields=fields)
        assert answer.json() == {"success": True}
        return token
