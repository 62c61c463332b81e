"""Who is who in a conversation of Meta's, and parts of a listing that say little."""

from typing import Any

import pytest

from flask_messenger.models import Account, Identity, Message
from flask_messenger.tenancy import system_scope
from tests.history.conftest import MAYA, PAGE, PERSON, URL, Past, hours_ago, said
from tests.support.ingest import rows

pytestmark = pytest.mark.databases("postgresql")

OTHER_ID = {"id": "178410", "username": "Iron.Gym"}
MAYA_THERE = {"id": PERSON, "username": "maya"}


def has(past: Past, *people: Any, messages: Any) -> None:
    """Have Meta show one conversation with these participants."""
    past.lists("t_1")
    body = {"participants": {"data": list(people)}, "messages": {"data": list(messages)}}
    past.meta.get(f"{URL}/t_1", json=body)


def texts(past: Past) -> dict[str, str]:
    return {str(each.text): each.direction for each in rows(past.app, Message)}


def test_account_that_meta_calls_by_another_id_is_known_by_its_username(past: Past) -> None:
    with system_scope("test"):
        past.session.get(Account, past.page.id).username = "iron.gym"
        past.session.commit()
    theirs = said("m_1", "Open?", hours=100, by=MAYA)
    ours = {**said("m_2", "At six.", hours=99), "from": OTHER_ID}
    has(past, OTHER_ID, MAYA_THERE, messages=[ours, theirs])

    run = past.work(past.start())

    assert run.result == {"conversations": 1, "messages": 2, "new": 2}
    assert texts(past) == {"Open?": "inbound", "At six.": "outbound"}


def test_words_of_a_third_are_not_taken_for_ours(past: Past) -> None:
    third = {**said("m_2", "Me too!", hours=99), "from": {"id": "3001", "name": "Tom"}}
    has(past, MAYA, PAGE, messages=[third, said("m_1", "Open?", hours=100)])

    past.work(past.start())

    assert texts(past) == {"Open?": "inbound"}


def test_participant_named_twice_is_one(past: Past) -> None:
    has(past, MAYA, PAGE, MAYA, messages=[said("m_1", "Open?", hours=100)])

    past.work(past.start())

    assert texts(past) == {"Open?": "inbound"}


def test_name_that_no_column_takes_costs_no_message(past: Past) -> None:
    name = "Ma\x00ya " + "Okafor" * 60
    has(past, {**MAYA, "name": name}, PAGE, messages=[said("m_1", "Open?", hours=100)])

    run = past.work(past.start())

    assert run.state == "done"
    [person] = rows(past.app, Identity)
    assert person.name.startswith("Ma\ufffdya Okafor")
    assert len(person.name) == 255


@pytest.mark.parametrize(
    "paging",
    [
        {"cursors": {"after": "c2"}, "next": f"{URL}/1001/conversations?after=c2"},
        {"next": f"{URL}/1001/conversations?access_token=secret&after=c2&limit=25"},
    ],
)
def test_empty_part_of_a_listing_is_not_its_end(past: Past, paging: dict[str, Any]) -> None:
    past.meta.get(f"{URL}/1001/conversations", json={"data": [], "paging": paging})
    past.lists("t_1", after="c2")
    past.has("t_1", said("m_1", "Open?", hours=100))

    run = past.work(past.start())

    assert (run.state, run.result["new"]) == ("done", 1)
    assert not any("access_token" in str(call.request.url) for call in past.meta.calls)


def test_conversation_whose_time_is_unknown_is_read(past: Past) -> None:
    listed = {"data": [{"id": "t_1", "updated_time": "yesterday"}]}
    past.meta.get(f"{URL}/1001/conversations", json=listed)
    past.has("t_1", said("m_1", "Open?", hours=100))

    run = past.work(past.start(since=hours_ago(200)))

    assert run.result["new"] == 1
