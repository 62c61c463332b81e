"""Why a message did not go out, or waits: from the word kept with it to a sentence for people."""

from collections.abc import Mapping
from typing import Final

from flask_messenger.errors import GraphError
from flask_messenger.models.messages import UNDELIVERED
from flask_messenger.outbox.policy import EXPLANATIONS, OBSTACLES
from flask_messenger.outbox.verdicts import ACCOUNT_DISCONNECTED


def _graph_reasons() -> dict[str, str]:
    """Collect what agents read about each way Graph refuses, from the errors themselves."""
    found: dict[str, str] = {}
    kinds: list[type[GraphError]] = [GraphError]
    while kinds:
        kind = kinds.pop()
        found[kind.slug] = kind.agent_text
        kinds.extend(kind.__subclasses__())
    return found


REASONS: Final[Mapping[str, str]] = {
    **_graph_reasons(),
    **{each: EXPLANATIONS[each] for each in sorted(OBSTACLES)},
    UNDELIVERED: "Meta took it, but it did not reach the person.",
    "window_closed": "The time to reply was over.",
    "plan_required": "Your plan does not have this channel.",
    "invalid_content": "The channel cannot carry this message.",
    ACCOUNT_DISCONNECTED: "The account is disconnected.",
}


def reason_of(slug: str) -> str:
    """Return the sentence for `Message.error_slug`."""
    return REASONS.get(slug, GraphError.agent_text)
