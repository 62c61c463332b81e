"""Putting journal entries back, and looking for them."""

import contextlib
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner
from sqlalchemy import update

from flask_messenger.errors import InvalidRequestError, NotFoundError
from flask_messenger.ingest import replay as replaying
from flask_messenger.ingest.replay import AccountName, Selection, count_entries, replay
from flask_messenger.ingest.search import get_entry, list_entries, read_figures, select_entries
from flask_messenger.models import Account, AuditEntry, Message, WebhookEntry
from flask_messenger.models.base import new_id
from flask_messenger.models.elsewhere import put_back_entries
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope, workspace_scope
from tests.support import meta
from tests.support.app import Factory, Host
from tests.support.ingest import drain, journal_states, rows

PAGE, OTHER = "1001", "1002"
WORD = "a word of theirs"


@pytest.fixture
def journal(app: Flask, client: FlaskClient, factory: Factory) -> list[uuid.UUID]:
    """Three entries of w1's Page, one of w2's, one of nobody's; all drained, the first failed."""
    factory.account("w1", external_id=PAGE)
    factory.account("w2", external_id=OTHER, location_id="l2")
    for page in (PAGE, PAGE, PAGE, OTHER, "1003"):
        body = meta.delivery(meta.entry(page, meta.message(page, "2001", WORD)))
        assert meta.post(client, body).status_code == 200
    drain(app)
    ids = [each.id for each in rows(app, WebhookEntry)]
    with system_scope("test"):
        state_of(app).db.session.execute(
            update(WebhookEntry)
            .where(WebhookEntry.id == ids[0])
            .values(state="failed", error="DataError")
        )
        state_of(app).db.session.commit()
    return ids


@pytest.fixture
def session(app: Flask) -> Any:
    with system_scope("test"):
        yield state_of(app).db.session
        state_of(app).db.session.rollback()


def narrow(**values: Any) -> Selection:
    return Selection(workspace_id=values.pop("workspace_id", None), **values)


def test_entries_are_put_back_by_id_account_time_and_state(
    app: Flask, session: Any, journal: list[uuid.UUID]
) -> None:
    now = datetime.now(UTC)
    page = AccountName("page", PAGE)
    selections = {
        narrow(state="failed"): 1,
        narrow(ids=(journal[1], journal[3])): 2,
        narrow(accounts=frozenset({page})): 3,
        narrow(state="unrouted"): 1,
        narrow(since=now - timedelta(hours=1)): 5,
        narrow(until=now - timedelta(hours=1)): 0,
        narrow(since=now - timedelta(hours=1), state="done", workspace_id="w1"): 3,
        narrow(ids=(new_id(),)): 0,
        narrow(state="no such state"): 0,
    }
    for selection, expected in selections.items():
        assert count_entries(session, selection) == expected
        assert replay(session, selection, actor="u1") == expected
        assert journal_states(app).count("pending") == expected
        drain(app)

    assert [each.text for each in rows(app, Message)] == [WORD] * 4


def test_a_replay_clears_what_the_last_try_left(
    app: Flask, session: Any, journal: list[uuid.UUID]
) -> None:
    replay(session, narrow(ids=(journal[0],)), actor="u1")

    entry = rows(app, WebhookEntry)[0]
    assert (entry.state, entry.error, entry.attempts, entry.processed_at) == (
        "pending",
        None,
        0,
        None,
    )


def test_a_request_is_refused_what_takes_too_long(
    app: Flask, session: Any, journal: list[uuid.UUID]
) -> None:
    del journal

    with pytest.raises(InvalidRequestError, match="flask messenger journal replay"):
        replay(session, narrow(state="done"), actor="u1", at_most=2)

    assert "pending" not in journal_states(app)
    assert count_entries(session, narrow(state="done"), at_most=2) == 2
    assert replay(session, narrow(state="done"), actor="u1", at_most=3) == 3


@pytest.mark.databases("postgresql")
def test_an_entry_of_nobody_yet_is_not_revealed_unnoticed(
    app: Flask, client: FlaskClient, journal: list[uuid.UUID], caplog: pytest.LogCaptureFixture
) -> None:
    del journal
    body = meta.delivery(meta.entry(PAGE, meta.message(PAGE, "2001", WORD)))
    assert meta.post(client, body).status_code == 200
    entry_id = str(rows(app, WebhookEntry)[-1].id)

    run(app, "show", entry_id, "--reveal")

    assert [(each.workspace_id, each.subject) for each in rows(app, AuditEntry)] == [
        ("w1", entry_id)
    ]
    assert f"journal_entry_revealed entry_id={entry_id}" in caplog.text


def test_figures_stop_counting(
    session: Any, journal: list[uuid.UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    del journal
    assert read_figures(session, narrow()).failed == 1
    monkeypatch.setattr("flask_messenger.ingest.search.MAX_COUNT", 2)
    replay(session, narrow(state="done"), actor="u1")

    assert read_figures(session, narrow()).pending == 2


def test_everything_at_once_is_refused(session: Any, journal: list[uuid.UUID]) -> None:
    del journal
    for selection in (narrow(), narrow(workspace_id="w1"), narrow(error="x")):
        with pytest.raises(InvalidRequestError, match="Say which"):
            replay(session, selection, actor="u1")
    many = tuple(new_id() for _ in range(1001))
    with pytest.raises(InvalidRequestError, match="At most 1000"):
        count_entries(session, narrow(ids=many))


def test_large_replays_go_in_batches_and_leave_what_comes_meanwhile(
    app: Flask,
    session: Any,
    journal: list[uuid.UUID],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    del journal
    monkeypatch.setattr(replaying, "BATCH", 2)

    assert replay(session, narrow(since=datetime(2020, 1, 1, tzinfo=UTC)), actor="u1") == 5

    assert journal_states(app) == ["pending"] * 5
    noted = rows(app, AuditEntry)
    assert {each.action for each in noted} == {"journal_replayed"}
    assert sum(each.details["count"] for each in noted if each.workspace_id == "w1") == 3
    assert sum(each.details["count"] for each in noted if each.workspace_id == "w2") == 1


def test_a_person_sees_the_entries_of_their_workspace_and_locations(
    session: Any, host: Host, journal: list[uuid.UUID]
) -> None:
    for tenant, expected in (
        (host.sign_in("w1"), journal[2::-1]),
        (host.sign_in("w2"), [journal[3]]),
        (host.sign_in("w2", location_ids={"l1"}), []),
        (host.sign_in("w2", location_ids={"l2"}), [journal[3]]),
        (host.sign_in("w3"), []),
    ):
        with workspace_scope(tenant.workspace_id):
            found = list_entries(session, select_entries(session, tenant=tenant))
            assert [each.id for each in found.items] == expected
            for entry_id in set(journal) - set(expected):
                selection = select_entries(session, tenant=tenant, ids=(entry_id,))
                with pytest.raises(NotFoundError):
                    get_entry(session, selection)
                assert replay(session, selection, actor="u1") == 0
        session.rollback()


def test_the_list_comes_in_pages(session: Any, journal: list[uuid.UUID]) -> None:
    everything = narrow()

    first = list_entries(session, everything, limit=3)
    second = list_entries(session, everything, before=first.older, limit=3)

    assert [each.id for each in (*first.items, *second.items)] == journal[::-1]
    assert second.older is None
    assert [each.id for each in list_entries(session, narrow(error="dataerr")).items] == [
        journal[0]
    ]
    with pytest.raises(InvalidRequestError):
        list_entries(session, everything, limit=0)


def test_figures_say_what_needs_a_person(session: Any, journal: list[uuid.UUID]) -> None:
    del journal
    figures = read_figures(session, narrow())

    assert (figures.pending, figures.failed, figures.unrouted) == (0, 1, 1)
    assert figures.errors == {"DataError": 1}
    assert figures.oldest_pending_at is None


def run(app: Flask, *words: str) -> Any:
    runner: FlaskCliRunner = app.test_cli_runner()
    with contextlib.suppress(SystemExit):
        return runner.invoke(args=["messenger", "journal", *words])


def test_the_command_puts_entries_back(app: Flask, journal: list[uuid.UUID]) -> None:
    account_id = rows(app, Message)[0].account_id
    dry = run(app, "replay", "--account", str(account_id), "--since", "2020-01-01", "--dry-run")
    assert dry.output == "3 entries would be put back\n"
    assert "pending" not in journal_states(app)

    done = run(app, "replay", "--id", str(journal[0]), "--id", str(journal[1]))

    assert done.output == "2 entries put back\n"
    assert journal_states(app)[:3] == ["pending", "pending", "done"]


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ((), "Say which entries"),
        (("--since", "yesterday"), "is no time"),
        (("--account", str(new_id())), "no such account"),
        (("--state", "lost"), "lost"),
    ],
)
def test_the_command_says_what_is_wrong(app: Flask, words: tuple[str, ...], answer: str) -> None:
    result = run(app, "replay", *words)

    assert result.exit_code == 2
    assert answer in result.output


@pytest.mark.databases("postgresql")
def test_the_commands_show_an_entry_and_the_figures(app: Flask, journal: list[uuid.UUID]) -> None:
    masked = run(app, "show", str(journal[1]))
    assert "state: done" in masked.output
    assert WORD not in masked.output
    assert rows(app, AuditEntry) == []

    revealed = run(app, "show", str(journal[1]), "--reveal")
    assert WORD in revealed.output
    assert [each.action for each in rows(app, AuditEntry)] == ["journal_entry_revealed"]

    figures = run(app, "stats")
    assert "failed: 1\n  1 DataError\nunrouted: 1\n" in figures.output
    assert run(app, "show", str(new_id())).exit_code == 1
    assert "30 days" in run(app, "tidy").output


@pytest.mark.parametrize("has_new_owner", [True, False])
def test_a_replay_brings_no_history_to_who_has_the_page_now(
    app: Flask, factory: Factory, session: Any, journal: list[uuid.UUID], *, has_new_owner: bool
) -> None:
    session.execute(
        update(Account).where(Account.external_id == PAGE).values(status="disconnected")
    )
    session.commit()
    if has_new_owner:
        factory.account("w3", external_id=PAGE)
    before = {each.id for each in rows(app, Message)}

    replay(session, narrow(ids=tuple(journal[:3])), actor="operator")
    drain(app)

    assert {each.id for each in rows(app, Message)} == before
    entries = [each for each in rows(app, WebhookEntry) if each.id in journal[:3]]
    assert {each.state for each in entries} == {"unrouted"}
    assert {each.workspace_id for each in entries} == {"w1"}
    assert {each.error for each in entries} == {"of_another_workspace" if has_new_owner else None}


def test_history_stays_where_it_is_when_another_workspace_connects(
    app: Flask, factory: Factory, session: Any, journal: list[uuid.UUID]
) -> None:
    session.execute(
        update(Account).where(Account.external_id == PAGE).values(status="disconnected")
    )
    session.commit()
    replay(session, narrow(ids=tuple(journal[:3])), actor="operator")
    drain(app)
    factory.account("w3", external_id=PAGE)

    with workspace_scope("w3"):
        put_back = put_back_entries(session, workspace_id="w3", object_="page", external_id=PAGE)
        session.commit()
    with workspace_scope("w1"):
        ours = put_back_entries(session, workspace_id="w1", object_="page", external_id=PAGE)
        session.rollback()

    assert put_back == 0
    assert ours in {0, 3}  # PostgreSQL asks that the workspace has the Page; SQLite's caller does
