"""Which plan has which feature, and the gate that asks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, TypeVar

from flask_messenger.errors import TierError
from flask_messenger.state import MessengerState, state
from flask_messenger.tenancy import current_tenant

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Access:
    """Whether a plan has a feature, for a page to show.

    Attributes:
        plan: the workspace's plan.
        needed_plan: the lowest plan with the feature; None where no plan has it.
    """

    feature: str
    allowed: bool
    plan: str
    needed_plan: str | None


def plan_has_feature(
    plan: str, feature: str, *, plans: tuple[str, ...], feature_plans: Mapping[str, str]
) -> bool:
    """Say whether `plan` reaches the lowest plan that has `feature`.

    `plans` are ordered, lowest first. A plan that is not in the list has no feature: a host that
    renames a plan must not open everything by accident.
    """
    needed = feature_plans.get(feature)
    if needed not in plans or plan not in plans:
        return False
    return plans.index(plan) >= plans.index(needed)


def feature_access(held: MessengerState, workspace_id: str, feature: str) -> Access:
    """Ask the host for the workspace's plan, and say what that means for `feature`.

    Without a `tier_loader` every workspace has the highest plan: a host that sells no plans has
    nothing to gate.
    """
    settings = held.settings
    plan = held.hooks.tier(workspace_id) if held.hooks.tier else settings.plans[-1]
    return Access(
        feature=feature,
        allowed=plan_has_feature(
            plan, feature, plans=settings.plans, feature_plans=settings.feature_plans
        ),
        plan=plan,
        needed_plan=settings.feature_plans.get(feature),
    )


def check_feature(held: MessengerState, workspace_id: str, feature: str) -> None:
    """Pass where the workspace's plan has `feature`.

    Raises:
        TierError: it has not; the error names the plan that does.
    """
    access = feature_access(held, workspace_id, feature)
    if not access.allowed:
        raise TierError(feature=feature, plan=access.plan, needed_plan=access.needed_plan)


def requires_feature(feature: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Guard a view: the tenant's plan must have `feature`, or the answer is 402."""

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            check_feature(state(), current_tenant().workspace_id, feature)
            return view(*args, **kwargs)

        return guarded

    return decorate
