"""The API against its own document: generated requests, right and wrong, and every check there is.

`/events` never ends and has its own tests.
"""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import schemathesis
from flask import Flask, request
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from werkzeug.serving import make_server

from flask_messenger import Tenant
from flask_messenger.models import DataRequest, SavedReply, Template, WebhookEntry
from flask_messenger.models.base import new_id
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.api.conftest import Thread, Threads
from tests.support.app import ALL_PERMISSIONS, Factory

TOKEN = "Bearer of-a-program"
DOCUMENT = "/api/messenger/openapi.json"
EXAMPLES = 15
FEW_EXAMPLES = 5
"""Of what takes free text and little else."""
ID = "/{template_id}"
MAY_BE_REFUSED = {
    "/api/messenger/send": [202, 404, 409, 422],
    "/api/messenger/templates": [200, 201, 422],
    "/api/messenger/uploads": [201, 409, 422],
    f"/api/messenger/templates{ID}": [200, 204, 404, 422],
    f"/api/messenger/templates{ID}/preview": [200, 404, 422],
    "/api/messenger/conversations/{conversation_id}/preview": [200, 404, 422],
    "/api/messenger/saved-replies": [200, 201, 422],
    "/api/messenger/saved-replies/{saved_reply_id}": [200, 204, 404, 422],
    "/api/messenger/saved-replies/{saved_reply_id}/preview": [200, 404, 422],
}
ASKS_META = "/(doctor|personas|profile|reaction|thread-control|utility-templates)(/|$)"
"""Beside the stream of events: what would ask Meta, which is not there."""


def make_rows(app: Flask) -> dict[str, str]:
    """Make something to ask for; return its ids by the names that the routes give them."""
    with app.app_context(), system_scope("test"):
        threads = Threads(Factory(app))
        thread = threads.make("hello", "is anybody there?")
        threads.attach(thread.messages[0])
        failed = threads.factory.message(
            thread.conversation, direction="outbound", status="failed", error_slug="graph_timeout"
        )
        return {
            "account_id": str(thread.account.id),
            "conversation_id": str(thread.id),
            "message_id": str(failed.id),
            **make_admin_rows(threads, thread),
        }


def make_admin_rows(threads: Threads, thread: Thread) -> dict[str, str]:
    """Make a journal entry, and an export that is done; return their ids."""
    account, identity_id = thread.account, thread.identity.id
    entry = WebhookEntry(
        id=new_id(),
        app_name="default",
        object="page",
        raw=b'{"id": "1", "messaging": []}',
        state="done",
        external_id=account.external_id,
        workspace_id="w1",
    )
    export = DataRequest(
        id=new_id(),
        workspace_id="w1",
        kind="export",
        account_id=account.id,
        identity_id=identity_id,
        requested_by="u1",
    )
    ids = {
        "entry_id": str(entry.id),
        "identity_id": str(identity_id),
        "request_id": str(export.id),
    }
    replies = make_replies(account.id)
    ids |= {name: str(row.id) for name, row in replies.items()}
    threads.factory.session.add_all([entry, export, *replies.values()])
    threads.factory.session.commit()
    return ids


def make_replies(account_id: uuid.UUID) -> dict[str, Any]:
    """Return rows of an account that are not kept yet, by the name of their ids."""
    common = {"workspace_id": "w1", "account_id": account_id}
    return {
        "template_id": Template(
            id=new_id(), name="Hello", content_kind="text", text="Hi {{ name }}", **common
        ),
        "saved_reply_id": SavedReply(
            id=new_id(), shortcut="hi", title="", text="Hi {{ name }}", **common
        ),
    }


def let_bearer_in(app: Flask) -> None:
    tenant = Tenant(workspace_id="w1", user_id="u1", permissions=ALL_PERMISSIONS)

    def load_tenant() -> Tenant | None:
        return tenant if request.headers.get("Authorization") == TOKEN else None

    state_of(app).hooks.tenant = load_tenant


def make_config(ids: dict[str, str]) -> SchemathesisConfig:
    """Return: same requests each time, mostly about rows that exist, no waiting for a worker."""
    parameters = {f"path.{name}": value for name, value in ids.items()}
    return SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "headers": {"Authorization": TOKEN},
            "parameters": {**parameters, "header.Prefer": "respond-async"},
            "continue-on-failure": True,
            "generation": {"deterministic": True, "max-examples": EXAMPLES, "database": "none"},
            # What a channel can carry, whose message is quoted, what is a template: no schema says.
            "operations": [
                {
                    "include-path": path,
                    "checks": {"positive_data_acceptance": {"expected-statuses": statuses}},
                    "generation": {"max-examples": EXAMPLES if "send" in path else FEW_EXAMPLES},
                }
                for path, statuses in MAY_BE_REFUSED.items()
            ],
            "phases": {"stateful": {"enabled": False}},
        }
    )


def write_to_one_conversation(schema: Any, conversation_id: str) -> None:
    """Send to what exists where a request names a conversation at all."""

    @schema.hook
    def map_body(_context: Any, body: Any) -> Any:
        if isinstance(body, dict) and is_uuid(body.get("conversation_id")):
            return {**body, "conversation_id": conversation_id}
        return body


def is_uuid(value: Any) -> bool:
    try:
        return str(uuid.UUID(value)) == value
    except (ValueError, TypeError, AttributeError):
        return False


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """Serve `app` on this machine; yield its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run(schema: Any) -> tuple[set[tuple[str, int]], list[str]]:
    """Run every phase; return operations with the statuses they answered, and all that is wrong."""
    walked: set[tuple[str, int]] = set()
    troubles: list[str] = []
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            for call in event.recorder.interactions.values():
                if call.response is not None:
                    walked.add((event.recorder.label, call.response.status_code))
        elif isinstance(event, events.NonFatalError):
            troubles.append(f"{event.label}: {event.value!r}")
        elif isinstance(event, events.FatalError):
            raise event.exception
        elif isinstance(event, events.EngineFinished):
            troubles += [
                f"{each.operation}: {each.title}: {each.message}" for each in event.failures
            ]
    return walked, troubles


@pytest.mark.slow
@pytest.mark.databases("postgresql")
@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
def test_answers_are_what_the_document_says(new_app: Callable[..., Flask]) -> None:
    app = new_app(WTF_CSRF_ENABLED=True)
    let_bearer_in(app)
    ids = make_rows(app)
    config = make_config(ids)

    with serving(app) as address:
        schema = schemathesis.openapi.from_url(address + DOCUMENT, config=config)
        walked, troubles = run(schema.exclude(path_regex=f"/events$|{ASKS_META}"))

    assert not troubles, "\n\n".join(troubles)
    assert len(walked) >= 15
