"""Utility templates: proposed, kept with what Meta says of them, filled in, deleted."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import responses

from flask_messenger.content import UtilityTemplate
from flask_messenger.errors import (
    ConflictError,
    InvalidGraphRequestError,
    InvalidRequestError,
    MissingVariableError,
    NotFoundError,
)
from flask_messenger.models import Template
from flask_messenger.replies import utility
from flask_messenger.replies.proposals import Proposal, fill_utility_content, placeholders
from flask_messenger.replies.templates import list_templates
from tests.presence.conftest import URL, failure
from tests.replies.conftest import Desk
from tests.support.app import Factory

BODY = "Hi {{ first_name }}, order {{order_number}} is on its way."
COMPONENTS: list[dict[str, Any]] = [
    {"type": "HEADER", "format": "TEXT", "text": "Order {{order_number}}"},
    {"type": "BODY", "text": BODY},
    {
        "type": "BUTTONS",
        "buttons": [
            {"type": "POSTBACK", "text": "Thanks"},
            {"type": "URL", "text": "Track", "url": "https://shop.example/{{tracking}}"},
        ],
    },
]


@pytest.mark.parametrize(
    "component",
    [
        {"type": "BODY", "text": "{{" + "9" * 5_000 + "}}"},  # no number that Python reads
        {"type": "BODY", "text": "a", "buttons": ["b"]},
        {"type": "BODY", "text": "a", "buttons": 7},
    ],
)
def test_what_no_template_has_is_left_to_meta(component: dict[str, Any]) -> None:
    assert propose(components=[component]).as_dict()["components"] == [component]


def propose(**values: Any) -> Proposal:
    return Proposal(**{"name": "order_sent", "language": "en", "components": COMPONENTS, **values})


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": "Order sent"}, "name"),
        ({"name": ""}, "name"),
        ({"language": "english, please"}, "language"),
        ({"components": []}, "components"),
        ({"components": [{"type": "BODY", "text": " "}]}, "components[0].text"),
        (
            {"components": [{"type": "BODY", "text": "a"}, {"type": "body", "text": "b"}]},
            "components",
        ),
        ({"components": [COMPONENTS[1], {"type": "FOOTER", "text": "a"}]}, "components[1].type"),
        ({"components": [{**COMPONENTS[1], "more": {"a": ["\0"]}}]}, "components[0]"),
        ({"components": [{**COMPONENTS[1], "more": float("inf")}]}, "components[0]"),
        ({"components": [COMPONENTS[1], {"type": "HEADER", "text": "a"}]}, "components[1].format"),
        ({"components": [COMPONENTS[1], {"type": "BUTTONS"}]}, "components[1].buttons"),
        (
            {"components": [COMPONENTS[1], {"type": "BUTTONS", "buttons": [{"type": "CALL"}]}]},
            "components[1].buttons[0].type",
        ),
        (
            {"components": [COMPONENTS[1], {"type": "BUTTONS", "buttons": [{"type": "URL"}]}]},
            "components[1].buttons[0].text",
        ),
        (
            {
                "components": [
                    COMPONENTS[1],
                    {
                        "type": "BUTTONS",
                        "buttons": [{"type": "URL", "text": "a", "url": "http://x"}],
                    },
                ]
            },
            "components[1].buttons[0].url",
        ),
        ({"components": [{"type": "BODY", "text": "{{1}} {{name}}"}]}, "components"),
        ({"components": [{"type": "BODY", "text": "{{2}} {{3}}"}]}, "components"),
        (
            {
                "components": [
                    COMPONENTS[1],
                    {
                        "type": "BUTTONS",
                        "buttons": [{"type": "URL", "text": "a", "url": "https://x/{{1}}/{{2}}"}],
                    },
                ]
            },
            "components",
        ),
    ],
)
def test_what_meta_would_refuse_is_refused_first(values: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        propose(**values)

    assert caught.value.field == field


def test_proposal_says_how_its_placeholders_are_named() -> None:
    numbered = [{"type": "BODY", "text": "{{2}} before {{1}}"}]

    assert propose().as_dict()["parameter_format"] == "NAMED"
    assert propose(components=numbered).as_dict()["parameter_format"] == "POSITIONAL"
    assert propose().as_dict()["category"] == "UTILITY"


def test_numbers_begin_anew_in_each_component() -> None:
    components = [
        {"type": "BODY", "text": "{{2}}: {{1}}, {{1}}"},
        {"type": "HEADER", "format": "TEXT", "text": "News of {{1}}"},
        {
            "type": "BUTTONS",
            "buttons": [
                {"type": "POSTBACK", "text": "Thanks"},
                {"type": "URL", "text": "See", "url": "https://x.example/{{1}}"},
            ],
        },
    ]
    proposal = propose(components=components)

    content = fill_utility_content(
        name="n",
        language="en",
        components=components,
        parameter_format=proposal.parameter_format,
        values={"1": "Yoga", "2": "Monday", "header_1": "Iron Gym", "button_2": "77"},
    )

    assert placeholders(components) == ["1", "2", "header_1", "button_2"]
    assert content.preview == "Monday: Yoga, Yoga"
    texts = [{"type": "text", "text": "Yoga"}, {"type": "text", "text": "Monday"}]
    assert content.components == (
        {"type": "body", "parameters": texts},
        {"type": "header", "parameters": [{"type": "text", "text": "Iron Gym"}]},
        {"type": "buttons", "parameters": [{"type": "URL", "url": "77"}]},
    )


def test_header_may_be_a_picture() -> None:
    content = fill_utility_content(
        name="n",
        language="en",
        components=[{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "Hi"}],
        parameter_format="NAMED",
        values={"header_image": "https://cdn.example/a.jpg"},
    )

    picture = {"type": "image", "image": {"link": "https://cdn.example/a.jpg"}}
    assert content.components == ({"type": "header", "parameters": [picture]},)


@pytest.fixture
def meta() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


class TestWithMeta:
    pytestmark = pytest.mark.databases("postgresql")

    def address(self, desk: Desk) -> str:
        return f"{URL}/{desk.downtown.external_id}/message_templates"

    def create(
        self, desk: Desk, meta: responses.RequestsMock, status: str = "APPROVED"
    ) -> Template:
        answer = {"id": "64001", "status": status, "category": "UTILITY"}
        meta.upsert("POST", self.address(desk), json=answer)
        return utility.create_utility_template(
            desk.app, tenant=desk.tenant(), account_id=desk.downtown.id, proposal=propose()
        )

    def fill(self, desk: Desk, template: Template, **values: Any) -> UtilityTemplate:
        filled = utility.fill_utility(
            desk.session,
            desk.held,
            tenant=desk.tenant(),
            conversation_id=desk.conversation.id,
            template_id=template.id,
            values=values,
        )
        assert isinstance(filled.content, UtilityTemplate)
        return filled.content

    @pytest.mark.covers("facebook", "do:utility_templates")
    def test_template_is_proposed_and_filled_in(
        self, desk: Desk, meta: responses.RequestsMock
    ) -> None:
        template = self.create(desk, meta)

        assert json.loads(meta.calls[0].request.body) == propose().as_dict()
        assert (template.status, template.category) == ("approved", "utility")
        assert utility.placeholders_of(template) == ["order_number", "first_name", "tracking"]
        content = self.fill(desk, template, order_number=7, tracking="AB1")
        assert (content.name, content.language) == ("order_sent", "en")
        assert content.preview == "Hi Maya, order 7 is on its way."
        named = {"type": "text", "parameter_name": "order_number", "text": "7"}
        assert content.components == (
            {"type": "header", "parameters": [named]},
            {
                "type": "body",
                "parameters": [
                    {"type": "text", "parameter_name": "first_name", "text": "Maya"},
                    named,
                ],
            },
            {"type": "buttons", "parameters": [{"type": "URL", "url": "AB1"}]},
        )
        with pytest.raises(MissingVariableError) as caught:
            self.fill(desk, template, order_number=7)
        assert (caught.value.variable, caught.value.field) == ("tracking", "variables")

    def test_template_that_is_not_approved_is_not_sent(
        self, desk: Desk, meta: responses.RequestsMock
    ) -> None:
        template = self.create(desk, meta, "PENDING")

        with pytest.raises(ConflictError, match="Meta is looking at it"):
            self.fill(desk, template)
        template.status = "unheard_of"
        with pytest.raises(ConflictError, match="unheard_of"):
            self.fill(desk, template)

    def test_list_of_meta_is_the_one_that_counts(
        self, desk: Desk, meta: responses.RequestsMock
    ) -> None:
        gone = self.create(desk, meta)
        theirs = {
            "id": 64002,
            "name": "reminder",
            "language": "de",
            "status": "REJECTED",
            "category": "UTILITY",
            "rejected_reason": "TAG_SHOULD_BE_MARKETING",
            "components": [{"type": "BODY", "text": "Bis {{1}}"}, 7],
        }
        meta.get(self.address(desk), json={"data": [theirs, {"id": "1"}]})
        asked = {"tenant": desk.tenant(), "account_id": desk.downtown.id}

        for _ in range(2):
            found = utility.sync_utility_templates(desk.app, **asked)

        assert [(each.name, each.status, each.status_reason, each.text) for each in found] == [
            ("reminder", "rejected", "TAG_SHOULD_BE_MARKETING", "Bis {{1}}")
        ]
        listed = list_templates(desk.session, tenant=desk.tenant(), kind="utility")
        assert {each.name: each.status for each in listed} == {
            "order_sent": "deleted",
            "reminder": "rejected",
        }
        assert gone.status_at is not None

    def test_library_template_is_found_and_cloned(
        self, desk: Desk, meta: responses.RequestsMock
    ) -> None:
        item = {"name": "shipped_1", "language": "en", "body": "Order {{1}} left."}
        meta.get(f"{URL}/message_template_library", json={"data": [item, {}]})
        asked = {"tenant": desk.tenant(), "account_id": desk.downtown.id}
        found = utility.search_library(desk.app, **asked, words="order", language="en")
        assert [(each.name, each.body) for each in found] == [("shipped_1", "Order {{1}} left.")]
        assert meta.calls[0].request.params["name_or_content"] == "order"

        meta.post(self.address(desk), json={"id": "64003", "status": "APPROVED"})
        read = {
            "id": "64003",
            "name": "shipped",
            "language": "en",
            "status": "APPROVED",
            "parameter_format": "POSITIONAL",
            "components": [{"type": "BODY", "text": "Order {{1}} left."}],
        }
        meta.get(self.address(desk), json={"data": [read]})
        cloned = utility.clone_library_template(
            desk.app,
            **asked,
            library_name="shipped_1",
            name="shipped",
            language="en",
            button_inputs=[{"type": "URL"}],
        )

        sent = json.loads(meta.calls[1].request.body)
        assert sent["library_template_name"] == "shipped_1"
        assert self.fill(desk, cloned, **{"1": "7"}).preview == "Order 7 left."

    def test_template_is_deleted_at_meta_and_here(
        self, desk: Desk, meta: responses.RequestsMock
    ) -> None:
        template = self.create(desk, meta)
        meta.delete(self.address(desk), **failure(100))
        there = {"id": "64001", "name": "order_sent", "language": "en"}
        meta.get(self.address(desk), json={"data": [there]})
        with pytest.raises(InvalidGraphRequestError):
            utility.delete_utility_template(desk.app, tenant=desk.tenant(), template_id=template.id)
        meta.replace("GET", self.address(desk), json={"data": []})  # somebody was quicker

        utility.delete_utility_template(desk.app, tenant=desk.tenant(), template_id=template.id)

        assert meta.calls[1].request.params["template_id"] == "64001"
        assert list_templates(desk.session, tenant=desk.tenant()) == []
        assert desk.acts() == ["utility_template_proposed", "utility_template_deleted"]

    def test_what_meta_refuses_is_not_kept(self, desk: Desk, meta: responses.RequestsMock) -> None:
        meta.post(self.address(desk), **failure(100))

        with pytest.raises(InvalidGraphRequestError):
            utility.create_utility_template(
                desk.app, tenant=desk.tenant(), account_id=desk.downtown.id, proposal=propose()
            )

        assert list_templates(desk.session, tenant=desk.tenant()) == []

    def test_template_is_its_accounts_own(
        self, desk: Desk, meta: responses.RequestsMock, factory: Factory
    ) -> None:
        template = self.create(desk, meta)
        other = factory.conversation(desk.riverside)
        gram = factory.account(channel="instagram", page_external_id="1")

        with pytest.raises(NotFoundError):
            utility.fill_utility(
                desk.session,
                desk.held,
                tenant=desk.tenant(),
                conversation_id=other.id,
                template_id=template.id,
            )
        with pytest.raises(ConflictError, match="Instagram has no utility templates"):
            utility.create_utility_template(
                desk.app, tenant=desk.tenant(), account_id=gram.id, proposal=propose()
            )
