"""One conversation with what one does about it, and the person beside it."""

from collections.abc import Sequence
from typing import Any, Final

from flask_messenger.inbox.messages import MessagePage
from flask_messenger.inbox.queries import ConversationRow
from flask_messenger.models import Conversation
from flask_messenger.models.conversations import CLOSED, COMMENTS, OPEN, SNOOZED
from flask_messenger.outbox.ownership import THEIRS, Control
from flask_messenger.ui.presenters.inbox import (
    BannerView,
    Choice,
    ComposerView,
    PersonView,
    Pill,
    ThreadView,
)
from flask_messenger.ui.presenters.listing import place
from flask_messenger.ui.presenters.messages import days_of, traits_of
from flask_messenger.ui.presenters.notices import touch_words
from flask_messenger.ui.presenters.people import avatar_of, safe_url
from flask_messenger.ui.presenters.reader import YOU, Reader, channel_label, iso, person_name
from flask_messenger.ui.presenters.times import (
    moment,
    short_date,
    snooze_choices,
    snoozed_until,
    time_ago_spoken,
)

POST_TITLES: Final = ("title", "ad_title", "caption", "message", "text")
POST_KINDS: Final = {
    "ad": "your ad",
    "feed": "your post",
    "live": "your live video",
    "live_video": "your live video",
    "photo": "your photo",
    "post": "your post",
    "reel": "your reel",
    "reels": "your reel",
    "video": "your video",
}


def thread_view(
    row: ConversationRow,
    page: MessagePage,
    reader: Reader,
    *,
    composer: ComposerView,
    control: Control,
    kept: dict[str, str],
    keeps_older: bool = False,
) -> ThreadView:
    """Return the middle pane.

    Args:
        row: the conversation and its people.
        page: its newest messages.
        reader: who reads.
        composer: where one answers.
        control: who may write here, where several apps share the account.
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
        name=person_name(row.identity, conversation.channel),
        where=f"{channel_label(conversation.channel)} · {place(row, reader)}",
        fragment_url=link("thread", **kept),
        person_url=link("person"),
        seen_url=link("seen") if may_reply else "",
        back_url=reader.link("messenger_ui.inbox", **kept),
        banners=banners_of(row, reader, control),
        days=days_of(page.items, reader, traits_of(conversation)),
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


def banners_of(row: ConversationRow, reader: Reader, control: Control) -> list[BannerView]:
    """Return what one has to know before one answers."""
    conversation = row.conversation
    found = []
    if conversation.kind == COMMENTS:
        found.append(_post(conversation))
    if control.owner == THEIRS:
        found.append(_taken(row, reader, control))
    return found


def _post(conversation: Conversation) -> BannerView:
    details = conversation.subject_details or {}
    kind = str(details.get("media_product_type") or details.get("item") or "post").lower()
    title = next((str(details[key]) for key in POST_TITLES if details.get(key)), "")
    return BannerView(
        text=f"Comments on {POST_KINDS.get(kind, 'your post')}",
        detail=title[:200],
        icon="comment",
        picture_url=safe_url(_text(details.get("picture_url") or details.get("media_url"))),
        url=safe_url(_text(details.get("permalink_url") or details.get("permalink"))),
        url_label="Open post",
    )


def _taken(row: ConversationRow, reader: Reader, control: Control) -> BannerView:
    url = reader.link("messenger_ui.control", conversation_id=row.conversation.id)
    may = reader.tenant.may("reply")
    return BannerView(
        text=f"{control.name[:1].upper()}{control.name[1:]} answers here now.",
        icon="user",
        kind="warn",
        actions=(
            (("Take over", url, {"action": "take"}), ("Ask for it", url, {"action": "request"}))
            if may
            else ()
        ),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


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
        name=person_name(identity, conversation.channel),
        avatar=avatar_of(
            person_name(identity, conversation.channel),
            key=identity.id,
            picture_url=identity.picture_url,
        ),
        channel=conversation.channel,
        channel_label=label,
        subtitle=f"{label} · since {short_date(first, today)}",
        facts=[(name, value) for name, value in facts if value],
        origins=_origins(conversation),
        **_bot(row, reader),
        **_linked(row, reader),
        panel=panel,
        panel_note=panel_note,
        data_url=(
            reader.link("messenger_ui.person_data", identity_id=identity.id)
            if reader.tenant.may("settings")
            else None
        ),
    )


def _origins(conversation: Conversation) -> list[tuple[str, str]]:
    """Say where the person came from; once, where they came one way only."""
    first, last = touch_words(conversation.first_touch), touch_words(conversation.last_touch)
    if conversation.first_touch == conversation.last_touch or not last:
        return [("From", first)] if first else []
    return [("First", first), ("Last", last)]


def _bot(row: ConversationRow, reader: Reader) -> dict[str, Any]:
    until = row.conversation.bot_paused_until
    if until is None or until <= reader.now:
        return {}
    words = moment(until, now=reader.now, zone=reader.zone)
    url = reader.link("messenger_ui.resume_bot", conversation_id=row.conversation.id)
    return {
        "bot_paused": f"Quiet until {words}",
        "resume_bot_url": url if reader.tenant.may("reply") else None,
    }


def _linked(row: ConversationRow, reader: Reader) -> dict[str, Any]:
    linked_id = row.conversation.linked_conversation_id
    if linked_id is None:
        return {}
    is_comments = row.conversation.kind == COMMENTS
    return {
        "linked_url": reader.link("messenger_ui.inbox", conversation_id=linked_id),
        "linked_label": "Open their messages" if is_comments else "Open their comments",
    }


def _last_wrote(row: ConversationRow, reader: Reader) -> str:
    at = row.conversation.last_inbound_at
    return time_ago_spoken(at, now=reader.now, zone=reader.zone) if at else ""
