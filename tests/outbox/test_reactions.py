"""Reactions of the team's."""

import pytest

from flask_messenger.errors import (
    ConflictError,
    ContentError,
    InvalidRequestError,
    NotFoundError,
    PolicyError,
    RecipientUnavailableError,
)
from flask_messenger.hooks import Tenant
from flask_messenger.models import Conversation, Message, Reaction
from flask_messenger.models.base import utc_now
from flask_messenger.outbox.reactions import react
from flask_messenger.tenancy import workspace_scope
from tests.outbox.conftest import Talk
from tests.support.ingest import rows

pytestmark = pytest.mark.databases("postgresql")

HEART = "\N{HEAVY BLACK HEART}\ufe0f"


def tenant(workspace_id="w1", **values):
    return Tenant(workspace_id=workspace_id, user_id="u1", user_name="Sam", **values)


def do(talk, emoji, message_id=None, who=None):
    message_id = message_id or received(talk).id
    who = who or tenant()
    with workspace_scope(who.workspace_id):
        return react(talk.app, tenant=who, message_id=message_id, emoji=emoji, now=utc_now())


def received(talk):
    return rows(talk.app, Message, direction="inbound")[0]


@pytest.mark.covers("facebook", "do:reaction")
def test_reaction_reaches_the_person_and_is_kept(talk, meta):
    do(talk, "\N{GRINNING FACE}")

    message = received(talk)
    assert meta.asked == [
        {
            "recipient": {"id": "7"},
            "sender_action": "react",
            "payload": {"message_id": message.external_id, "reaction": "\N{GRINNING FACE}"},
        }
    ]
    [kept] = rows(talk.app, Reaction)
    assert (kept.emoji, kept.direction, kept.is_removed) == (
        "\N{GRINNING FACE}",
        "outbound",
        False,
    )


def test_another_reaction_takes_its_place_and_none_takes_it_back(talk, meta):
    do(talk, "\N{GRINNING FACE}")
    do(talk, HEART)
    do(talk, None)

    assert meta.asked[-1]["sender_action"] == "unreact"
    [kept] = rows(talk.app, Reaction)
    assert (kept.emoji, kept.is_removed) == (None, True)


@pytest.mark.covers("instagram", "do:reaction")
def test_instagram_knows_the_heart_only(app, factory, meta):
    talk = Talk(app, factory, meta, channel="instagram", page_external_id="1001")
    do(talk, HEART)

    assert meta.asked[0]["payload"]["reaction"] == "love"
    with pytest.raises(ContentError, match="heart"):
        do(talk, "\N{GRINNING FACE}")


@pytest.mark.parametrize("emoji", ["", "\0", "x" * 65])
def test_what_cannot_be_kept_is_not_shown_to_anybody(talk, meta, emoji):
    with pytest.raises(ContentError, match="emoji"):
        do(talk, emoji)

    assert meta.asked == []


def test_what_meta_refuses_is_not_kept(talk, meta):
    meta.refuse(551, 1545041)

    with pytest.raises(RecipientUnavailableError) as caught:
        do(talk, HEART)
    assert "cannot receive" in caught.value.remedy
    assert rows(talk.app, Reaction) == []


def test_message_that_meta_does_not_have_or_that_was_taken_back_gets_none(talk, factory):
    queued = talk.compose("hello").message.id
    gone = factory.message(talk.conversation, deleted_at=utc_now()).id

    with pytest.raises(InvalidRequestError):
        do(talk, HEART, queued)
    with pytest.raises(ConflictError):
        do(talk, HEART, gone)


def test_closed_window_and_others_messages_are_refused(talk):
    message_id = received(talk).id
    with pytest.raises(NotFoundError):
        do(talk, HEART, message_id, tenant("w2"))
    with pytest.raises(NotFoundError):
        do(talk, HEART, message_id, tenant(location_ids=frozenset({"elsewhere"})))
    talk.change(Conversation, talk.conversation_id, last_inbound_at=None)
    with pytest.raises(PolicyError):
        do(talk, HEART, message_id)
