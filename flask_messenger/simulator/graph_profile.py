"""The messenger profile of a Page or its Instagram account, and the menu of one person."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from flask_messenger.simulator import errors, limits, threads
from flask_messenger.simulator.access import MESSAGES, known_account, require_access
from flask_messenger.simulator.accounts import Account, linked_instagram
from flask_messenger.simulator.constants import INSTAGRAM, MESSENGER
from flask_messenger.simulator.endpoints import Call, endpoint
from flask_messenger.simulator.profile_shapes import CHECKS_OF, check_menu
from flask_messenger.simulator.state import simulator
from flask_messenger.simulator.tokens import INSTAGRAM_USER, PAGE

CALLS, SECONDS = 10, 600
NO_GET_STARTED = 2018145
NAMES = tuple(CHECKS_OF[MESSENGER])
READABLE = (*NAMES, "subject_to_new_eu_privacy_rules")
WRITE_PARAMETERS = (*NAMES, "platform")
DELETE_PARAMETERS = ("fields", "platform")
LOGINS: tuple[tuple[str, str | tuple[str, ...]], ...] = (
    ("page", PAGE),
    ("instagram", (PAGE, INSTAGRAM_USER)),
)


def write(call: Call) -> dict[str, Any]:
    """Set properties; those that are not named stay as they are."""
    given = {name: _parsed(call, name) for name in NAMES if call.parameters.get(name) is not None}
    if not given:
        raise errors.invalid("At least one property of the profile is required")
    with simulator().storage.writing() as db:
        account = _account(db, call)
        checks = CHECKS_OF[account.channel]
        for name, value in given.items():
            if name not in checks:
                raise errors.invalid(f"{name} is not supported on {account.channel}")
            checks[name](value, account.channel)
        _count(account, "set")
        has_button = "get_started" in given or _stored(db, account.id).get("get_started")
        if "persistent_menu" in given and account.channel == MESSENGER and not has_button:
            raise errors.invalid(
                "You must set a Get Started button if you also wish to use persistent menu",
                NO_GET_STARTED,
            )
        for name, value in given.items():
            db.execute(
                "INSERT OR REPLACE INTO profile_properties (account_id, name, value)"
                " VALUES (?, ?, ?)",
                [account.id, name, json.dumps(value)],
            )
    return {"result": "success"}


def read(call: Call) -> dict[str, Any]:
    """Answer with the properties asked for that are set."""
    wanted = call.names("fields")
    if not wanted:
        raise errors.missing("fields")
    unknown = [name for name in wanted if name not in READABLE]
    if unknown:
        raise errors.no_field(unknown[0], "MessengerProfile")
    with simulator().storage.reading() as db:
        account = _account(db, call)
        stored = _stored(db, account.id)
    if account.channel == MESSENGER:
        stored["subject_to_new_eu_privacy_rules"] = False
    shown = {name: stored[name] for name in wanted if name in stored}
    return {"data": [shown] if shown else []}


def remove(call: Call) -> dict[str, Any]:
    """Remove properties."""
    wanted = call.names("fields")
    if not wanted:
        raise errors.missing("fields")
    wanted = [name.lower() for name in wanted]
    unknown = [name for name in wanted if name not in NAMES]
    if unknown:
        raise errors.invalid(f"Param fields must not have {unknown[0]}")
    with simulator().storage.writing() as db:
        account = _account(db, call)
        _count(account, "delete")
        stored = _stored(db, account.id)
        if (
            "get_started" in wanted
            and "persistent_menu" in stored
            and "persistent_menu" not in wanted
        ):
            raise errors.invalid(
                "The Get Started button cannot be removed while there is a persistent menu",
                NO_GET_STARTED,
            )
        for name in wanted:
            db.execute(
                "DELETE FROM profile_properties WHERE account_id = ? AND name = ?",
                [account.id, name],
            )
    return {"result": "success"}


for _node, _kind in LOGINS:
    endpoint("POST", _node, "messenger_profile", auth=_kind, parameters=WRITE_PARAMETERS)(write)
    endpoint("GET", _node, "messenger_profile", auth=_kind, parameters=DELETE_PARAMETERS)(read)
    endpoint("DELETE", _node, "messenger_profile", auth=_kind, parameters=DELETE_PARAMETERS)(remove)


@endpoint("POST", "page", "custom_user_settings", auth=PAGE, parameters=("psid", "persistent_menu"))
def write_user_menu(call: Call) -> dict[str, Any]:
    """Give one person a menu of their own."""
    menu = _parsed(call, "persistent_menu")
    if menu is None:
        raise errors.missing("persistent_menu")
    check_menu(menu, MESSENGER)
    with simulator().storage.writing() as db:
        psid = _person(db, call)
        limits.take_turn("user menu", psid, calls=CALLS, seconds=SECONDS, code=limits.CUSTOM_LIMIT)
        db.execute(
            "INSERT OR REPLACE INTO user_menus (psid, persistent_menu) VALUES (?, ?)",
            [psid, json.dumps(menu)],
        )
        threads.touch(db, psid)
    return {"result": "success"}


@endpoint("GET", "page", "custom_user_settings", auth=PAGE, parameters=("psid",))
def read_user_menu(call: Call) -> dict[str, Any]:
    """Answer with the menu of one person, and that of the Page."""
    with simulator().storage.reading() as db:
        psid = _person(db, call)
        row = db.execute("SELECT * FROM user_menus WHERE psid = ?", [psid]).fetchone()
        page_menu = _stored(db, call.node_id).get("persistent_menu")
    shown: dict[str, Any] = {}
    if row is not None:
        shown["user_level_persistent_menu"] = json.loads(row["persistent_menu"])
    if page_menu is not None:
        shown["page_level_persistent_menu"] = page_menu
    return {"data": [shown] if shown else []}


@endpoint("DELETE", "page", "custom_user_settings", auth=PAGE, parameters=("psid", "params"))
def remove_user_menu(call: Call) -> dict[str, Any]:
    """Take one person's own menu away."""
    if [name.lower() for name in call.names("params") or []] != ["persistent_menu"]:
        raise errors.invalid('Param params must be ["persistent_menu"]')
    with simulator().storage.writing() as db:
        psid = _person(db, call)
        db.execute("DELETE FROM user_menus WHERE psid = ?", [psid])
        threads.touch(db, psid)
    return {"result": "success"}


def _account(db: sqlite3.Connection, call: Call) -> Account:
    account = known_account(db, call.node_id)
    platform = call.word("platform") or account.channel
    if platform not in {MESSENGER, INSTAGRAM}:
        raise errors.invalid("Param platform must be one of {messenger, instagram}")
    if platform != account.channel:
        linked = linked_instagram(db, call.node_id) if platform == INSTAGRAM else None
        if linked is None:
            raise errors.page_without_instagram()
        account = linked
    require_access(db, call.token, account, MESSAGES, task="MESSAGING")
    return account


def _count(account: Account, verb: str) -> None:
    limits.take_turn(
        f"{verb} profile", account.id, calls=CALLS, seconds=SECONDS, code=limits.CUSTOM_LIMIT
    )


def _person(db: sqlite3.Connection, call: Call) -> str:
    require_access(db, call.token, known_account(db, call.node_id), MESSAGES, task="MESSAGING")
    thread = threads.find_thread(db, call.node_id, call.required_text("psid"))
    if thread is None:
        raise errors.no_such_person()
    return str(thread["psid"])


def _stored(db: sqlite3.Connection, account_id: str) -> dict[str, Any]:
    rows = db.execute(
        "SELECT name, value FROM profile_properties WHERE account_id = ?", [account_id]
    ).fetchall()
    return {row["name"]: json.loads(row["value"]) for row in rows}


def _parsed(call: Call, name: str) -> Any:
    """Return a parameter that is JSON in a JSON body, and JSON in a string elsewhere."""
    value = call.parameters.get(name)
    if not isinstance(value, str) or name == "account_linking_url":
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise errors.invalid(f"Param {name} must be valid JSON") from error
