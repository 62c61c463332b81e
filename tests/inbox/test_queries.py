"""Reading: a fixed number of statements, whatever there is to read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from flask_messenger import Tenant
from flask_messenger.errors import InvalidRequestError, NotFoundError
from flask_messenger.inbox import messages as reading
from flask_messenger.inbox import queries
from flask_messenger.inbox.filters import ConversationFilters
from flask_messenger.models.base import new_id
from flask_messenger.state import state_of
from flask_messenger.tenancy import workspace_scope
from tests.api.conftest import Threads
from tests.support.app import Factory
from tests.support.roles import is_of_the_walls

TENANT = Tenant(workspace_id="w1", user_id="u1")
EVERYTHING = ConversationFilters()


@pytest.fixture(autouse=True)
def scope() -> Iterator[None]:
    with workspace_scope("w1"):
        yield


@contextmanager
def counted(app: Flask) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if not is_of_the_walls(statement):
            statements.append(statement)

    engine = state_of(app).db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_reads_cost_the_same_for_one_row_and_for_many(
    app: Flask, factory: Factory, threads: Threads
) -> None:
    session = factory.session
    thread = threads.make()
    account_id, conversation_id = thread.account.id, thread.id
    message_id = thread.messages[0].id
    reads: list[tuple[Callable[[], object], int]] = [
        (lambda: queries.list_conversations(session, tenant=TENANT, filters=EVERYTHING), 1),
        (
            lambda: queries.list_conversations(
                session,
                tenant=TENANT,
                filters=ConversationFilters(text="hello", assignee="none", location_id="l1"),
            ),
            1,
        ),
        (
            lambda: queries.get_conversation(
                session, tenant=TENANT, conversation_id=conversation_id
            ),
            1,
        ),
        (lambda: queries.count_conversations(session, tenant=TENANT), 1),
        (lambda: reading.list_messages(session, tenant=TENANT, conversation_id=conversation_id), 4),
        (lambda: queries.list_accounts(session, tenant=TENANT), 1),
        (lambda: queries.get_account(session, tenant=TENANT, account_id=account_id), 1),
        (
            lambda: reading.get_message(session, tenant=TENANT, message_id=message_id),
            3,
        ),
    ]

    def costs() -> list[int]:
        found = []
        for read, _ in reads:
            session.rollback()
            with counted(app) as statements:
                read()
            found.append(len(statements))
        return found

    wanted = [cost for _, cost in reads]
    assert costs() == wanted
    for place in range(12):
        more = threads.make("a", "b", account=thread.account)
        threads.attach(more.messages[0], position=place)
        threads.attach(factory.message(thread.conversation, text=str(place)))
    assert costs() == wanted


def test_counts_are_of_open_conversations(factory: Factory, threads: Threads) -> None:
    threads.make(assignee_ref="u1")
    threads.make(assignee_ref="u2")
    read = threads.make()
    threads.update(read.conversation, unread_count=0)
    threads.make(status="closed")
    factory.conversation(factory.account())

    counts = queries.count_conversations(factory.session, tenant=TENANT)

    assert (counts.mine, counts.unassigned, counts.open, counts.unread) == (1, 1, 3, 2)


def test_counts_of_nothing_are_zero(factory: Factory) -> None:
    counts = queries.count_conversations(factory.session, tenant=TENANT)

    assert (counts.mine, counts.unassigned, counts.open, counts.unread) == (0, 0, 0, 0)


def test_pages_hold_while_new_messages_arrive(factory: Factory, threads: Threads) -> None:
    made = [threads.make(name=str(age), age_minutes=age) for age in range(1, 7)]
    first = queries.list_conversations(factory.session, tenant=TENANT, filters=EVERYTHING, limit=3)
    newest = made[5].messages[0].sent_at + timedelta(days=1)
    threads.update(made[5].conversation, last_message_at=newest)

    second = queries.list_conversations(
        factory.session, tenant=TENANT, filters=EVERYTHING, limit=3, cursor=first.next_cursor
    )

    assert [row.identity.name for row in first.items] == ["1", "2", "3"]
    assert [row.identity.name for row in second.items] == ["4", "5"]


def test_conversations_of_one_moment_are_each_listed_once(
    factory: Factory, threads: Threads
) -> None:
    made = [threads.make() for _ in range(5)]
    for thread in made:
        threads.update(thread.conversation, last_message_at=made[0].messages[0].sent_at)
    seen: list[object] = []
    cursor: str | None = None

    while True:
        page = queries.list_conversations(
            factory.session, tenant=TENANT, filters=EVERYTHING, cursor=cursor, limit=2
        )
        seen += [row.conversation.id for row in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break

    assert sorted(map(str, seen)) == sorted(str(thread.id) for thread in made)


def test_search_ignores_case_in_names_and_texts(factory: Factory, threads: Threads) -> None:
    threads.make("see you at NOON", name="Zoë Quinn")
    threads.make("nothing", name="Ben")

    for text in ("noon", "ZOË"[:2], "quinn", "  Quinn  "):
        page = queries.list_conversations(
            factory.session, tenant=TENANT, filters=ConversationFilters(text=text)
        )
        assert [row.identity.name for row in page.items] == ["Zoë Quinn"], text


@pytest.mark.databases("postgresql")
def test_search_knows_capital_letters_of_every_alphabet(factory: Factory, threads: Threads) -> None:
    threads.make("Привет", name="ÅSA")

    for text in ("привет", "åsa"):
        page = queries.list_conversations(
            factory.session, tenant=TENANT, filters=ConversationFilters(text=text)
        )
        assert len(page.items) == 1, text


def test_blank_search_narrows_nothing(factory: Factory, threads: Threads) -> None:
    threads.make()

    page = queries.list_conversations(
        factory.session, tenant=TENANT, filters=ConversationFilters(text="   ")
    )

    assert len(page.items) == 1


@pytest.mark.parametrize("text", ["a\x00", "\ud800", "x" * 201])
def test_text_no_database_can_search_for_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        ConversationFilters(text=text)

    assert caught.value.field == "text"
    assert text not in str(caught.value)


def test_unknown_status_is_refused() -> None:
    with pytest.raises(InvalidRequestError):
        ConversationFilters(status="lost")


def test_search_text_is_in_no_repr() -> None:
    assert "Maya" not in repr(ConversationFilters(text="Maya"))


def test_tenant_of_another_workspace_finds_nothing(factory: Factory, threads: Threads) -> None:
    thread = threads.make()
    stranger = Tenant(workspace_id="w2", user_id="u1")
    session = factory.session

    assert queries.list_accounts(session, tenant=stranger) == []
    assert queries.list_conversations(session, tenant=stranger, filters=EVERYTHING).items == []
    for read in (
        lambda: queries.get_conversation(session, tenant=stranger, conversation_id=thread.id),
        lambda: reading.list_messages(session, tenant=stranger, conversation_id=thread.id),
        lambda: reading.get_message(session, tenant=stranger, message_id=thread.messages[0].id),
        lambda: queries.get_account(session, tenant=stranger, account_id=thread.account.id),
        lambda: queries.get_account(session, tenant=TENANT, account_id=new_id()),
    ):
        with pytest.raises(NotFoundError):
            read()
