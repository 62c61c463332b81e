"""Under which names and faces an account's answers go out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from flask_messenger.models import Account, Persona
from flask_messenger.presence.personas import MAX_NAME
from flask_messenger.ui.presenters.inbox import Choice
from flask_messenger.ui.presenters.people import Avatar, avatar_of
from flask_messenger.ui.presenters.reader import SOMEBODY, YOU, Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaView:
    """One name and face; `agents` are those whose answers may carry it."""

    name: str = field(repr=False)
    avatar: Avatar
    agents: Sequence[Choice]
    give_url: str
    drop_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaDraft:
    """What the form for one more holds."""

    name: str = field(default="", repr=False)
    picture_url: str = field(default="", repr=False)
    user_ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonasView:
    """The part of the account's page."""

    rows: Sequence[PersonaView]
    draft: PersonaDraft
    agents: Sequence[Choice]
    add_url: str
    read_url: str
    problem: str = ""
    max_name: int = MAX_NAME


def personas_view(
    account: Account,
    personas: Sequence[Persona],
    reader: Reader,
    *,
    draft: PersonaDraft,
    problem: str = "",
) -> PersonasView:
    """Return the personas, with a form for one more; what was refused stays in it."""

    def link(name: str) -> str:
        return reader.link(f"messenger_ui.{name}", account_id=account.id)

    return PersonasView(
        rows=[_view(each, reader) for each in personas],
        draft=draft,
        agents=_agents(reader, draft.user_ref),
        add_url=link("add_persona"),
        read_url=link("read_personas"),
        problem=problem,
    )


def _view(persona: Persona, reader: Reader) -> PersonaView:
    return PersonaView(
        name=persona.name,
        avatar=avatar_of(persona.name, key=persona.id, picture_url=persona.picture_url),
        agents=_agents(reader, persona.user_ref or ""),
        give_url=reader.link("messenger_ui.give_persona", persona_id=persona.id),
        drop_url=reader.link("messenger_ui.drop_persona", persona_id=persona.id),
    )


def _agents(reader: Reader, chosen: str) -> list[Choice]:
    """Return whose answers may carry a persona; whoever has it now is among them."""
    known = {**reader.agents, reader.tenant.user_id: YOU}
    if chosen:
        known.setdefault(chosen, SOMEBODY)
    return [
        Choice(value="", label="Nobody's", chosen=not chosen),
        *(Choice(value=id_, label=name, chosen=id_ == chosen) for id_, name in known.items()),
    ]
