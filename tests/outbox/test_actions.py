"""Typing and seen: best effort, and never a nuisance."""

from datetime import timedelta

import pytest
import redis

from flask_messenger.models import Account, Conversation
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.outbox.actions import send_action
from flask_messenger.state import state_of
from tests.outbox.conftest import READ_TIMEOUT, redis_that_is_away


def act(talk, action="typing_on"):
    return send_action(talk.app, talk.conversation_id, action)


@pytest.mark.parametrize("action", ["typing_on", "typing_off", "mark_seen"])
def test_action_reaches_the_person(talk, meta, action):
    assert act(talk, action)

    assert meta.asked == [{"recipient": {"id": "7"}, "sender_action": action}]


def test_action_is_not_repeated_at_once(talk, meta):
    assert act(talk)
    assert not act(talk)
    assert act(talk, "mark_seen")

    assert len(meta.asked) == 2


def test_failing_action_hurts_nobody(talk, meta):
    meta.refuse(190)
    assert not act(talk, "typing_on")
    meta.fail(READ_TIMEOUT)
    assert not act(talk, "typing_off")

    assert talk.row(Account, talk.account_id).status == "active"


@pytest.mark.parametrize("ago", [timedelta(hours=25), timedelta(days=8), None])
def test_nothing_is_shown_outside_the_window(talk, meta, ago):
    last_inbound_at = utc_now() - ago if ago else None
    talk.change(Conversation, talk.conversation_id, last_inbound_at=last_inbound_at)

    assert not act(talk)
    assert meta.asked == []


@pytest.mark.parametrize(
    "change",
    [{"status": "needs_reauth"}, {"token_sealed": None}, {"token_sealed": "v1.gone.AA"}],
)
def test_account_that_cannot_send_shows_nothing(talk, meta, change):
    talk.change(Account, talk.account_id, **change)

    assert not act(talk)
    assert meta.asked == []


def test_account_of_an_app_that_is_gone_shows_nothing(talk):
    talk.change(Account, talk.account_id, app_name="gone")

    assert not act(talk)


def test_plan_without_the_channel_shows_nothing(talk, meta, host):
    host.plans["w1"] = "free"

    assert not act(talk)
    assert meta.asked == []


def test_unknown_conversation_and_action_do_nothing(talk):
    assert not send_action(talk.app, new_id(), "typing_on")
    assert not act(talk, "dance")


def test_without_redis_nothing_is_shown(talk, meta):
    state_of(talk.app).add(redis_that_is_away(), redis.Redis)

    assert not act(talk)
    assert meta.asked == []
