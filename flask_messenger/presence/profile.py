"""The profile of an account: read back from Meta, compared with what is wanted, and set.

A property that a document leaves out stays as it is; null removes it. What is wanted is kept beside
what Meta was last seen to show: somebody may change it in Meta's own tools at any time.
"""

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import redis
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.channels.profile import ProfileDiff
from flask_messenger.channels.registry import channel_named
from flask_messenger.errors import GraphError, GraphTimeoutError, NotFoundError
from flask_messenger.graph.client import Graph
from flask_messenger.graph.request import GraphRequest
from flask_messenger.hooks import Tenant
from flask_messenger.models import AccountProfile
from flask_messenger.models.audit import record
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.models.upsert import insert_for
from flask_messenger.presence.asking import Asked, get_account, open_account
from flask_messenger.presence.pace import take_calls
from flask_messenger.state import MessengerState, state_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileState:
    """What is known of an account's profile, without asking Meta.

    Attributes:
        properties: what its channel has.
        wanted: what somebody here asked for, property by property.
        live: what Meta showed at `read_at`; None where it was never asked.
        applied_at: when what is wanted was set last.
        error: why setting it failed last, as a word; None where it did not.
    """

    account_id: uuid.UUID
    channel: str
    properties: tuple[str, ...]
    wanted: Mapping[str, Any] = field(default_factory=dict)
    live: Mapping[str, Any] | None = None
    read_at: datetime | None = None
    applied_at: datetime | None = None
    error: str | None = None


@dataclass(slots=True)
class Progress:
    """What an account shows by now, as far as Meta has said yes."""

    live: dict[str, Any]


def stored_profile(session: Session, *, tenant: Tenant, account_id: uuid.UUID) -> ProfileState:
    """Return what is known of an account's profile.

    Raises:
        NotFoundError: there is no such account for the person.
    """
    account = get_account(session, tenant=tenant, account_id=account_id)
    statement = select(AccountProfile).where(AccountProfile.account_id == account.id)
    row = session.scalars(statement.execution_options(populate_existing=True)).one_or_none()
    return ProfileState(
        account_id=account.id,
        channel=account.channel,
        properties=channel_named(account.channel).profile.names,
        wanted=row.wanted if row else {},
        live=row.live if row else None,
        read_at=row.read_at if row else None,
        applied_at=row.applied_at if row else None,
        error=row.error if row else None,
    )


def refresh_profile(app: Flask, *, tenant: Tenant, account_id: uuid.UUID) -> ProfileState:
    """Ask Meta what an account shows, and keep it. Commits by itself.

    Raises:
        NotFoundError, TierError, ConflictError: as of `open_account`.
        TooManyRequestsError: Meta was asked too often.
        GraphError: Meta refused, or did not answer.
    """
    held = state_of(app)
    asked = open_account(held, tenant=tenant, account_id=account_id)
    live = _read(held, asked)
    _keep(held.db.session, asked, tenant, live=live, read_at=utc_now())
    held.db.session.commit()
    return stored_profile(held.db.session, tenant=tenant, account_id=account_id)


def diff_profile(
    app: Flask, *, tenant: Tenant, account_id: uuid.UUID, document: Mapping[str, Any]
) -> ProfileDiff:
    """Return what setting `document` would change of what Meta was last seen to show.

    Meta is asked only where it never was.

    Raises:
        ProfileError: names every field that is wrong.
        NotFoundError, TierError, ConflictError, TooManyRequestsError, GraphError: as of
            `refresh_profile`.
    """
    session = state_of(app).db.session
    known = stored_profile(session, tenant=tenant, account_id=account_id)
    rules = channel_named(known.channel).profile
    rules.check(document)
    if known.live is None:
        known = refresh_profile(app, tenant=tenant, account_id=account_id)
    return rules.compare(document, known.live or {})


def apply_profile(
    app: Flask, *, tenant: Tenant, account_id: uuid.UUID, document: Mapping[str, Any]
) -> ProfileDiff:
    """Have an account show what `document` says; return what was changed. Commits by itself.

    One call reads, one sets and one removes, the latter two only where there is anything to do.

    Raises:
        ProfileError: names every field that is wrong; nothing was changed.
        TooManyRequestsError: Meta would refuse one of the calls; nothing was changed.
        NotFoundError, TierError, ConflictError: as of `open_account`.
        GraphError: Meta refused, or did not answer: what was done is kept, and what it says.
    """
    held = state_of(app)
    asked = open_account(held, tenant=tenant, account_id=account_id)
    rules = asked.channel.profile
    wanted = rules.check(document)
    live = _read(held, asked)
    diff = rules.compare(document, live)
    take_calls(held.get(redis.Redis), _owner(asked), diff.calls)
    progress = Progress(live=live)
    try:
        _set(held, asked, diff, progress)
    except GraphError as error:
        # Where no answer came nobody knows what is shown: then it is read again.
        known = None if isinstance(error, GraphTimeoutError) else progress.live
        _keep(held.db.session, asked, tenant, wanted=wanted, live=known, error=error.slug)
        held.db.session.commit()
        raise
    now = utc_now()
    _keep(
        held.db.session,
        asked,
        tenant,
        wanted=wanted,
        live=progress.live,
        read_at=now,
        applied_at=now,
    )
    if not diff.is_empty:
        record(
            held.db.session,
            workspace_id=asked.workspace_id,
            actor=tenant.user_id,
            action="profile_applied",
            subject=str(asked.account_id),
            set=list(diff.changes),
            removed=list(diff.removals),
        )
    held.db.session.commit()
    logger.info(
        "profile_applied account_id=%s set=%s removed=%s",
        asked.account_id,
        ",".join(diff.changes),
        ",".join(diff.removals),
    )
    return diff


def _owner(asked: Asked) -> str:
    """Return whose calls Meta counts."""
    return asked.endpoint.page_external_id or asked.endpoint.external_id


def _read(held: MessengerState, asked: Asked) -> dict[str, Any]:
    take_calls(held.get(redis.Redis), _owner(asked), 1)
    rules = asked.channel.profile
    return rules.from_answer(_call(held, asked, rules.read(asked.endpoint)))


def _set(held: MessengerState, asked: Asked, diff: ProfileDiff, progress: Progress) -> None:
    """Set, then remove: where the second fails, there is too much shown, not too little."""
    rules = asked.channel.profile
    if diff.changes:
        _call(held, asked, rules.write(asked.endpoint, diff.changes))
        progress.live = {**progress.live, **diff.changes}
    if diff.removals:
        _call(held, asked, rules.remove(asked.endpoint, diff.removals))
        progress.live = diff.apply_to(progress.live)


def _call(held: MessengerState, asked: Asked, request: GraphRequest) -> dict[str, Any]:
    return held.get(Graph).carry(request, app=asked.app, token=asked.token).body


def _keep(session: Session, asked: Asked, tenant: Tenant, **values: Any) -> None:
    """Write down what is known, in one row of the account, which may not be there yet."""
    statement = select(AccountProfile).where(AccountProfile.account_id == asked.account_id)
    now = utc_now()
    empty = {
        "id": new_id(),
        "workspace_id": asked.workspace_id,
        "account_id": asked.account_id,
        "wanted": {},
        "created_at": now,
        "updated_at": now,
    }
    session.execute(
        insert_for(session, AccountProfile.__table__)
        .values(empty)
        .on_conflict_do_nothing(index_elements=["account_id"])
    )
    row = session.scalars(
        statement.with_for_update().execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise NotFoundError("There is no such account.")
    wanted = values.pop("wanted", None)
    if wanted is not None:
        row.wanted = {**row.wanted, **wanted}
        row.updated_by = tenant.user_id
        row.error = values.pop("error", None)
    for name, value in values.items():
        setattr(row, name, value)
    session.flush()
