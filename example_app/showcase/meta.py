"""The simulated Meta, as its customers and the admin of a Page use it."""

from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl, urlsplit

import requests

SECONDS: Final = 60


class Meta:
    """The simulator's calls for customers and posts."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._session = requests.Session()

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """Make one call of the simulator."""
        return self._call("POST", path, json=body)

    def change(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        """Make one call of the simulator that changes or removes something."""
        return self._call(method, path, json=body)

    def account_id(self, account: str) -> str:
        """Return Meta's id of an account, by its readable name."""
        return str(self._call("GET", f"/control/api/accounts/{account}")["id"])

    def customer(self, account: str, name: str) -> "Customer":
        """Return a customer in their conversation with an account, both by readable names."""
        return Customer(self, account, name)

    def photo_url(self, name: str) -> str:
        """Return the address of one of the simulator's photos."""
        return f"{self._base_url}/pictures/photos/{name}.png"

    def publish(self, account: str, **wanted: Any) -> str:
        """Publish something as the account; return its id."""
        return str(self.post(f"/posts/api/{account}/posts", **wanted)["id"])

    def allow_everything(self, dialog_url: str, *, person: str, page_ids: list[str]) -> str:
        """Answer the login dialog as `person`; return the query it leads back with."""
        asked = dict(parse_qsl(urlsplit(dialog_url).query))
        allowed = asked.get("scope", "").split(",")
        form = {
            **asked,
            "person": person,
            "page": page_ids,
            "permission": allowed,
            "answer": "continue",
        }
        answer = self._session.post(
            dialog_url.partition("?")[0], data=form, timeout=SECONDS, allow_redirects=False
        )
        answer.raise_for_status()
        back = urlsplit(answer.headers["Location"]).query
        if "code" not in parse_qs(back):
            raise RuntimeError("The simulated login gave no code.")
        return back

    def _call(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        answer = self._session.request(method, self._base_url + path, timeout=SECONDS, **more)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json() if answer.content else {}
        return told


class Customer:
    """A customer in the conversation with one account."""

    def __init__(self, meta: Meta, account: str, name: str) -> None:
        self._meta = meta
        self.account = account
        self.name = name
        self.psid = ""  # what the account calls them
        self.commenter_id = ""  # and below its posts

    def does(self, act: str, **body: Any) -> dict[str, Any]:
        """Do what the simulator's API for customers calls `act`."""
        told = self._meta.post(f"/chat/api/{self.account}/{self.name}/{act}", **body)
        self.psid = told.get("psid", self.psid)
        return told

    def writes(self, text: str | None = None, **more: Any) -> str:
        """Write a message; return Meta's id of it."""
        words = {} if text is None else {"text": text}
        return str(self.does("messages", **words, **more)["mid"])

    def taps(self, title: str, payload: str, **more: Any) -> None:
        """Tap a button."""
        self.does("postbacks", title=title, payload=payload, **more)

    def comments(self, post_id: str, text: str, **more: Any) -> str:
        """Comment on a post; return the comment's id."""
        path = f"/posts/api/{self.account}/posts/{post_id}/comments"
        told = self._meta.post(path, customer=self.name, text=text, **more)
        self.commenter_id = str(told["from_id"])
        return str(told["id"])

    def meets(self, act: str, **body: Any) -> None:
        """Let something happen to the conversation that is not the customer's doing."""
        self._meta.post(f"/control/api/threads/{self.account}/{self.name}/{act}", **body)
