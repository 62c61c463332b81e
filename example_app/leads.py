"""The leads: their list, one lead with its timeline, and what can be changed about it."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required
from flask_wtf import FlaskForm
from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload
from wtforms import EmailField, SelectField, StringField, TelField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined] # newer than the stubs
from wtforms.validators import Length

from example_app.database import db
from example_app.models import STAGES, Activity, Lead, User
from example_app.timeline import load_timeline

PAGE_SIZE = 50

bp = Blueprint("leads", __name__, url_prefix="/leads")


class LeadForm(FlaskForm):  # type: ignore[misc, unused-ignore] # Flask-WTF publishes no types
    """What people at the agency know about a lead."""

    name = StringField("Name", [Length(max=255)])
    email = EmailField("E-mail", [Length(max=254)])
    phone = TelField("Phone", [Length(max=40)])
    stage = SelectField("Stage", choices=[SelectChoice(*stage) for stage in STAGES.items()])
    owner_id = SelectField("Owner")


@bp.get("")
@login_required
def list_leads() -> ResponseReturnValue:
    """Show the leads, newest movement first."""
    stage = request.args.get("stage", "")
    query = request.args.get("q", "").strip()
    page = max(request.args.get("page", 1, type=int), 1)
    found = _filter_leads(visible_leads(current_user), stage=stage, query=query)
    rows = db.session.scalars(
        found.options(joinedload(Lead.location), joinedload(Lead.owner))
        .order_by(Lead.updated_at.desc(), Lead.id.desc())
        .offset((page - 1) * PAGE_SIZE)
        .limit(PAGE_SIZE + 1)
    ).all()
    return render_template(
        "leads/list.html",
        leads=rows[:PAGE_SIZE],
        has_more=len(rows) > PAGE_SIZE,
        page=page,
        stage=stage,
        query=query,
        counts=_count_stages(),
    )


@bp.route("/<int:lead_id>", methods=["GET", "POST"])
@login_required
def show_lead(lead_id: int) -> ResponseReturnValue:
    """Show one lead, and keep what was changed about it."""
    lead = find_lead(current_user, lead_id)
    if lead is None:
        abort(404)
    form = LeadForm(obj=lead, owner_id=str(lead.owner_id or ""))
    form.owner_id.choices = [
        SelectChoice("", "Nobody"),
        *(SelectChoice(str(each.id), each.name) for each in current_user.agency.users),
    ]
    if form.validate_on_submit():
        change_lead(lead, form, by=current_user)
        flash("Saved.")
        return redirect(url_for("leads.show_lead", lead_id=lead.id))
    timeline = load_timeline(lead)
    conversation_ids = [line.conversation_id for line in timeline if line.conversation_id]
    return render_template(
        "leads/show.html",
        lead=lead,
        form=form,
        timeline=timeline,
        conversation_id=conversation_ids[0] if conversation_ids else None,
    )


def visible_leads(user: User) -> Select[Lead]:
    """Return the query for the leads `user` may see: their agency's, and of it their locations'."""
    found = select(Lead).where(Lead.agency_id == user.agency_id)
    if not user.is_admin:
        found = found.where(Lead.location_id.in_([each.id for each in user.locations]))
    return found


def find_lead(user: User, lead_id: int) -> Lead | None:
    """Return the lead if `user` may see it."""
    return db.session.scalar(visible_leads(user).where(Lead.id == lead_id))


def change_lead(lead: Lead, form: LeadForm, *, by: User) -> None:
    """Take what the form says over into `lead`, with a timeline line for stage and owner."""
    stage, owner_id = lead.stage, lead.owner_id
    lead.name = (form.name.data or "").strip()
    lead.email = (form.email.data or "").strip()
    lead.phone = (form.phone.data or "").strip()
    lead.stage = form.stage.data
    lead.owner_id = int(form.owner_id.data) if form.owner_id.data else None
    if lead.stage != stage:
        _note(lead, "stage_changed", STAGES[lead.stage], by=by)
    if lead.owner_id != owner_id:
        db.session.flush()
        db.session.refresh(lead, ["owner"])
        _note(lead, "owner_changed", lead.owner.name if lead.owner else "Nobody", by=by)
    db.session.commit()


def _note(lead: Lead, kind: str, detail: str, *, by: User) -> None:
    db.session.add(
        Activity(
            agency_id=lead.agency_id,
            lead_id=lead.id,
            kind=kind,
            detail=detail,
            actor_name=by.name,
        )
    )


def _filter_leads(found: Select[Lead], *, stage: str, query: str) -> Select[tuple[Lead]]:
    if stage in STAGES:
        found = found.where(Lead.stage == stage)
    if query:
        found = found.where(
            Lead.name.icontains(query, autoescape=True)
            | Lead.email.icontains(query, autoescape=True)
        )
    return found


def _count_stages() -> dict[str, int]:
    visible = visible_leads(current_user).subquery()
    rows = db.session.execute(select(visible.c.stage, func.count()).group_by(visible.c.stage))
    return {stage: count for stage, count in rows}  # noqa: C416 - a row is no pair to dict()
