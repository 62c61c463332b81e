import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask_login import login_user
from sqlalchemy import select

from example_app.database import db
from example_app.messenger_hooks import (
    load_agents,
    load_locations,
    load_tenant,
    load_tier,
    resolve_contact,
    show_contact,
)
from example_app.models import Activity, Lead
from flask_messenger import IdentityInfo
from flask_messenger.tenancy import workspace_scope
from tests.example_app.crm import agency_of, location_of, make_lead, user_of

pytestmark = pytest.mark.usefixtures("crm")


def identity(slug: str = "brightside", **values: object) -> IdentityInfo:
    given = {
        "workspace_id": str(agency_of(slug).id),
        "location_id": str(location_of("Iron Gym Downtown").id),
        "channel": "facebook",
        "account_id": uuid.uuid4(),
        "account_name": "Iron Gym Downtown",
        "identity_id": uuid.uuid4(),
        "external_id": "7001",
        "name": "Maya Okafor",
        **values,
    }
    return IdentityInfo(**given)


def test_nobody_is_a_tenant_before_logging_in(crm: Flask) -> None:
    with crm.test_request_context():
        assert load_tenant() is None


def test_an_admin_sees_all_locations_and_may_do_everything(crm: Flask) -> None:
    with crm.test_request_context():
        login_user(user_of("sam@brightside.example"))
        tenant = load_tenant()

    assert tenant.workspace_id == str(agency_of("brightside").id)
    assert tenant.user_name == "Sam Reyes"
    assert tenant.location_ids is None
    assert tenant.permissions == {"assign", "connect", "reply", "settings"}


def test_an_agent_sees_their_locations_and_connects_nothing(crm: Flask) -> None:
    with crm.test_request_context():
        login_user(user_of("kim@brightside.example"))
        tenant = load_tenant()

    names = ("Iron Gym Downtown", "Iron Gym Riverside")
    assert tenant.location_ids == {str(location_of(name).id) for name in names}
    assert tenant.permissions == {"assign", "reply"}


@pytest.mark.parametrize(
    ("slug", "plan"), [("brightside", "plus"), ("nordlys", "pro"), ("solo", "free")]
)
def test_the_tier_is_the_agencys_plan(slug: str, plan: str) -> None:
    assert load_tier(str(agency_of(slug).id)) == plan


def test_an_agency_that_is_gone_has_the_lowest_plan() -> None:
    assert load_tier("999999") == "free"


def test_people_and_locations_are_the_agencys_own() -> None:
    workspace_id = str(agency_of("nordlys").id)

    assert [agent.name for agent in load_agents(workspace_id)] == ["Ida Berg", "Lars Dahl"]
    assert [place.name for place in load_locations(workspace_id)] == ["Bergen", "Oslo"]


def test_the_first_message_makes_a_lead() -> None:
    reference = resolve_contact(identity())

    lead = db.session.get_one(Lead, int(reference))
    assert (lead.name, lead.channel, lead.stage) == ("Maya Okafor", "facebook", "new")
    assert lead.agency_id == agency_of("brightside").id
    assert lead.location.name == "Iron Gym Downtown"
    line = db.session.scalars(select(Activity)).one()
    assert (line.kind, line.lead_id, line.detail) == ("lead_created", lead.id, "Iron Gym Downtown")


def test_asking_again_finds_the_same_lead_and_learns_the_name() -> None:
    first = identity(name=None)
    again = identity(identity_id=first.identity_id)

    references = {resolve_contact(first), resolve_contact(again)}

    assert len(references) == 1
    assert db.session.get_one(Lead, int(references.pop())).name == "Maya Okafor"


def test_a_name_people_gave_is_not_overwritten() -> None:
    first = identity()
    lead = db.session.get_one(Lead, int(resolve_contact(first)))
    lead.name = "Maya (knee)"
    db.session.commit()

    resolve_contact(first)

    assert lead.name == "Maya (knee)"


def test_workers_that_meet_the_same_person_make_one_lead(crm: Flask) -> None:
    person = identity()

    def resolve(_number: int) -> str:
        with crm.app_context():
            return resolve_contact(person)

    with ThreadPoolExecutor(4) as pool:
        references = set(pool.map(resolve, range(8)))

    assert len(references) == 1
    assert len(db.session.scalars(select(Activity)).all()) == 1


def test_the_panel_shows_the_lead(crm: Flask) -> None:
    lead = make_lead("brightside", "Maya <b>Okafor</b>", location="Iron Gym Downtown")

    with crm.test_request_context(), workspace_scope(str(lead.agency_id)):
        login_user(user_of("sam@brightside.example"))
        panel = show_contact(str(lead.id))

    assert f'href="/leads/{lead.id}"' in panel
    assert "Maya &lt;b&gt;Okafor&lt;/b&gt;" in panel
    assert "Iron Gym Downtown" in panel


@pytest.mark.parametrize("email", ["ida@nordlys.example", "kim@brightside.example"])
def test_the_panel_of_somebody_elses_lead_stays_empty(crm: Flask, email: str) -> None:
    lead = make_lead("brightside", "Maya Okafor", location="Iron Gym Harbour")

    with crm.test_request_context():
        login_user(user_of(email))

        assert show_contact(str(lead.id)) is None
