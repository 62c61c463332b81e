"""Acting on conversations, below the views."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from flask_messenger import Tenant
from flask_messenger.errors import InvalidRequestError, NotFoundError
from flask_messenger.inbox import actions
from flask_messenger.models import Conversation
from flask_messenger.models.base import utc_now
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope, workspace_scope
from tests.api.conftest import Threads
from tests.support.app import Factory

TENANT = Tenant(workspace_id="w1", user_id="u1")


@pytest.fixture(autouse=True)
def scope() -> Iterator[None]:
    with workspace_scope("w1"):
        yield


def test_nothing_is_committed_by_an_action(factory: Factory, threads: Threads) -> None:
    thread = threads.make()

    actions.close(factory.session, tenant=TENANT, conversation_id=thread.id)

    assert threads.reload(thread.conversation).status == "open"


def test_update_tells_what_a_signal_and_a_page_need(factory: Factory, threads: Threads) -> None:
    thread = threads.make()
    threads.update(thread.identity, contact_ref="lead-7")

    update = actions.close(factory.session, tenant=TENANT, conversation_id=thread.id)

    assert update.is_announced
    assert update.signal_arguments == {
        "workspace_id": "w1",
        "location_id": "l1",
        "account_id": thread.account.id,
        "conversation_id": thread.id,
        "contact_ref": "lead-7",
        "channel": "facebook",
        "change": "closed",
    }
    assert update.realtime_change.type == "conversation"
    assert update.realtime_change.ids["location_id"] == "l1"


def test_second_time_changes_nothing(factory: Factory, threads: Threads) -> None:
    thread = threads.make()
    until = utc_now() + timedelta(hours=1)

    def snooze() -> str | None:
        return actions.snooze(
            factory.session, tenant=TENANT, conversation_id=thread.id, until=until, now=utc_now()
        ).change

    assert [snooze(), snooze()] == ["snoozed", None]
    for act in (actions.close, actions.reopen, actions.unassign):
        act(factory.session, tenant=TENANT, conversation_id=thread.id)
        again = act(factory.session, tenant=TENANT, conversation_id=thread.id)
        assert again.change is None
        assert not again.is_announced


def test_seen_is_not_announced_to_the_host(factory: Factory, threads: Threads) -> None:
    thread = threads.make()

    update = actions.mark_seen(factory.session, tenant=TENANT, conversation_id=thread.id)

    assert update.change == "seen"
    assert not update.is_announced


def test_own_answer_with_a_fast_clock_hides_no_message(factory: Factory, threads: Threads) -> None:
    thread = threads.make("hello")
    ahead = thread.messages[0].sent_at + timedelta(minutes=1)
    factory.message(thread.conversation, direction="outbound", sent_at=ahead)
    actions.mark_seen(factory.session, tenant=TENANT, conversation_id=thread.id)
    factory.session.commit()

    later = thread.messages[0].sent_at + timedelta(seconds=30)
    factory.message(thread.conversation, sent_at=later, text="one more")
    update = actions.mark_seen(
        factory.session,
        tenant=TENANT,
        conversation_id=thread.id,
        until_message_id=thread.messages[0].id,
    )

    assert update.conversation.unread_count == 1


def test_snooze_that_is_over_opens_again(factory: Factory, threads: Threads) -> None:
    now = utc_now()
    over = threads.make(status="snoozed", snoozed_until=now - timedelta(seconds=1))
    running = threads.make(status="snoozed", snoozed_until=now + timedelta(hours=1))

    with system_scope("test"):
        updates = actions.wake_snoozed(factory.session, now=now)
        factory.session.commit()

    assert [update.conversation.id for update in updates] == [over.id]
    assert [update.change for update in updates] == ["reopened"]
    assert threads.reload(over.conversation).status == "open"
    assert threads.reload(over.conversation).snoozed_until is None
    assert threads.reload(running.conversation).status == "snoozed"


@pytest.mark.parametrize(
    "until",
    [datetime(2020, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC), datetime(2027, 1, 1)],  # noqa: DTZ001
)
def test_snooze_needs_a_time_ahead(factory: Factory, threads: Threads, until: datetime) -> None:
    thread = threads.make()

    with pytest.raises(InvalidRequestError) as caught:
        actions.snooze(
            factory.session,
            tenant=TENANT,
            conversation_id=thread.id,
            until=until,
            now=datetime(2026, 6, 1, tzinfo=UTC),
        )

    assert caught.value.field == "snoozed_until"


def test_conversation_of_another_location_is_not_there(factory: Factory, threads: Threads) -> None:
    thread = threads.make()
    elsewhere = Tenant(workspace_id="w1", user_id="u1", location_ids=frozenset({"l2"}))

    with pytest.raises(NotFoundError):
        actions.close(factory.session, tenant=elsewhere, conversation_id=thread.id)


@pytest.mark.databases("postgresql")
def test_message_that_arrives_while_it_is_read_stays_unread(
    app: Flask, factory: Factory, threads: Threads
) -> None:
    """Ingest holds the conversation; marking it seen waits, and counts what came meanwhile."""
    thread = threads.make("one")
    conversation_id, seen_id = thread.id, thread.messages[0].id
    later = thread.messages[0].sent_at + timedelta(seconds=5)
    factory.session.commit()
    counts: list[int] = []

    def look() -> None:
        with app.app_context(), workspace_scope("w1"):
            session = state_of(app).db.session
            update = actions.mark_seen(
                session,
                tenant=TENANT,
                conversation_id=conversation_id,
                until_message_id=seen_id,
            )
            counts.append(update.conversation.unread_count)
            session.commit()

    session = factory.session
    session.get(Conversation, conversation_id, with_for_update=True)
    looking = threading.Thread(target=look)
    looking.start()
    time.sleep(0.3)
    factory.message(thread.conversation, text="two", sent_at=later)  # commits, and lets go
    looking.join()

    assert counts == [1]
