"""Who a person is, as far as Meta tells: asked when they write, for all of an account at once."""

import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import redis
from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from flask_messenger.channels.registry import channel_named
from flask_messenger.crypto import KeyRing
from flask_messenger.errors import GraphError, SecretError
from flask_messenger.graph.client import Graph
from flask_messenger.graph.people import Profile, read_profiles
from flask_messenger.graph.request import GRAPH, INSTAGRAM
from flask_messenger.models import Account, Conversation, Identity, Message
from flask_messenger.models.accounts import BY_INSTAGRAM
from flask_messenger.models.base import utc_now
from flask_messenger.models.conversations import (
    PERSON,
    PROFILE_FETCHED,
    PROFILE_UNAVAILABLE,
    PROFILE_UNKNOWN,
)
from flask_messenger.realtime import Change, publish
from flask_messenger.settings import MetaApp
from flask_messenger.state import MessengerState, state_of

logger = logging.getLogger(__name__)

RETRY: Final = timedelta(hours=6)
"""How long a profile that could not be read is left alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unknown:
    """Some people of one account, and what it takes to ask about them."""

    account_id: uuid.UUID
    fields: str
    host: str
    app: MetaApp
    token: str = field(repr=False)
    people: Mapping[uuid.UUID, str] = field(repr=False)


def is_profile_due(held: MessengerState, identity: Identity) -> bool:
    """Say whether Meta is to be asked who this is: it is unknown, or was learned long ago."""
    if identity.kind != PERSON:
        return False  # of others Meta tells nothing
    if identity.profile_checked_at is None:
        return True
    days = timedelta(days=held.settings.profile_days)
    kept = days if identity.profile_state == PROFILE_FETCHED else RETRY
    return utc_now() - identity.profile_checked_at > kept


def learn_profiles(
    app: Flask, session: Session, account: Account, message_ids: Sequence[uuid.UUID]
) -> None:
    """Ask Meta about the people whom messages of an account are from or to. Commits.

    Where Meta takes many questions in one call, all who are due are asked about, else the person
    of the first message. No transaction is open while Meta is asked. Who cannot be asked about
    stays without a name, and is asked about later.
    """
    held = state_of(app)
    token = _token_of(held, account)
    if token is None:
        return
    is_alone = account.login == BY_INSTAGRAM
    unknown = _Unknown(
        account_id=account.id,
        fields=channel_named(account.channel).profile_fields,
        host=INSTAGRAM if is_alone else GRAPH,
        app=held.settings.apps.get(account.app_name, held.settings.default_app),
        token=token,
        people=_find_due(held, session, account, message_ids[:1] if is_alone else message_ids),
    )
    session.commit()
    if unknown.people:
        _learn(held, session, unknown)


def _find_due(
    held: MessengerState, session: Session, account: Account, message_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, str]:
    statement = (
        select(Identity)
        .distinct()
        .join(Conversation, Conversation.identity_id == Identity.id)
        .join(Message, Message.conversation_id == Conversation.id)
        .where(Identity.account_id == account.id, Message.id.in_(message_ids))
    )
    return {
        each.id: each.external_id
        for each in session.scalars(statement)
        if is_profile_due(held, each)
    }


def _token_of(held: MessengerState, account: Account) -> str | None:
    if not account.can_send:
        return None
    try:
        return account.open_token(held.get(KeyRing))
    except SecretError:
        logger.error("token_unreadable account_id=%s", account.id)  # noqa: TRY400 - says enough
        return None


def _learn(held: MessengerState, session: Session, unknown: _Unknown) -> None:
    found: dict[str, Profile | None] = {}
    try:
        found = read_profiles(
            held.get(Graph),
            list(unknown.people.values()),
            app=unknown.app,
            token=unknown.token,
            fields=unknown.fields,
            host=unknown.host,
        )
    except GraphError as error:
        logger.info(
            "profiles_failed account_id=%s people=%s error=%s",
            unknown.account_id,
            len(unknown.people),
            error.slug,
        )
    now = utc_now()
    # In the order of their ids, as a drain locks them that fills in names.
    for identity_id, person_id in sorted(unknown.people.items()):
        is_answered, profile = person_id in found, found.get(person_id)
        state = PROFILE_FETCHED if profile else PROFILE_UNAVAILABLE
        _store(
            session,
            identity_id,
            profile or Profile(),
            state=state if is_answered else PROFILE_UNKNOWN,
            now=now,
        )
    session.commit()
    _tell_pages(held, session, unknown.people)


def _store(
    session: Session, identity_id: uuid.UUID, profile: Profile, *, state: str, now: datetime
) -> None:
    """Keep what Meta told; what it no longer tells stays as it was."""
    session.execute(
        update(Identity)
        .where(Identity.id == identity_id)
        .values(
            name=func.coalesce(profile.name, Identity.name),
            picture_url=func.coalesce(profile.picture_url, Identity.picture_url),
            username=func.coalesce(profile.username, Identity.username),
            profile_state=state,
            profile_checked_at=now,
        )
        .execution_options(synchronize_session=False)
    )


def _tell_pages(held: MessengerState, session: Session, identity_ids: Iterable[uuid.UUID]) -> None:
    statement = (
        select(Conversation, Account.location_id)
        .join(Account, Account.id == Conversation.account_id)
        .where(Conversation.identity_id.in_(list(identity_ids)))
    )
    changes = [
        Change(
            workspace_id=conversation.workspace_id,
            type="conversation",
            ids={
                "conversation_id": str(conversation.id),
                "account_id": str(conversation.account_id),
                "location_id": location_id,
            },
        )
        for conversation, location_id in session.execute(statement)
    ]
    session.rollback()
    publish(held.get(redis.Redis), changes)
