"""The simulated library of ready templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LIBRARY: dict[str, dict[str, Any]] = {
    "order_shipped_1": {
        "language": "en",
        "category": "UTILITY",
        "topic": "ORDER_MANAGEMENT",
        "body": "Your order {{1}} is on its way and arrives on {{2}}.",
        "buttons": [{"type": "URL", "text": "Track", "url": "https://example.com/track/{{1}}"}],
    },
    "appointment_reminder_1": {
        "language": "en",
        "category": "UTILITY",
        "topic": "EVENT_REMINDER",
        "body": "A reminder of your appointment on {{1}} at {{2}}.",
        "buttons": [{"type": "POSTBACK", "text": "Confirm"}],
    },
    "payment_received_1": {
        "language": "en",
        "category": "UTILITY",
        "topic": "PAYMENTS",
        "body": "We have received your payment of {{1}}. Thank you.",
        "buttons": [],
    },
}


def library_components(name: str) -> list[Mapping[str, Any]]:
    """Return the components of one of them."""
    template = LIBRARY[name]
    components: list[Mapping[str, Any]] = [{"type": "BODY", "text": template["body"]}]
    if template["buttons"]:
        components.append({"type": "BUTTONS", "buttons": template["buttons"]})
    return components
