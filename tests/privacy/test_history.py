"""The past that Meta keeps of somebody who was erased here stays where it is."""

import pytest
from flask import Flask

from flask_messenger.crypto import KeyRing
from flask_messenger.models import Conversation, Erasure, Identity, Message
from flask_messenger.privacy.requests import ask_for_erasure
from flask_messenger.state import state_of
from flask_messenger.tenancy import workspace_scope
from tests.history.conftest import PAGE, PERSON, Past, past, said
from tests.privacy.conftest import person, work
from tests.support.app import Host
from tests.support.ingest import rows

__all__ = ["past"]

pytestmark = pytest.mark.databases("postgresql")


def erase(app: Flask, host: Host) -> None:
    held = state_of(app)
    identity_id = person(app, PERSON).id
    with workspace_scope("w1"):
        ask_for_erasure(
            held.db.session,
            held.get(KeyRing),
            tenant=host.sign_in(),
            identity_id=identity_id,
            confirmation="Maya Okafor",
        )
    work(app)


def test_fetching_the_past_does_not_bring_an_erased_person_back(
    app: Flask, past: Past, host: Host
) -> None:
    past.lists("t_1")
    past.has(
        "t_1",
        said("m_2", "At six.", hours=99, by=PAGE),
        said("m_1", "When do you open?", hours=100),
    )
    past.work(past.start())
    assert len(rows(app, Message)) == 2
    erase(app, host)
    assert len(rows(app, Erasure)) == 1

    again = past.work(past.start())

    assert again.state == "done"
    assert rows(app, Message) == rows(app, Conversation) == rows(app, Identity) == []
