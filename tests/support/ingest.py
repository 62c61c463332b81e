"""Draining as the worker does, and looking at what came of it."""

import uuid
from collections.abc import Iterable
from typing import Any

from flask import Flask
from sqlalchemy import select

from flask_messenger.ingest.drain import drain_all
from flask_messenger.models import WebhookEntry
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope


def drain(app: Flask) -> list[uuid.UUID]:
    """Apply all that waits; return the ids of the messages to announce."""
    heard = Heard()
    with system_scope("test"):
        drain_all(app, news=heard)
    return heard.message_ids


class Heard:
    """Keeps the news of a drain."""

    def __init__(self) -> None:
        self.message_ids: list[uuid.UUID] = []
        self.lifted_ids: set[uuid.UUID] = set()
        self.changed_ids: set[uuid.UUID] = set()
        self.attached_in: set[str] = set()

    def stored(self, message_ids: Iterable[uuid.UUID]) -> None:
        self.message_ids.extend(message_ids)

    def attached(self, workspace_ids: Iterable[str]) -> None:
        self.attached_in.update(workspace_ids)

    def changed(self, message_ids: Iterable[uuid.UUID]) -> None:
        self.changed_ids.update(message_ids)

    def lifted(self, message_ids: Iterable[uuid.UUID]) -> None:
        self.lifted_ids.update(message_ids)


def rows(app: Flask, model: Any, **filters: Any) -> list[Any]:
    """Return all rows of a model, of every workspace, in the order they were made."""
    session = state_of(app).db.session
    session.rollback()
    with system_scope("test"):
        statement = select(model).filter_by(**filters).order_by(model.id)
        return list(session.scalars(statement.execution_options(populate_existing=True)))


def journal_states(app: Flask) -> list[str]:
    return [entry.state for entry in rows(app, WebhookEntry)]
