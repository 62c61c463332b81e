"""Settings that belong to the CRM itself: the plan, and how the pages look to a person."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required

from example_app.database import db
from example_app.models import PLANS, THEMES

PLAN_WORDS = {
    "free": ("Free", "Leads and their history, without channels."),
    "plus": ("Plus", "Facebook Messenger and Instagram in one inbox."),
    "pro": ("Pro", "Everything in Plus, and WhatsApp, flows and ads insights."),
}

bp = Blueprint("settings", __name__, url_prefix="/settings")


@bp.get("/plan")
@login_required
def show_plan() -> ResponseReturnValue:
    """Show the plans. In a real product a payment stands between them."""
    return render_template("settings/plan.html", plans=PLAN_WORDS)


@bp.post("/plan")
@login_required
def choose_plan() -> ResponseReturnValue:
    """Move the agency to another plan."""
    if not current_user.is_admin:
        abort(403)
    plan = request.form.get("plan")
    if plan not in PLANS:
        abort(404)
    current_user.agency.plan = plan
    db.session.commit()
    flash(f"{current_user.agency.name} is on the {PLAN_WORDS[plan][0]} plan now.")
    return redirect(url_for("settings.show_plan"))


@bp.post("/theme")
@login_required
def choose_theme() -> ResponseReturnValue:
    """Keep whether the person wants light or dark pages, or what their system says."""
    theme = request.form.get("theme")
    if theme not in THEMES:
        abort(404)
    current_user.theme = theme
    db.session.commit()
    return redirect(_came_from())


def _came_from() -> str:
    """Return the page of ours that the form was on."""
    referrer = request.referrer or ""
    inside = referrer.removeprefix(request.host_url)
    return "/" + inside if inside != referrer else url_for("pages.home")
