"""One conversation with what one does about it, and the person beside it."""

from collections.abc import Sequence
from typing import Any

from flask_messenger.inbox.queries import ConversationRow, MessagePage
from flask_messenger.models.conversations import CLOSED, OPEN, SNOOZED
from flask_messenger.ui.presenters.inbox import (
    Choice,
    ComposerView,
    PersonView,
    Pill,
    ThreadView,
)
from flask_messenger.ui.presenters.listing import place
from flask_messenger.ui.presenters.messages import days_of
from flask_messenger.ui.presenters.people import avatar_of
from flask_messenger.ui.presenters.reader import YOU, Reader, channel_label, iso, person_name
from flask_messenger.ui.presenters.times import (
    short_date,
    snooze_choices,
    snoozed_until,
    time_ago_spoken,
)


def thread_view(
    row: ConversationRow,
    page: MessagePage,
    reader: Reader,
    *,
    composer: ComposerView,
    kept: dict[str, str],
    keeps_older: bool = False,
) -> ThreadView:
    """Return the middle pane.

    Args:
        row: the conversation and its people.
        page: its newest messages.
        reader: who reads.
        composer: where one answers.
        kept: the filters of the list, which "Back" returns to.
        keeps_older: whether this continues what the page shows already.
    """
    conversation = row.conversation

    def link(view: str, **values: Any) -> str:
        return reader.link(f"messenger_ui.{view}", conversation_id=conversation.id, **values)

    may_reply, may_assign = reader.tenant.may("reply"), reader.tenant.may("assign")
    is_open = conversation.status == OPEN
    return ThreadView(
        id=str(conversation.id),
        name=person_name(row.identity.name, conversation.channel),
        where=f"{channel_label(conversation.channel)} · {place(row, reader)}",
        fragment_url=link("thread", **kept),
        person_url=link("person"),
        seen_url=link("seen") if may_reply else "",
        back_url=reader.link("messenger_ui.inbox", **kept),
        days=days_of(page.items, reader),
        composer=composer,
        unread=conversation.unread_count,
        older_url=link("older", before=page.older_cursor) if page.older_cursor else None,
        keeps_older=keeps_older,
        status=conversation.status,
        status_pill=status_pill(row, reader),
        assignee_label=assignee_label(row, reader),
        assign_url=link("assign") if may_assign else None,
        assignees=assignees(row, reader) if may_assign else (),
        close_url=link("close") if may_reply and conversation.status != CLOSED else None,
        reopen_url=link("reopen") if may_reply and not is_open else None,
        snooze_url=link("snooze") if may_reply and is_open else None,
        snoozes=snoozes(reader) if may_reply and is_open else (),
    )


def status_pill(row: ConversationRow, reader: Reader) -> Pill | None:
    """Return what the conversation's status is called; None for an open one."""
    conversation = row.conversation
    if conversation.status == CLOSED:
        return Pill(text="Closed", icon="check")
    if conversation.status == SNOOZED and conversation.snoozed_until:
        words = snoozed_until(conversation.snoozed_until, now=reader.now, zone=reader.zone)
        return Pill(text=words, icon="moon")
    return None


def assignee_label(row: ConversationRow, reader: Reader) -> str:
    """Say who answers."""
    name = reader.agent_name(row.conversation.assignee_ref)
    if not name:
        return "Assign"
    return "Assigned to you" if name == YOU else f"Assigned to {name}"


def assignees(row: ConversationRow, reader: Reader) -> Sequence[Choice]:
    """Return whom the conversation can be given to: the reader first, nobody last."""
    chosen = row.conversation.assignee_ref
    me = reader.tenant.user_id
    others = [agent_id for agent_id in reader.agents if agent_id != me]
    order = [me, *others] if me in reader.agents else others
    choices = [
        Choice(value=agent_id, label=reader.agent_name(agent_id), chosen=agent_id == chosen)
        for agent_id in order
    ]
    return [*choices, Choice(value="", label="Nobody")] if chosen else choices


def snoozes(reader: Reader) -> Sequence[Choice]:
    """Return until when the conversation can be put off."""
    return [
        Choice(value=iso(at), label=words, note=f"{at.astimezone(reader.zone):%H:%M}")
        for words, at in snooze_choices(now=reader.now, zone=reader.zone)
    ]


def person_view(
    row: ConversationRow, reader: Reader, *, panel: object, panel_note: str = ""
) -> PersonView:
    """Return the right pane; `panel` is what the host says of its own contact."""
    conversation, identity = row.conversation, row.identity
    label = channel_label(conversation.channel)
    first = identity.created_at.astimezone(reader.zone).date()
    today = reader.now.astimezone(reader.zone).date()
    facts = [
        ("Location", reader.location_name(row.account.location_id)),
        ("Account", row.account.name),
        ("Assigned to", reader.agent_name(conversation.assignee_ref)),
        ("Last wrote", _last_wrote(row, reader)),
    ]
    return PersonView(
        name=person_name(identity.name, conversation.channel),
        avatar=avatar_of(
            person_name(identity.name, conversation.channel),
            key=identity.id,
            picture_url=identity.picture_url,
        ),
        channel=conversation.channel,
        channel_label=label,
        subtitle=f"{label} · since {short_date(first, today)}",
        facts=[(name, value) for name, value in facts if value],
        panel=panel,
        panel_note=panel_note,
        data_url=(
            reader.link("messenger_ui.person_data", identity_id=identity.id)
            if reader.tenant.may("settings")
            else None
        ),
    )


def _last_wrote(row: ConversationRow, reader: Reader) -> str:
    at = row.conversation.last_inbound_at
    return time_ago_spoken(at, now=reader.now, zone=reader.zone) if at else ""
