"""What tests of the API share: rows to see, and a client whose requests stand alone."""

import contextvars
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from flask_messenger.models import Account, Attachment, Conversation, Identity, Message
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.support.app import Factory

API = "/api/messenger"


@dataclass
class Api:
    """Sends requests, each in a context of its own, as a server would."""

    app: Flask

    def call(self, method: str, path: str, **values: Any) -> TestResponse:
        client = self.app.test_client()
        url = path if path.startswith(("/api/", "/messenger/")) else API + path
        return contextvars.Context().run(client.open, url, method=method, **values)

    def get(self, path: str, **values: Any) -> TestResponse:
        return self.call("GET", path, **values)

    def post(self, path: str, **values: Any) -> TestResponse:
        return self.call("POST", path, **values)

    def patch(self, path: str, **values: Any) -> TestResponse:
        return self.call("PATCH", path, **values)


@dataclass
class Thread:
    """A conversation with its messages, the oldest first."""

    account: Account
    identity: Identity
    conversation: Conversation
    messages: list[Message]

    @property
    def id(self) -> uuid.UUID:
        return self.conversation.id


@dataclass
class Threads:
    """Makes conversations as ingest would leave them."""

    factory: Factory

    def make(
        self, *texts: str, account: Account | None = None, age_minutes: int = 0, **values: Any
    ) -> Thread:
        account = account or self.factory.account()
        identity = self.factory.identity(account, name=values.pop("name", "Maya Okafor"))
        conversation = self.factory.conversation(account, identity, **values)
        start = utc_now() - timedelta(minutes=age_minutes, seconds=len(texts))
        messages = [
            self.factory.message(conversation, text=text, sent_at=start + timedelta(seconds=place))
            for place, text in enumerate(texts or ("hello",))
        ]
        self.update(
            conversation,
            last_message_id=messages[-1].id,
            last_message_at=messages[-1].sent_at,
            last_inbound_at=messages[-1].sent_at,
            unread_count=len(messages),
        )
        return Thread(account, identity, conversation, messages)

    def update(self, row: Any, **values: Any) -> None:
        with system_scope("test"):
            for name, value in values.items():
                setattr(row, name, value)
            self.factory.session.commit()

    def attach(self, message: Message, **values: Any) -> Attachment:
        values.setdefault("type", "image")
        values.setdefault("url", "https://cdn.example.test/photo.jpg")
        values.setdefault("position", 0)
        row = Attachment(
            id=new_id(), workspace_id=message.workspace_id, message_id=message.id, **values
        )
        with system_scope("test"):
            self.factory.session.add(row)
            self.factory.session.commit()
        return row

    def reload(self, row: Any) -> Any:
        session = self.factory.session
        session.rollback()
        with system_scope("test"):
            session.refresh(row)
        return row


@pytest.fixture
def api(app: Flask) -> Api:
    return Api(app)


@pytest.fixture
def threads(app: Flask, factory: Factory) -> Threads:
    assert state_of(app)
    return Threads(factory)
