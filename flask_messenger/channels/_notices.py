"""What happens in a thread and is said by nobody, and what Meta says of the account itself.

Source: https://developers.facebook.com/docs/messenger-platform/reference/webhook-events
"""

import hashlib
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from flask_messenger.channels._frame import (
    Frame,
    Parse,
    author_of,
    clean_content,
    derived_id,
    is_ours,
    person_of,
)
from flask_messenger.channels._reading import (
    MAX_ID_LENGTH,
    as_id,
    as_mapping,
    as_text,
    as_time,
    clean_json,
)
from flask_messenger.events import (
    UNNAMED,
    USER_REF,
    AccountEvent,
    Author,
    Event,
    MessageEvent,
    OptInFact,
    OwnerFact,
    ReferralEvent,
    TemplateEvent,
)

PLUGIN: Final = "plugin"
ACCOUNT_LINKING: Final = "account_linking"
STOP: Final = "STOP"
NOBODY: Final = frozenset({"", "null", "none", "0"})
"""How Meta writes that no app has a thread, beside leaving it out."""
TOKENS: Final = ("notification_messages_token", "one_time_notif_token")
MAX_STATUS_LENGTH: Final = 64


def _notice(  # what a notice may say beside its kind
    event: Mapping[str, Any],
    frame: Frame,
    *,
    key: str,
    kind: str,
    content: Mapping[str, Any],
    person: str | None = None,
    **more: Any,
) -> Event:
    person = person or person_of(event, is_echo=is_ours(event, frame.account))
    if person is None or person == frame.account:
        return frame.unhandled(f"{key}_without_sender")
    return MessageEvent(
        **frame.address,
        identity_external_id=person,
        external_id=derived_id(kind, frame.account, event),
        sent_at=frame.at,
        kind=kind,
        content=clean_json(content) | ({"standby": True} if frame.is_standby else {}),
        is_notice=True,
        **{"author": author_of(event), **more},
    )


def _plain_notice(key: str, kind: str, event: Mapping[str, Any], frame: Frame) -> Event:
    """Read a notice whose content is what Meta says."""
    return _notice(event, frame, key=key, kind=kind, content=as_mapping(event.get(key)))


def parse_opt_in(event: Mapping[str, Any], frame: Frame) -> Event:
    """Read what a person agreed to be sent, or took back.

    The plugins' opt-ins are something the person did to be answered; a permission for later
    messages is none, and neither is taking it back.
    """
    said = as_mapping(event.get("optin") or event.get("optout"))
    type_ = (as_id(said.get("type")) or PLUGIN)[:MAX_STATUS_LENGTH]
    status = as_text(said.get("notification_messages_status")) or ""
    is_active = "optin" in event and not status.upper().startswith(STOP)
    token = next((found for name in TOKENS if (found := as_text(said.get(name)))), None)
    details = {name: each for name, each in said.items() if not name.endswith("_token")}
    user_ref = as_id(said.get("user_ref"))
    is_by_plugin = person_of(event, is_echo=False) is None and user_ref is not None
    return _notice(
        event,
        frame,
        key="optin",
        kind="opt_in" if is_active else "opt_out",
        content={"type": type_, **details},
        person=user_ref if is_by_plugin else None,
        author=Author(kind=USER_REF) if is_by_plugin else author_of(event),
        opens_by_itself=type_ == PLUGIN and is_active,
        opt_in=OptInFact(
            type=type_,
            reference=_reference(said, type_),
            is_active=is_active,
            details=clean_json(details),
            token=token,
            expires_at=as_time(said.get("token_expiry_timestamp")),
        ),
    )


def _reference(said: Mapping[str, Any], type_: str) -> str:
    """Return what tells opt-ins of one type apart: Meta's name for it depends on the type."""
    names = {PLUGIN: ("ref",), "one_time_notif_req": ("payload",)}.get(type_, ("topic", "title"))
    text = next((found for name in names if (found := as_text(said.get(name)))), "")
    return text if len(text) <= MAX_ID_LENGTH else hashlib.sha256(text.encode()).hexdigest()


def parse_account_linking(event: Mapping[str, Any], frame: Frame) -> Event:
    """Read that a person linked their account with the host, or took that back.

    The code is the host's own, for one use: it is kept sealed, and shown to nobody.
    """
    said = as_mapping(event.get("account_linking"))
    status = (as_text(said.get("status")) or "")[:MAX_STATUS_LENGTH]
    is_linked = status != "unlinked"
    return _notice(
        event,
        frame,
        key="account_linking",
        kind="account_linked" if is_linked else "account_unlinked",
        content={"status": status},
        opt_in=OptInFact(
            type=ACCOUNT_LINKING,
            is_active=is_linked,
            details={"status": status},
            token=as_text(said.get("authorization_code")),
        ),
    )


def parse_thread_control(key: str, kind: str, event: Mapping[str, Any], frame: Frame) -> Event:
    """Read that another app has the thread from now on, or wants it."""
    said = as_mapping(event.get(key))
    names = ("previous_owner_app_id", "new_owner_app_id", "requested_owner_app_id")
    content = clean_content(
        **{name: _app_id(said.get(name)) for name in names}, metadata=as_text(said.get("metadata"))
    )
    owner = None
    if key != "request_thread_control":
        # Who loses a thread is not always told to whom: whoever took it has it all the same.
        unnamed = UNNAMED if key == "take_thread_control" else None
        owner = OwnerFact(app_id=_app_id(said.get("new_owner_app_id")) or unnamed)
    return _notice(event, frame, key=key, kind=kind, content=content, owner=owner)


def _app_id(value: Any) -> str | None:
    app_id = as_id(value)
    return None if app_id is None or app_id.lower() in NOBODY else app_id


def parse_response_feedback(event: Mapping[str, Any], frame: Frame) -> Event:
    """Read what a person thinks of one message of ours."""
    said = as_mapping(event.get("response_feedback"))
    return _notice(
        event,
        frame,
        key="response_feedback",
        kind="response_feedback",
        content=clean_content(feedback=said.get("feedback")),
        reply_to_external_id=as_id(said.get("mid")),
    )


def parse_referral(event: Mapping[str, Any], frame: Frame) -> Event:
    """Read that a person came into the thread by a link or an ad."""
    person = person_of(event, is_echo=False)
    if person is None or person == frame.account:
        return frame.unhandled("referral_without_sender")
    return ReferralEvent(
        **frame.address,
        identity_external_id=person,
        at=frame.at,
        external_id=derived_id("referral", frame.account, event),
        content=clean_json(as_mapping(event.get("referral"))),
    )


def parse_about_account(key: str, event: Mapping[str, Any], frame: Frame) -> Event:
    """Read what Meta says of the account itself; nobody's thread is concerned."""
    return AccountEvent(
        **frame.address,
        kind=key,
        external_id=derived_id(key, frame.account, event),
        at=frame.at,
        content=clean_json(as_mapping(event.get(key))),
    )


def parse_label(value: Mapping[str, Any], frame: Frame) -> Event:
    """Read that somebody put a label on a person in the Page's inbox, or took it away."""
    is_removed = value.get("action") == "remove"
    return _notice(
        # The same may be told again later: by its time it is another.
        {**value, "timestamp": frame.at.isoformat()},
        frame,
        key="inbox_labels",
        kind="label_removed" if is_removed else "label_added",
        content=clean_content(label=value.get("label")),
        person=as_id(as_mapping(value.get("user")).get("id")),
    )


def parse_template_status(value: Mapping[str, Any], frame: Frame) -> Event:
    """Read what became of a template that Meta approves."""
    status = (as_text(value.get("event")) or as_text(value.get("status")) or "").lower()
    template_id, name = (as_id(value.get(f"message_template_{each}")) for each in ("id", "name"))
    if not status or not (template_id or name):
        return frame.unhandled("message_template_status_incomplete")
    return TemplateEvent(
        **frame.address,
        at=frame.at,
        status=status[:MAX_STATUS_LENGTH],
        external_id=template_id,
        name=name,
        language=as_id(value.get("message_template_language")),
        reason=as_text(value.get("reason")),
    )


NOTICES: Final[Mapping[str, Parse]] = {
    "optin": parse_opt_in,
    "optout": parse_opt_in,
    "referral": parse_referral,
    "account_linking": parse_account_linking,
    "pass_thread_control": partial(parse_thread_control, "pass_thread_control", "thread_passed"),
    "take_thread_control": partial(parse_thread_control, "take_thread_control", "thread_taken"),
    "request_thread_control": partial(
        parse_thread_control, "request_thread_control", "thread_requested"
    ),
    "app_roles": partial(parse_about_account, "app_roles"),
    "policy_enforcement": partial(parse_about_account, "policy_enforcement"),
    "response_feedback": parse_response_feedback,
    "messaging_feedback": partial(_plain_notice, "messaging_feedback", "feedback"),
    "messaging_customer_information": partial(
        _plain_notice, "messaging_customer_information", "customer_information"
    ),
    "template": partial(_plain_notice, "template", "coupon"),
    "form": partial(_plain_notice, "form", "lead_form"),
    "game_play": partial(_plain_notice, "game_play", "game_play"),
}
"""Per key of an event what reads it."""
