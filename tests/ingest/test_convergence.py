"""Any order, any repetition, any split of the same deliveries ends in the same rows.

Through the real pipeline: signed POST, journal, drains, several of them at once. Each story runs
once in order and once as drawn; the rows of both are compared with each other, and with a plain
model that knows no order. `CONVERGENCE_EXAMPLES=2000` runs that many stories from a random seed.
"""

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from flask_messenger.channels.registry import BY_WEBHOOK_OBJECT
from flask_messenger.ingest import entries
from flask_messenger.ingest.drain import drain_all
from flask_messenger.ingest.summaries import refresh_summaries
from flask_messenger.models import (
    Account,
    Attachment,
    Base,
    Conversation,
    Identity,
    Message,
    OptIn,
    Reaction,
    Receipt,
    WebhookEntry,
)
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.support import meta
from tests.support.app import Factory
from tests.support.happenings import (
    ACCOUNTS,
    INSTAGRAM,
    NUMBER,
    STATUSES_OBJECT,
    Happening,
    StatusesChannel,
    World,
    at,
    is_change,
    is_on_standby,
    told,
    told_change,
    worlds,
)
from tests.support.ingest import Heard, rows
from tests.support.plain_model import expect

IN_SUITE = 25
EXAMPLES = int(os.environ.get("CONVERGENCE_EXAMPLES", IN_SUITE))
IS_LONG = "CONVERGENCE_EXAMPLES" in os.environ
CHANNELS = {NUMBER: "statuses", INSTAGRAM: "instagram"}
OBJECTS = {NUMBER: STATUSES_OBJECT, INSTAGRAM: "instagram"}
BATCH_SIZE = 3
"""Small, so that a few deliveries make several batches, and drains at once get some each."""
LONGEST_SECONDS = 300

pytestmark = [
    pytest.mark.databases("postgresql"),
    pytest.mark.timeout(0 if IS_LONG else 900),
]


@dataclass(frozen=True)
class Step:
    """A delivery, and how many drains run after it at once."""

    happenings: Sequence[Happening]
    drains: int = 0


@st.composite
def schedules(draw: st.DrawFn, world: World) -> list[Step]:
    """Draw a way to tell the world: repeated, shuffled, split, drained in between."""
    told_once = list(world.happenings)
    again = draw(st.lists(st.sampled_from(told_once), max_size=6))
    order = draw(st.permutations([*told_once, *again]))
    steps: list[Step] = []
    while order:
        size = draw(st.integers(1, 6))
        # Mostly one drain, or none yet; now and then two or three at once.
        steps.append(Step(order[:size], draw(st.sampled_from([0, 0, 1, 2, 3]))))
        order = order[size:]
    return steps


stories = worlds().flatmap(lambda world: st.tuples(st.just(world), schedules(world)))


@pytest.fixture
def app(new_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    app = new_app(MESSENGER_DRAIN_BATCH_SIZE=str(BATCH_SIZE))
    known = {**BY_WEBHOOK_OBJECT, STATUSES_OBJECT: StatusesChannel()}
    monkeypatch.setattr(entries, "BY_WEBHOOK_OBJECT", MappingProxyType(known))
    with app.app_context():
        yield app


@given(story=stories)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=not IS_LONG,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
    # A story costs half a second: making a failing one smaller is for whoever looks into it.
    phases=[each for each in Phase if each is not Phase.shrink],
)
def test_any_order_any_repetition_any_split_ends_in_the_same_rows(
    app: Flask, story: tuple[World, list[Step]]
) -> None:
    world, schedule = story

    plain = run(app, world, [Step([each]) for each in world.happenings])
    drawn = run(app, world, schedule)

    assert_as_expected(plain, world)
    assert differences(drawn, plain) == {}


def differences(drawn: dict[str, list[Any]], plain: dict[str, list[Any]]) -> dict[str, Any]:
    """Return per table the rows that only the one or only the other run ended in."""
    return {
        name: {
            "drawn": [row for row in drawn[name] if row not in plain[name]],
            "plain": [row for row in plain[name] if row not in drawn[name]],
        }
        for name in plain
        if drawn[name] != plain[name]
    }


def run(app: Flask, world: World, schedule: Sequence[Step]) -> dict[str, list[Any]]:
    """Tell the world as the schedule says, from an empty database; return every row."""
    forget_everything(app)
    own_ids = prepare(app, world)
    client = app.test_client()
    heard = Heard()
    for step in schedule:
        for object_, body in bodies(step, own_ids):
            answer = meta.post(client, meta.delivery(*body, object_=object_))
            assert answer.status_code == 200
        drain_at_once(app, step.drains, heard)
    drain_at_once(app, 1, heard)
    assert {each.state for each in rows(app, WebhookEntry)} == {"done"}
    stored = Counter(heard.message_ids)
    in_threads = [each.id for each in rows(app, Message) if each.conversation_id]
    assert all(count == 1 for count in stored.values())
    assert set(stored) >= set(in_threads)
    return Snapshot(app, own_ids, world).take()


def forget_everything(app: Flask) -> None:
    """Remove the rows of the story before, the parts before what they are parts of."""
    session = state_of(app).db.session
    with system_scope("test"):
        for model in (*reversed(Snapshot.MODELS), WebhookEntry):
            session.execute(delete(model))
        session.commit()


def prepare(app: Flask, world: World) -> dict[str, str]:
    """Make the accounts, and the rows of ours that echoes will be of; return their ids."""
    factory = Factory(app)
    accounts = {
        external_id: factory.account(
            workspace_id,
            external_id=external_id,
            channel=CHANNELS.get(external_id, "facebook"),
        )
        for external_id, workspace_id in ACCOUNTS.items()
    }
    threads: dict[Any, Conversation] = {}
    own_ids: dict[str, str] = {}
    for each in world.own:
        key = (each["account"], each["person"])
        if key not in threads:
            account = accounts[each["account"]]
            identity = factory.identity(account, external_id=each["person"], name=None)
            seen_tick = each["seen_tick"]
            threads[key] = factory.conversation(
                account,
                identity,
                status=each["thread_status"],
                seen_until=None if seen_tick is None else at(seen_tick),
            )
        message = factory.message(
            threads[key],
            direction="outbound",
            status=each["status"],
            text=each["text"],
            external_id=None,
            sent_at=at(each["tick"]),
        )
        own_ids[each["own"]] = str(message.id)
    with system_scope("test"):
        refresh_summaries(factory.session, [each.id for each in threads.values()])
        factory.session.commit()
    return own_ids


def bodies(step: Step, own_ids: dict[str, str]) -> Iterator[tuple[str, list[Any]]]:
    """Make deliveries of a step: one per object, with an entry per run of one account."""
    by_object: dict[str, list[Any]] = {}
    for happening in step.happenings:
        account = happening["account"]
        entries_ = by_object.setdefault(OBJECTS.get(account, "page"), [])
        if is_change(happening):
            time = meta.T0 + 1000 * happening["tick"]
            entries_.append({"id": account, "time": time, "changes": [told_change(happening)]})
            continue
        is_standby = account != NUMBER and is_on_standby(happening)
        key = "standby" if is_standby else "messaging"
        if not entries_ or key not in entries_[-1] or entries_[-1]["id"] != account:
            entries_.append({"id": account, "time": meta.T0, key: []})
        entries_[-1][key].append(told(happening, own_ids))
    yield from by_object.items()


def drain_at_once(app: Flask, count: int, heard: Heard) -> None:
    """Run drains beside each other, as several workers do, to their end."""
    failures: list[BaseException] = []
    start = threading.Barrier(max(count, 1))

    def drain() -> None:
        try:
            start.wait(LONGEST_SECONDS)
            with app.app_context(), system_scope("test"):
                drain_all(app, news=heard)
                state_of(app).db.session.remove()
        except BaseException as error:  # noqa: BLE001 - told to the test below
            failures.append(error)

    threads = [threading.Thread(target=drain) for _ in range(count)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(LONGEST_SECONDS)
        assert not each.is_alive()
    if failures:
        raise failures[0]


class Snapshot:
    """Every row as it is, with what differs from run to run told by what it means.

    Ids become the names Meta knows, and the times of our own clock are left out.
    """

    MODELS = (Account, Identity, OptIn, Conversation, Message, Attachment, Reaction, Receipt)
    OUR_CLOCK = frozenset(
        {"id", "created_at", "updated_at", "connected_at", "announced_at", "token_sealed", "name"}
    )

    def __init__(self, app: Flask, own_ids: dict[str, str], world: World) -> None:
        self._rows = {model: rows(app, model) for model in self.MODELS}
        labels: dict[Any, Any] = {None: None}
        for account in self._rows[Account]:
            labels[account.id] = account.external_id
        for identity in self._rows[Identity]:
            labels[identity.id] = (labels[identity.account_id], identity.external_id)
        for conversation in self._rows[Conversation]:
            labels[conversation.id] = (*labels[conversation.identity_id], conversation.subject)
        for message in self._rows[Message]:
            labels[message.id] = (labels[message.account_id], message.external_id)
        self._labels = labels
        self._own = {id_: name for name, id_ in own_ids.items()}
        self._echoes: dict[str, set[str]] = {name: set() for name in own_ids}
        for each in world.happenings:
            if each["kind"] == "own_echo":
                self._echoes[each["own"]].add(each["mid"])

    def take(self) -> dict[str, list[Any]]:
        """Return the rows of each table, in an order that does not depend on when they came."""
        taken = {
            model.__tablename__: sorted((self._plain(row) for row in found), key=repr)
            for model, found in self._rows.items()
        }
        # Which row of ours an echo was put to, beside what it looks like now.
        taken["own"] = sorted(
            (self._own[str(row.id)], self._echo_of(row), row.sent_by)
            for row in self._rows[Message]
            if str(row.id) in self._own
        )
        return taken

    def _echo_of(self, row: Message) -> str:
        """Return the echo that was put to a row of ours; of several, which one is chance."""
        echoes = self._echoes[self._own[str(row.id)]]
        is_one = row.external_id in echoes
        return " or ".join(sorted(echoes)) if is_one else str(row.external_id)

    def _plain(self, row: Base) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        for column in row.__table__.columns:
            value = getattr(row, column.key)
            is_reference = column.key.endswith("_id") and not isinstance(value, str | None)
            if column.key not in self.OUR_CLOCK:
                plain[column.key] = self._labels[value] if is_reference else value
        return plain


def assert_as_expected(found: dict[str, list[Any]], world: World) -> None:
    """Compare the rows of a run with what the plain model says."""
    expected = expect(world)
    threads = {
        (*row["identity_id"], row["subject"]): {
            **{name: row[name] for name in THREAD_FACTS},
            "last_message": row["last_message_id"] and row["last_message_id"][1],
        }
        for row in found["messenger_conversations"]
    }
    assert threads == expected["threads"]
    files = Counter(row["message_id"] for row in found["messenger_attachments"])
    messages = {
        (row["account_id"], row["external_id"]): {
            **{name: row.get(name) for name in MESSAGE_FACTS},
            "thread": row["conversation_id"],
            "attachments": files[row["account_id"], row["external_id"]],
        }
        for row in found["messenger_messages"]
        if row["direction"] != "notice"
    }
    assert messages == expected["messages"]
    notices = Counter(
        (row["conversation_id"], row["kind"], row["sent_at"])
        for row in found["messenger_messages"]
        if row["direction"] == "notice"
    )
    assert notices == expected["notices"]
    opt_ins = {
        (*row["identity_id"], row["type"], row["reference"]): (row["at"], row["is_active"])
        for row in found["messenger_opt_ins"]
    }
    assert opt_ins == expected["opt_ins"]
    reactions = {
        (*row["message_id"], row["actor"]): (row["at"], row["is_removed"], row["emoji"] or "")
        for row in found["messenger_reactions"]
    }
    assert reactions == expected["reactions"]
    waiting = {
        (row["account_id"], KINDS.get(row["kind"], row["kind"]), row["reference"])
        for row in found["messenger_receipts"]
    }
    assert waiting == set(expected["waiting"])


THREAD_FACTS = (
    "status",
    "seen_until",
    "acted_until",
    "delivered_until",
    "read_until",
    "last_message_at",
    "last_inbound_at",
    "unread_count",
    "bot_paused_until",
    "thread_owner_app_id",
    "thread_owner_at",
    "thread_owner_until",
    "first_touch",
    "last_touch",
)
MESSAGE_FACTS = (
    "direction",
    "sent_at",
    "text",
    "edit_number",
    "edited_at",
    "deleted_at",
    "status",
    "error_code",
    "hidden_at",
)
KINDS = {"edited": "edit", "deleted": "deletion", "reacted": "reaction", "hidden": "hide"}
