"""What should be known after a story, worked out from all of it at once, without a database.

Written from the laws and not from the code: no order comes into it, only what Meta says.
"""

from collections import defaultdict
from datetime import datetime
from typing import Any

from tests.support.happenings import NUMBER, Happening, World, at

RANKS = ("sent", "failed", "delivered", "read")
MESSAGES = ("text", "media", "quick_reply", "postback", "echo", "own_echo")
Facts = dict[Any, Any]


def expect(world: World) -> dict[str, Facts]:
    """Return what threads, messages, reactions and waiting items there should be."""
    threads = _threads(world)
    messages = _messages(world, threads)
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
    }


def _threads(world: World) -> Facts:
    people = {(each["account"], each["person"]) for each in world.own}
    opened: dict[Any, list[datetime]] = defaultdict(list)
    for each in world.happenings:
        key = (each["account"], each["person"])
        if each["kind"] in MESSAGES and not each.get("is_nameless"):
            people.add(key)
        if each["kind"] == "referral" or _is_opening_reaction(each):
            people.add(key)
            opened[key].append(at(each["tick"]))
    marks = {name: _watermarks(world, name) for name in ("delivered", "read")}
    left = {(each["account"], each["person"]): each for each in reversed(world.own)}
    return {
        key: {
            "status": left[key]["thread_status"] if key in left else "open",
            "seen_until": _time(left[key]["seen_tick"]) if key in left else None,
            "acted_until": max(opened[key], default=None),
            "delivered_until": marks["delivered"].get(key),
            "read_until": marks["read"].get(key),
        }
        for key in people
    }


def _time(tick: int | None) -> datetime | None:
    return None if tick is None else at(tick)


def _is_opening_reaction(each: Happening) -> bool:
    return each["kind"] == "reaction" and each["emoji"] is not None and not each["is_echo"]


def _watermarks(world: World, status: str) -> dict[Any, datetime]:
    found: dict[Any, datetime] = {}
    for each in world.happenings:
        if each["kind"] == "receipt" and each["account"] != NUMBER and each["status"] == status:
            key = (each["account"], each["person"])
            found[key] = max(at(each["tick"]), found.get(key, at(each["tick"])))
    return found


def _messages(world: World, threads: Facts) -> Facts:
    told: dict[Any, list[Happening]] = defaultdict(list)
    for each in world.happenings:
        if each["kind"] in MESSAGES:
            told[each["account"], each["mid"]].append(each)
    own = {each["own"]: each for each in world.own}
    return {
        key: _message(key, copies, own.get(copies[0].get("own")), world, threads)
        for key, copies in told.items()
    }


def _message(
    key: Any, copies: list[Happening], own: Happening | None, world: World, threads: Facts
) -> Facts:
    account, _ = key
    first = copies[0]
    is_ours = first["kind"] in {"echo", "own_echo"}
    named = [each for each in copies if not each.get("is_nameless")] or ([own] if own else [])
    person = named[0]["person"] if named else None
    about = [each for each in world.happenings if key in _named_by(each)]
    deleted_at = min((at(e["tick"]) for e in about if e["kind"] == "deletion"), default=None)
    edits = [(e["number"], at(e["tick"]), e["text"]) for e in about if e["kind"] == "edit"]
    number, edited_at, text = max(edits) if edits else (0, None, first["text"])
    if deleted_at:
        number, edited_at, text = 0, None, None
    facts = {
        "person": person,
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
        facts |= _status(facts, about, threads.get((account, person), {}))
    return facts


def _named_by(each: Happening) -> list[Any]:
    if each["kind"] in MESSAGES or each["kind"] == "referral":
        return []
    mids = each.get("mids", [each["mid"]]) if each["kind"] == "receipt" else [each["mid"]]
    return [(each["account"], mid) for mid in mids]


def _status(facts: Facts, about: list[Happening], thread: Facts) -> Facts:
    said = ["sent"] + [each["status"] for each in about if each["kind"] == "receipt"]
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
    for (account, mid), facts in messages.items():
        by_thread[account, facts["person"]].append((facts["sent_at"], mid, facts))
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
        is_watermark = each["kind"] == "receipt" and account != NUMBER
        if is_watermark and (account, person) not in threads:
            found.add((account, each["status"], f"watermark:{person}"))
        for key in _named_by(each):
            if key not in messages:
                found.add((account, each.get("status", each["kind"]), key[1]))
    return dict.fromkeys(found, True)
