"""What should be known after a story, worked out from all of it at once, without a database.

Written from the laws and not from the code: no order comes into it, only what Meta says.
"""

import json
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any

from tests.support.happenings import (
    COMMENTS,
    INSTAGRAM,
    NUMBER,
    OWN_APP,
    SAID,
    Happening,
    World,
    at,
    is_on_standby,
    writer_of,
)

RANKS = ("sent", "failed", "delivered", "read")
MESSAGES = ("text", "media", "quick_reply", "postback", "echo", "own_echo", *COMMENTS)
NOTICES = {
    "opt_in": "opt_in",
    "pass_control": "thread_passed",
    "feedback": "feedback",
    "label": "label_added",
    "linking": "account_linked",
    "referral": "referral",
}
"""What a happening that nobody says is called in the thread."""
OURS = ("echo", "own_echo", "own_comment")
PAUSE = timedelta(hours=24)
Facts = dict[Any, Any]


def expect(world: World) -> dict[str, Facts]:
    """Return what threads, messages, reactions and waiting items there should be."""
    threads = _threads(world)
    messages = _messages(world)
    _note_seen(world, threads, messages)
    reactions = _reactions(world, messages)
    _sum_up(threads, messages)
    return {
        "threads": threads,
        "messages": {
            (account, key): {name: value for name, value in facts.items() if name != "rank"}
            for (account, key), facts in messages.items()
        },
        "reactions": reactions,
        "waiting": _waiting(world, threads, messages),
        "notices": _notices(world),
        "opt_ins": _opt_ins(world),
    }


def _thread_of(each: Happening) -> Any:
    """Return the thread of somebody who says or does something."""
    account, person = each["account"], each["person"]
    if each["kind"] != "comment":
        return (account, person, "")
    return (account, writer_of(each), each["post"])


def _notices(world: World) -> Facts:
    """Return what nobody said, told once however often it is told."""
    told = {json.dumps(e, sort_keys=True): e for e in world.happenings if _is_notice(e)}
    # Who it is about is all that Meta tells: which message somebody had in mind does not matter.
    unique = {_told_as(each): each for each in told.values()}
    return Counter(
        (_thread_of(each), _notice_kind(each), at(each["tick"])) for each in unique.values()
    )


def _is_notice(each: Happening) -> bool:
    return each["kind"] in NOTICES and each["account"] != NUMBER


def _told_as(each: Happening) -> str:
    said = {name: value for name, value in each.items() if name != "mid"}
    return json.dumps(said, sort_keys=True)


def _notice_kind(each: Happening) -> str:
    if not each.get("stops"):
        return NOTICES[each["kind"]]
    return {"opt_in": "opt_out", "linking": "account_unlinked"}[each["kind"]]


def _opt_ins(world: World) -> Facts:
    found: dict[Any, list[Any]] = defaultdict(list)
    for each in world.happenings:
        key = (each["account"], each["person"])
        if each["kind"] == "opt_in":
            place = (*key, "notification_messages", each["topic"])
            found[place].append((at(each["tick"]), not each["stops"]))
        if each["kind"] == "linking":
            found[*key, "account_linking", ""].append((at(each["tick"]), not each["stops"]))
    return {key: max(said) for key, said in found.items()}


def _threads(world: World) -> Facts:
    people = {(each["account"], each["person"], "") for each in world.own}
    opened: dict[Any, list[datetime]] = defaultdict(list)
    for each in world.happenings:
        key = _thread_of(each)
        is_said = each["kind"] in MESSAGES and each["kind"] != "own_comment"
        if (is_said and not each.get("is_nameless")) or _is_notice(each):
            people.add(key)
        if each["kind"] == "referral" or _is_opening_reaction(each):
            people.add(key)
            opened[key].append(at(each["tick"]))
    marks = {name: _watermarks(world, name) for name in ("delivered", "read")}
    left = {(each["account"], each["person"], ""): each for each in reversed(world.own)}
    return {
        key: {
            "status": left[key]["thread_status"] if key in left else "open",
            "seen_until": _time(left[key]["seen_tick"]) if key in left else None,
            "acted_until": max(opened[key], default=None),
            "delivered_until": marks["delivered"].get(key),
            "read_until": marks["read"].get(key),
            "bot_paused_until": _pause(world, key),
            **_owner(world, key),
            **_touches(world, key),
        }
        for key in people
    }


def _pause(world: World, key: Any) -> datetime | None:
    times = [
        at(each["tick"]) + PAUSE
        for each in world.happenings
        if each["kind"] == "echo" and not each.get("is_nameless") and _thread_of(each) == key
        if each["account"] == NUMBER or each["app"] != OWN_APP
    ]
    return max(times, default=None)


def _owner(world: World, key: Any) -> Facts:
    said = [
        (at(each["tick"]), each["app"] or "")
        for each in world.happenings
        if each["kind"] == "pass_control" and _thread_of(each) == key
    ]
    since, app_id = max(said, default=(None, ""))
    # What a person says is said to whom the thread is: by hearing it we know that it is free.
    heard = [
        at(each["tick"])
        for each in world.happenings
        if each["kind"] in SAID and not is_on_standby(each) and _thread_of(each) == key
        if since is not None and at(each["tick"]) > since
    ]
    is_theirs = app_id not in {"", OWN_APP}
    return {
        "thread_owner_app_id": app_id or None,
        "thread_owner_at": since,
        "thread_owner_until": min(heard, default=None) if is_theirs else None,
    }


def _touches(world: World, key: Any) -> Facts:
    touches = [
        _touch(each)
        for each in world.happenings
        if _is_touch(each) and not each.get("is_nameless") and _thread_of(each) == key
    ]
    ordered = sorted(touches, key=lambda each: (each["at"], json.dumps(each, sort_keys=True)))
    return {
        "first_touch": ordered[0] if ordered else None,
        "last_touch": ordered[-1] if ordered else None,
    }


def _is_touch(each: Happening) -> bool:
    is_with_message = each["kind"] in {"text", "media"} and each["ref"]
    return each["kind"] == "referral" or bool(is_with_message and each["account"] != NUMBER)


def _touch(each: Happening) -> Facts:
    said = {"at": at(each["tick"]).isoformat()}
    if each["account"] == NUMBER:
        return said
    return said | {"ref": each["ref"], "source": "ADS" if each["kind"] in MESSAGES else "SHORTLINK"}


def _time(tick: int | None) -> datetime | None:
    return None if tick is None else at(tick)


def _is_opening_reaction(each: Happening) -> bool:
    return each["kind"] == "reaction" and each["emoji"] is not None and not each["is_echo"]


def _watermarks(world: World, status: str) -> dict[Any, datetime]:
    found: dict[Any, datetime] = {}
    for each in world.happenings:
        if _is_watermark(each) and each["status"] == status:
            key = (each["account"], each["person"], "")
            found[key] = max(at(each["tick"]), found.get(key, at(each["tick"])))
    return found


def _is_watermark(each: Happening) -> bool:
    return each["kind"] == "receipt" and each["account"] not in {NUMBER, INSTAGRAM}


def _messages(world: World) -> Facts:
    told: dict[Any, list[Happening]] = defaultdict(list)
    for each in world.happenings:
        if each["kind"] in MESSAGES:
            told[each["account"], each["mid"]].append(each)
    own = {each["own"]: each for each in world.own}
    thread_of: Facts = {}
    for key, copies in told.items():
        named = [each for each in copies if not each.get("is_nameless")]
        mine = own.get(copies[0].get("own"))
        named = named or ([{**mine, "kind": "own_echo"}] if mine else [])
        is_placed = named and named[0]["kind"] != "own_comment"
        thread_of[key] = _thread_of(named[0]) if is_placed else None
    return {
        key: _message(key, copies, _place_of(key, told, thread_of), world)
        for key, copies in told.items()
    }


def _place_of(key: Any, told: Facts, thread_of: Facts) -> Any:
    """Return the thread of a message: of a comment of ours, where the one is that it answers."""
    passed = set()
    while key in told and key not in passed and told[key][0]["kind"] == "own_comment":
        passed.add(key)
        key = (key[0], told[key][0]["parent"])
    return thread_of.get(key)


def _message(key: Any, copies: list[Happening], thread: Any, world: World) -> Facts:
    first = copies[0]
    is_ours = first["kind"] in OURS
    about = [each for each in world.happenings if key in _named_by(each)]
    deleted_at = min((at(e["tick"]) for e in about if e["kind"] == "deletion"), default=None)
    edits = [(e["number"], at(e["tick"]), e["text"]) for e in about if e["kind"] == "edit"]
    number, edited_at, text = max(edits) if edits else (0, None, first["text"])
    if deleted_at:
        number, edited_at, text = 0, None, None
    hides = [(at(e["tick"]), e["is_hidden"]) for e in about if e["kind"] == "hide"]
    is_hidden = hides and max(hides)[1] and not deleted_at
    facts = {
        "thread": thread,
        "hidden_at": max(hides)[0] if is_hidden else None,
        "direction": "outbound" if is_ours else "inbound",
        "sent_at": at(first["tick"]),
        "text": text,
        "edit_number": number,
        "edited_at": edited_at,
        "deleted_at": deleted_at,
        "attachments": int(first["kind"] == "media" and not deleted_at),
        "status": "received",
        "error_code": None,
    }
    if is_ours:
        facts |= {"about": about}
    return facts


def _note_seen(world: World, threads: Facts, messages: Facts) -> None:
    """Move read marks up to what was seen, and then see how far messages of ours came."""
    for each in world.happenings:
        message = messages.get((each["account"], each["mid"]), {})
        is_seen = each["kind"] == "receipt" and each["status"] == "seen"
        if is_seen and message.get("thread") is not None:
            thread = threads[message["thread"]]
            until = thread["read_until"]
            thread["read_until"] = max(message["sent_at"], until or message["sent_at"])
    for facts in messages.values():
        about = facts.pop("about", None)
        if about is not None:
            facts.update(_status(facts, about, threads.get(facts["thread"], {})))


def _named_by(each: Happening) -> list[Any]:
    if each["kind"] in MESSAGES or each["kind"] in NOTICES:
        return []
    mids = each.get("mids", [each["mid"]]) if each["kind"] == "receipt" else [each["mid"]]
    return [(each["account"], mid) for mid in mids]


def _status(facts: Facts, about: list[Happening], thread: Facts) -> Facts:
    receipts = [each["status"] for each in about if each["kind"] == "receipt"]
    said = ["sent"] + [each for each in receipts if each in RANKS]
    for status in ("delivered", "read"):
        until = thread.get(f"{status}_until")
        if until is not None and facts["sent_at"] <= until:
            said.append(status)
    status = max(said, key=RANKS.index)
    codes = [
        each["code"]
        for each in about
        if each["kind"] == "receipt" and each["status"] == "failed" and each.get("code")
    ]
    return {
        "status": status,
        "error_code": min(codes, default=None) if status == "failed" else None,
    }


def _reactions(world: World, messages: Facts) -> Facts:
    found: dict[Any, list[Any]] = defaultdict(list)
    for each in world.happenings:
        key = (each["account"], each["mid"])
        if each["kind"] == "reaction" and key in messages and not messages[key]["deleted_at"]:
            actor = each["account"] if each["is_echo"] else each["person"]
            emoji = each["emoji"]
            found[*key, actor].append((at(each["tick"]), emoji is None, emoji or ""))
    return {key: max(said) for key, said in found.items()}


def _sum_up(threads: Facts, messages: Facts) -> None:
    by_thread: dict[Any, list[Any]] = defaultdict(list)
    for (_, mid), facts in messages.items():
        by_thread[facts["thread"]].append((facts["sent_at"], mid, facts))
    for key, thread in threads.items():
        all_of_it = by_thread[key]
        inbound = [each for each in all_of_it if each[2]["direction"] == "inbound"]
        last_at, last_mid, _ = max(all_of_it, default=(None, None, None), key=lambda each: each[:2])
        seen = [each[0] for each in inbound]
        acted = [thread["acted_until"]] if thread["acted_until"] else []
        until = thread["seen_until"]
        thread |= {
            "status": "open" if inbound else thread["status"],
            "last_message_at": last_at,
            "last_message": last_mid,
            "last_inbound_at": max(seen + acted, default=None),
            "unread_count": sum(
                not each[2]["deleted_at"] and (until is None or each[0] > until) for each in inbound
            ),
        }


def _waiting(world: World, threads: Facts, messages: Facts) -> Facts:
    """Return what is about messages and threads that nobody knows, by kind, how many."""
    found: set[Any] = set()
    for each in world.happenings:
        account, person = each["account"], each["person"]
        if _is_watermark(each) and (account, person, "") not in threads:
            found.add((account, each["status"], f"watermark:{person}"))
        for key in _named_by(each):
            is_about_thread = each.get("status") == "seen"
            if key not in messages or (is_about_thread and not messages[key]["thread"]):
                found.add((account, each.get("status", each["kind"]), key[1]))
        if each["kind"] == "own_comment" and each["parent"] not in {None, each["mid"]}:
            answered = messages.get((account, each["parent"]))
            if answered is None or not answered["thread"]:
                found.add((account, "answered", each["parent"]))
    return dict.fromkeys(found, True)
