"""Where one answers, or why one cannot and what can be done."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from flask_messenger.channels._limits import CHARACTERS, Limits
from flask_messenger.inbox.queries import ConversationRow
from flask_messenger.models.accounts import ACTIVE, DISCONNECTED, NEEDS_REAUTH
from flask_messenger.models.conversations import COMMENTS
from flask_messenger.outbox.policy import HUMAN_AGENT, HUMAN_AGENT_OFF, Decision
from flask_messenger.tiers import Access
from flask_messenger.ui.presenters.inbox import ComposerView, Pill
from flask_messenger.ui.presenters.reader import Reader, channel_label, iso, person_name
from flask_messenger.ui.presenters.times import moment, time_left

SHORT: Final = timedelta(hours=2)
"""When less than this is left, the countdown is a warning."""

CLOSED_PILL: Final = Pill(text="Closed", icon="lock")


def composer_view(
    row: ConversationRow,
    reader: Reader,
    *,
    decision: Decision,
    access: Access,
    limits: Limits,
    ends_at: datetime | None = None,
) -> ComposerView:
    """Return the composer: open, with its countdown, or closed, with the reason nearest at hand.

    `ends_at` is until when an answer may be put off.
    """
    conversation = row.conversation
    name = person_name(row.identity, conversation.channel)
    is_public = conversation.kind == COMMENTS
    verb = "Answer in public to" if is_public else "Reply to"
    empty = ComposerView(
        send_url=reader.link("messenger_ui.send", conversation_id=conversation.id),
        typing_url=reader.link("messenger_ui.typing", conversation_id=conversation.id),
        placeholder=f"{verb} {name.split()[0] if row.identity.name else name}",
        limit=limits.comment if is_public else limits.text,
        limit_unit=CHARACTERS if is_public else limits.text_unit,
        upload_url="" if is_public else reader.link("messenger_ui.upload"),
        replies_url=reader.link("messenger_ui.replies", conversation_id=conversation.id),
        ends_at_iso=iso(ends_at) if ends_at else "",
        ends_words=moment(ends_at, now=reader.now, zone=reader.zone) if ends_at else "",
        is_open=False,
        pill=CLOSED_PILL,
    )
    closed = _closed_by_us(empty, row, reader, access) or _closed_by_policy(empty, reader, decision)
    return closed or _open(empty, row, reader, decision)


def _closed_by_us(
    empty: ComposerView, row: ConversationRow, reader: Reader, access: Access
) -> ComposerView | None:
    """Return why this agent, plan or account cannot answer, whatever the policy says."""
    label = channel_label(row.conversation.channel)
    if not reader.tenant.may("reply"):
        return replace(
            empty,
            closed_title="You can read this conversation.",
            closed_text="To answer, ask an admin for the permission to reply.",
        )
    if row.account.status == DISCONNECTED:
        return _with_settings(
            empty,
            reader,
            title=f"{row.account.name} is disconnected.",
            text="The conversation stays here. To answer, connect the account again.",
        )
    if not access.allowed:
        plan = f"the {access.needed_plan.title()} plan" if access.needed_plan else "a higher plan"
        return _with_settings(
            empty,
            reader,
            title=f"Answering on {label} is part of {plan}.",
            text="Messages still arrive and are kept.",
        )
    return None


def _closed_by_policy(
    empty: ComposerView, reader: Reader, decision: Decision
) -> ComposerView | None:
    if decision.allowed:
        return None
    text = decision.remedy or ""
    if decision.closes_at is not None:
        ended = moment(decision.closes_at, now=reader.now, zone=reader.zone)
        text = f"It ended {ended}. {text}"
    if decision.reason == HUMAN_AGENT_OFF:
        return _with_settings(
            empty, reader, title=decision.explanation, text=text, permission="settings"
        )
    return replace(empty, closed_title=decision.explanation, closed_text=text)


def _with_settings(
    empty: ComposerView, reader: Reader, *, title: str, text: str, permission: str = "connect"
) -> ComposerView:
    """Close the composer, with a way to the settings for whoever can mend it there."""
    may = reader.tenant.may(permission)
    return replace(
        empty,
        closed_title=title,
        closed_text=text,
        closed_url=reader.link("messenger_ui.settings") if may else None,
        closed_action="Open settings" if may else "",
    )


def _open(
    empty: ComposerView, row: ConversationRow, reader: Reader, decision: Decision
) -> ComposerView:
    hint, kind = _hint(row, decision)
    view = replace(empty, is_open=True, pill=None, hint=hint, hint_kind=kind)
    if decision.closes_at is None:
        return view
    left = decision.closes_at - reader.now
    pill = Pill(
        text=f"{time_left(left)} to reply", icon="clock", kind="warn" if left < SHORT else ""
    )
    return replace(view, pill=pill, closes_at_iso=iso(decision.closes_at))


def _hint(row: ConversationRow, decision: Decision) -> tuple[str, str]:
    """Return what to know before writing, the most pressing, and how loud it is."""
    status = row.account.status
    if status == NEEDS_REAUTH:
        text = f"{row.account.name} has to be connected again. Your answer waits until then."
        return text, "bad"
    if status != ACTIVE:
        text = f"{row.account.name} has a problem. Your answer waits until it is mended."
        return text, "warn"
    if decision.window == HUMAN_AGENT:
        text = (
            "The first 24 hours are over. Your answer goes out as a person's late answer:"
            " help with their question, no promotions."
        )
        return text, ""
    return "", ""
