"""The inbox: the page, and the parts of it that are fetched again while it is open."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from flask_messenger.channels.registry import channel_named
from flask_messenger.inbox.messages import (
    MessagePage,
    MessageRow,
    list_messages,
    read_attachment_types,
)
from flask_messenger.inbox.pages import MAX_LIMIT, Page
from flask_messenger.inbox.queries import (
    ConversationCounts,
    ConversationRow,
    count_conversations,
    get_conversation,
    list_accounts,
    list_conversations,
)
from flask_messenger.inbox.settings import read_settings
from flask_messenger.models.conversations import COMMENTS
from flask_messenger.models.messages import BY_PERSON
from flask_messenger.outbox.circumstances import Circumstances, our_app_ids
from flask_messenger.outbox.ownership import Control
from flask_messenger.outbox.policy import Decision, last_close
from flask_messenger.outbox.policy_table import MESSAGE, PUBLIC_REPLY
from flask_messenger.state import state
from flask_messenger.tiers import feature_access
from flask_messenger.ui.attention import read_warning
from flask_messenger.ui.blueprint import bp
from flask_messenger.ui.fragments import fragment
from flask_messenger.ui.presenters.composer import composer_view
from flask_messenger.ui.presenters.filters import (
    Narrowing,
    chips,
    nothing_words,
    read_narrowing,
    tabs,
)
from flask_messenger.ui.presenters.inbox import InboxView, ListView, PersonView, ThreadView
from flask_messenger.ui.presenters.listing import row_view
from flask_messenger.ui.presenters.messages import days_of, traits_of
from flask_messenger.ui.presenters.reader import Reader
from flask_messenger.ui.presenters.thread import person_view, thread_view
from flask_messenger.ui.reading import (
    contact_panel,
    cookie_path,
    current_reader,
    group_name,
    zone_name,
)

ROWS: Final = 50
MESSAGES: Final = 50
MOST: Final = 300
"""Rows or messages one refresh brings at most, however long the page has been open."""


@bp.get("/inbox")
@bp.get("/inbox/<uuid:conversation_id>")
def inbox(conversation_id: uuid.UUID | None = None) -> ResponseReturnValue:
    """Show the inbox, with one conversation open where the address names it."""
    reader = current_reader()
    chosen = _narrowing(reader)
    opened = _load(reader, conversation_id) if conversation_id else None
    view = InboxView(
        list=_list_view(reader, chosen, open_id=str(conversation_id or "")),
        thread=_thread_view(reader, opened, _newest(reader, opened), chosen) if opened else None,
        person=_person_view(reader, opened) if opened else None,
        warning=read_warning(reader),
        events_url=url_for("messenger_api.stream_events"),
        group=group_name(),
        zone=zone_name(),
        cookie_path=cookie_path(),
        list_url=url_for("messenger_ui.inbox"),
        list_fragment_url=url_for("messenger_ui.listing"),
    )
    return render_template("messenger/inbox.html", fm_view=view)


@bp.get("/inbox/list")
def listing() -> ResponseReturnValue:
    """Return the list as it is now, as long as it stands on the page."""
    reader = current_reader()
    chosen = _narrowing(reader)
    wanted = request.args.get("rows", default=ROWS, type=int)
    view = _list_view(reader, chosen, open_id=_open_id(), wanted=max(ROWS, min(wanted, MOST)))
    answer = fragment("_listing.html", list=view)
    if request.headers.get("HX-Target") == "fm-listing":
        # Somebody chose: their choice goes into the address, and a reload keeps it.
        answer.headers["HX-Replace-Url"] = reader.link(
            "messenger_ui.inbox", conversation_id=_open_id() or None, **chosen.kept
        )
    return answer


@bp.get("/inbox/rows")
def rows() -> ResponseReturnValue:
    """Return the rows after those that stand on the page."""
    reader = current_reader()
    chosen = _narrowing(reader)
    view = _list_view(reader, chosen, cursor=request.args.get("before"))
    return fragment("_rows.html", list=view)


@bp.get("/inbox/<uuid:conversation_id>/thread")
def thread(conversation_id: uuid.UUID) -> ResponseReturnValue:
    """Return one conversation: to open it, or to bring an open one up to date."""
    reader = current_reader()
    chosen = _narrowing(reader)
    row = _load(reader, conversation_id)
    oldest = request.args.get("from")
    page, continues = _since(reader, row, oldest) if oldest else (_newest(reader, row), False)
    view = _thread_view(reader, row, page, chosen, keeps_older=continues)
    if request.headers.get("HX-Target") == "fm-thread":
        # The person comes in a request of its own: the host's code may take its time.
        return fragment("_opened.html", thread=view)
    return fragment("_thread.html", thread=view)


@bp.get("/inbox/<uuid:conversation_id>/older")
def older(conversation_id: uuid.UUID) -> ResponseReturnValue:
    """Return the messages before those that stand on the page."""
    reader = current_reader()
    row = _load(reader, conversation_id)
    page = list_messages(
        state().db.session,
        tenant=reader.tenant,
        conversation_id=conversation_id,
        before=request.args.get("before"),
        limit=MESSAGES,
    )
    before = page.older_cursor
    url = url_for("messenger_ui.older", conversation_id=conversation_id, before=before)
    return fragment(
        "_older_messages.html",
        older_url=url if before else None,
        days=days_of(page.items, reader, traits_of(row.conversation)),
        fm_older=True,
    )


@bp.get("/inbox/<uuid:conversation_id>/person")
def person(conversation_id: uuid.UUID) -> ResponseReturnValue:
    """Return what is known of the person."""
    reader = current_reader()
    row = _load(reader, conversation_id)
    return fragment(
        "_person.html",
        person=_person_view(reader, row),
        person_id=str(conversation_id),
        person_url=url_for("messenger_ui.person", conversation_id=conversation_id),
    )


def _count(reader: Reader) -> ConversationCounts:
    return count_conversations(state().db.session, tenant=reader.tenant)


def _narrowing(reader: Reader) -> Narrowing:
    return read_narrowing(request.args, reader, count=partial(_count, reader))


def _load(reader: Reader, conversation_id: uuid.UUID) -> ConversationRow:
    return get_conversation(
        state().db.session, tenant=reader.tenant, conversation_id=conversation_id
    )


def _open_id() -> str:
    """Return the conversation that the page around this fragment shows, as its address says."""
    path = urlsplit(request.headers.get("HX-Current-URL", "")).path
    try:
        return str(uuid.UUID(path.rpartition("/")[2]))
    except ValueError:
        return ""


def _list_view(
    reader: Reader,
    chosen: Narrowing,
    *,
    open_id: str = "",
    cursor: str | None = None,
    wanted: int = ROWS,
) -> ListView:
    page = _rows(reader, chosen, cursor, wanted)
    counts = _count(reader)
    human_agent_enabled = _human_agent_enabled(reader)
    types = _attachment_types(reader, page.items)
    words, more_words = "", ""
    may_connect = False
    if not page.items:
        accounts = list_accounts(state().db.session, tenant=reader.tenant)
        words, more_words = nothing_words(chosen, has_accounts=bool(accounts))
        may_connect = not accounts and reader.tenant.may("connect")
    more = page.next_cursor
    return ListView(
        fragment_url=reader.link("messenger_ui.listing", **chosen.kept),
        tabs=tabs(chosen, counts, reader),
        filters=chips(chosen, reader),
        rows=[
            row_view(
                row,
                reader,
                attachment_type=types.get(row.last_message.id, ""),
                decision=_decide(reader, row, human_agent_enabled=human_agent_enabled),
                human_agent_enabled=human_agent_enabled,
                kept=chosen.kept,
                open_id=open_id,
            )
            for row in page.items
        ],
        query=chosen.query,
        tab=chosen.tab,
        more_url=reader.link("messenger_ui.rows", before=more, **chosen.kept) if more else None,
        unread=counts.unread,
        nothing=words,
        nothing_more=more_words,
        nothing_url=url_for("messenger_ui.settings") if may_connect else None,
        nothing_action="Connect an account" if may_connect else "",
    )


def _rows(
    reader: Reader, chosen: Narrowing, cursor: str | None, wanted: int
) -> Page[ConversationRow]:
    """Return as many rows as wanted, in as many pages as that takes."""
    items: list[ConversationRow] = []
    while True:
        page = list_conversations(
            state().db.session,
            tenant=reader.tenant,
            filters=chosen.filters,
            cursor=cursor,
            limit=min(wanted - len(items), MAX_LIMIT),
        )
        items.extend(page.items)
        cursor = page.next_cursor
        if cursor is None or len(items) >= wanted:
            return Page(items=items, next_cursor=cursor)


def _attachment_types(reader: Reader, rows: Sequence[ConversationRow]) -> dict[uuid.UUID, str]:
    """Say what the last messages without words brought; asks nothing where all have words."""
    wordless = [row.last_message.id for row in rows if not row.last_message.text]
    return read_attachment_types(state().db.session, tenant=reader.tenant, message_ids=wordless)


def _newest(reader: Reader, row: ConversationRow) -> MessagePage:
    return list_messages(
        state().db.session,
        tenant=reader.tenant,
        conversation_id=row.conversation.id,
        limit=MESSAGES,
    )


def _since(reader: Reader, row: ConversationRow, oldest: str) -> tuple[MessagePage, bool]:
    """Return the messages from `oldest` on, and whether that many were few enough to reach it."""
    items: list[MessageRow] = []
    before: str | None = None
    while True:
        page = list_messages(
            state().db.session,
            tenant=reader.tenant,
            conversation_id=row.conversation.id,
            before=before,
            limit=MAX_LIMIT,
        )
        items = [*page.items, *items]
        before = page.older_cursor
        at = next((n for n, each in enumerate(items) if str(each.message.id) == oldest), None)
        if at is not None:
            # What is older stands on the page already, with its own way to go on.
            return MessagePage(items=items[at:], older_cursor=None, newer_cursor=None), True
        if before is None or len(items) >= MOST:
            return MessagePage(items=items, older_cursor=before, newer_cursor=None), False


def _thread_view(
    reader: Reader,
    row: ConversationRow,
    page: MessagePage,
    chosen: Narrowing,
    *,
    keeps_older: bool = False,
) -> ThreadView:
    channel = channel_named(row.conversation.channel)
    composer = composer_view(
        row,
        reader,
        decision=_decide(reader, row, human_agent_enabled=_human_agent_enabled(reader)),
        access=feature_access(state(), reader.tenant.workspace_id, channel.feature),
        limits=channel.limits,
        ends_at=_last_close(reader, row),
    )
    return thread_view(
        row,
        page,
        reader,
        composer=composer,
        control=_control(reader, row),
        kept=chosen.kept,
        keeps_older=keeps_older,
    )


def _last_close(reader: Reader, row: ConversationRow) -> datetime | None:
    """Return until when an answer may be put off; None where it always may, as in public."""
    if row.conversation.kind == COMMENTS:
        return None
    return last_close(
        channel=row.conversation.channel,
        last_inbound_at=row.conversation.last_inbound_at,
        sender=BY_PERSON,
        human_agent_enabled=_human_agent_enabled(reader),
        now=reader.now,
        margin=timedelta(seconds=state().settings.window_margin_seconds),
    )


def _human_agent_enabled(reader: Reader) -> bool:
    return read_settings(state().db.session, tenant=reader.tenant).human_agent_enabled


def _decide(reader: Reader, row: ConversationRow, *, human_agent_enabled: bool) -> Decision:
    """Ask the policy about an answer of a person, now."""
    return _circumstances(row, human_agent_enabled=human_agent_enabled).decide(
        sender=BY_PERSON,
        our_app_ids=our_app_ids(state().settings.apps, row.account.app_name),
        now=reader.now,
        margin=timedelta(seconds=state().settings.window_margin_seconds),
        content_class=_content_class(row),
    )


def _circumstances(row: ConversationRow, *, human_agent_enabled: bool) -> Circumstances:
    return Circumstances.of(row.conversation, row.account, human_agent_enabled=human_agent_enabled)


def _control(reader: Reader, row: ConversationRow) -> Control:
    """Say whose the thread is."""
    return _circumstances(row, human_agent_enabled=False).control(
        our_app_ids=our_app_ids(state().settings.apps, row.account.app_name), now=reader.now
    )


def _content_class(row: ConversationRow) -> str:
    """Return what the policy calls an answer here: a message, or one in public."""
    return PUBLIC_REPLY if row.conversation.kind == COMMENTS else MESSAGE


def _person_view(reader: Reader, row: ConversationRow) -> PersonView:
    panel, note = contact_panel(row.identity.contact_ref)
    return person_view(row, reader, panel=panel, panel_note=note)
