"""Personas: under which name and face the messages of an agent go out, where a channel has that."""

import uuid
from collections.abc import Iterator
from typing import Final

from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from flask_messenger.channels.registry import channel_named
from flask_messenger.content.checks import MAX_URL_LENGTH, is_public_url
from flask_messenger.errors import (
    ConflictError,
    InvalidGraphRequestError,
    InvalidRequestError,
    NotFoundError,
)
from flask_messenger.graph import personas as at_meta
from flask_messenger.graph.client import Graph
from flask_messenger.graph.personas import GraphPersona
from flask_messenger.hooks import Tenant
from flask_messenger.models import Account, Persona
from flask_messenger.models.accounts import visible_to
from flask_messenger.models.audit import record
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.presence.asking import Asked, get_account, open_account
from flask_messenger.state import state_of

MAX_NAME: Final = 50
"""Source: https://developers.facebook.com/docs/messenger-platform/send-messages/personas"""
MAX_USER_REF: Final = 255


def persona_for(session: Session, *, account: Account, user_ref: str | None) -> str | None:
    """Return Meta's id of the persona that messages of a person carry; None for the account itself.

    One statement, where the channel has personas; none elsewhere.
    """
    if user_ref is None or not channel_named(account.channel).has_personas:
        return None
    statement = select(Persona.external_id).where(
        Persona.account_id == account.id,
        Persona.user_ref == user_ref,
        Persona.removed_at.is_(None),
    )
    return session.scalars(statement.order_by(Persona.id.desc()).limit(1)).one_or_none()


def check_persona(session: Session, *, account: Account, external_id: str) -> None:
    """Pass where a persona that a caller names is one of the account's.

    Raises:
        InvalidRequestError: it is not, or it was removed; the field is `persona_id`.
    """
    statement = select(Persona.id).where(
        Persona.account_id == account.id,
        Persona.external_id == external_id,
        Persona.removed_at.is_(None),
    )
    if session.scalars(statement).one_or_none() is None:
        message = "There is no such persona of this account."
        raise InvalidRequestError(message, field="persona_id")


def list_personas(session: Session, *, tenant: Tenant, account_id: uuid.UUID) -> list[Persona]:
    """Return the personas of an account, by name.

    Raises:
        NotFoundError: there is no such account for the person.
    """
    account = get_account(session, tenant=tenant, account_id=account_id)
    statement = select(Persona).where(
        Persona.account_id == account.id, Persona.removed_at.is_(None)
    )
    return list(session.scalars(statement.order_by(Persona.name, Persona.id)))


def get_persona(session: Session, *, tenant: Tenant, persona_id: uuid.UUID) -> Persona:
    """Return one persona that the person sees.

    Raises:
        NotFoundError: there is none of this id for them.
    """
    statement = (
        select(Persona)
        .join(Account, Account.id == Persona.account_id)
        .where(*visible_to(tenant), Persona.id == persona_id, Persona.removed_at.is_(None))
    )
    persona = session.scalars(statement).one_or_none()
    if persona is None:
        raise NotFoundError("There is no such persona.")
    return persona


def create_persona(
    app: Flask,
    *,
    tenant: Tenant,
    account_id: uuid.UUID,
    name: str,
    picture_url: str,
    user_ref: str | None = None,
) -> Persona:
    """Make a persona at Meta, and keep it. Commits by itself. Permission: `settings`.

    Args:
        app: the application.
        tenant: who asks.
        account_id: a Page.
        name: what people see; at most 50 characters.
        picture_url: a public address that Meta fetches the picture from.
        user_ref: the host's id of the agent whose messages carry it by themselves.

    Raises:
        InvalidRequestError: names the field.
        NotFoundError, TierError, ConflictError: as of `open_account`; ConflictError also where
            the channel has no personas.
        GraphError: Meta refused, or did not answer.
    """
    name, user_ref = _checked_name(name), _checked_user(user_ref)
    _check_picture(picture_url)
    held = state_of(app)
    asked = _open(app, tenant, account_id)
    external_id = at_meta.create_persona(
        held.get(Graph),
        app=asked.app,
        token=asked.token,
        page_id=asked.endpoint.external_id,
        name=name,
        picture_url=picture_url,
    )
    session: Session = held.db.session
    persona = Persona(
        id=new_id(),
        workspace_id=asked.workspace_id,
        account_id=asked.account_id,
        external_id=external_id,
        name=name,
        picture_url=picture_url,
    )
    session.add(persona)
    session.flush()
    _give(session, persona, user_ref)
    _record(session, tenant, persona, "persona_created")
    session.commit()
    return persona


def change_persona(
    session: Session, *, tenant: Tenant, persona_id: uuid.UUID, user_ref: str | None
) -> Persona:
    """Say whose messages carry a persona; None for nobody's. Never commits.

    An agent has one of each account: another one loses them. Name and picture are as they are:
    Meta lets nobody change them. Permission: `settings`.

    Raises:
        NotFoundError: there is none of this id for the person.
        InvalidRequestError: `user_ref` cannot be anybody's.
    """
    persona = get_persona(session, tenant=tenant, persona_id=persona_id)
    _give(session, persona, _checked_user(user_ref))
    _record(session, tenant, persona, "persona_given")
    return persona


def remove_persona(app: Flask, *, tenant: Tenant, persona_id: uuid.UUID) -> None:
    """Take a persona away at Meta; what it signed stays. Commits by itself. Permission: `settings`.

    Raises:
        NotFoundError: there is none of this id for the person.
        TierError, ConflictError: as of `open_account`.
        GraphError: Meta refused, or did not answer.
    """
    held = state_of(app)
    session: Session = held.db.session
    persona = get_persona(session, tenant=tenant, persona_id=persona_id)
    external_id = persona.external_id
    asked = _open(app, tenant, persona.account_id)
    try:
        at_meta.delete_persona(
            held.get(Graph), app=asked.app, token=asked.token, persona_id=external_id
        )
    except InvalidGraphRequestError:
        # Perhaps somebody was quicker; then this is what was wanted.
        if any(each.id == external_id for each in _list_at_meta(app, asked)):
            raise
    persona = get_persona(session, tenant=tenant, persona_id=persona_id)
    persona.removed_at, persona.user_ref = utc_now(), None
    _record(session, tenant, persona, "persona_removed")
    session.commit()


def sync_personas(app: Flask, *, tenant: Tenant, account_id: uuid.UUID) -> list[Persona]:
    """Make our list the one that Meta has; return it. Commits by itself. Permission: `settings`.

    Raises:
        NotFoundError, TierError, ConflictError, GraphError: as of `create_persona`.
    """
    held = state_of(app)
    asked = _open(app, tenant, account_id)
    found = {each.id: each for each in _list_at_meta(app, asked)}
    session: Session = held.db.session
    known = {
        each.external_id: each
        for each in session.scalars(select(Persona).where(Persona.account_id == asked.account_id))
    }
    for external_id, row in known.items():
        if external_id not in found and row.removed_at is None:
            row.removed_at, row.user_ref = utc_now(), None
    for external_id, theirs in found.items():
        kept = known.get(external_id) or Persona(
            id=new_id(),
            workspace_id=asked.workspace_id,
            account_id=asked.account_id,
            external_id=external_id,
        )
        kept.name, kept.picture_url = theirs.name[:255], theirs.picture_url
        kept.removed_at = None
        session.add(kept)
    session.commit()
    return list_personas(session, tenant=tenant, account_id=account_id)


def _open(app: Flask, tenant: Tenant, account_id: uuid.UUID) -> Asked:
    asked = open_account(state_of(app), tenant=tenant, account_id=account_id)
    if not asked.channel.has_personas:
        raise ConflictError(f"{asked.channel.label} has no personas.")
    return asked


def _list_at_meta(app: Flask, asked: Asked) -> Iterator[GraphPersona]:
    graph, page_id = state_of(app).get(Graph), asked.endpoint.external_id
    return at_meta.list_personas(graph, app=asked.app, token=asked.token, page_id=page_id)


def _give(session: Session, persona: Persona, user_ref: str | None) -> None:
    if user_ref is not None:
        session.execute(
            update(Persona)
            .where(Persona.account_id == persona.account_id, Persona.user_ref == user_ref)
            .values(user_ref=None)
        )
    persona.user_ref = user_ref
    session.flush()


def _checked_name(name: str) -> str:
    cleaned = " ".join(name.split())
    if not 0 < len(cleaned) <= MAX_NAME or not cleaned.isprintable():
        raise InvalidRequestError(f"A name has 1 to {MAX_NAME} characters.", field="name")
    return cleaned


def _checked_user(user_ref: str | None) -> str | None:
    if user_ref is None or user_ref == "":
        return None
    if len(user_ref) > MAX_USER_REF or not user_ref.isprintable():
        raise InvalidRequestError("Nobody has this id.", field="user_ref")
    return user_ref


def _check_picture(picture_url: str) -> None:
    if len(picture_url) > MAX_URL_LENGTH or not is_public_url(picture_url):
        message = "The picture needs a public http or https address."
        raise InvalidRequestError(message, field="picture_url")


def _record(session: Session, tenant: Tenant, persona: Persona, action: str) -> None:
    record(
        session,
        workspace_id=persona.workspace_id,
        actor=tenant.user_id,
        action=action,
        subject=str(persona.id),
        account_id=str(persona.account_id),
    )
    session.flush()
