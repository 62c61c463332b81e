"""Personas: made at Meta, kept, given to agents."""

import json
import uuid
from typing import Any

import pytest
import responses

from flask_messenger.errors import (
    ConflictError,
    GraphError,
    InvalidGraphRequestError,
    InvalidRequestError,
    MissingPermissionError,
    NotFoundError,
)
from flask_messenger.models import Persona
from flask_messenger.presence.personas import (
    change_persona,
    check_persona,
    create_persona,
    list_personas,
    persona_for,
    remove_persona,
    sync_personas,
)
from tests.presence.conftest import URL, Desk, failure
from tests.support.app import Factory

pytestmark = pytest.mark.databases("postgresql")

PERSONAS = f"{URL}/1001/personas"
PICTURE = "https://cdn.example/sam.jpg"


def make(desk: Desk, meta: responses.RequestsMock, external_id: str, **values: Any) -> Persona:
    meta.upsert("POST", PERSONAS, json={"id": external_id})
    values = {"name": "Sam", "picture_url": PICTURE, **values}
    return create_persona(desk.app, **desk.asked, **values)


@pytest.mark.covers("facebook", "do:persona")
def test_persona_is_made_and_signs_the_messages_of_its_agent(
    desk: Desk, meta: responses.RequestsMock
) -> None:
    persona = make(desk, meta, "38001", name="  Sam   of Iron Gym ", user_ref="u1")

    sent = json.loads(meta.calls[0].request.body)
    assert sent == {"name": "Sam of Iron Gym", "profile_picture_url": PICTURE}
    assert persona.external_id == "38001"
    assert persona_for(desk.session, account=desk.page, user_ref="u1") == "38001"
    assert persona_for(desk.session, account=desk.page, user_ref="u2") is None
    assert persona_for(desk.session, account=desk.page, user_ref=None) is None
    check_persona(desk.session, account=desk.page, external_id="38001")
    with pytest.raises(InvalidRequestError) as caught:
        check_persona(desk.session, account=desk.page, external_id="38002")
    assert caught.value.field == "persona_id"
    assert desk.acts() == ["persona_created"]


def test_agent_has_one_persona_of_an_account(desk: Desk, meta: responses.RequestsMock) -> None:
    first = make(desk, meta, "1", user_ref="u1")
    second = make(desk, meta, "2", user_ref="u1")

    change_persona(desk.session, tenant=desk.tenant(), persona_id=first.id, user_ref="u2")
    desk.session.commit()

    def signs(user_ref: str) -> str | None:
        return persona_for(desk.session, account=desk.page, user_ref=user_ref)

    assert (signs("u1"), signs("u2")) == ("2", "1")
    change_persona(desk.session, tenant=desk.tenant(), persona_id=second.id, user_ref=None)
    assert (signs("u1"), signs("u2")) == (None, "1")
    with pytest.raises(NotFoundError):
        change_persona(desk.session, tenant=desk.tenant("l2"), persona_id=first.id, user_ref=None)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": "x" * 51}, "name"),
    ({"name": " "}, "name"),
    ({"picture_url": "ftp://cdn.example/sam.jpg"}, "picture_url"),
    ({"picture_url": "sam.jpg"}, "picture_url"),
    ({"user_ref": "a\nb"}, "user_ref"),
]


def test_what_meta_would_refuse_is_refused_first(desk: Desk, meta: responses.RequestsMock) -> None:
    for values, field in REFUSED:
        with pytest.raises(InvalidRequestError) as caught:
            make(desk, meta, "1", **values)

        assert caught.value.field == field
    assert not meta.calls


def test_persona_that_meta_refuses_is_not_kept(desk: Desk, meta: responses.RequestsMock) -> None:
    meta.post(PERSONAS, **failure(100))
    with pytest.raises(InvalidGraphRequestError):
        create_persona(desk.app, **desk.asked, name="Sam", picture_url=PICTURE)
    meta.replace("POST", PERSONAS, json={})
    with pytest.raises(GraphError):
        create_persona(desk.app, **desk.asked, name="Sam", picture_url=PICTURE)

    assert list_personas(desk.session, **desk.asked) == []


def test_removed_persona_signs_nothing_more(desk: Desk, meta: responses.RequestsMock) -> None:
    kept, gone = make(desk, meta, "1", user_ref="u1"), make(desk, meta, "2", user_ref="u2")
    meta.delete(f"{URL}/1", **failure(10))
    meta.delete(f"{URL}/2", **failure(100, 33))  # somebody was quicker
    meta.get(PERSONAS, json={"data": [{"id": "1", "name": "Sam"}]})

    with pytest.raises(MissingPermissionError):
        remove_persona(desk.app, tenant=desk.tenant(), persona_id=kept.id)
    meta.replace("DELETE", f"{URL}/1", **failure(100))  # it is there, and stays
    with pytest.raises(InvalidGraphRequestError):
        remove_persona(desk.app, tenant=desk.tenant(), persona_id=kept.id)
    remove_persona(desk.app, tenant=desk.tenant(), persona_id=gone.id)

    assert [each.external_id for each in list_personas(desk.session, **desk.asked)] == ["1"]
    assert persona_for(desk.session, account=desk.page, user_ref="u2") is None
    with pytest.raises(NotFoundError):
        remove_persona(desk.app, tenant=desk.tenant(), persona_id=gone.id)


def test_list_of_meta_is_the_one_that_counts(desk: Desk, meta: responses.RequestsMock) -> None:
    make(desk, meta, "1", user_ref="u1")
    make(desk, meta, "2", user_ref="u2")
    renamed = {"id": "2", "name": "Ida", "profile_picture_url": None}
    theirs = {"id": 3, "name": "Bot", "profile_picture_url": PICTURE}
    meta.get(PERSONAS, json={"data": [renamed, theirs, {"name": "no id"}]})

    found = sync_personas(desk.app, **desk.asked)

    assert [(each.external_id, each.name, each.user_ref) for each in found] == [
        ("3", "Bot", None),
        ("2", "Ida", "u2"),
    ]
    assert persona_for(desk.session, account=desk.page, user_ref="u1") is None


def test_channel_without_personas_says_so(desk: Desk, factory: Factory) -> None:
    gram = factory.account(channel="instagram", page_external_id="1001")

    with pytest.raises(ConflictError, match="Instagram has no personas"):
        create_persona(
            desk.app, tenant=desk.tenant(), account_id=gram.id, name="Sam", picture_url=PICTURE
        )
    assert persona_for(desk.session, account=gram, user_ref="u1") is None


def test_personas_of_others_are_not_there(desk: Desk, factory: Factory) -> None:
    with pytest.raises(NotFoundError):
        list_personas(desk.session, tenant=desk.tenant(), account_id=factory.account("w2").id)
    with pytest.raises(NotFoundError):
        remove_persona(desk.app, tenant=desk.tenant(), persona_id=uuid.uuid4())
