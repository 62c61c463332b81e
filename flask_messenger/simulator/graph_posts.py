"""What an account published: lists of posts, media, stories, live videos; one of them."""

from __future__ import annotations

import sqlite3
from typing import Any

from flask_messenger.simulator import errors, ids
from flask_messenger.simulator.access import BASIC, known_account, permits, require_access
from flask_messenger.simulator.accounts import Account
from flask_messenger.simulator.comment_views import (
    check_post_fields,
    default_post_fields,
    show_post,
)
from flask_messenger.simulator.endpoints import Call, Handler, endpoint
from flask_messenger.simulator.graph_instagram import ANY_LOGIN
from flask_messenger.simulator.paging import PAGING_PARAMETERS, take_part
from flask_messenger.simulator.state import simulator
from flask_messenger.simulator.tokens import PAGE

LIST_PARAMETERS = ("fields", "since", "until", *PAGING_PARAMETERS)
OWN = "customer IS NULL"
# Which posts stand in each list.
PAGE_LISTS = {
    "posts": f"{OWN} AND kind NOT IN ('ad', 'story')",
    "published_posts": f"{OWN} AND kind NOT IN ('ad', 'story')",
    "feed": "kind NOT IN ('ad', 'story')",
    "visitor_posts": "customer IS NOT NULL",
    "ads_posts": "kind = 'ad'",
    "live_videos": "kind = 'live'",
}
INSTAGRAM_LISTS = {
    "media": "kind NOT IN ('ad', 'story', 'live')",
    "stories": "kind = 'story' AND ended_at > :now",
    "live_media": "kind = 'live' AND ended_at IS NULL",
}
OF_VISITORS = {"feed", "visitor_posts"}


def _lister(edge: str, where: str) -> Handler:
    def answer(call: Call) -> dict[str, Any]:
        with simulator().storage.reading() as db:
            account = known_account(db, call.node_id)
            require_access(db, call.token, account, BASIC)
            if edge in OF_VISITORS and not permits(db, call.token, "pages_read_user_content"):
                raise errors.permission(
                    10, "Requires pages_read_user_content permission to manage the object"
                )
            return _answer(db, call, account, where)

    return answer


def _answer(db: sqlite3.Connection, call: Call, account: Account, where: str) -> dict[str, Any]:
    wanted = call.wanted_fields(default_post_fields(account))
    check_post_fields(account, wanted)
    values = {
        "account": account.id,
        "now": ids.now_ms(),
        "since": _seconds(call, "since", 0) * 1000,
        "until": _seconds(call, "until", 10**11) * 1000,
    }
    rows = db.execute(
        "SELECT * FROM posts WHERE account_id = :account AND deleted_at IS NULL"  # noqa: S608
        f" AND created_at BETWEEN :since AND :until AND {where}"
        " ORDER BY created_at DESC, rowid DESC",
        values,
    ).fetchall()
    by_id = {row["id"]: row for row in rows}
    part = take_part(call, list(by_id))
    return part.answer([show_post(db, account, by_id[one], wanted) for one in part.shown])


def _seconds(call: Call, name: str, default: int) -> int:
    text = call.text(name, str(default)) or ""
    if not text.isdigit():
        raise errors.invalid(f"Param {name} must be a time in Unix seconds")
    return int(text)


for _edge, _where in PAGE_LISTS.items():
    endpoint("GET", "page", _edge, auth=PAGE, parameters=LIST_PARAMETERS)(_lister(_edge, _where))
for _edge, _where in INSTAGRAM_LISTS.items():
    endpoint("GET", "instagram", _edge, auth=ANY_LOGIN, parameters=LIST_PARAMETERS)(
        _lister(_edge, _where)
    )


@endpoint("GET", "post", auth=PAGE, parameters=("fields",))
@endpoint("GET", "media", auth=ANY_LOGIN, parameters=("fields",))
def show(call: Call) -> dict[str, Any]:
    """Answer with one post or media."""
    with simulator().storage.reading() as db:
        row = db.execute("SELECT * FROM posts WHERE id = ?", [call.node_id]).fetchone()
        account = known_account(db, row["account_id"])
        require_access(db, call.token, account, BASIC)
        wanted = call.wanted_fields(default_post_fields(account))
        return show_post(db, account, row, wanted)
