"""Who is in the demo: three agencies, their locations and the people to log in as."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoUser:
    """A person to log in as; no locations means all, which only admins have."""

    email: str
    name: str
    role: str
    locations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoAgency:
    """An agency with its people."""

    slug: str
    name: str
    plan: str
    locations: tuple[str, ...]
    users: tuple[DemoUser, ...]


AGENCIES: Final = (
    DemoAgency(
        slug="brightside",
        name="Brightside Agency",
        plan="plus",
        locations=("Iron Gym Downtown", "Iron Gym Harbour", "Iron Gym Riverside"),
        users=(
            DemoUser(email="sam@brightside.example", name="Sam Reyes", role="admin"),
            DemoUser(
                email="kim@brightside.example",
                name="Kim Tran",
                role="agent",
                locations=("Iron Gym Downtown", "Iron Gym Riverside"),
            ),
        ),
    ),
    DemoAgency(
        slug="nordlys",
        name="Nordlys Partners",
        plan="pro",
        locations=("Bergen", "Oslo"),
        users=(
            DemoUser(email="ida@nordlys.example", name="Ida Berg", role="admin"),
            DemoUser(
                email="lars@nordlys.example", name="Lars Dahl", role="agent", locations=("Oslo",)
            ),
        ),
    ),
    DemoAgency(
        slug="solo",
        name="Solo Studio",
        plan="free",
        locations=("Studio",),
        users=(DemoUser(email="noa@solo.example", name="Noa Levi", role="admin"),),
    ),
)
