"""A business that granted everything: a Page with its Instagram account, and its customers."""

from __future__ import annotations

from typing import Any

import requests

from flask_messenger.simulator import tokens
from flask_messenger.simulator.grants import GRANTED, record_grant
from flask_messenger.simulator.seeds import instagram_id_of, page_id_of
from flask_messenger.simulator.state import KEY
from flask_messenger.simulator.vocabulary import PERMISSIONS
from tests.simulator.conftest import Running
from tests.simulator.driver import APP_ID

PAGE, OTHER_PAGE = page_id_of("Iron Gym Downtown"), page_id_of("Iron Gym Riverside")
INSTAGRAM = instagram_id_of("irongym.downtown")


class Business:
    """The Page's token, and what is done with it."""

    def __init__(self, graph: Running) -> None:
        self.graph = graph
        # Its login is not what these tests are about: straight to what a login leaves behind.
        with graph.app.extensions[KEY].storage.writing() as db:
            record_grant(
                db,
                person="sam-reyes",
                app_id=APP_ID,
                permissions=dict.fromkeys(PERMISSIONS, GRANTED),
                page_ids=[PAGE],
            )
            user = tokens.issue_user_token(
                db, app_id=APP_ID, person="sam-reyes", life_seconds=tokens.LONG_LIFE_SECONDS
            )
            self.user_token = user.value
            self.token = tokens.page_token(db, user, PAGE).value

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.graph.get(path, self.token, **more)

    def post(self, path: str, **body: Any) -> requests.Response:
        return self.graph.post(path, self.token, json=body)

    def delete(self, path: str, **more: Any) -> requests.Response:
        return self.graph.delete(path, self.token, **more)

    def write(self, customer: str = "maya-okafor", account: str = PAGE, **what: Any) -> str:
        """Let a customer write; return what the account calls them."""
        what = what or {"text": "Hi"}
        return str(self.graph.chat(f"{account}/{customer}/messages", **what)["psid"])

    def thread(self, customer: str = "maya-okafor", account: str = PAGE) -> dict[str, Any]:
        """Return the customer's side of a conversation."""
        url = f"{self.graph.base_url}/chat/api/{account}/{customer}"
        return dict(self.graph.session.get(url, timeout=5).json())

    def messages(self, customer: str = "maya-okafor", account: str = PAGE) -> list[dict[str, Any]]:
        return list(self.thread(customer, account)["messages"])

    def send(self, psid: str, message: Any = None, **more: Any) -> requests.Response:
        body: dict[str, Any] = {"recipient": {"id": psid}, **more}
        if message is not None:
            body["message"] = message
        return self.post(f"{PAGE}/messages", **body)

    def comment(self, account: str = PAGE, **what: Any) -> tuple[str, str]:
        """Publish a post and comment on it as a customer; return both ids."""
        kind = what.pop("kind", "post")
        posts = f"{self.graph.base_url}/posts/api/{account}/posts"
        post = self.graph.session.post(posts, json={"kind": kind, "text": "New"}, timeout=5)
        assert post.ok, post.text
        post_id = str(post.json()["id"])
        body = {"customer": "maya-okafor", "text": "Lovely", **what}
        comment = self.graph.session.post(f"{posts}/{post_id}/comments", json=body, timeout=5)
        assert comment.ok, comment.text
        return post_id, str(comment.json()["id"])


def template(kind: str, **payload: Any) -> dict[str, Any]:
    """Return a message with a template."""
    return {
        "attachment": {"type": "template", "payload": {"template_type": kind, **payload}},
    }
