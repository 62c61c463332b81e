"""Who may write in a thread, where several apps share an account; and whether bots may.

Meta is asked outside of transactions; what it says is written down afterwards, in one that this
module commits itself. What webhooks tell of the same comes to the same.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from flask import Flask
from sqlalchemy.orm import Session

from flask_messenger.channels.sending import Recipient
from flask_messenger.errors import InvalidRequestError, ThreadTakenError
from flask_messenger.events import UNNAMED
from flask_messenger.graph import routing as edges
from flask_messenger.hooks import Tenant
from flask_messenger.inbox.actions import ConversationUpdate
from flask_messenger.models.audit import record
from flask_messenger.outbox.circumstances import our_app_ids
from flask_messenger.outbox.holds import release_held
from flask_messenger.outbox.lane import lock_conversation
from flask_messenger.outbox.line import Line, open_line
from flask_messenger.outbox.ownership import THEIRS, Control
from flask_messenger.outbox.threads import Thread, find_thread
from flask_messenger.state import MessengerState, state_of

TAKEN: Final = "thread_taken"
PASSED: Final = "thread_passed"
REQUESTED: Final = "thread_requested"
RELEASED: Final = "thread_released"
EXTENDED: Final = "thread_extended"
READ: Final = "thread_owner_read"
BOT_PAUSED: Final = "bot_paused"
BOT_RESUMED: Final = "bot_resumed"
LONGEST_PAUSE: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """What became of a thread.

    Attributes:
        control: whose it is now.
        bot_paused_until: until when bots are quiet.
        update: what the host and open pages are told.
        wakes: whether messages that were held may go: its lane is to be woken.
    """

    control: Control
    bot_paused_until: datetime | None
    update: ConversationUpdate
    wakes: bool = False


Note = Callable[[Thread, datetime], None]
"""Writes down in a locked conversation what Meta said."""


def read_control(
    session: Session,
    held: MessengerState,
    *,
    tenant: Tenant,
    conversation_id: uuid.UUID,
    now: datetime,
) -> Routed:
    """Return whose the thread is, by what Meta said last. Asks nobody.

    Raises:
        NotFoundError: there is no such conversation for this tenant.
    """
    thread = _find(session, tenant, conversation_id)
    return _routed(session, held, thread, None, now=now)


def take_control(
    app: Flask, *, tenant: Tenant, conversation_id: uuid.UUID, now: datetime
) -> Routed:
    """Take the thread from whichever app has it; what was held goes out.

    Only the account's default app may, and only where that is allowed.

    Raises:
        NotFoundError, ConflictError, TierError, InvalidRequestError: as of `open_line`; or it is
            no direct conversation.
        GraphError: Meta refused.
    """

    def note(thread: Thread, at: datetime) -> None:
        ours = state_of(app).settings.apps[thread.account.app_name].app_id
        _set_owner(thread, ours, at=at)

    return _change(app, tenant, conversation_id, edge=edges.TAKE, change=TAKEN, note=note, now=now)


def pass_control(
    app: Flask,
    *,
    tenant: Tenant,
    conversation_id: uuid.UUID,
    app_id: str,
    metadata: str | None = None,
    now: datetime,
) -> Routed:
    """Hand the thread to another app, such as the inbox of the Page.

    Raises as `take_control` does. `metadata` is seen by other apps.
    """
    _check_metadata(metadata)
    fields = {"target_app_id": app_id, "metadata": metadata}

    def note(thread: Thread, at: datetime) -> None:
        _set_owner(thread, app_id, at=at)

    return _change(
        app, tenant, conversation_id, edge=edges.PASS, change=PASSED, note=note, now=now, **fields
    )


def request_control(
    app: Flask,
    *,
    tenant: Tenant,
    conversation_id: uuid.UUID,
    metadata: str | None = None,
    now: datetime,
) -> Routed:
    """Ask the app that has the thread to pass it to us. Raises as `take_control` does."""
    _check_metadata(metadata)
    return _change(
        app,
        tenant,
        conversation_id,
        edge=edges.REQUEST,
        change=REQUESTED,
        note=_nothing,
        now=now,
        metadata=metadata,
    )


def release_control(
    app: Flask, *, tenant: Tenant, conversation_id: uuid.UUID, now: datetime
) -> Routed:
    """Let go of the thread: it is the default app's then. Raises as `take_control` does."""

    def note(thread: Thread, at: datetime) -> None:
        _set_owner(thread, "", at=at)

    return _change(
        app, tenant, conversation_id, edge=edges.RELEASE, change=RELEASED, note=note, now=now
    )


def extend_control(
    app: Flask, *, tenant: Tenant, conversation_id: uuid.UUID, seconds: int, now: datetime
) -> Routed:
    """Keep the thread for so long, at most seven days. Raises as `take_control` does."""
    if not 0 < seconds <= edges.LONGEST_EXTENSION_SECONDS:
        message = f"Control is kept for 1 to {edges.LONGEST_EXTENSION_SECONDS} seconds: seven days."
        raise InvalidRequestError(message, field="seconds")

    def note(thread: Thread, at: datetime) -> None:
        ours = state_of(app).settings.apps[thread.account.app_name].app_id
        _set_owner(thread, ours, at=at, until=at + timedelta(seconds=seconds))

    return _change(
        app,
        tenant,
        conversation_id,
        edge=edges.EXTEND,
        change=EXTENDED,
        note=note,
        now=now,
        duration=seconds,
    )


def ask_owner(app: Flask, *, tenant: Tenant, conversation_id: uuid.UUID, now: datetime) -> Routed:
    """Ask Meta whose the thread is, and remember it. Raises as `take_control` does."""
    thread, line = _open(app, tenant, conversation_id)
    request = line.channel.build_control(
        edges.OWNER, endpoint=line.endpoint, recipient=Recipient(id=thread.identity.external_id)
    )
    owner = edges.read_thread_owner(line.graph, app=line.app, token=line.token, request=request)

    def note(found: Thread, at: datetime) -> None:
        app_id = owner.app_id or (UNNAMED if owner.is_other else "")
        _set_owner(found, app_id, at=at, until=owner.until)

    return _write(app, tenant, conversation_id, READ, note, now=now, is_told=False)


def pause_bots(
    session: Session,
    held: MessengerState,
    *,
    tenant: Tenant,
    conversation_id: uuid.UUID,
    until: datetime | None,
    now: datetime,
) -> Routed:
    """Have bots be quiet in a conversation until then; None lets them go on. Never commits.

    Raises:
        NotFoundError: there is no such conversation for this tenant.
        InvalidRequestError: the time is past, or more than a year away.
    """
    if until is not None and not now < until <= now + LONGEST_PAUSE:
        message = "Pause bots until a time in the future, at most a year away."
        raise InvalidRequestError(message, field="paused_until")
    thread = _find(session, tenant, conversation_id)
    lock_conversation(session, conversation_id)
    thread.conversation.bot_paused_until = until
    change = BOT_PAUSED if until else BOT_RESUMED
    _record(session, tenant, conversation_id, change)
    session.flush()
    return _routed(session, held, thread, change, now=now)


def _nothing(thread: Thread, at: datetime) -> None:
    """Write nothing down: a request is not granted yet."""
    del thread, at


def _change(
    app: Flask,
    tenant: Tenant,
    conversation_id: uuid.UUID,
    *,
    edge: str,
    change: str,
    note: Note,
    now: datetime,
    **fields: Any,
) -> Routed:
    thread, line = _open(app, tenant, conversation_id)
    request = line.channel.build_control(
        edge,
        endpoint=line.endpoint,
        recipient=Recipient(id=thread.identity.external_id),
        **fields,
    )
    try:
        edges.change_thread_control(line.graph, app=line.app, token=line.token, request=request)
    except ThreadTakenError:
        ours = our_app_ids(state_of(app).settings.apps, thread.account.app_name)
        _write(app, tenant, conversation_id, READ, _not_ours(ours), now=now, is_told=False)
        raise
    return _write(app, tenant, conversation_id, change, note, now=now)


def _not_ours(our_ids: frozenset[str]) -> Note:
    """Return what writes down that a thread is not ours, whose it may be."""

    def note(thread: Thread, at: datetime) -> None:
        if thread.conversation.thread_owner_app_id in our_ids:
            _set_owner(thread, "", at=at)

    return note


def _open(app: Flask, tenant: Tenant, conversation_id: uuid.UUID) -> tuple[Thread, Line]:
    """Find the thread and the way to Graph; no transaction is open afterwards."""
    held = state_of(app)
    session: Session = held.db.session
    thread = _find(session, tenant, conversation_id)
    if thread.is_public:
        message = "Only a direct conversation has an owner; comments are answered by anybody."
        raise InvalidRequestError(message, field="conversation_id")
    line = open_line(held, thread.account)
    # Detached: what is read now stays readable, and no transaction is open over the call.
    session.expunge_all()
    session.rollback()
    return thread, line


def _write(
    app: Flask,
    tenant: Tenant,
    conversation_id: uuid.UUID,
    change: str,
    note: Note,
    *,
    now: datetime,
    is_told: bool = True,
) -> Routed:
    """Write down what Meta said. Commits."""
    held = state_of(app)
    session: Session = held.db.session
    lock_conversation(session, conversation_id)
    thread = _find(session, tenant, conversation_id)
    note(thread, now)
    session.flush()
    if is_told:
        _record(session, tenant, conversation_id, change)
    routed = _routed(session, held, thread, change if is_told else None, now=now)
    wakes = False
    if routed.control.owner != THEIRS and change != REQUESTED:
        wakes = bool(release_held(session, [conversation_id], now=now))
    session.commit()
    return Routed(
        control=routed.control,
        bot_paused_until=routed.bot_paused_until,
        update=routed.update,
        wakes=wakes,
    )


def _set_owner(thread: Thread, app_id: str, *, at: datetime, until: datetime | None = None) -> None:
    thread.conversation.thread_owner_app_id = app_id
    thread.conversation.thread_owner_until = until
    thread.conversation.thread_owner_at = at


def _find(session: Session, tenant: Tenant, conversation_id: uuid.UUID) -> Thread:
    return find_thread(
        session,
        workspace_id=tenant.workspace_id,
        conversation_id=conversation_id,
        location_ids=tenant.location_ids,
    )


def _routed(
    session: Session,
    held: MessengerState,
    thread: Thread,
    change: str | None,
    *,
    now: datetime,
) -> Routed:
    control = thread.circumstances(session).control(
        our_app_ids=our_app_ids(held.settings.apps, thread.account.app_name), now=now
    )
    return Routed(
        control=control,
        bot_paused_until=thread.conversation.bot_paused_until,
        update=ConversationUpdate(
            conversation=thread.conversation,
            location_id=thread.account.location_id,
            contact_ref=thread.identity.contact_ref,
            change=change,
        ),
    )


def _check_metadata(metadata: str | None) -> None:
    if metadata is not None and len(metadata) > edges.MAX_METADATA_LENGTH:
        message = f"This can have {edges.MAX_METADATA_LENGTH} characters; it has {len(metadata)}."
        raise InvalidRequestError(message, field="metadata")


def _record(session: Session, tenant: Tenant, conversation_id: uuid.UUID, change: str) -> None:
    record(
        session,
        workspace_id=tenant.workspace_id,
        actor=tenant.user_id,
        action=change,
        subject=str(conversation_id),
    )
