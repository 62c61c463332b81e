"""Logging in and out."""

from urllib.parse import urlsplit

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, current_user, login_required, login_user, logout_user
from flask_wtf import FlaskForm
from sqlalchemy import select
from werkzeug.security import check_password_hash, generate_password_hash
from wtforms import EmailField, PasswordField
from wtforms.validators import InputRequired

from example_app.database import db
from example_app.models import User

bp = Blueprint("auth", __name__)

login_manager = LoginManager()
login_manager.login_view = "auth.log_in"
login_manager.login_message = ""

# Checked where the address is unknown, so that both answers take the same time.
NOBODYS_HASH = generate_password_hash("")


class LogInForm(FlaskForm):  # type: ignore[misc, unused-ignore] # Flask-WTF publishes no types
    """Who you are."""

    email = EmailField("E-mail", [InputRequired()])
    password = PasswordField("Password", [InputRequired()])


@login_manager.user_loader
def load_user(user_id: str) -> User | None:
    """Find the person a session belongs to; None ends the session."""
    return db.session.get(User, int(user_id))


@bp.route("/login", methods=["GET", "POST"])
def log_in() -> ResponseReturnValue:
    """Ask for e-mail and password."""
    if current_user.is_authenticated:
        return redirect(_next_page())
    form = LogInForm()
    status = 200
    if form.validate_on_submit():
        user = find_user(form.email.data or "", form.password.data or "")
        if user:
            session.clear()
            login_user(user)
            return redirect(_next_page())
        form.form_errors.append("This e-mail and password do not belong together.")
        status = 401
    return render_template("login.html", form=form), status


@bp.post("/logout")
@login_required
def log_out() -> ResponseReturnValue:
    """End the session."""
    logout_user()
    session.clear()
    flash("You are logged out.")
    return redirect(url_for("auth.log_in"))


def find_user(email: str, password: str) -> User | None:
    """Return the person with this e-mail and password."""
    user = db.session.scalar(select(User).where(User.email == email.strip().lower()))
    matches = check_password_hash(user.password_hash if user else NOBODYS_HASH, password)
    return user if matches else None


def _next_page() -> str:
    """Return where the person was going, if that is a page of this site."""
    target = request.args.get("next", "")
    parts = urlsplit(target)
    is_ours = target.startswith("/") and not parts.scheme and not parts.netloc
    return target if is_ours and "\\" not in target else url_for("pages.home")
