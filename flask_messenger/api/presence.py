"""How an account presents itself in a chat: its profile, and personas."""

import uuid

from flask import Response

from flask_messenger.api.blueprint import bp
from flask_messenger.api.openapi import operation
from flask_messenger.api.schemas.presence import (
    Persona,
    PersonaChange,
    Personas,
    PersonaToCreate,
    Profile,
    ProfileChanges,
    ProfileToApply,
)
from flask_messenger.presence import personas, profile
from flask_messenger.state import current_application, state
from flask_messenger.tenancy import current_tenant, require_permission

ASKS_META = (402, 403, 404, 409, 502)


@bp.get("/accounts/<uuid:account_id>/profile")
@operation("getProfile", tag="profile", answers={200: (Profile, "What is known.")}, problems=(404,))
def get_profile(account_id: uuid.UUID) -> Profile:
    """Return how an account presents itself, as far as it is known here."""
    known = profile.stored_profile(
        state().db.session, tenant=current_tenant(), account_id=account_id
    )
    return Profile.of(known)


@bp.post("/accounts/<uuid:account_id>/profile/refresh")
@operation(
    "refreshProfile",
    tag="profile",
    answers={200: (Profile, "What Meta shows now.")},
    problems=(*ASKS_META, 429),
)
def refresh_profile(account_id: uuid.UUID) -> Profile:
    """Read an account's profile back from Meta.

    Needs `settings`.
    """
    known = profile.refresh_profile(
        current_application(), tenant=require_permission("settings"), account_id=account_id
    )
    return Profile.of(known)


@bp.post("/accounts/<uuid:account_id>/profile/diff")
@operation(
    "diffProfile",
    tag="profile",
    answers={200: (ProfileChanges, "What setting it would change.")},
    problems=(400, 415, *ASKS_META, 429),
)
def diff_profile(account_id: uuid.UUID, json: ProfileToApply) -> ProfileChanges:
    """Compare what an account should show with what Meta was last seen to show.

    Needs `settings`. Nothing is changed.
    """
    diff = profile.diff_profile(
        current_application(),
        tenant=require_permission("settings"),
        account_id=account_id,
        document=json.properties,
    )
    return ProfileChanges.of(diff)


@bp.patch("/accounts/<uuid:account_id>/profile")
@operation(
    "applyProfile",
    tag="profile",
    answers={200: (ProfileChanges, "What was changed.")},
    problems=(400, 415, *ASKS_META, 429),
)
def apply_profile(account_id: uuid.UUID, json: ProfileToApply) -> ProfileChanges:
    """Have an account show what is asked for.

    Needs `settings`. Meta allows ten calls in ten minutes; this takes up to three.
    """
    diff = profile.apply_profile(
        current_application(),
        tenant=require_permission("settings"),
        account_id=account_id,
        document=json.properties,
    )
    return ProfileChanges.of(diff)


@bp.get("/accounts/<uuid:account_id>/personas")
@operation(
    "listPersonas",
    tag="profile",
    answers={200: (Personas, "The personas, by name.")},
    problems=(404,),
)
def list_personas(account_id: uuid.UUID) -> Personas:
    """List the personas of an account."""
    rows = personas.list_personas(
        state().db.session, tenant=current_tenant(), account_id=account_id
    )
    return Personas(items=[Persona.of(row) for row in rows])


@bp.post("/accounts/<uuid:account_id>/personas")
@operation(
    "createPersona",
    tag="profile",
    answers={201: (Persona, "The persona.")},
    problems=(400, 415, *ASKS_META),
)
def create_persona(account_id: uuid.UUID, json: PersonaToCreate) -> Response:
    """Make a persona at Meta.

    Needs `settings`. Channels without personas answer 409.
    """
    row = personas.create_persona(
        current_application(),
        tenant=require_permission("settings"),
        account_id=account_id,
        name=json.name,
        picture_url=json.picture_url,
        user_ref=json.user_id,
    )
    return Response(Persona.of(row).model_dump_json(), status=201, mimetype="application/json")


@bp.post("/accounts/<uuid:account_id>/personas/sync")
@operation(
    "syncPersonas",
    tag="profile",
    answers={200: (Personas, "The personas that Meta has.")},
    problems=ASKS_META,
)
def sync_personas(account_id: uuid.UUID) -> Personas:
    """Read an account's personas back from Meta.

    Needs `settings`.
    """
    rows = personas.sync_personas(
        current_application(), tenant=require_permission("settings"), account_id=account_id
    )
    return Personas(items=[Persona.of(row) for row in rows])


@bp.patch("/personas/<uuid:persona_id>")
@operation(
    "changePersona",
    tag="profile",
    answers={200: (Persona, "The persona as it is now.")},
    problems=(400, 403, 404, 415),
)
def change_persona(persona_id: uuid.UUID, json: PersonaChange) -> Persona:
    """Say whose messages carry a persona by themselves.

    Needs `settings`. An agent has one of each account.
    """
    tenant = require_permission("settings")
    session = state().db.session
    row = personas.change_persona(
        session, tenant=tenant, persona_id=persona_id, user_ref=json.user_id
    )
    session.commit()
    return Persona.of(row)


@bp.delete("/personas/<uuid:persona_id>")
@operation(
    "deletePersona",
    tag="profile",
    answers={204: (None, "It signs nothing more.")},
    problems=ASKS_META,
)
def delete_persona(persona_id: uuid.UUID) -> Response:
    """Take a persona away; what it signed stays.

    Needs `settings`.
    """
    personas.remove_persona(
        current_application(), tenant=require_permission("settings"), persona_id=persona_id
    )
    return Response(status=204)
