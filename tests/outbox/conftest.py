"""A conversation that may be answered, Meta at the other end, and a worker in between."""

import itertools
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import redis
import requests
import responses
from flask import Flask
from redis.backoff import NoBackoff
from redis.retry import Retry
from responses import RequestsMock
from sqlalchemy import update

from flask_messenger import signals
from flask_messenger.content import Text
from flask_messenger.models import Message, WorkspaceSettings
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.outbox.compose import Composed, compose
from flask_messenger.outbox.runner import run_outbox
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope, workspace_scope
from tests.support.app import GRAPH_URL, Factory
from tests.support.ingest import rows

MESSAGES_URL = re.compile(re.escape(GRAPH_URL) + r"/v25\.0/\d+/messages")


@dataclass
class Meta:
    """Graph's side: says yes unless told otherwise, and remembers what it was asked."""

    mock: RequestsMock
    asked: list[dict[str, Any]] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    numbers: Any = field(default_factory=lambda: itertools.count(1))
    on_request: Callable[[dict[str, Any]], None] = lambda _: None

    def refuse(self, code: int, subcode: int | None = None, **fields: Any) -> None:
        """Answer the next request with an error."""
        error = {"message": "no", "code": code, "fbtrace_id": "T1", **fields}
        if subcode is not None:
            error["error_subcode"] = subcode
        self.answers.append((400, {}, json.dumps({"error": error})))

    def accept(self, message_id: str | None, headers: dict[str, str] | None = None) -> None:
        """Answer the next request with yes and this id."""
        body = {"recipient_id": "7", **({"message_id": message_id} if message_id else {})}
        self.answers.append((200, headers or {}, json.dumps(body)))

    def fail(self, error: Exception) -> None:
        """End the next request without an answer."""
        self.answers.append(error)

    def answer(self, request: Any) -> Any:
        asked = json.loads(request.body)
        self.asked.append(asked)
        self.on_request(asked)
        if not self.answers:
            return (200, {}, json.dumps({"recipient_id": "7", "message_id": self.next_id()}))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def next_id(self) -> str:
        return f"m_out_{next(self.numbers)}"

    @property
    def texts(self) -> list[str]:
        """The texts Meta was asked to send, in order."""
        return [each["message"]["text"] for each in self.asked]


@pytest.fixture
def meta() -> Iterator[Meta]:
    with RequestsMock(assert_all_requests_are_fired=False) as mock:
        meta = Meta(mock)
        mock.add_callback(responses.POST, MESSAGES_URL, callback=meta.answer)
        yield meta


class Talk:
    """One conversation of workspace `w1`, open for answers, and what the tests do with it."""

    def __init__(self, app: Flask, factory: Factory, meta: Meta, **values: Any) -> None:
        self.app, self.meta = app, meta
        of_account = {
            name: values.pop(name)
            for name in ("channel", "external_id", "login", "page_external_id")
            if name in values
        }
        self.account = factory.account(values.pop("workspace_id", "w1"), **of_account)
        self.identity = factory.identity(self.account, external_id="7")
        values.setdefault("last_inbound_at", utc_now() - timedelta(minutes=5))
        self.conversation = factory.conversation(self.account, self.identity, **values)
        if values["last_inbound_at"] is not None:
            factory.message(self.conversation, sent_at=values["last_inbound_at"])
        self.conversation_id = self.conversation.id
        self.account_id = self.account.id

    @property
    def session(self) -> Any:
        return state_of(self.app).db.session

    def compose(self, content: Any = "hello", **values: Any) -> Composed:
        """Compose and commit."""
        if isinstance(content, str):
            content = Text(content)
        values.setdefault("sender", "person")
        values.setdefault("now", utc_now())
        if "account_id" not in values:
            values.setdefault("conversation_id", self.conversation_id)
        values.setdefault("tenant_workspace_id", "w1")
        with workspace_scope(values["tenant_workspace_id"]):
            composed = compose(self.session, state_of(self.app), content=content, **values)
            self.session.commit()
            self.session.refresh(composed.message)
            return composed

    def queue(self, *texts: str) -> list[Any]:
        """Compose several messages; return their ids."""
        return [self.compose(text).message.id for text in texts]

    def run(self, **values: Any) -> bool:
        """Run the lane once, as the worker does; return whether there is more to do."""
        with system_scope("test"):
            has_more = run_outbox(self.app, until_idle=True, threads=0, **values)
        self.session.rollback()
        return has_more

    def row(self, model: Any, row_id: Any) -> Any:
        """Return a row as it is in the database."""
        self.session.rollback()
        with system_scope("test"):
            return self.session.get(model, row_id, populate_existing=True)

    def message(self, message_id: Any) -> Message:
        return self.row(Message, message_id)

    @property
    def outbound(self) -> list[Message]:
        """What went out or wants to."""
        return rows(self.app, Message, direction="outbound")

    def states(self, *message_ids: Any) -> list[str]:
        return [self.message(each).status for each in message_ids]

    def change(self, model: Any, row_id: Any, **values: Any) -> None:
        """Change a row behind everybody's back."""
        with system_scope("test"):
            self.session.execute(update(model).where(model.id == row_id).values(**values))
            self.session.commit()


@pytest.fixture
def new_talk(app: Flask, factory: Factory, meta: Meta) -> Callable[..., Talk]:
    """Makes conversations with values of the test's own."""
    return partial(Talk, app, factory, meta)


@pytest.fixture
def talk(new_talk: Callable[..., Talk]) -> Talk:
    return new_talk()


def switch_human_agent_on(talk: Talk, workspace_id: str = "w1") -> None:
    with system_scope("test"):
        row = WorkspaceSettings(id=new_id(), workspace_id=workspace_id, human_agent_enabled=True)
        talk.session.add(row)
        talk.session.commit()


@pytest.fixture
def heard(app: Flask) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Return what the host hears, in order."""
    found: list[tuple[str, dict[str, Any]]] = []
    with recording(app, found):
        yield found


@contextmanager
def recording(app: Flask, found: list[tuple[str, dict[str, Any]]]) -> Iterator[None]:
    listeners = []
    for name in ("message_sent", "message_status_changed", "account_needs_reauth"):
        signal = getattr(signals, name)

        def listener(_app: Any, *, _name: str = name, **arguments: Any) -> None:
            found.append((_name, arguments))

        signal.connect(listener, sender=app)
        listeners.append((signal, listener))
    yield
    for signal, listener in listeners:
        signal.disconnect(listener, sender=app)


@pytest.fixture
def pages(app: Flask) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Return a function that gives what open pages of `w1` were told since it was last called."""
    pubsub = state_of(app).get(redis.Redis).pubsub(ignore_subscribe_messages=True)
    pubsub.subscribe("messenger:events:w1")
    pubsub.get_message(timeout=5)

    def drain() -> list[dict[str, Any]]:
        told = []
        while (message := pubsub.get_message(timeout=0.2)) is not None:
            told.append(json.loads(message["data"]))
        return told

    yield drain
    pubsub.close()


def redis_that_is_away() -> redis.Redis:
    """Return a client of a server that is not there."""
    return redis.Redis(port=1, retry=Retry(NoBackoff(), 0))


READ_TIMEOUT = requests.ReadTimeout("read timed out")
