"""Files go with what named them: taken back, erased, past their time."""

from datetime import timedelta

import pytest
from flask import Flask

from flask_messenger import jobs
from flask_messenger.ingest import retention
from flask_messenger.ingest.changes import apply_changes
from flask_messenger.ingest.waiting import DELETED, Item
from flask_messenger.media.discard import GRACE, discard_files, keep_files, remove_discarded
from flask_messenger.media.store import Store
from flask_messenger.media.tidy import tidy
from flask_messenger.models import (
    Account,
    Attachment,
    Conversation,
    DiscardedFile,
    Identity,
    Message,
)
from flask_messenger.models.base import utc_now
from flask_messenger.privacy.erase import remove_messages, remove_rows
from flask_messenger.tenancy import system_scope
from tests.media.conftest import FileServer, Received, picture
from tests.support.ingest import rows


@pytest.fixture
def stored(received: Received, files: FileServer) -> Attachment:
    """A picture that is stored, with its small one."""
    return received.fetch(received.attach(files.serve("/photo.jpg", picture())))


def keys_of(row: Attachment) -> list[str]:
    return [str(row.storage_key), str(row.thumbnail_key)]


def remove_files() -> None:
    jobs.sweep([part for part in jobs.SCHEDULE if part.name == "sweep_files"])


def test_file_of_a_message_that_was_taken_back_goes(
    app: Flask, received: Received, store: Store, stored: Attachment
) -> None:
    [message] = rows(app, Message)
    keys = keys_of(stored)
    now = utc_now()
    item = Item(
        account_id=message.account_id,
        workspace_id="w1",
        kind=DELETED,
        reference=message.external_id,
        mark="",
        person=None,
        at=now,
    )
    with system_scope("test"):
        apply_changes(received.factory.session, [item])
        received.factory.session.commit()

    remove_files()

    assert rows(app, Attachment) == []
    assert not any(store.has(key) for key in keys)
    assert rows(app, DiscardedFile) == []


def test_files_of_an_erased_person_go(
    app: Flask, received: Received, store: Store, stored: Attachment
) -> None:
    keys = keys_of(stored)
    [message], [account] = rows(app, Message), rows(app, Account)
    session = received.factory.session
    with system_scope("test"):
        conversation = session.get_one(Conversation, message.conversation_id)
        identity = session.get_one(Identity, conversation.identity_id)
        remove_messages(session, account, identity.id)
        remove_rows(session, account, identity.id, identity.external_id)
        session.commit()

    remove_files()

    assert rows(app, Attachment) == []
    assert not any(store.has(key) for key in keys)


def test_file_past_its_time_goes_and_the_row_stays(
    received: Received, store: Store, stored: Attachment
) -> None:
    keys, row_id = keys_of(stored), stored.id
    with system_scope("test"):
        retention._expire_attachments(  # noqa: SLF001 - its period is a setting of days
            received.factory.session, before=utc_now() + timedelta(minutes=1)
        )

    remove_files()

    found = received.reload(row_id)
    assert (found.state, found.storage_key, found.filename) == ("expired", None, None)
    assert not any(store.has(key) for key in keys)


def test_kept_file_stays(app: Flask, store: Store, stored: Attachment) -> None:
    with system_scope("test"):
        tidy(app, now=utc_now() + 2 * GRACE)

    assert all(store.has(key) for key in keys_of(stored))
    assert rows(app, DiscardedFile) == []


def test_file_that_is_being_removed_is_not_kept(received: Received, app: Flask) -> None:
    session = received.factory.session
    with system_scope("test"):
        discard_files(session, [("w1", "w-w1/a"), ("w1", None)], due_at=utc_now())
        session.commit()
        assert not keep_files(session, ["w-w1/a"])
        session.rollback()
        discard_files(session, [("w1", "w-w1/b")], due_at=utc_now() + GRACE)
        assert keep_files(session, ["w-w1/b", None])
        session.commit()

    assert [each.storage_key for each in rows(app, DiscardedFile)] == ["w-w1/a"]


def test_file_that_could_not_be_removed_is_tried_again_later(
    received: Received, app: Flask, store: Store
) -> None:
    folder = store._place("w-w1/held")  # noqa: SLF001 - a folder in the file's place
    store._system().makedirs(folder)  # noqa: SLF001
    session = received.factory.session
    with system_scope("test"):
        discard_files(session, [("w1", "w-w1/held")])
        session.commit()
        assert remove_discarded(app) == 0

    [row] = rows(app, DiscardedFile)
    assert row.attempts == 1
    assert row.due_at > utc_now()
