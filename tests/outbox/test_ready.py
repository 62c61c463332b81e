"""Whose turn it is."""

from flask_messenger.models.base import new_id
from flask_messenger.outbox.claim import Place
from flask_messenger.outbox.ready import Ready

EVERYBODY = 1_000


def place(workspace_id="w1", account_id=None):
    return Place(
        conversation_id=new_id(),
        account_id=account_id or new_id(),
        workspace_id=workspace_id,
        app_name="default",
    )


def anything(_place, _waiting):
    return EVERYBODY


def test_workspaces_take_turns_however_much_one_has():
    ready = Ready()
    account_id = new_id()
    for _ in range(50):
        ready.add(place("big", account_id))
    small = [place("small"), place("small")]
    for each in small:
        ready.add(each)

    taken = ready.take(4, anything)

    assert [each.workspace_id for each in taken] == ["big", "small", "big", "small"]
    assert len(ready) == 48


def test_who_was_served_last_is_behind_the_others():
    ready = Ready()
    account_id = new_id()
    for _ in range(9):
        ready.add(place("big", account_id))
    ready.add(place("small"))

    first = ready.take(1, anything)
    second = ready.take(1, anything)

    assert [each.workspace_id for each in (*first, *second)] == ["big", "small"]


def test_account_without_room_holds_no_other_of_its_workspace():
    ready = Ready()
    slow, fast = new_id(), new_id()
    for account_id in (slow, slow, slow, fast, fast):
        ready.add(place("w1", account_id))

    taken = ready.take(9, lambda each, _: 1 if each.account_id == slow else EVERYBODY)

    assert sorted(each.account_id == slow for each in taken) == [False, False, True]
    assert len(ready) == 2


def test_lane_is_there_once():
    ready = Ready()
    lane = place()
    ready.add(lane)
    ready.add(lane)

    assert ready.take(9, anything) == [lane]
    ready.add(lane)
    assert ready.take(9, anything) == [lane]


def test_lane_comes_in_when_its_time_has_come():
    ready = Ready()
    lane = place()
    ready.add_at(20.0, lane)
    ready.add_at(10.0, None)
    ready.add_at(10.0, None)

    assert ready.next_at == 10.0
    ready.wake_due(10.0)
    assert (len(ready), ready.next_at) == (0, 20.0)
    ready.wake_due(20.0)
    assert ready.take(1, anything) == [lane]
    assert ready.next_at is None


def test_lane_can_be_taken_out_again():
    ready = Ready()
    first, second = place("w1"), place("w2")
    for each in (first, second):
        ready.add(each)

    ready.remove(first)
    ready.remove(first)

    assert ready.owners() == [second]
    assert ready.take(9, anything) == [second]
    ready.add(first)
    assert ready.take(9, anything) == [first]
