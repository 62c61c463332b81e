from collections.abc import Callable

from flask.testing import FlaskClient

from example_app.database import db
from example_app.models import Lead
from tests.example_app.crm import csrf_token, make_lead, user_of

SAM, KIM, IDA = "sam@brightside.example", "kim@brightside.example", "ida@nordlys.example"
Browse = Callable[[str], FlaskClient]


def read(client: FlaskClient, path: str) -> str:
    return client.get(path).get_data(as_text=True)


def test_an_agency_sees_its_own_leads_only(log_in: Browse) -> None:
    make_lead("brightside", "Maya Okafor")
    make_lead("nordlys", "Lena Vogel")

    page = read(log_in(IDA), "/leads")

    assert "Lena Vogel" in page
    assert "Maya Okafor" not in page
    assert "All <span>1</span>" in page


def test_a_foreign_lead_is_answered_like_one_that_does_not_exist(log_in: Browse) -> None:
    foreign = make_lead("brightside", "Maya Okafor")
    client = log_in(IDA)

    answers = [client.get(f"/leads/{number}") for number in (foreign.id, 999_999)]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].data == answers[1].data


def test_a_foreign_lead_cannot_be_changed(log_in: Browse) -> None:
    foreign = make_lead("brightside", "Maya Okafor")
    client = log_in(IDA)
    form = {"name": "Taken", "stage": "lost", "csrf_token": csrf_token(client, "/leads")}

    answer = client.post(f"/leads/{foreign.id}", data=form)

    assert answer.status_code == 404
    db.session.expire_all()
    assert db.session.get_one(Lead, foreign.id).name == "Maya Okafor"


def test_an_agent_sees_the_leads_of_their_locations_only(log_in: Browse) -> None:
    make_lead("brightside", "Maya Okafor", location="Iron Gym Downtown")
    hidden = make_lead("brightside", "Aiko Nakamura", location="Iron Gym Harbour")
    make_lead("brightside", "Omar Haddad")
    client = log_in(KIM)

    page = read(client, "/leads")

    assert "Maya Okafor" in page
    assert "Aiko Nakamura" not in page
    assert "Omar Haddad" not in page
    assert client.get(f"/leads/{hidden.id}").status_code == 404


def test_leads_are_found_by_letters_and_stage(log_in: Browse) -> None:
    make_lead("brightside", "Maya Okafor")
    make_lead("brightside", "100% Lena")
    client = log_in(SAM)

    assert "Maya Okafor" in read(client, "/leads?q=OKA")
    assert "100% Lena" not in read(client, "/leads?q=OKA")
    assert "Maya Okafor" not in read(client, "/leads?q=%25")
    assert "No lead is like that" in read(client, "/leads?stage=lost")
    assert "Maya Okafor" in read(client, "/leads?stage=nonsense&page=x")


def test_long_lists_come_in_pages(log_in: Browse) -> None:
    for number in range(52):
        make_lead("brightside", f"Person {number:02}")
    client = log_in(SAM)

    first, second = read(client, "/leads"), read(client, "/leads?page=2")

    assert "Person 51" in first
    assert "Person 01" not in first
    assert "Person 01" in second
    assert ">Older<" in first
    assert ">Older<" not in second


def test_names_are_shown_as_text(log_in: Browse) -> None:
    lead = make_lead("brightside", "<script>alert(1)</script>")
    client = log_in(SAM)

    for page in ("/leads", f"/leads/{lead.id}"):
        assert "<script>alert" not in read(client, page)


def test_what_is_changed_about_a_lead_stands_in_its_timeline(log_in: Browse) -> None:
    lead = make_lead("brightside", "Maya Okafor")
    client = log_in(SAM)
    path = f"/leads/{lead.id}"
    form = {
        "name": "Maya O.",
        "email": "maya@example.com",
        "phone": "",
        "stage": "trial_booked",
        "owner_id": str(user_of(KIM).id),
        "csrf_token": csrf_token(client, path),
    }

    page = client.post(path, data=form, follow_redirects=True).get_data(as_text=True)

    assert "Saved." in page
    assert "Stage: Trial booked" in page
    assert "Owner: Kim Tran" in page
    assert "by Sam Reyes" in page
    assert 'value="maya@example.com"' in page


def test_a_lead_cannot_be_given_to_somebody_of_another_agency(log_in: Browse) -> None:
    lead = make_lead("brightside", "Maya Okafor")
    client = log_in(SAM)
    path = f"/leads/{lead.id}"
    form = {
        "stage": "new",
        "owner_id": str(user_of(IDA).id),
        "csrf_token": csrf_token(client, path),
    }

    page = client.post(path, data=form).get_data(as_text=True)

    assert "Not a valid choice" in page
    db.session.expire_all()
    assert db.session.get_one(Lead, lead.id).owner_id is None
