"""The page of saved replies."""

import pytest
from sqlalchemy import select

from flask_messenger.models import SavedReply
from flask_messenger.tenancy import system_scope
from tests.support.app import Factory, Host
from tests.ui.conftest import Browser, words_of

PAGE = "/settings/replies"

pytestmark = pytest.mark.databases("postgresql")


@pytest.fixture(autouse=True)
def admin(host: Host) -> None:
    host.sign_in()


def saved(factory: Factory) -> list[SavedReply]:
    factory.session.rollback()
    with system_scope("test"):
        return list(factory.session.scalars(select(SavedReply)))


def test_a_reply_is_saved_changed_and_deleted(browser: Browser, factory: Factory) -> None:
    data = {"shortcut": "/Hours", "title": "Opening hours", "text": "Hi {{ first_name }}, 6 to 22."}
    assert "Nothing is saved yet." in browser.read(PAGE)

    assert browser.post(PAGE, data=data).status_code == 303
    [row] = saved(factory)
    assert (row.shortcut, row.title) == ("hours", "Opening hours")
    assert "/hours Opening hours" in browser.read(PAGE)

    assert browser.post(f"{PAGE}/{row.id}", data={**data, "text": "6 to 23."}).status_code == 303
    assert saved(factory)[0].text == "6 to 23."

    assert browser.post(f"{PAGE}/{row.id}/delete").status_code == 303
    assert saved(factory) == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"shortcut": "two words", "text": "x"}, "A shortcut is one word"),
        ({"shortcut": "x", "text": "  "}, "the text is empty"),
        ({"shortcut": "x", "text": "{{ no_such }} {% endif %}"}, ""),
    ],
)
def test_what_is_refused_stays_in_the_form_with_the_reason(
    browser: Browser, factory: Factory, data: dict[str, str], words: str
) -> None:
    answer = browser.post(PAGE, data=data)

    assert answer.status_code == 422
    assert words in words_of(answer.text)
    assert f'value="{data["shortcut"]}"' in answer.text
    assert saved(factory) == []


def test_only_who_may_change_settings_sees_the_page(browser: Browser, host: Host) -> None:
    host.sign_in(permissions={"reply"})

    assert browser.get(PAGE).status_code == 403
