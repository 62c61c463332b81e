"""What the API says of messages that were edited, taken back or reacted to."""

from datetime import timedelta

from flask import Flask

from flask_messenger.models import Reaction
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.models.messages import UNDELIVERED
from flask_messenger.tenancy import system_scope
from tests.api.conftest import Api, Threads
from tests.support.app import Host


def react(threads: Threads, message: object, **values: object) -> None:
    row = Reaction(
        **{
            "id": new_id(),
            "workspace_id": message.workspace_id,
            "message_id": message.id,
            "actor": "20009",
            "direction": "inbound",
            "at": utc_now(),
            **values,
        }
    )
    with system_scope("test"):
        threads.factory.session.add(row)
        threads.factory.session.commit()


def test_a_message_says_that_it_was_edited(api: Api, host: Host, threads: Threads) -> None:
    host.sign_in()
    thread = threads.make("First!")
    edited_at = utc_now().replace(microsecond=0)
    threads.update(thread.messages[0], edited_at=edited_at, edit_number=2)

    (message,) = api.get(f"/conversations/{thread.id}/messages").json["items"]

    assert message["edited_at"] == edited_at.isoformat().replace("+00:00", "Z")
    assert (message["text"], message["deleted_at"]) == ("First!", None)


def test_a_message_that_was_taken_back_says_nothing_more(
    api: Api, host: Host, threads: Threads
) -> None:
    host.sign_in()
    thread = threads.make("secret")
    threads.update(thread.messages[0], text=None, deleted_at=utc_now())

    answer = api.get(f"/messages/{thread.messages[0].id}").json

    assert answer["deleted_at"]
    assert (answer["text"], answer["attachments"], answer["reactions"]) == (None, [], [])


def test_reactions_are_shown_as_they_are_now(api: Api, host: Host, threads: Threads) -> None:
    host.sign_in()
    thread = threads.make("hello")
    message = thread.messages[0]
    react(threads, message, emoji="❤", name="love")
    later = utc_now() + timedelta(seconds=1)
    react(threads, message, actor="555", direction="outbound", emoji="👍", at=later)
    react(threads, message, actor="30001", is_removed=True)

    answer = api.get(f"/messages/{message.id}").json

    assert [(each["by"], each["emoji"], each["name"]) for each in answer["reactions"]] == [
        ("customer", "❤", "love"),
        ("account", "👍", None),
    ]


def test_another_workspace_sees_no_reaction(api: Api, host: Host, threads: Threads) -> None:
    thread = threads.make("hello", account=threads.factory.account("w2"))
    react(threads, thread.messages[0], emoji="❤")
    host.sign_in("w1")

    assert api.get(f"/messages/{thread.messages[0].id}").status_code == 404


def test_what_meta_could_not_deliver_says_so(
    app: Flask, api: Api, host: Host, threads: Threads
) -> None:
    del app
    host.sign_in()
    thread = threads.make("hello")
    message = threads.factory.message(
        thread.conversation,
        direction="outbound",
        status="failed",
        error_slug=UNDELIVERED,
        error_code=131026,
    )

    answer = api.get(f"/messages/{message.id}").json

    assert answer["error"] == {
        "slug": "undelivered",
        "text": "Meta took it, but it did not reach the person.",
        "code": 131026,
        "subcode": None,
        "is_waiting": False,
    }
