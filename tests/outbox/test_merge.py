"""What became of a message before we knew that it was ours, and after Meta gave it up."""

import pytest
from sqlalchemy import update

from flask_messenger.content import Text
from flask_messenger.models import Attachment, DiscardedFile, Message, Reaction
from flask_messenger.models.messages import UNDELIVERED
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.outbox.test_reconcile import decide
from tests.support.ingest import drain, rows
from tests.support.meta import delivery, echo, entry, post

AT = 1_763_000_000_000


def later(page: str, **body: object) -> dict[str, object]:
    return {"sender": {"id": page}, "recipient": {"id": "7"}, "timestamp": AT + 1000, **body}


@pytest.mark.parametrize("is_deleted", [False, True])
def test_what_became_of_an_echo_becomes_of_our_row(talk, meta, client, is_deleted):
    talk.compose(Text("hello"))
    [message_id] = [each.id for each in talk.outbound]
    page = talk.account.external_id
    reaction = {"mid": "m_1", "action": "react", "emoji": "❤"}
    events = [
        echo(page, "7", mid="m_1", at=AT),
        later(page, message_edit={"mid": "m_1", "text": "changed", "num_edit": 1}),
        {**later(page, reaction=reaction), "sender": {"id": "7"}, "recipient": {"id": page}},
    ]
    if is_deleted:
        events.append(later(page, message={"mid": "m_1", "is_deleted": True, "is_echo": True}))

    def echo_without_metadata(_asked):
        post(client, delivery(entry(page, *events)))
        drain(talk.app)
        assert len(talk.outbound) == 2

    meta.on_request = echo_without_metadata
    meta.accept("m_1")

    talk.run()

    [message] = talk.outbound
    reactions = [(each.message_id, each.emoji) for each in rows(talk.app, Reaction)]
    assert (message.id, message.status) == (message_id, "sent")
    if is_deleted:
        assert (message.text, message.edit_number, reactions) == (None, 0, [])
        assert message.deleted_at is not None
    else:
        assert (message.text, message.edit_number) == ("changed", 1)
        assert reactions == [(message_id, "❤")]


def test_files_of_an_echo_that_was_ours_go_from_the_store(talk, meta, client):
    talk.compose(Text("hello"))
    photo = {"type": "image", "payload": {"url": "https://scontent.example/p.jpg"}}

    def echo_without_metadata(_asked):
        page = talk.account.external_id
        said = echo(page, "7", mid="m_1", at=AT)
        said["message"] |= {"attachments": [photo]}
        post(client, delivery(entry(page, said)))
        drain(talk.app)
        kept = {"state": "stored", "storage_key": "w1/photo", "thumbnail_key": "w1/small"}
        with system_scope("test"):
            session = state_of(talk.app).db.session
            session.execute(update(Attachment).values(**kept))
            session.commit()

    meta.on_request = echo_without_metadata
    meta.accept("m_1")

    talk.run()

    assert rows(talk.app, Attachment) == []
    noted = {each.storage_key for each in rows(talk.app, DiscardedFile)}
    assert noted == {"w1/photo", "w1/small"}


def test_what_meta_gave_up_goes_out_as_another_message(talk, meta):
    [message_id] = talk.queue("hello")
    gave_up = {"status": "failed", "error_slug": UNDELIVERED, "external_id": "m_old"}
    talk.change(Message, message_id, **gave_up)
    meta.accept("m_new")

    decide(talk, "retry_message", message_id)
    talk.run()

    message = talk.message(message_id)
    assert (message.status, message.external_id) == ("sent", "m_new")
