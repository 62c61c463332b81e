"""A customer as the account sees them: `/{psid}?fields=…`, `/{igsid}?fields=…`."""

from __future__ import annotations

from typing import Any

from flask_messenger.simulator import errors, ids, pictures
from flask_messenger.simulator.access import MESSAGES, known_account, require_access
from flask_messenger.simulator.endpoints import Call, endpoint
from flask_messenger.simulator.fields import Field, pick
from flask_messenger.simulator.grants import find_grant
from flask_messenger.simulator.state import simulator
from flask_messenger.simulator.tokens import INSTAGRAM_USER, PAGE

NEEDED = {
    "locale": "pages_user_locale",
    "timezone": "pages_user_timezone",
    "gender": "pages_user_gender",
}
TIMEZONE_HOURS = (-5, 0, 1, 2, 9)


@endpoint("GET", "psid", auth=PAGE, parameters=("fields",))
def show_profile(call: Call) -> dict[str, Any]:
    """Answer with the profile of somebody who wrote to the Page."""
    wanted = call.wanted_fields("first_name,last_name,profile_pic,id")
    with simulator().storage.reading() as db:
        grant = find_grant(db, call.token.person, call.token.app_id)
        row = db.execute(
            "SELECT c.* FROM threads t JOIN customers c ON c.slug = t.customer WHERE t.psid = ?",
            [call.node_id],
        ).fetchone()
    if grant is None or not grant.has("pages_messaging"):
        raise errors.permission(230, "Requires pages_messaging permission to manage the object")
    _check_extras(wanted, grant.granted)
    values = {
        "id": call.node_id,
        "name": f"{row['first_name']} {row['last_name']}".strip(),
        "first_name": row["first_name"],
        "last_name": row["last_name"],
        "profile_pic": pictures.avatar_url(simulator().settings.base_url, row["slug"]),
        "locale": "en_US",
        "timezone": TIMEZONE_HOURS[int(ids.numeric_id(row["slug"])) % len(TIMEZONE_HOURS)],
        "gender": None,
    }
    return pick(values, wanted, "MessengerProfile")


@endpoint("GET", "igsid", auth=(PAGE, INSTAGRAM_USER), parameters=("fields",))
def show_instagram_profile(call: Call) -> dict[str, Any]:
    """Answer with the profile of somebody who wrote to the Instagram account."""
    wanted = call.wanted_fields("name,username,profile_pic,id")
    with simulator().storage.reading() as db:
        row = db.execute(
            "SELECT c.*, t.account_id, t.is_blocked, t.last_user_at FROM threads t"
            " JOIN customers c ON c.slug = t.customer WHERE t.psid = ?",
            [call.node_id],
        ).fetchone()
        if row is None or row["last_user_at"] is None or row["is_blocked"]:
            raise errors.consent_needed()
        require_access(db, call.token, known_account(db, row["account_id"]), MESSAGES)
    follows = int(ids.numeric_id("follows", call.node_id))
    values = {
        "id": call.node_id,
        "name": f"{row['first_name']} {row['last_name']}".strip(),
        "username": row["username"] or row["slug"],
        "profile_pic": pictures.avatar_url(simulator().settings.base_url, row["slug"]),
        "follower_count": row["followers_count"],
        "is_user_follow_business": follows % 2 == 0,
        "is_business_follow_user": follows % 5 == 0,
        "is_verified_user": bool(row["is_verified"]),
    }
    return pick(values, wanted, "IGBusinessScopedID")


def _check_extras(wanted: tuple[Field, ...], granted: list[str]) -> None:
    for field in wanted:
        needed = NEEDED.get(field.name)
        if needed is not None and needed not in granted:
            raise errors.GraphError(
                "(#100) Insufficient permission to access user profile.", code=100, subcode=2018247
            )
