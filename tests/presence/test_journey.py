"""Profiles, personas and utility templates against the simulated Meta, which knows none of ours."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from flask_messenger.channels.registry import channel_named
from flask_messenger.channels.sending import Endpoint, Recipient, SendOptions
from flask_messenger.content import Text
from flask_messenger.crypto import KeyRing
from flask_messenger.errors import InvalidGraphRequestError
from flask_messenger.graph.client import Graph
from flask_messenger.hooks import Tenant
from flask_messenger.models import Account
from flask_messenger.models.base import utc_now
from flask_messenger.presence.personas import (
    create_persona,
    remove_persona,
    sync_personas,
)
from flask_messenger.presence.profile import apply_profile, diff_profile, refresh_profile
from flask_messenger.replies.proposals import Proposal
from flask_messenger.replies.utility import (
    clone_library_template,
    create_utility_template,
    delete_utility_template,
    fill_utility,
    search_library,
    sync_utility_templates,
)
from flask_messenger.replies.variables import find_setting
from flask_messenger.simulator import constants
from flask_messenger.simulator.seeds import instagram_id_of, page_id_of
from flask_messenger.state import state_of
from flask_messenger.tenancy import workspace_scope
from tests.simulator.conftest import Running, callback, start
from tests.simulator.driver import SCOPE
from tests.simulator.instagram import COACH, Instagram
from tests.support.app import Factory

__all__ = ["callback", "start"]  # fixtures
PAGE = page_id_of("Iron Gym Downtown")
PICTURE = "https://cdn.example/sam.jpg"
SCOPES = [
    *SCOPE.split(","),
    "page_utility_messaging",
    "instagram_basic",
    "instagram_manage_messages",
]
MENU = [
    {
        "locale": "default",
        "call_to_actions": [
            {"type": "postback", "title": "Classes", "payload": "CLASSES"},
            {"type": "web_url", "title": "Shop", "url": "https://shop.example/"},
        ],
    }
]
ASKED = [{"locale": "default", "call_to_actions": [{"question": "Open today?", "payload": "OPEN"}]}]


pytestmark = pytest.mark.databases("postgresql")


@dataclass
class Journey:
    """The application, the simulated Meta, and the Page that both know."""

    app: Flask
    simulator: Running
    page: Account
    factory: Factory

    @property
    def asked(self) -> dict[str, Any]:
        tenant = Tenant(workspace_id="w1", user_id="u1", user_name="Sam Reyes")
        return {"tenant": tenant, "account_id": self.page.id}

    def meet(self, psid: str) -> Any:
        """Return a conversation with somebody who wrote days ago."""
        identity = self.factory.identity(self.page, external_id=psid)
        return self.factory.conversation(
            self.page, identity, last_inbound_at=utc_now() - timedelta(minutes=1)
        )

    def send(self, conversation_id: Any, content: Any, **options: Any) -> Any:
        """Send as the outbox would; return what Graph answers."""
        held = state_of(self.app)
        channel = channel_named("facebook")
        psid = find_setting(
            held.db.session, tenant=self.asked["tenant"], conversation_id=conversation_id
        ).identity.external_id
        request = channel.build_message(
            content,
            endpoint=Endpoint(external_id=PAGE),
            recipient=Recipient(id=psid),
            options=SendOptions(**options),
        )
        token = self.page.open_token(held.get(KeyRing)) or ""
        return held.get(Graph).carry(request, app=held.settings.default_app, token=token).body


@pytest.fixture
def journey(new_app: Callable[..., Flask], start: Callable[..., Running]) -> Iterator[Journey]:
    simulator = start(SIMULATOR_START_SENDER=False)
    app = new_app(
        MESSENGER_SIMULATOR_URL=simulator.base_url,
        META_GRAPH_URL=simulator.base_url,
        META_INSTAGRAM_GRAPH_URL=f"{simulator.base_url}/graph.instagram.com",
        META_APP_ID=constants.APP_ID,
        META_APP_SECRET=constants.APP_SECRET,
    )
    chosen = {"pages": [PAGE], "permissions": SCOPES, "scope": ",".join(SCOPES)}
    token = simulator.page_token(simulator.log_in(**chosen), PAGE)
    with app.app_context():
        factory = Factory(app)
        page = factory.account(external_id=PAGE, token=token)
        with workspace_scope("w1"):
            yield Journey(app, simulator, page, factory)


def test_profile_is_set_read_back_and_removed(journey: Journey) -> None:
    document = {
        "greeting": [{"locale": "default", "text": "Hi {{user_first_name}}"}],
        "get_started": {"payload": "START"},
        "persistent_menu": MENU,
        "ice_breakers": ASKED,
        "commands": [{"locale": "default", "commands": [{"name": "a", "description": "b"}]}],
        "whitelisted_domains": ["https://shop.example"],
        "account_linking_url": "https://shop.example/link",
    }

    apply_profile(journey.app, **journey.asked, document=document)

    assert refresh_profile(journey.app, **journey.asked).live == document
    assert diff_profile(journey.app, **journey.asked, document=document).is_empty
    gone = {"persistent_menu": None, "get_started": None, "commands": None}
    apply_profile(journey.app, **journey.asked, document=gone)
    live = refresh_profile(journey.app, **journey.asked).live
    assert live == {name: value for name, value in document.items() if name not in gone}


@pytest.mark.parametrize("login", ["facebook", "instagram"])
def test_instagram_has_its_own_profile(journey: Journey, login: str) -> None:
    if login == "instagram":
        account = journey.factory.account(
            channel="instagram",
            external_id=COACH,
            login=login,
            token=Instagram(journey.simulator).log_in(),
        )
    else:
        account = journey.factory.account(
            channel="instagram",
            external_id=instagram_id_of("irongym.downtown"),
            page_external_id=PAGE,
            token=journey.page.open_token(state_of(journey.app).get(KeyRing)),
        )
    asked = {**journey.asked, "account_id": account.id}
    document = {"persistent_menu": MENU, "ice_breakers": ASKED}

    apply_profile(journey.app, **asked, document=document)

    assert refresh_profile(journey.app, **asked).live == document
    apply_profile(journey.app, **asked, document={"persistent_menu": None})
    assert refresh_profile(journey.app, **asked).live == {"ice_breakers": ASKED}


def test_persona_signs_a_message_until_it_is_removed(journey: Journey) -> None:
    psid = journey.simulator.chat(f"{PAGE}/maya-okafor/messages", text="Hello")["psid"]
    conversation = journey.meet(psid)
    persona = create_persona(
        journey.app, **journey.asked, name="Sam of Iron Gym", picture_url=PICTURE, user_ref="u1"
    )
    persona_id, external_id = persona.id, persona.external_id

    assert [each.external_id for each in sync_personas(journey.app, **journey.asked)] == [
        external_id
    ]
    sent = journey.send(conversation.id, Text("I am Sam"), persona_id=external_id)
    assert sent["recipient_id"] == psid
    remove_persona(journey.app, tenant=journey.asked["tenant"], persona_id=persona_id)
    assert sync_personas(journey.app, **journey.asked) == []
    with pytest.raises(InvalidGraphRequestError):
        journey.send(conversation.id, Text("Still me"), persona_id=external_id)


def test_utility_template_is_approved_filled_and_sent(journey: Journey) -> None:
    psid = journey.simulator.chat(f"{PAGE}/maya-okafor/messages", text="Hello")["psid"]
    conversation = journey.meet(psid)
    body = {"type": "BODY", "text": "Hi {{first_name}}, order {{order}} is ready."}
    buttons = [{"type": "URL", "text": "Track", "url": "https://shop.example/{{1}}"}]
    proposal = Proposal(
        name="order_ready",
        language="en",
        components=[body, {"type": "BUTTONS", "buttons": buttons}],
    )

    template = create_utility_template(journey.app, **journey.asked, proposal=proposal)
    template_id = template.id
    filled = fill_utility(
        state_of(journey.app).db.session,
        state_of(journey.app),
        tenant=journey.asked["tenant"],
        conversation_id=conversation.id,
        template_id=template_id,
        values={"order": 77, "button_1": "77"},
    )

    assert template.status == "approved"
    assert journey.send(conversation.id, filled.content)["recipient_id"] == psid
    assert [each.id for each in sync_utility_templates(journey.app, **journey.asked)] == [
        template_id
    ]
    delete_utility_template(journey.app, tenant=journey.asked["tenant"], template_id=template_id)
    assert sync_utility_templates(journey.app, **journey.asked) == []


def test_template_with_advertising_is_rejected_and_one_of_the_library_is_not(
    journey: Journey,
) -> None:
    words = [{"type": "BODY", "text": "A special offer for you"}]
    proposal = Proposal(name="offer", language="en", components=words)

    create_utility_template(journey.app, **journey.asked, proposal=proposal)
    found = search_library(journey.app, **journey.asked, words="order")
    cloned = clone_library_template(
        journey.app, **journey.asked, library_name=found[0].name, name="shipped", language="en"
    )

    assert cloned.status == "approved"
    assert cloned.text == found[0].body
    synced = sync_utility_templates(journey.app, **journey.asked)
    reasons = {each.name: (each.status, each.status_reason) for each in synced}
    assert reasons["offer"] == ("rejected", "TAG_SHOULD_BE_MARKETING")
