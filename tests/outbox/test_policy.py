"""The policy window, at its edges and everywhere between."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_messenger.errors import PolicyError
from flask_messenger.outbox import policy
from flask_messenger.outbox.policy import decide

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(hours=24)
WEEK = timedelta(days=7)
INSTANT = timedelta(microseconds=1)


def ask(ago: timedelta | None, *, sender="person", enabled=True, **values):
    values = {"channel": "facebook", "now": NOW} | values
    last_inbound_at = None if ago is None else NOW - ago
    return decide(
        last_inbound_at=last_inbound_at, sender=sender, human_agent_enabled=enabled, **values
    )


@pytest.mark.parametrize("sender", ["person", "bot"])
@pytest.mark.parametrize("ago", [timedelta(0), timedelta(hours=3), DAY - INSTANT])
def test_first_24_hours_are_open_to_everybody_without_a_tag(sender, ago):
    decision = ask(ago, sender=sender)

    assert (decision.allowed, decision.window, decision.tag) == (True, "standard", None)
    assert decision.closes_at == NOW - ago + DAY
    assert decision.reason is None
    decision.check()


@pytest.mark.parametrize("ago", [DAY, timedelta(days=3), WEEK - INSTANT])
def test_then_a_person_may_answer_for_seven_days_where_that_is_switched_on(ago):
    decision = ask(ago)

    assert (decision.allowed, decision.window) == (True, "human_agent")
    assert decision.tag == "HUMAN_AGENT"
    assert decision.closes_at == NOW - ago + WEEK


@pytest.mark.parametrize(
    ("ago", "sender", "enabled", "reason"),
    [
        (DAY, "person", False, "human_agent_off"),
        (WEEK - INSTANT, "person", False, "human_agent_off"),
        (WEEK, "person", False, "window_closed"),
        (WEEK, "person", True, "window_closed"),
        (DAY, "bot", True, "bot_window_closed"),
        (DAY, "bot", False, "bot_window_closed"),
        (WEEK, "bot", True, "window_closed"),
        (None, "person", True, "never_wrote"),
        (None, "bot", False, "never_wrote"),
    ],
)
def test_closed_window_says_why_and_what_to_do(ago, sender, enabled, reason):
    decision = ask(ago, sender=sender, enabled=enabled)

    assert not decision.allowed
    assert (decision.window, decision.tag, decision.reason) == (None, None, reason)
    with pytest.raises(PolicyError) as caught:
        decision.check()
    assert caught.value.reason == reason
    assert caught.value.remedy == decision.remedy
    assert str(caught.value) == decision.explanation


def test_closed_window_tells_when_it_closed():
    assert ask(timedelta(days=2), enabled=False).closes_at == NOW - DAY
    assert ask(timedelta(days=9)).closes_at == NOW - timedelta(days=2)
    assert ask(None).closes_at is None


def test_margin_closes_a_window_earlier_and_says_so():
    margin = timedelta(minutes=1)

    almost = ask(DAY - margin - INSTANT, enabled=False, margin=margin)
    closed = ask(DAY - margin, enabled=False, margin=margin)

    assert almost.allowed
    assert almost.closes_at == NOW + INSTANT
    assert not closed.allowed


def test_person_in_the_margin_goes_on_with_the_human_agent_window():
    assert ask(DAY - INSTANT, margin=timedelta(minutes=1)).window == "human_agent"


def test_channel_without_a_policy_sends_nothing():
    assert ask(timedelta(0), channel="carrier_pigeon").reason == "no_policy"


def test_rule_ends_on_its_date():
    window = policy.WINDOWS["facebook"][0]

    assert not window.is_in_force(window.since - INSTANT)
    assert window.is_in_force(window.since)


def test_every_reason_has_words():
    assert set(policy.EXPLANATIONS) == set(policy.REMEDIES)


agos = st.none() | st.timedeltas(timedelta(0), timedelta(days=30))
margins = st.timedeltas(timedelta(0), timedelta(hours=1))


@given(ago=agos, sender=st.sampled_from(["person", "bot"]), enabled=st.booleans(), margin=margins)
def test_decision_is_always_whole(ago, sender, enabled, margin):
    decision = ask(ago, sender=sender, enabled=enabled, margin=margin)

    assert decision.allowed == (decision.window is not None) == (decision.reason is None)
    assert (decision.reason is None) == (decision.remedy is None) == (decision.explanation == "")
    assert (decision.tag == "HUMAN_AGENT") == (decision.window == "human_agent")
    if decision.allowed:
        assert decision.closes_at > NOW


@given(ago=agos, enabled=st.booleans(), margin=margins)
def test_bot_never_uses_the_human_agent_window(ago, enabled, margin):
    decision = ask(ago, sender="bot", enabled=enabled, margin=margin)

    assert decision.window in {"standard", None}
    assert decision.allowed == (ago is not None and ago + margin < DAY)


@given(ago=st.timedeltas(timedelta(0), timedelta(days=30)), later=st.timedeltas(timedelta(0), WEEK))
def test_time_alone_never_opens_a_window(ago, later):
    before, after = ask(ago), ask(ago + later)

    assert before.allowed or not after.allowed
