"""Writes the demo's agencies and people. Made once; what was changed since is left alone."""

from sqlalchemy import select
from werkzeug.security import check_password_hash, generate_password_hash

from example_app.database import db
from example_app.demo import AGENCIES, DemoAgency
from example_app.models import Agency, Location, User


def plant(password: str) -> None:
    """Write what is not there yet, and make `password` the one of every demo log-in."""
    for demo in AGENCIES:
        agency = db.session.scalar(select(Agency).where(Agency.slug == demo.slug))
        if agency is None:
            _make_agency(demo)
    db.session.flush()
    _set_password(password)
    db.session.commit()


def _make_agency(demo: DemoAgency) -> None:
    agency = Agency(slug=demo.slug, name=demo.name, plan=demo.plan)
    places = {name: Location(name=name) for name in demo.locations}
    agency.locations.extend(places.values())
    for person in demo.users:
        agency.users.append(
            User(
                email=person.email,
                name=person.name,
                role=person.role,
                password_hash="",
                locations=[places[name] for name in person.locations],
            )
        )
    db.session.add(agency)


def _set_password(password: str) -> None:
    """Hash slowly only where it is needed: the first log-in speaks for all of them."""
    emails = [person.email for demo in AGENCIES for person in demo.users]
    users = db.session.scalars(select(User).where(User.email.in_(emails)).order_by(User.id)).all()
    if users and not check_password_hash(users[0].password_hash, password):
        for user in users:
            user.password_hash = generate_password_hash(password)
