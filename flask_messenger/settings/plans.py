"""Features, and the plan that each begins with."""

from collections.abc import Mapping
from typing import Final

from flask_messenger.settings.reader import Reader

FEATURES: Final = (
    "analytics",
    "facebook",
    "flows",
    "instagram",
    "marketing",
    "templates",
    "whatsapp",
)
DEFAULT_PLANS: Final = ("free", "plus", "pro")
DEFAULT_FEATURE_PLANS: Final[Mapping[str, str]] = {
    "analytics": "plus",
    "facebook": "plus",
    "flows": "pro",
    "instagram": "plus",
    "marketing": "pro",
    "templates": "plus",
    "whatsapp": "pro",
}


def read_feature_plans(reader: Reader, plans: tuple[str, ...]) -> dict[str, str]:
    """Read `MESSENGER_FEATURES`; features not named there keep their default plan.

    A default plan that the host's list does not have means the host's highest plan.
    """
    given = reader.mapping("MESSENGER_FEATURES")
    for feature, plan in given.items():
        if feature not in FEATURES:
            reader.problem("MESSENGER_FEATURES", f"has no feature {feature!r}")
        elif plan not in plans:
            reader.problem("MESSENGER_FEATURES", f"names a plan {plan!r} not in MESSENGER_PLANS")
    defaults = {
        feature: plan if plan in plans else plans[-1]
        for feature, plan in DEFAULT_FEATURE_PLANS.items()
    }
    return {**defaults, **{key: str(value) for key, value in given.items()}}
