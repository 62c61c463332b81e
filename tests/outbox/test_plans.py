"""The host's answers about plans: asked for beside the sending, and used while it thinks."""

import threading
import time

import pytest

from flask_messenger.channels.registry import channel_named
from flask_messenger.outbox import plans as plans_module
from flask_messenger.outbox.plans import Plans
from flask_messenger.outbox.verdicts import NotYetError, UnreadyError
from flask_messenger.state import state_of
from tests.support.graph import wait_until

FEATURE = channel_named("facebook").feature


class Loader:
    """A host's tier loader: counts, and hangs or fails where it is told to."""

    def __init__(self):
        self.asked = []
        self.plan = "pro"
        self.hangs = set()
        self.released = threading.Event()

    def __call__(self, workspace_id):
        self.asked.append(workspace_id)
        if workspace_id in self.hangs:
            self.released.wait(60)
        if self.plan is None:
            raise ValueError("secret of the host's")
        return self.plan


@pytest.fixture
def loader(app):
    hooks = state_of(app).hooks
    loader, before = Loader(), hooks.tier
    hooks.tier = loader
    yield loader
    loader.released.set()
    hooks.tier = before


@pytest.fixture
def plans(app, loader):
    plans = Plans(app, threaded=True)
    yield plans
    loader.released.set()
    plans.close()


def access(plans, workspace_id="w1"):
    """Return the host's answer, once it has come."""
    found = []

    def is_there():
        try:
            found.append(plans.access(workspace_id, FEATURE))
        except NotYetError:
            return False
        return True

    wait_until(is_there)
    return found[0]


def test_answer_is_used_again_for_a_while(plans, loader):
    for _ in range(3):
        assert access(plans).plan == "pro"

    assert loader.asked == ["w1"]


def test_workspace_the_host_has_not_answered_for_waits_longer_and_longer(
    plans, loader, monkeypatch
):
    loader.hangs = {"w1"}
    with pytest.raises(NotYetError) as first:
        plans.access("w1", FEATURE)
    monkeypatch.setattr(plans_module, "FIRST_WAIT_SECONDS", 0.0)
    time.sleep(0.01)
    with pytest.raises(NotYetError) as second:
        plans.access("w1", FEATURE)

    assert first.value.wait.total_seconds() >= 0.1
    assert 0.01 <= second.value.wait.total_seconds() <= 5
    assert loader.asked == ["w1"], "one question at a time"
    loader.released.set()
    assert access(plans).allowed


def test_question_that_hangs_holds_back_no_other_workspace(plans, loader):
    loader.hangs = {"w1", "w2"}
    for each in loader.hangs:
        with pytest.raises(NotYetError):
            plans.access(each, FEATURE)

    assert access(plans, "w3").allowed


def test_old_answer_counts_while_the_host_is_asked_again(plans, loader, monkeypatch):
    monkeypatch.setattr(plans_module, "FRESH_SECONDS", 0.0)
    assert access(plans).plan == "pro"
    loader.hangs = {"w1"}
    loader.plan = "free"

    assert plans.access("w1", FEATURE).plan == "pro"
    loader.released.set()
    wait_until(lambda: plans.access("w1", FEATURE).plan == "free")


def test_host_that_fails_takes_nothing_back(plans, loader, monkeypatch, caplog):
    monkeypatch.setattr(plans_module, "FRESH_SECONDS", 0.0)
    assert access(plans).allowed
    loader.plan = None

    plans.access("w1", FEATURE)
    wait_until(lambda: "plan_loader_failed error=ValueError" in caplog.text)

    assert plans.access("w1", FEATURE).allowed
    assert "secret" not in caplog.text


def test_host_that_never_answered_is_no_yes(plans, loader):
    loader.plan = None

    with pytest.raises(UnreadyError):
        access(plans)


def test_host_that_hangs_is_complained_of(plans, loader, monkeypatch, caplog):
    monkeypatch.setattr(plans_module, "SLOW_SECONDS", 0.0)
    loader.hangs = {"w1"}
    with pytest.raises(NotYetError):
        plans.access("w1", FEATURE)

    wait_until(lambda: loader.asked == ["w1"])
    for _ in range(3):
        with pytest.raises(NotYetError):
            plans.access("w1", FEATURE)

    assert caplog.text.count("plan_loader_hangs") == 1


def test_without_plans_there_is_nobody_to_ask(plans, loader, app):
    state_of(app).hooks.tier = None

    assert plans.access("w1", FEATURE).allowed
    assert not loader.asked


def test_end_does_not_wait_for_a_host_that_hangs(plans, loader, caplog):
    loader.hangs = {"w1"}
    with pytest.raises(NotYetError):
        plans.access("w1", FEATURE)
    wait_until(lambda: loader.asked == ["w1"])

    plans.close()

    assert "outbox_helper_given_up helper=messenger-outbox-plans" in caplog.text
