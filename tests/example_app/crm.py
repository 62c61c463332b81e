"""The demo's rows, and what a browser or a child process of the CRM needs."""

import os
from contextvars import Context
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select

from example_app.database import db
from example_app.models import Agency, Lead, Location, User

CRM_SETTINGS = (
    *("CRM_PORT", "SIMULATOR_PORT", "VALKEY_PORT", "VAR_DIR"),
    *("DATABASE_URL", "DEMO_CONVERSATIONS", "DEMO_PASSWORD", "SECRET_KEY"),
)
FRESH = {"populate_existing": True}  # requests change rows in sessions of their own


class OutsideClient(FlaskClient):
    """Sends requests from outside of the test's own application context, as browsers do.

    Otherwise all of them would share one `flask.g`, and with it who is logged in.
    """

    def open(self, *args: Any, **values: Any) -> Any:
        return Context().run(super().open, *args, **values)


def csrf_token(client: FlaskClient, page: str) -> str:
    """Return the token in the first form of `page`."""
    text = client.get(page).get_data(as_text=True)
    tag = text[text.index('name="csrf_token"') :]
    return tag.split('value="', 1)[1].split('"', 1)[0]


def agency_of(slug: str) -> Agency:
    return db.session.scalars(
        select(Agency).where(Agency.slug == slug), execution_options=FRESH
    ).one()


def location_of(name: str) -> Location:
    return db.session.scalars(select(Location).where(Location.name == name)).one()


def user_of(email: str) -> User:
    return db.session.scalars(
        select(User).where(User.email == email), execution_options=FRESH
    ).one()


def make_lead(slug: str, name: str, *, location: str | None = None) -> Lead:
    lead = Lead(
        agency_id=agency_of(slug).id,
        name=name,
        location_id=location_of(location).id if location else None,
    )
    db.session.add(lead)
    db.session.commit()
    return lead


def child_environ(var: Path, **settings: str) -> dict[str, str]:
    """Return what a child process sees: nothing of the developer's settings, an empty demo."""
    ours = ("META_", "MESSENGER_", "FLASK_")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(ours) and name not in CRM_SETTINGS
    }
    return {**kept, "VAR_DIR": str(var), "DEMO_CONVERSATIONS": "off", **settings}
