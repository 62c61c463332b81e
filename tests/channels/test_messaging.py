"""What the parser makes of events that are not messages; it never raises, whatever comes."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_messenger.channels._frame import Dialect
from flask_messenger.channels._messaging import EVENT_KEYS, INSTAGRAM, MESSENGER, parse_entry
from flask_messenger.events import (
    DeletionEvent,
    EditEvent,
    Event,
    ReactionEvent,
    ReferralEvent,
    UnhandledEvent,
)
from tests.support.meta import T0

PAGE, PERSON = "555", "9001"
AT = datetime.fromtimestamp(T0 / 1000, UTC)


def parse(*, sender: Any = PERSON, recipient: Any = PAGE, **body: Any) -> Event:
    event = {"sender": {"id": sender}, "recipient": {"id": recipient}, "timestamp": T0, **body}
    (parsed,) = parse_entry({"id": PAGE, "messaging": [event]})
    return parsed


def test_a_reaction_names_its_actor_and_message() -> None:
    said = {"mid": "m_1", "action": "react", "reaction": "love", "emoji": "❤"}

    assert parse(reaction=said) == ReactionEvent(
        account_external_id=PAGE,
        identity_external_id=PERSON,
        message_external_id="m_1",
        actor=PERSON,
        at=AT,
        emoji="❤",
        name="love",
    )


def test_the_pages_own_reaction_is_in_the_persons_thread() -> None:
    said = {"mid": "m_1", "action": "react", "emoji": "👍"}

    event = parse(sender=PAGE, recipient=PERSON, reaction=said)

    assert isinstance(event, ReactionEvent)
    assert (event.identity_external_id, event.actor, event.is_echo) == (PERSON, PAGE, True)
    assert not event.opens_window


@pytest.mark.parametrize(
    ("said", "emoji", "name"),
    [
        ({"action": "react", "reaction": "love"}, "❤", "love"),
        ({"action": "react", "reaction": "brand_new"}, None, "brand_new"),
        ({"action": "react"}, None, None),
        ({"action": "react", "emoji": "x" * 500}, "x" * 64, None),
        ({"action": "unreact", "reaction": "love", "emoji": "❤"}, None, None),
    ],
)
def test_a_reaction_may_say_little(said: dict[str, Any], emoji: Any, name: Any) -> None:
    event = parse(reaction={"mid": "m_1", **said})

    assert isinstance(event, ReactionEvent)
    assert (event.emoji, event.name) == (emoji, name)
    assert event.is_removed is (said["action"] == "unreact")


@pytest.mark.parametrize(
    ("number", "expected"),
    [(2, 2), ("2", 2), (None, 0), ("two", 0), (-1, 0), (True, 0), (10**30, 1_000_000), ("²", 0)],
)
def test_an_edit_is_numbered_by_number_or_text(number: object, expected: int) -> None:
    event = parse(message_edit={"mid": "m_1", "text": "new", "num_edit": number})

    assert event == EditEvent(
        account_external_id=PAGE,
        identity_external_id=PERSON,
        message_external_id="m_1",
        at=AT,
        text="new",
        number=expected,
    )


@pytest.mark.parametrize("is_echo", [False, True])
def test_a_message_taken_back_by_either_side(*, is_echo: bool) -> None:
    sides = {"sender": PAGE, "recipient": PERSON} if is_echo else {}

    event = parse(**sides, message={"mid": "m_1", "is_deleted": True, "is_echo": is_echo})

    assert event == DeletionEvent(
        account_external_id=PAGE,
        identity_external_id=PERSON,
        message_external_id="m_1",
        at=AT,
    )


def test_a_referral_keeps_what_it_said() -> None:
    said = {"ref": "spring", "source": "ADS", "ad_id": "238"}

    event = parse(referral=said)

    assert isinstance(event, ReferralEvent)
    assert (event.content, event.opens_window) == (said, True)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"reaction": {"action": "react"}}, "reaction_incomplete"),
        ({"message_edit": {"mid": "m_1"}}, "message_edit_incomplete"),
        ({"message_edit": {"text": "x"}}, "message_edit_incomplete"),
        ({"message": {"is_deleted": True}}, "message_deleted_without_id"),
        ({"sender": None, "referral": {"ref": "x"}}, "referral_without_sender"),
    ],
)
def test_what_says_too_little_is_counted(body: dict[str, Any], kind: str) -> None:
    assert parse(**body) == UnhandledEvent(account_external_id=PAGE, kind=kind)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
KINDS = EVENT_KEYS
FIELDS = (
    "mid",
    "text",
    "num_edit",
    "action",
    "emoji",
    "reaction",
    "is_deleted",
    "mids",
    "watermark",
)
odd_events = st.fixed_dictionaries(
    {"timestamp": json_values | st.just(T0)},
    optional={
        "sender": json_values | st.just({"id": PERSON}),
        "recipient": json_values | st.just({"id": PAGE}),
        **{
            kind: json_values | st.dictionaries(st.sampled_from(FIELDS), json_values)
            for kind in KINDS
        },
    },
)


@given(events=st.lists(odd_events, max_size=3), dialect=st.sampled_from([MESSENGER, INSTAGRAM]))
@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],  # the machine may be loaded
)
def test_no_shape_makes_it_raise(events: list[Any], dialect: Dialect) -> None:
    entry = {"id": PAGE, "time": T0, "messaging": events, "standby": events}

    parsed = list(parse_entry(entry, dialect))

    # None is lost; an opt-in beside something else is one more.
    assert 2 * len(events) <= len(parsed) <= 4 * len(events)
    assert all(isinstance(each, Event) for each in parsed)


CHANGE_FIELDS = [
    "item",
    "verb",
    "comment_id",
    "post_id",
    "parent_id",
    "from",
    "message",
    "id",
    "media",
    "media_id",
    "text",
    "user",
    "label",
    "event",
    "sender",
    "recipient",
    "message_template_id",
    "created_time",
    "photo",
]
odd_changes = st.fixed_dictionaries(
    {"field": st.sampled_from([*MESSENGER.changes, *INSTAGRAM.changes, "another", None])},
    optional={
        "value": json_values
        | st.dictionaries(
            st.sampled_from(CHANGE_FIELDS),
            json_values | st.sampled_from(["comment", "add", "remove", "hide", "edited", "55"]),
        )
    },
)


@given(
    changes=json_values | st.lists(odd_changes | json_values, max_size=3),
    flat=st.none() | odd_changes,
    dialect=st.sampled_from([MESSENGER, INSTAGRAM]),
)
@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],  # the machine may be loaded
)
def test_no_shape_of_a_change_makes_it_raise(changes: Any, flat: Any, dialect: Dialect) -> None:
    entry = {"id": PAGE, "time": T0, "changes": changes, **(flat or {})}

    parsed = list(parse_entry(entry, dialect))

    assert all(isinstance(each, Event) for each in parsed)
