"""The CRM, as an agent's browser uses it."""

import re
import time
from typing import Any, Final

import requests

from example_app.showcase.meta import Customer, Meta

API: Final = "/api/messenger"
INTEGRATIONS: Final = "/api/integrations/meta"
SECONDS: Final = 60
PATIENCE_SECONDS: Final = 120.0
POLL_SECONDS: Final = 0.1
TOKEN: Final = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
DIRECT, COMMENTS = "direct", "comments"


class Crm:
    """One person who is logged in."""

    def __init__(self, base_url: str, *, email: str, password: str) -> None:
        self._base_url = base_url
        self._session = requests.Session()
        self._session.headers["Accept"] = "application/json"
        self._log_in(email, password)

    def has_accounts(self) -> bool:
        """Say whether something is, or was, connected."""
        known = self._get(f"{API}/accounts", include_disconnected="true")
        return bool(known["items"])

    def connect(
        self, meta: Meta, *, person: str, page_id: str, location_id: str, also: list[dict[str, str]]
    ) -> None:
        """Go through Meta's login, and connect the Page and the accounts `also` found with it."""
        dialog = self._get(f"{INTEGRATIONS}/connect", location_id=location_id)
        back = meta.allow_everything(dialog["authorization_url"], person=person, page_ids=[page_id])
        attempt = self._get(f"{INTEGRATIONS}/callback?{back}")["connection_id"]
        wanted = [{**each, "location_id": location_id} for each in [{"id": page_id}, *also]]
        self._post(f"{INTEGRATIONS}/connections/{attempt}", {"pages": wanted})

    def answer(self, customer: Customer, *, kind: str = DIRECT, **body: Any) -> dict[str, Any]:
        """Answer a customer as the agent, once their conversation is there."""
        conversation = self.wait_for(customer, kind=kind)
        told: dict[str, Any] = self._post(
            f"{API}/send",
            {"conversation_id": conversation["id"], **body},
            headers={"Prefer": "wait=5"},
        )
        return told

    def wait_for(self, customer: Customer, *, kind: str = DIRECT) -> dict[str, Any]:
        """Return the conversation with the customer as soon as it is there.

        Raises:
            TimeoutError: it did not come.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            for each in self._get(f"{API}/conversations", limit="100")["items"]:
                if _is_with(each, customer, kind):
                    return dict(each)
            time.sleep(POLL_SECONDS)
        raise TimeoutError(f"No conversation with {customer.name} arrived.")

    def _log_in(self, email: str, password: str) -> None:
        page = self._session.get(f"{self._base_url}/login", timeout=SECONDS)
        form = {"email": email, "password": password, "csrf_token": _token(page.text)}
        self._session.post(f"{self._base_url}/login", data=form, timeout=SECONDS)
        # The token of a page seen while logged in: the one before belongs to nobody.
        plan = self._session.get(f"{self._base_url}/settings/plan", timeout=SECONDS)
        self._session.headers["X-CSRFToken"] = _token(plan.text)

    def _get(self, path: str, **query: str) -> Any:
        answer = self._session.get(self._base_url + path, params=query, timeout=SECONDS)
        answer.raise_for_status()
        return answer.json()

    def _post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> Any:
        answer = self._session.post(
            self._base_url + path, json=body, headers=headers, timeout=SECONDS
        )
        answer.raise_for_status()
        return answer.json()


def _is_with(conversation: dict[str, Any], customer: Customer, kind: str) -> bool:
    known_as = customer.psid if kind == DIRECT else customer.commenter_id
    return bool(conversation["kind"] == kind and conversation["person"]["recipient_id"] == known_as)


def _token(page: str) -> str:
    found = TOKEN.search(page)
    if found is None:
        raise RuntimeError("The CRM's page has no form.")
    return found[1]
