from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from blinker import Signal
from flask import Flask
from flask_login import login_user

from example_app.database import db
from example_app.models import Lead
from example_app.timeline import Line, load_timeline
from flask_messenger import (
    conversation_updated,
    message_received,
    message_sent,
    message_status_changed,
)
from flask_messenger.models import Conversation, Message
from flask_messenger.models.base import utc_now
from flask_messenger.tenancy import workspace_scope
from tests.example_app.crm import agency_of, make_lead, user_of
from tests.support.app import Factory

T0 = utc_now() - timedelta(hours=3)


@dataclass
class Thread:
    """A lead and its conversation, and the signals of the messenger about it."""

    app: Flask
    rows: Factory
    lead: Lead
    conversation: Conversation

    @property
    def workspace_id(self) -> str:
        return str(self.lead.agency_id)

    def message(self, minutes: int, **values: Any) -> Message:
        sent_at = T0 + timedelta(minutes=minutes)
        return self.rows.message(self.conversation, sent_at=sent_at, **values)

    def signal(self, signal: Signal, **values: Any) -> None:
        arguments = {
            "workspace_id": self.workspace_id,
            "location_id": None,
            "account_id": self.conversation.account_id,
            "conversation_id": self.conversation.id,
            "contact_ref": str(self.lead.id),
            "channel": "facebook",
            **values,
        }
        with workspace_scope(self.workspace_id):
            signal.send(self.app, **arguments)

    def received(self, minutes: int = 0, text: str = "hello") -> Message:
        message = self.message(minutes, text=text)
        self.signal(message_received, message_id=message.id)
        return message

    def sent(self, minutes: int = 0, sent_by: str = "person", **values: Any) -> Message:
        message = self.message(minutes, direction="outbound", sent_by=sent_by, **values)
        self.signal(message_sent, message_id=message.id, sent_by=sent_by)
        return message

    def lines(self) -> list[Line]:
        db.session.expire_all()
        with workspace_scope(self.workspace_id):
            return load_timeline(self.lead)

    @contextmanager
    def request_of(self, email: str) -> Iterator[None]:
        with self.app.test_request_context():
            login_user(user_of(email))
            yield


@pytest.fixture
def thread(crm: Flask, rows: Factory) -> Thread:
    workspace_id = str(agency_of("brightside").id)
    account = rows.account(workspace_id)
    conversation = rows.conversation(account, rows.identity(account, name="Maya Okafor"))
    return Thread(crm, rows, make_lead("brightside", "Maya Okafor"), conversation)


def test_what_a_person_writes_stands_in_the_timeline(thread: Thread) -> None:
    message = thread.received(text="Is the 6 pm class open?")

    line = thread.lines()[0]
    assert (line.kind, line.words) == ("message_received", "Wrote a message")
    assert line.preview == "Is the 6 pm class open?"
    assert line.happened_at == message.sent_at
    assert line.conversation_id == thread.conversation.id


def test_a_signal_that_comes_twice_is_one_line(thread: Thread) -> None:
    message = thread.received()

    thread.signal(message_received, message_id=message.id)

    assert [line.words for line in thread.lines()] == ["Wrote a message"]


def test_messages_of_one_sitting_are_one_line(thread: Thread) -> None:
    for minutes, text in ((0, "long ago"), (60, "first"), (70, "second"), (80, "third")):
        thread.received(minutes, text)

    assert [(line.words, line.preview) for line in thread.lines()] == [
        ("Wrote 3 messages", "third"),
        ("Wrote a message", "long ago"),
    ]


def test_the_first_answer_of_a_person_makes_a_new_lead_contacted(thread: Thread) -> None:
    thread.received(0)
    thread.sent(1, sent_by_name="Sam Reyes")

    assert [(line.words, line.actor_name) for line in thread.lines()] == [
        ("Stage: Contacted", "Sam Reyes"),
        ("Was answered", "Sam Reyes"),
        ("Wrote a message", ""),
    ]
    assert thread.lead.stage == "contacted"


def test_an_answer_of_a_bot_leaves_the_lead_new(thread: Thread) -> None:
    thread.sent(sent_by="bot")

    assert [(line.words, line.actor_name) for line in thread.lines()] == [("Was answered", "Bot")]
    assert thread.lead.stage == "new"


def test_an_answer_from_the_page_inbox_is_named_so(thread: Thread) -> None:
    thread.sent(sent_by="page_inbox")

    assert thread.lines()[-1].actor_name == "Page inbox"


def test_a_lead_that_is_further_on_stays_there(thread: Thread) -> None:
    thread.lead.stage = "customer"
    db.session.commit()

    thread.sent()

    assert thread.lead.stage == "customer"


def test_a_message_that_failed_is_told_and_others_are_not(thread: Thread) -> None:
    message = thread.message(0, direction="outbound", status="failed", sent_by_name="Sam Reyes")

    for status in ("sent", "delivered", "failed", "failed"):
        thread.signal(message_status_changed, message_id=message.id, status=status)

    assert [line.words for line in thread.lines()] == ["A message could not be sent"]


def test_what_is_done_with_a_conversation_is_told_with_who_did_it(thread: Thread) -> None:
    kim = user_of("kim@brightside.example")
    with workspace_scope(thread.workspace_id):
        thread.conversation.assignee_ref = str(kim.id)
        db.session.commit()

    with thread.request_of("sam@brightside.example"):
        thread.signal(conversation_updated, change="assigned")
        thread.signal(conversation_updated, change="something_new")

    assert [(line.words, line.actor_name) for line in thread.lines()] == [
        ("Conversation assigned to Kim Tran", "Sam Reyes")
    ]


def test_a_name_meta_tells_later_reaches_the_lead(thread: Thread) -> None:
    thread.lead.name = ""
    db.session.commit()

    thread.received()

    assert thread.lead.name == "Maya Okafor"


def test_messages_of_people_without_a_lead_are_passed_over(thread: Thread) -> None:
    message = thread.message(0)

    thread.signal(message_received, message_id=message.id, contact_ref=None)

    assert thread.lines() == []


def test_another_application_in_the_process_is_not_heard(thread: Thread) -> None:
    message = thread.message(0)

    with workspace_scope(thread.workspace_id):
        message_received.send(
            Flask("other"), contact_ref=str(thread.lead.id), message_id=message.id
        )

    assert thread.lines() == []


def test_the_timeline_is_on_the_page_of_the_lead(thread: Thread, log_in: Any) -> None:
    thread.received(text="Is the 6 pm <b>class</b> open?")

    page = log_in("sam@brightside.example").get(f"/leads/{thread.lead.id}").get_data(as_text=True)

    assert "Is the 6 pm &lt;b&gt;class&lt;/b&gt; open?" in page
    assert f'href="/messenger/inbox/{thread.conversation.id}"' in page
