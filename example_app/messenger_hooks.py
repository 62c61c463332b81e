"""What the CRM tells the messenger: who asks, what they may do, and who a new person is."""

from flask import render_template
from flask_login import current_user
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from example_app.database import db
from example_app.leads import find_lead
from example_app.models import Activity, Agency, Lead, User
from example_app.models import Location as CrmLocation
from example_app.timeline import load_timeline
from flask_messenger import Agent, IdentityInfo, Location, Messenger, Tenant

PERMISSIONS_BY_ROLE = {
    "admin": frozenset({"assign", "connect", "reply", "settings"}),
    "agent": frozenset({"assign", "reply"}),
}
PANEL_LINES = 4

messenger = Messenger()


@messenger.tenant_loader
def load_tenant() -> Tenant | None:
    """Return the person who is logged in; None, which is a 401, where nobody is."""
    if not current_user.is_authenticated:
        return None
    return Tenant(
        workspace_id=str(current_user.agency_id),
        user_id=str(current_user.id),
        user_name=current_user.name,
        location_ids=_location_ids(current_user),
        permissions=PERMISSIONS_BY_ROLE[current_user.role],
    )


@messenger.tier_loader
def load_tier(workspace_id: str) -> str:
    """Return the agency's plan."""
    agency = db.session.get(Agency, int(workspace_id))
    return agency.plan if agency else "free"


@messenger.agents_loader
def load_agents(workspace_id: str) -> list[Agent]:
    """Return everybody at the agency: conversations can be assigned to them."""
    users = db.session.scalars(
        select(User).where(User.agency_id == int(workspace_id)).order_by(User.name)
    )
    return [Agent(id=str(user.id), name=user.name) for user in users]


@messenger.locations_loader
def load_locations(workspace_id: str) -> list[Location]:
    """Return the agency's locations."""
    locations = db.session.scalars(
        select(CrmLocation)
        .where(CrmLocation.agency_id == int(workspace_id))
        .order_by(CrmLocation.name)
    )
    return [Location(id=str(location.id), name=location.name) for location in locations]


@messenger.contact_resolver
def resolve_contact(identity: IdentityInfo) -> str:
    """Find the lead of this person, or make one."""
    lead = _lead_of(identity)
    if lead is None:
        lead = _make_lead(identity)
    elif identity.name and not lead.name:
        lead.name = identity.name
        db.session.commit()
    return str(lead.id)


@messenger.contact_panel
def show_contact(contact_ref: str) -> Markup | None:
    """Return what the agent sees of the lead next to the conversation."""
    lead = find_lead(current_user, int(contact_ref))
    if lead is None:
        return None
    return Markup(  # noqa: S704 - the template escapes
        render_template(
            "leads/_panel.html", lead=lead, timeline=load_timeline(lead, limit=PANEL_LINES)
        )
    )


def _location_ids(user: User) -> frozenset[str] | None:
    if user.is_admin:
        return None
    return frozenset(str(location.id) for location in user.locations)


def _lead_of(identity: IdentityInfo) -> Lead | None:
    return db.session.scalar(
        select(Lead).where(
            Lead.agency_id == int(identity.workspace_id),
            Lead.identity_id == identity.identity_id,
        )
    )


def _make_lead(identity: IdentityInfo) -> Lead:
    """Make the lead and the first line of its timeline, unless another worker just did."""
    lead = Lead(
        agency_id=int(identity.workspace_id),
        location_id=int(identity.location_id) if identity.location_id else None,
        identity_id=identity.identity_id,
        channel=identity.channel,
        name=identity.name or "",
    )
    try:
        with db.session.begin_nested():
            db.session.add(lead)
    except IntegrityError:
        existing = _lead_of(identity)
        if existing is None:
            raise
        return existing
    db.session.add(
        Activity(
            agency_id=lead.agency_id,
            lead_id=lead.id,
            kind="lead_created",
            detail=identity.account_name,
        )
    )
    db.session.commit()
    return lead
