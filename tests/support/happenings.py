"""What may happen between people and accounts, drawn at random, and how Meta would tell it.

A happening is a dict with a `kind` and whose it is (`account`, `person`); `told` makes of it the
event of a webhook. The same happenings make the deliveries of every run and feed the plain model.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from flask_messenger.events import (
    DeletionEvent,
    EditEvent,
    Event,
    MessageEvent,
    ReactionEvent,
    ReceiptEvent,
    ReceivedAttachment,
    ReferralEvent,
)
from tests.support.app import APP_ID
from tests.support.meta import T0

Happening = dict[str, Any]

PAGES = ("501", "502", "503")
NUMBER = "701"
INSTAGRAM = "601"
ACCOUNTS = {"501": "w1", "502": "w1", "503": "w2", INSTAGRAM: "w1", NUMBER: "w2"}
"""Accounts and their workspaces. People and message ids are the same in all: only the account
tells them apart."""
PEOPLE = ("9001", "9002", "9003")
TEXTS = ("hello", "Is it open?", "ok", "😀", "later")
POSTS = ("p1", "p2")
"""What is commented on; the same ids on all accounts, as of people."""
OWN_APP, OTHER_APP, INBOX_APP = APP_ID, "200200200", "263902037430900"
NOTICES = ("opt_in", "pass_control", "feedback", "label", "linking")
OWN_STATES = ("queued", "failed", "unknown", "discarded")
SAID = ("text", "media", "quick_reply", "postback")
STATUSES_OBJECT = "statuses-test"


@dataclass(frozen=True)
class World:
    """A drawn story: rows of ours that are there before, and what happens."""

    own: tuple[Happening, ...]
    happenings: tuple[Happening, ...]


def at(tick: int) -> datetime:
    """Return the time of a tick, a second each."""
    return datetime.fromtimestamp(T0 / 1000 + tick, UTC)


ticks = st.integers(0, 30)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draw what is written, and then what happens to it."""
    numbers = {account: itertools.count(1) for account in ACCOUNTS}
    own: list[Happening] = []
    messages: list[Happening] = []
    for _ in range(draw(st.integers(1, 9))):
        account = draw(st.sampled_from(sorted(ACCOUNTS)))
        message = draw(_messages(account, f"m{next(numbers[account]):03}"))
        if message["kind"] == "own_echo":
            message["own"] = f"own-{len(own)}"
            own.append(draw(_own_row(message)))
        messages.append(message)
        if message["kind"] == "own_echo" and draw(st.integers(0, 2)) == 0:
            # Sent once more after nobody knew: Meta has it twice, and tells both.
            mid = f"m{next(numbers[account]):03}"
            messages.append({**message, "mid": mid, "tick": draw(ticks)})
    happenings: list[Happening] = []
    for message in messages:
        # Echoes may name nobody, or come once so and once whole.
        is_echo = message["kind"] in {"echo", "own_echo"}
        choice = draw(st.integers(0, 7)) if is_echo else 7
        happenings += [{**message, "is_nameless": True}] if choice < 2 else []
        happenings += [message] if choice else []
    # Most of what happens is about a message that is there; some is about one nobody knows.
    for _ in range(draw(st.integers(0, 16))):
        happenings.append(draw(_later(messages)))
    happenings.sort(key=lambda each: each["tick"])
    return World(own=tuple(own), happenings=tuple(happenings))


def _messages(account: str, mid: str) -> st.SearchStrategy[Happening]:
    kinds = ["text", "media", "quick_reply", "postback", "echo"]
    if account != NUMBER:
        kinds += ["own_echo", "comment", "comment", "own_comment"]
    return st.fixed_dictionaries(
        {
            "kind": st.sampled_from(kinds),
            "account": st.just(account),
            "person": st.sampled_from(PEOPLE),
            "mid": st.just(mid),
            "text": st.sampled_from(TEXTS),
            "tick": ticks,
            "post": st.sampled_from(POSTS),
            # What a comment of our side answers: any message before it or after it, or nothing.
            "parent": st.sampled_from([None, "m001", "m002", "m003"]),
            "app": st.sampled_from([None, OWN_APP, OTHER_APP, INBOX_APP]),
            "ref": st.sampled_from([None, None, "spring", "autumn"]),
            "is_standby": st.sampled_from([False, False, True]),
            # Who comments on a Page is seldom known by the id that messages have.
            "is_known": st.sampled_from([False, False, True]),
        }
    )


def _own_row(message: Happening) -> st.SearchStrategy[Happening]:
    return st.fixed_dictionaries(
        {
            "own": st.just(message["own"]),
            "account": st.just(message["account"]),
            "person": st.just(message["person"]),
            "text": st.just(message["text"]),
            "status": st.sampled_from(OWN_STATES),
            # Before everything Meta tells: our clock stands in for Meta's until the echo.
            "tick": st.integers(-60, -31),
            # The thread as the team left it; the first row of a thread says.
            "thread_status": st.sampled_from(["open", "closed", "snoozed"]),
            "seen_tick": st.none() | ticks,
        }
    )


@st.composite
def _later(draw: st.DrawFn, messages: list[Happening]) -> Happening:
    about = draw(st.sampled_from(messages))
    account = about["account"]
    kinds = ["edit", "deletion", "reaction", "reaction", "receipt", "receipt", "referral"]
    if about["kind"] in COMMENTS:
        # Meta tells less of comments, and Instagram only that they were written.
        kinds = ["hide", "hide", "deletion"] if account in PAGES else ["referral"]
    if account in PAGES:
        kinds += NOTICES
    kind = draw(st.sampled_from(kinds))
    same = [each["mid"] for each in messages if each["account"] == account]
    happening: Happening = {
        "kind": kind,
        "account": account,
        "person": about["person"] if draw(st.integers(0, 7)) else draw(st.sampled_from(PEOPLE)),
        "mid": about["mid"] if draw(st.integers(0, 7)) else "m-unknown",
        "tick": draw(ticks),
    }
    if kind in {"hide", "deletion"} and about["kind"] in COMMENTS:
        happening |= {"is_of_comment": True, "post": about["post"]}
    return happening | draw(_DETAILS[kind](account, same))


def _edits(account: str, _: list[str]) -> st.SearchStrategy[Happening]:
    # A Page's edits are numbered; a number's are told apart by their time alone.
    numbers = st.just(0) if account == NUMBER else st.integers(1, 3)
    return st.fixed_dictionaries({"number": numbers, "text": st.sampled_from(TEXTS)})


def _reactions(account: str, _: list[str]) -> st.SearchStrategy[Happening]:
    del account
    return st.fixed_dictionaries(
        {
            "emoji": st.sampled_from(["❤", "👍", "😮", None]),
            "is_echo": st.sampled_from([False, False, True]),
        }
    )


def _receipts(account: str, mids: list[str]) -> st.SearchStrategy[Happening]:
    if account == NUMBER:
        return st.fixed_dictionaries(
            {
                "status": st.sampled_from(["sent", "delivered", "read", "failed"]),
                "code": st.sampled_from([None, 131026, 131047]),
            }
        )
    if account == INSTAGRAM:
        return st.just({"status": "seen"})
    delivery = st.fixed_dictionaries(
        {
            "status": st.just("delivered"),
            "mids": st.lists(st.sampled_from([*mids, "m-unknown"]), max_size=3, unique=True),
        }
    )
    return delivery | st.just({"status": "read", "mids": []})


def _nothing(account: str, mids: list[str]) -> st.SearchStrategy[Happening]:
    del account, mids
    return st.just({})


_DETAILS: Mapping[str, Callable[[str, list[str]], st.SearchStrategy[Happening]]] = {
    "edit": _edits,
    "deletion": _nothing,
    "reaction": _reactions,
    "receipt": _receipts,
    "referral": lambda *_: st.fixed_dictionaries({"ref": st.sampled_from([None, "spring"])}),
    "hide": lambda *_: st.fixed_dictionaries({"is_hidden": st.booleans()}),
    "opt_in": lambda *_: st.fixed_dictionaries(
        {"topic": st.sampled_from(["", "news"]), "stops": st.booleans()}
    ),
    "pass_control": lambda *_: st.fixed_dictionaries(
        {"app": st.sampled_from([None, OWN_APP, OTHER_APP])}
    ),
    "feedback": _nothing,
    "label": lambda *_: st.fixed_dictionaries({"label": st.sampled_from(["a", "b"])}),
    "linking": lambda *_: st.fixed_dictionaries({"stops": st.booleans()}),
}


# How it is told: to a Page as Meta's own JSON, to the number as JSON of the test's own channel.


def told(happening: Happening, own_ids: Mapping[str, str]) -> dict[str, Any]:
    """Return the event of a webhook; `own_ids` names the rows of ours that echoes are of."""
    if happening["account"] == NUMBER:
        return happening
    account, person, kind = happening["account"], happening["person"], happening["kind"]
    is_ours = kind in {"echo", "own_echo"} or happening.get("is_echo", False)
    sender, recipient = (account, person) if is_ours else (person, account)
    event: dict[str, Any] = {
        "sender": {"id": sender},
        "recipient": {"id": recipient},
        "timestamp": T0 + happening["tick"] * 1000,
    }
    if happening.get("is_nameless"):
        del event["recipient"]
    return event | _body(happening, own_ids)


COMMENTS = ("comment", "own_comment")


def is_change(happening: Happening) -> bool:
    """Say whether Meta tells it as the change of a field, and not as an event of a thread."""
    return happening["kind"] in {*COMMENTS, "hide", "label"} or bool(happening.get("is_of_comment"))


def told_change(happening: Happening) -> dict[str, Any]:
    """Return the change as Meta would tell it."""
    account, mid, person = happening["account"], happening["mid"], happening["person"]
    if happening["kind"] == "label":
        label = {"id": "l1", "page_label_name": happening["label"]}
        value = {"user": {"id": person}, "action": "add", "label": label}
        return {"field": "inbox_labels", "value": value}
    writer = account if happening["kind"] == "own_comment" else writer_of(happening)
    parent = happening.get("parent")
    if account == INSTAGRAM:
        value = {
            "id": mid,
            "from": {"id": writer, "username": f"name.{person}"},
            "media": {"id": happening["post"], "media_product_type": "FEED"},
            "text": happening["text"],
            **({"parent_id": parent} if parent else {}),
        }
        return {"field": "comments", "value": value}
    value = {
        "item": "comment",
        "verb": _VERBS.get(happening["kind"]) or ("hide" if happening["is_hidden"] else "unhide"),
        "comment_id": mid,
        "post_id": happening["post"],
        "parent_id": parent or happening["post"],
        "from": {"id": writer, "name": f"Name {person}"},
        "message": happening.get("text", ""),
        "created_time": T0 // 1000 + happening["tick"],
    }
    return {"field": "feed", "value": value}


def writer_of(happening: Happening) -> str:
    """Return who commented: on a Page as a rule not by the id that messages have."""
    person: str = happening["person"]
    is_person = happening["account"] == INSTAGRAM or happening.get("is_known")
    return person if is_person else f"c{person}"


def is_on_standby(happening: Happening) -> bool:
    """Say whether somebody said it while another app had the thread."""
    return happening["kind"] in SAID and bool(happening["is_standby"])


_VERBS = {"comment": "add", "own_comment": "add", "deletion": "remove"}


def _body(happening: Happening, own_ids: Mapping[str, str]) -> dict[str, Any]:
    tell = _TELLING.get(happening["kind"])
    return tell(happening) if tell else {"message": _message_body(happening, own_ids)}


def _message_body(happening: Happening, own_ids: Mapping[str, str]) -> dict[str, Any]:
    kind = happening["kind"]
    message: dict[str, Any] = {"mid": happening["mid"], "text": happening["text"]}
    if kind == "media":
        message["attachments"] = [{"type": "image", "payload": {"url": "https://cdn.test/a"}}]
    if kind == "quick_reply":
        message["quick_reply"] = {"payload": "Q"}
    if kind in {"echo", "own_echo"}:
        message["is_echo"] = True
    if kind == "own_echo":
        message["metadata"] = f"fm:{own_ids[happening['own']]}"
    if kind == "echo" and happening["app"]:
        message["app_id"] = happening["app"]
    if kind in {"text", "media"} and happening["ref"]:
        message["referral"] = {"ref": happening["ref"], "source": "ADS"}
    return message


def _reaction_body(happening: Happening) -> dict[str, Any]:
    emoji = happening["emoji"]
    action = {"action": "react", "emoji": emoji} if emoji else {"action": "unreact"}
    return {"reaction": {"mid": happening["mid"], **action}}


def _receipt_body(happening: Happening) -> dict[str, Any]:
    watermark = T0 + happening["tick"] * 1000
    if happening["status"] == "seen":
        return {"read": {"mid": happening["mid"]}}
    if happening["status"] == "read":
        return {"read": {"watermark": watermark}}
    mids = happening["mids"]
    return {"delivery": {"watermark": watermark, **({"mids": mids} if mids else {})}}


_TELLING: Mapping[str, Callable[[Happening], dict[str, Any]]] = {
    "edit": lambda each: {
        "message_edit": {"mid": each["mid"], "text": each["text"], "num_edit": each["number"]}
    },
    "deletion": lambda each: {"message": {"mid": each["mid"], "is_deleted": True}},
    "reaction": _reaction_body,
    "referral": lambda each: {"referral": {"ref": each.get("ref"), "source": "SHORTLINK"}},
    "opt_in": lambda each: {
        "optin": {
            "type": "notification_messages",
            "topic": each["topic"],
            "notification_messages_token": f"token {each['tick']}",
            **({"notification_messages_status": "STOP NOTIFICATIONS"} if each["stops"] else {}),
        }
    },
    "pass_control": lambda each: {"pass_thread_control": {"new_owner_app_id": each["app"]}},
    "feedback": lambda each: {
        "messaging_feedback": {"feedback_screens": [{"screen_id": each["tick"]}]}
    },
    "linking": lambda each: {
        "account_linking": {"status": "unlinked" if each["stops"] else "linked"}
    },
    "postback": lambda each: {
        "postback": {"mid": each["mid"], "title": each["text"], "payload": "P"}
    },
    "receipt": _receipt_body,
}


class StatusesChannel:
    """A channel as WhatsApp is: statuses per message, no watermarks, edits without a number."""

    name = "statuses"
    webhook_object = STATUSES_OBJECT

    def parse(self, entry: Mapping[str, Any]) -> Iterator[Event]:
        """Yield the normalised event of each happening."""
        for happening in entry["messaging"]:
            yield _normalised(happening)


def _normalised(told_: Happening) -> Event:
    kind, moment = told_["kind"], at(told_["tick"])
    if kind == "receipt":
        return ReceiptEvent(
            account_external_id=NUMBER,
            identity_external_id=told_["person"],
            kind=told_["status"],
            at=moment,
            message_external_ids=(told_["mid"],),
            is_watermark=False,
            error_code=told_["code"] if told_["status"] == "failed" else None,
        )
    common: dict[str, Any] = {
        "account_external_id": NUMBER,
        "identity_external_id": told_["person"],
    }
    if kind == "referral":
        return ReferralEvent(**common, at=moment)
    if kind in {"edit", "deletion", "reaction"}:
        common |= {"message_external_id": told_["mid"], "at": moment}
    if kind == "edit":
        return EditEvent(**common, text=told_["text"], number=told_["number"])
    if kind == "deletion":
        return DeletionEvent(**common)
    if kind == "reaction":
        return ReactionEvent(
            **common,
            actor=NUMBER if told_["is_echo"] else told_["person"],
            emoji=told_["emoji"],
            is_removed=told_["emoji"] is None,
            is_echo=told_["is_echo"],
        )
    if told_.get("is_nameless"):
        common["identity_external_id"] = None
    return MessageEvent(
        **common,
        external_id=told_["mid"],
        sent_at=moment,
        kind="text" if kind == "echo" else kind,
        text=told_["text"],
        attachments=(ReceivedAttachment(type="image"),) if kind == "media" else (),
        is_echo=kind == "echo",
    )
