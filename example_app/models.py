"""The CRM's own tables: agencies, their locations and people, leads and what happened to them."""

import uuid
from typing import Final

from flask_login import UserMixin
from sqlalchemy import Column, ForeignKey, Index, String, Table, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from example_app.database import Base, Moment, db, now

PLANS: Final = ("free", "plus", "pro")
ROLES: Final = ("admin", "agent")
STAGES: Final = {
    "new": "New",
    "contacted": "Contacted",
    "trial_booked": "Trial booked",
    "customer": "Customer",
    "lost": "Lost",
}
THEMES: Final = ("system", "light", "dark")

user_locations = Table(
    "user_locations",
    Base.metadata,
    Column("user_id", ForeignKey("users.id"), primary_key=True),
    Column("location_id", ForeignKey("locations.id"), primary_key=True),
)


class Agency(db.Model):  # type: ignore[name-defined, misc, unused-ignore] # made at run time
    """A customer of the CRM: the workspace of the messenger."""

    __tablename__ = "agencies"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    plan: Mapped[str] = mapped_column(String(20))

    locations: Mapped[list["Location"]] = relationship(
        back_populates="agency", order_by="Location.name"
    )
    users: Mapped[list["User"]] = relationship(back_populates="agency", order_by="User.name")


class Location(db.Model):  # type: ignore[name-defined, misc, unused-ignore]
    """One of an agency's own customers or branches."""

    __tablename__ = "locations"
    __table_args__ = (UniqueConstraint("agency_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    agency_id: Mapped[int] = mapped_column(ForeignKey("agencies.id"))
    name: Mapped[str] = mapped_column(String(120))

    agency: Mapped[Agency] = relationship(back_populates="locations")


class User(UserMixin, db.Model):  # type: ignore[name-defined, misc, unused-ignore]
    """Somebody who works at an agency."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    agency_id: Mapped[int] = mapped_column(ForeignKey("agencies.id"), index=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    password_hash: Mapped[str] = mapped_column(String(256))
    role: Mapped[str] = mapped_column(String(20))
    theme: Mapped[str] = mapped_column(String(20), default="system")

    agency: Mapped[Agency] = relationship(back_populates="users")
    locations: Mapped[list[Location]] = relationship(
        secondary=user_locations, order_by=Location.name
    )

    @property
    def is_admin(self) -> bool:
        """Admins see every location of their agency; agents only their own."""
        return self.role == "admin"


class Lead(db.Model):  # type: ignore[name-defined, misc, unused-ignore]
    """A person an agency hopes to win; made when somebody writes for the first time."""

    __tablename__ = "leads"
    __table_args__ = (Index(None, "agency_id", "updated_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    agency_id: Mapped[int] = mapped_column(ForeignKey("agencies.id"))
    location_id: Mapped[int | None] = mapped_column(ForeignKey("locations.id"))
    identity_id: Mapped[uuid.UUID | None] = mapped_column(unique=True)
    channel: Mapped[str | None] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(255), default="")
    email: Mapped[str] = mapped_column(String(254), default="")
    phone: Mapped[str] = mapped_column(String(40), default="")
    stage: Mapped[str] = mapped_column(String(20), default="new")
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[Moment] = mapped_column(default=now)
    updated_at: Mapped[Moment] = mapped_column(default=now, onupdate=now)

    location: Mapped[Location | None] = relationship()
    owner: Mapped[User | None] = relationship()

    @property
    def title(self) -> str:
        """The name, or words to show where Meta told us none."""
        return self.name or f"Lead {self.id}"


class Activity(db.Model):  # type: ignore[name-defined, misc, unused-ignore]
    """One line of a lead's timeline.

    What a message says stays in the messenger's own tables; the line only points to it.
    """

    __tablename__ = "activities"
    __table_args__ = (
        # A signal may come twice (a replay after a crash); its line is written once.
        UniqueConstraint("message_id", "kind"),
        Index(None, "lead_id", "happened_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    agency_id: Mapped[int] = mapped_column(ForeignKey("agencies.id"))
    lead_id: Mapped[int] = mapped_column(ForeignKey("leads.id"))
    kind: Mapped[str] = mapped_column(String(40))
    detail: Mapped[str] = mapped_column(String(255), default="")
    actor_name: Mapped[str] = mapped_column(String(120), default="")
    conversation_id: Mapped[uuid.UUID | None]
    message_id: Mapped[uuid.UUID | None]
    happened_at: Mapped[Moment] = mapped_column(default=now)

    lead: Mapped[Lead] = relationship()
