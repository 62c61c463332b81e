"""Searching: by the beginnings of words, however old, and never across a wall."""

from datetime import timedelta

import pytest

from flask_messenger.hooks import Tenant
from flask_messenger.inbox import queries
from flask_messenger.inbox.filters import ConversationFilters
from flask_messenger.models import search
from flask_messenger.models.base import utc_now
from flask_messenger.tenancy import workspace_scope
from tests.api.conftest import Threads
from tests.support.app import Factory

TENANT = Tenant(workspace_id="w1", user_id="u1", permissions=frozenset())


def found(factory: Factory, words: str, **filters: str) -> list[str | None]:
    with workspace_scope("w1"):
        page = queries.list_conversations(
            factory.session, tenant=TENANT, filters=ConversationFilters(text=words, **filters)
        )
    return [row.identity.name for row in page.items]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's O'Neil's class", "o'neil"),
        ("It's O'Neil's class", "O'Neil's class"),
        (r"C:\gym\plan.pdf is the file", r"gym\plan"),
        ("write to me@example.test", "me@example.test"),
        ("see https://example.test/classes/42?a=b", "example.test/classes"),
        ("yoga: 50% off & free :* tea | cake", "50% off & free"),
        ("yoga: 50% off & free :* tea | cake", ":*"),
        ("(!) <-> ''' \\ ''", "'''"),
        ("Straße nach Zürich", "zürich"),
        ("日本語のヨガ教室", "ヨガ"),
        ("โยคะตอนเช้า", "ตอน"),
        ("요가수업", "수업"),
        ("a" * 1000 + " end", "a" * 200),
        ("first\nsecond line", "second"),
    ],
)
def test_what_was_written_is_found(
    factory: Factory, threads: Threads, text: str, words: str
) -> None:
    threads.make(text, name="Maya")
    threads.make("nothing of it", name="Ben")

    assert found(factory, words) == ["Maya"]


@pytest.mark.databases("postgresql")
def test_words_are_found_by_their_beginnings(factory: Factory, threads: Threads) -> None:
    threads.make("the membership ends", name="Maya")

    assert found(factory, "member") == ["Maya"]
    assert found(factory, "membership ends") == ["Maya"]
    assert found(factory, "ship") == []


@pytest.mark.parametrize("days", [0, 1, 6, 8, 20, 100, 400, 3000])
def test_old_messages_are_found(factory: Factory, threads: Threads, days: int) -> None:
    thread = threads.make("hello", name="Maya")
    factory.message(
        thread.conversation, text="forgotten things", sent_at=utc_now() - timedelta(days=days)
    )

    assert found(factory, "forgotten") == ["Maya"]


def test_message_from_the_near_future_is_found(factory: Factory, threads: Threads) -> None:
    thread = threads.make("hello", name="Maya")
    factory.message(thread.conversation, text="tomorrow", sent_at=utc_now() + timedelta(days=1))

    assert found(factory, "tomorrow") == ["Maya"]


def test_search_stays_in_its_workspace(factory: Factory, threads: Threads) -> None:
    threads.make("our secret", name="Maya")
    other = factory.conversation(factory.account(workspace_id="w2"))
    factory.message(other, text="their secret")

    assert found(factory, "secret") == ["Maya"]


def test_search_and_filters_go_together(factory: Factory, threads: Threads) -> None:
    threads.make("discount", name="Maya", assignee_ref="u1")
    threads.make("discount", name="Ben")

    assert found(factory, "discount", assignee="me") == ["Maya"]
    assert found(factory, "discount", channel="instagram") == []


def test_newest_matches_are_those_that_are_kept(
    factory: Factory, threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    for weeks in range(6):
        thread = threads.make("hello", name=f"Guest {weeks}")
        factory.message(
            thread.conversation, text="yoga", sent_at=utc_now() - timedelta(weeks=weeks)
        )
    everybody = found(factory, "yoga")
    monkeypatch.setattr(search, "MOST", 3)

    assert len(everybody) == 6
    assert {"Guest 0", "Guest 1"} <= set(found(factory, "yoga"))
