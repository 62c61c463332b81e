"""Plans gate features."""

import pytest
from flask import Flask

from flask_messenger.errors import TierError
from flask_messenger.state import state_of
from flask_messenger.tiers import check_feature, plan_has_feature
from tests.support.app import Host

PLANS = ("free", "plus", "pro")
FEATURES = {"facebook": "plus", "flows": "pro"}


@pytest.mark.parametrize(
    ("plan", "feature", "allowed"),
    [
        ("free", "facebook", False),
        ("plus", "facebook", True),
        ("pro", "facebook", True),
        ("plus", "flows", False),
        ("renamed", "facebook", False),
        ("pro", "unknown", False),
    ],
)
def test_a_plan_has_what_starts_at_or_below_it(plan: str, feature: str, *, allowed: bool) -> None:
    assert plan_has_feature(plan, feature, plans=PLANS, feature_plans=FEATURES) is allowed


def test_the_refusal_names_the_plan_that_has_it(app: Flask, host: Host) -> None:
    host.plans["w1"] = "free"

    with pytest.raises(TierError) as caught:
        check_feature(state_of(app), "w1", "facebook")

    assert (caught.value.plan, caught.value.needed_plan) == ("free", "plus")
