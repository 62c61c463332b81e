"""Telling open pages and the host what became of a message. After the commit, never before."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import redis
from flask import Flask

from flask_messenger.outbox.lane import Lane
from flask_messenger.realtime import Change, publish
from flask_messenger.signals import emit, message_sent, message_status_changed
from flask_messenger.state import state_of
from flask_messenger.tenancy import workspace_scope


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange:
    """A message whose state changed, with what a receiver is told about it."""

    message_id: uuid.UUID
    lane: Lane
    status: str
    sent_by: str
    kind: str

    @property
    def change(self) -> Change:
        """What open pages hear."""
        ids = {
            "conversation_id": str(self.lane.conversation_id),
            "message_id": str(self.message_id),
            "account_id": str(self.lane.account_id),
            "location_id": self.lane.location_id,
        }
        return Change(workspace_id=self.lane.workspace_id, type="status", ids=ids)

    @property
    def arguments(self) -> dict[str, Any]:
        """What receivers of signals get."""
        return {
            "workspace_id": self.lane.workspace_id,
            "location_id": self.lane.location_id,
            "account_id": self.lane.account_id,
            "conversation_id": self.lane.conversation_id,
            "message_id": self.message_id,
            "contact_ref": self.lane.contact_ref,
            "channel": self.lane.channel,
            "kind": self.kind,
            # What we send goes out of a thread that is ours, or is nobody's.
            "is_standby": False,
        }


def announce_status(
    app: Flask, changes: Iterable[StatusChange], *, is_sent_news: bool = False
) -> None:
    """Tell open pages and the host of each change, and end what a receiver left open.

    Args:
        app: sender of the signals.
        changes: committed.
        is_sent_news: whether the messages have just gone out, so that `message_sent` is due.
    """
    changes = list(changes)
    tell_pages(app, changes)
    tell_host(app, changes, is_sent_news=is_sent_news)


def tell_pages(app: Flask, changes: Iterable[StatusChange]) -> None:
    """Tell open pages of each change."""
    publish(state_of(app).get(redis.Redis), [each.change for each in changes])


def tell_host(
    app: Flask,
    changes: Iterable[StatusChange],
    *,
    is_sent_news: bool = False,
    has_status: bool = True,
) -> None:
    """Tell the host of each change, and end what a receiver left open.

    Args:
        app: sender of the signals.
        changes: committed.
        is_sent_news: whether `message_sent` is due.
        has_status: whether `message_status_changed` is.
    """
    for each in changes:
        with workspace_scope(each.lane.workspace_id):
            if is_sent_news:
                emit(message_sent, app, sent_by=each.sent_by, **each.arguments)
            if has_status:
                emit(message_status_changed, app, status=each.status, **each.arguments)
        state_of(app).db.session.rollback()  # what a receiver left uncommitted is its own to commit
