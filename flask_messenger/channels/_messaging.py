"""What Facebook and Instagram share: entries, and the events of threads in them.

Source: https://developers.facebook.com/docs/messenger-platform/reference/webhook-events
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from flask_messenger.channels._comments import (
    parse_comment,
    parse_feed,
    parse_instagram_mention,
    parse_live_comment,
    parse_page_mention,
)
from flask_messenger.channels._contents import content_of, kind_of, marked, read_attachments, tapped
from flask_messenger.channels._frame import (
    Dialect,
    Frame,
    Parse,
    author_of,
    clean_content,
    derived_id,
    is_ours,
    person_of,
)
from flask_messenger.channels._happenings import (
    parse_deletion,
    parse_edit,
    parse_reaction,
    parse_receipt,
)
from flask_messenger.channels._notices import NOTICES, parse_label, parse_template_status
from flask_messenger.channels._reading import (
    as_id,
    as_list,
    as_mapping,
    as_text,
    as_time,
)
from flask_messenger.events import (
    Event,
    MessageEvent,
    UnhandledEvent,
)

METADATA_PREFIX: Final = "fm:"
"""Marks the metadata of messages we sent; what follows is the message's id."""

# Keys of an event that say what it is, most telling first. What else an event may carry
# (`prior_message`, `hop_context`, `referral` beside a message) does not change its kind.
EVENT_KEYS: Final = (
    "message",
    "postback",
    "delivery",
    "read",
    "reaction",
    "message_edit",
    "optin",
    "optout",
    "referral",
    "pass_thread_control",
    "take_thread_control",
    "request_thread_control",
    "app_roles",
    "policy_enforcement",
    "account_linking",
    "response_feedback",
    "messaging_feedback",
    "messaging_customer_information",
    "order",
    "template",
    "form",
    "game_play",
)

BESIDE: Final = ("optin",)
"""Keys that say something more of an event which is another one already."""

MESSENGER: Final = Dialect(
    changes={
        "feed": parse_feed,
        "inbox_labels": parse_label,
        "mention": parse_page_mention,
        "message_template_status_update": parse_template_status,
        "messenger_template_status_update": parse_template_status,
    }
)
INSTAGRAM: Final = Dialect(
    changes={
        "comments": parse_comment,
        "live_comments": parse_live_comment,
        "mentions": parse_instagram_mention,
    },
    is_routed_by_event=True,
)


def parse_entry(entry: Mapping[str, Any], dialect: Dialect = MESSENGER) -> Iterator[Event]:
    """Yield every event of one entry. The account is the entry's own `id`."""
    account = as_id(entry.get("id")) or ""
    at = as_time(entry.get("time"))
    read = partial(_parse_one, dialect=dialect, account=account, entry_at=at)
    for event in as_list(entry.get("messaging")):
        yield from read(event)
    for event in as_list(entry.get("standby")):
        yield from read(event, is_standby=True)
    for change in _changes(entry):
        field, value = as_id(change.get("field")) or "change", change.get("value")
        if _is_messaging(value):
            yield from read(value, is_standby=field == "standby")
        else:
            yield _parse_change(field, value, dialect=dialect, account=account, at=at)


def _changes(entry: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the changes of an entry, and the entry itself where it is one.

    Instagram's own login is told without a list.
    """
    for change in as_list(entry.get("changes")):
        yield as_mapping(change)
    if "field" in entry:
        yield entry


def _is_messaging(value: Any) -> bool:
    """Say whether the value of a change is an event of a thread, as the Test button sends it."""
    given = as_mapping(value)
    is_event = any(isinstance(given.get(key), Mapping) for key in EVENT_KEYS)
    return "recipient" in given and (is_event or "sender" in given)


def _parse_change(
    field: str, value: Any, *, dialect: Dialect, account: str, at: datetime | None
) -> Event:
    parse = dialect.changes.get(field)
    given = as_mapping(value)
    moment = at or as_time(given.get("created_time"))
    if parse is None or moment is None:
        return UnhandledEvent(account_external_id=account, kind=field[:64])
    try:
        return parse(given, Frame(account=account, at=moment, entry_at=at))
    except RecursionError:
        return UnhandledEvent(account_external_id=account, kind="too_deep")


def _parse_one(
    value: Any,
    *,
    dialect: Dialect,
    account: str,
    entry_at: datetime | None,
    is_standby: bool = False,
) -> Sequence[Event]:
    """Parse one event; one that is nested deeper than we go costs none beside it."""
    unhandled = partial(UnhandledEvent, account_external_id=account)
    try:
        event = as_mapping(value)
        at = as_time(event.get("timestamp")) or entry_at
        if at is None:
            # Without any time of Meta's an event cannot be placed in its thread; the journal has
            # it.
            return [unhandled(kind="without_time")]
        frame = Frame(
            account=account,
            at=at,
            entry_at=entry_at,
            alias=_alias(event, account) if dialect.trusts_event(account) else None,
            is_standby=is_standby,
        )
        return _parse_event(event, frame)
    except RecursionError:
        return [unhandled(kind="too_deep")]


def _alias(event: Mapping[str, Any], account: str) -> str | None:
    """Return the account that the event itself names, where its entry names another."""
    side = "sender" if is_ours(event, account) else "recipient"
    found = as_id(as_mapping(event.get(side)).get("id"))
    return None if found == account else found


def _parse_event(event: Mapping[str, Any], frame: Frame) -> Sequence[Event]:
    first = next((key for key in EVENT_KEYS if isinstance(event.get(key), Mapping)), None)
    if first is None:
        return [frame.unhandled(_unknown_kind(event))]
    beside = (key for key in BESIDE if key != first and isinstance(event.get(key), Mapping))
    return [PARSERS[key](event, frame) for key in (first, *beside)]


def _unknown_kind(event: Mapping[str, Any]) -> str:
    names = sorted(set(event) - {"sender", "recipient", "timestamp"})
    return as_id(names[0]) or "unknown" if names else "empty"


def _parse_message(event: Mapping[str, Any], frame: Frame) -> Event:
    message = as_mapping(event.get("message"))
    is_echo = is_ours(event, frame.account)
    person = person_of(event, is_echo=is_echo)
    if message.get("is_deleted"):
        return parse_deletion(message, person=person, frame=frame)
    if person is None and not is_echo:
        return frame.unhandled("message_without_sender")
    attachments = read_attachments(message)
    return MessageEvent(
        **frame.address,
        identity_external_id=person,
        external_id=as_id(message.get("mid")) or derived_id("message", frame.account, event),
        sent_at=frame.at,
        kind=kind_of(message, attachments),
        text=as_text(message.get("text")) or None,
        content=content_of(message, event, attachments, frame),
        attachments=attachments,
        reply_to_external_id=as_id(as_mapping(message.get("reply_to")).get("mid")),
        is_echo=is_echo,
        echo_of=_own_message_id(message.get("metadata")) if is_echo else None,
        app_id=as_id(message.get("app_id")) if is_echo else None,
        author=author_of(event, is_echo=is_echo),
    )


def _own_message_id(metadata: Any) -> str | None:
    text = as_text(metadata) or ""
    return text.removeprefix(METADATA_PREFIX) if text.startswith(METADATA_PREFIX) else None


def _parse_postback(event: Mapping[str, Any], frame: Frame) -> Event:
    """Read a tap on a button, the menu or an ice breaker; whoever looks on is told no payload."""
    postback = as_mapping(event.get("postback"))
    person = person_of(event, is_echo=False)
    if person is None:
        return frame.unhandled("postback_without_sender")
    referral = postback.get("referral") or event.get("referral")
    return MessageEvent(
        **frame.address,
        identity_external_id=person,
        external_id=as_id(postback.get("mid")) or derived_id("postback", frame.account, event),
        sent_at=frame.at,
        kind="postback",
        text=as_text(postback.get("title")) or None,
        content=marked(tapped(postback) | clean_content(referral=referral), frame),
        author=author_of(event),
    )


def _parse_order(event: Mapping[str, Any], frame: Frame) -> Event:
    """Read the cart that a person sent."""
    person = person_of(event, is_echo=False)
    if person is None:
        return frame.unhandled("order_without_sender")
    order = as_mapping(event.get("order"))
    return MessageEvent(
        **frame.address,
        identity_external_id=person,
        external_id=as_id(order.get("mid")) or derived_id("order", frame.account, event),
        sent_at=frame.at,
        kind="order",
        text=as_text(order.get("note")) or None,
        content=marked(clean_content(order=order), frame),
        author=author_of(event),
    )


PARSERS: Final[Mapping[str, Parse]] = {
    "message": _parse_message,
    "postback": _parse_postback,
    "order": _parse_order,
    "delivery": partial(parse_receipt, "delivery"),
    "read": partial(parse_receipt, "read"),
    "reaction": parse_reaction,
    "message_edit": parse_edit,
    **NOTICES,
}
"""Per key of an event what reads it."""
