"""Graph's usage headers: how much of its allowance a caller has used, in per cent."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from werkzeug.wrappers import Response

from flask_messenger.simulator.state import simulator
from flask_messenger.simulator.storage import switch
from flask_messenger.simulator.tokens import INSTAGRAM_USER, Token

CALLS_PER_HOUR = 20_000  # generous: a demo should not be throttled, the control page can

_lock = threading.Lock()


def count(token: Token | None, response: Response, path: str) -> None:
    """Count one call and write the headers onto its response."""
    if token is None:
        return
    with simulator().storage.reading() as db:
        forced = switch(db, "usage", {})
    owner = token.page_id or token.instagram_id or token.app_id
    per_cent = int(forced.get(owner, forced.get("*", _share_used(owner))))
    numbers: dict[str, Any] = {
        "call_count": per_cent,
        "total_cputime": min(per_cent, 25),
        "total_time": min(per_cent, 25),
    }
    response.headers["X-App-Usage"] = json.dumps(numbers)
    if owner != token.app_id:
        kind = "messenger" if path.endswith("/messages") else "pages"
        if token.kind == INSTAGRAM_USER:
            kind = "instagram"
        minutes = int(forced.get("minutes", 0))
        numbers = {"type": kind, **numbers, "estimated_time_to_regain_access": minutes}
        response.headers["X-Business-Use-Case-Usage"] = json.dumps({owner: [numbers]})


def _share_used(owner: str) -> int:
    hour = int(time.time() // 3600)
    used = simulator().used
    with _lock:
        used[(owner, hour)] += 1
        return min(100, used[(owner, hour)] * 100 // CALLS_PER_HOUR)
