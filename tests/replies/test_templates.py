"""Templates and saved replies: kept, found, filled in."""

import uuid
from typing import Any

import pytest

from flask_messenger.content import Media, Text
from flask_messenger.errors import (
    ConflictError,
    ContentError,
    InvalidRequestError,
    MissingVariableError,
    NotFoundError,
    PermissionDeniedError,
)
from flask_messenger.models import SavedReply, Template
from flask_messenger.replies import rendering, saved_replies, templates
from flask_messenger.replies.filling import fill_saved_reply, fill_template, preview_draft
from flask_messenger.replies.saved_replies import SavedReplyValues
from flask_messenger.replies.templates import TemplateValues
from flask_messenger.replies.variables import VARIABLES
from flask_messenger.tenancy import workspace_scope
from tests.replies.conftest import Desk
from tests.support.app import Factory

pytestmark = pytest.mark.databases("postgresql")


def make(desk: Desk, text: str = "Hi {{ first_name }}", **values: Any) -> Template:
    who = values.pop("tenant", None) or desk.tenant()
    wanted = TemplateValues(name=values.pop("name", "Hello"), text=text, **values)
    return templates.create_template(desk.session, desk.held, tenant=who, values=wanted)


def make_reply(desk: Desk, shortcut: str, text: str = "Hi", **values: Any) -> SavedReply:
    who = values.pop("tenant", None) or desk.tenant()
    wanted = SavedReplyValues(shortcut=shortcut, text=text, **values)
    return saved_replies.create_saved_reply(desk.session, desk.held, tenant=who, values=wanted)


def fill(desk: Desk, template: Template, **values: Any) -> Any:
    return fill_template(
        desk.session,
        desk.held,
        tenant=values.pop("tenant", None) or desk.tenant(),
        conversation_id=desk.conversation.id,
        template_id=template.id,
        values=values,
    ).content


@pytest.mark.covers("facebook", "do:template")
def test_template_is_filled_in_for_a_conversation(desk: Desk) -> None:
    text = " ".join(f"{{{{ {name} }}}}" for name in VARIABLES)

    content = fill(desk, make(desk, text))

    assert content == Text("Maya Okafor Maya Sam Reyes Sam Downtown Gym Downtown")


def test_host_adds_variables_and_the_caller_has_the_last_word(desk: Desk) -> None:
    asked = []

    def load(reply: Any) -> dict[str, Any]:
        asked.append(reply)
        return {"order": {"number": 7}, "first_name": "Ms Okafor", "due": "Monday"}

    desk.held.hooks.variables = load
    template = make(desk, "{{ first_name }}: {{ order.number }}, {{ due }}")

    content = fill(desk, template, due="Friday")

    assert content.text == "Ms Okafor: 7, Friday"
    assert asked[0].conversation_id == desk.conversation.id
    assert (asked[0].location_id, asked[0].user_id) == ("l1", "u1")


def test_host_that_fails_leaves_its_variables_missing(desk: Desk) -> None:
    def fail(_: Any) -> dict[str, Any]:
        raise ZeroDivisionError

    desk.held.hooks.variables = fail
    desk.held.hooks.locations = fail
    plain = make(desk, "Hi {{ first_name }}")
    needy = make(desk, "Hi {{ order }}", name="Order")

    assert fill(desk, plain).text == "Hi Maya"
    with pytest.raises(MissingVariableError, match="'order'"):
        fill(desk, needy)


def test_person_without_a_name_is_a_missing_variable(desk: Desk, factory: Factory) -> None:
    identity = factory.identity(desk.downtown, name=None)
    nameless = factory.conversation(desk.downtown, identity)
    strict, kind = make(desk), make(desk, "Hi {{ first_name | default('you') }}", name="Kind")

    def preview(template: Template) -> str | None:
        return fill_template(
            desk.session,
            desk.held,
            tenant=desk.tenant(),
            conversation_id=nameless.id,
            template_id=template.id,
        ).text

    assert preview(kind) == "Hi you"
    with pytest.raises(MissingVariableError, match="'first_name'"):
        preview(strict)


def test_every_text_of_a_content_is_a_template(desk: Desk) -> None:
    content = {"attachment": {"type": "image", "url": "https://cdn.example/{{ order }}.jpg"}}
    template = make(desk, None, content_kind="media", content=content)

    assert fill(desk, template, order="7") == Media(type="image", url="https://cdn.example/7.jpg")
    with pytest.raises(MissingVariableError) as caught:
        fill(desk, template)
    assert caught.value.field == "attachment.url"
    with pytest.raises(ContentError):
        fill(desk, template, order="x" * 4000)


@pytest.mark.covers("instagram", "do:template")
def test_limits_are_those_of_the_channel_after_filling_in(desk: Desk, factory: Factory) -> None:
    gram = factory.account(channel="instagram", location_id="l1")
    there = factory.conversation(gram, factory.identity(gram))
    draft: dict[str, Any] = {
        "tenant": desk.tenant(),
        "content_kind": "text",
        "text": "{{ words }}",
        "content": {},
        "values": {"words": "x" * 1500},
    }

    here = preview_draft(desk.session, desk.held, conversation_id=desk.conversation.id, **draft)

    assert len(here.text or "") == 1500
    with pytest.raises(ContentError):
        preview_draft(desk.session, desk.held, conversation_id=there.id, **draft)


REFUSED_TEMPLATES: list[tuple[dict[str, Any], str]] = [
    ({"text": "{% for a in b %}{% endfor %}"}, "text"),
    ({"text": "Hi {{ name"}, "text"),
    ({"text": " "}, "text"),
    ({"name": " "}, "name"),
    ({"name": "x" * 256}, "name"),
    ({"text": None, "content_kind": "media", "content": {"a": 1}}, "type"),
    ({"content_kind": "nonsense"}, "content_kind"),
    ({"content": {"a": [{"b": "{{ 2**9 }}"}]}}, "a[0].b"),
    ({"content": {"a" * 5_000: {"b": "{{ 2**9 }}"}}}, "a" * 64 + ".b"),
    ({"content": {"a": ["x"] * 401}}, "content"),
    ({"content": {"a": "x" * 70_000}}, "content"),
    ({"content": {"a": ["{{ name }}" * 40] * 30}}, "content"),
    ({"text": "{{ name }}", "content": {"a": float("inf")}}, "content"),
    ({"account_id": uuid.uuid4()}, "account_id"),
    ({"location_id": "l9"}, "location_id"),
]


def test_what_cannot_be_kept_names_the_field(desk: Desk) -> None:
    for values, field in REFUSED_TEMPLATES:
        with pytest.raises(InvalidRequestError) as caught:
            make(desk, **values)

        assert caught.value.field == field, values


def test_variables_are_listed_without_filling_anything_in(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = {"buttons": [{"type": "web_url", "title": "{{ a | d(b) }}", "url": "{{ c.d }}"}]}
    template = make(desk, "Hi {{ name }}", content_kind="button_template", content=content)

    def fail(*_: Any, **__: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(rendering, "_compile", fail)  # a list has many templates
    assert templates.variables_in(template) == ["a", "b", "c", "name"]
    template.text, template.content = "Hi {{ name", {"a": ["{{ x }}"] * 500}  # kept by older rules
    assert "name" not in templates.variables_in(template)


def test_content_without_variables_is_held_to_the_channel_at_once(desk: Desk) -> None:
    with pytest.raises(ContentError):
        make(desk, "x" * 2001, account_id=desk.downtown.id)


def test_reach_is_a_location_or_an_account(desk: Desk) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        make(desk, location_id="l1", account_id=desk.downtown.id)

    assert caught.value.field == "location_id"


def test_narrower_wins_and_all_that_is_visible_is_listed(desk: Desk) -> None:
    make(desk, "everywhere")
    make(desk, "in l1", location_id="l1")
    mine = make(desk, "for downtown", name="HELLO", account_id=desk.downtown.id)
    other = make(desk, "for riverside", account_id=desk.riverside.id)

    def listed(who: Any, account_id: uuid.UUID | None = None) -> set[str | None]:
        found = templates.list_templates(desk.session, tenant=who, account_id=account_id)
        return {each.text for each in found}

    everybody = desk.tenant()
    assert listed(everybody, desk.downtown.id) == {"for downtown"}
    assert listed(everybody, desk.riverside.id) == {"for riverside"}
    assert listed(everybody) == {"everywhere", "in l1", "for downtown", "for riverside"}
    assert listed(desk.tenant("l1")) == {"everywhere", "in l1", "for downtown"}
    assert listed(desk.tenant("l2")) == {"everywhere", "for riverside"}
    assert fill(desk, mine).text == "for downtown"
    with pytest.raises(NotFoundError):
        fill(desk, other)
    with pytest.raises(InvalidRequestError):
        listed(desk.tenant("l2"), desk.downtown.id)


def test_what_all_use_is_changed_by_who_sees_all(desk: Desk) -> None:
    template = make(desk)
    limited = desk.tenant("l1")
    own = make(desk, tenant=limited, location_id="l1")

    with pytest.raises(PermissionDeniedError):
        make(desk, tenant=limited)
    with pytest.raises(PermissionDeniedError):
        templates.change_template(
            desk.session, tenant=limited, template_id=template.id, name="Other"
        )
    templates.delete_template(desk.session, tenant=limited, template_id=own.id)
    assert [each.id for each in templates.list_templates(desk.session, tenant=limited)] == [
        template.id
    ]


def test_template_is_changed_deleted_and_audited(desk: Desk) -> None:
    template = make(desk)

    changed = templates.change_template(
        desk.session, tenant=desk.tenant(), template_id=template.id, text="Bye {{ agent_name }}"
    )
    assert templates.variables_in(changed) == ["agent_name"]
    with pytest.raises(ContentError):
        templates.change_template(
            desk.session, tenant=desk.tenant(), template_id=template.id, text="{{ oh"
        )
    templates.delete_template(desk.session, tenant=desk.tenant(), template_id=template.id)
    desk.session.commit()

    assert desk.acts() == ["template_created", "template_changed", "template_deleted"]
    with pytest.raises(NotFoundError):
        templates.get_template(desk.session, tenant=desk.tenant(), template_id=template.id)


def test_template_that_meta_approved_is_not_changed_here(desk: Desk) -> None:
    template = make(desk, account_id=desk.downtown.id)
    template.kind = "utility"
    desk.session.flush()

    with pytest.raises(ConflictError):
        templates.change_template(
            desk.session, tenant=desk.tenant(), template_id=template.id, name="Other"
        )
    with pytest.raises(ConflictError):
        fill(desk, template)


def test_workspaces_do_not_see_each_others(desk: Desk, factory: Factory) -> None:
    template_id, reply_id = make(desk).id, make_reply(desk, "hi").id
    desk.session.commit()
    account = factory.account("w2")
    other = desk.tenant().__class__(workspace_id="w2", user_id="u2")

    with workspace_scope("w2"):
        assert templates.list_templates(desk.session, tenant=other) == []
        assert saved_replies.list_saved_replies(desk.session, tenant=other) == []
        with pytest.raises(NotFoundError):
            templates.get_template(desk.session, tenant=other, template_id=template_id)
        with pytest.raises(NotFoundError):
            saved_replies.get_saved_reply(desk.session, tenant=other, saved_reply_id=reply_id)
        assert templates.list_templates(desk.session, tenant=other, account_id=account.id) == []


@pytest.mark.covers("instagram", "do:saved_reply")
def test_saved_reply_serves_every_channel(desk: Desk, factory: Factory) -> None:
    gram = factory.account(channel="instagram", location_id="l1")
    there = factory.conversation(gram, factory.identity(gram, name="Lena Vogel"))
    reply = make_reply(desk, "hours", "We open at 8, {{ first_name }}.")

    text = fill_saved_reply(
        desk.session,
        desk.held,
        tenant=desk.tenant(),
        conversation_id=there.id,
        saved_reply_id=reply.id,
    )

    assert text == "We open at 8, Lena."


@pytest.mark.covers("facebook", "do:saved_reply")
def test_saved_reply_is_found_by_its_shortcut_and_filled_in(desk: Desk) -> None:
    make_reply(desk, "/Hours", "We open at 9.")
    here = make_reply(
        desk, "hours", "{{ location }} opens at 8, {{ first_name }}.", location_id="l1"
    )

    found = saved_replies.list_saved_replies(
        desk.session, tenant=desk.tenant(), account_id=desk.downtown.id
    )
    text = fill_saved_reply(
        desk.session,
        desk.held,
        tenant=desk.tenant(),
        conversation_id=desk.conversation.id,
        saved_reply_id=found[0].id,
    )

    assert [(each.id, each.shortcut) for each in found] == [(here.id, "hours")]
    assert text == "Downtown opens at 8, Maya."
    with pytest.raises(NotFoundError):
        fill_saved_reply(
            desk.session,
            desk.held,
            tenant=desk.tenant(),
            conversation_id=desk.conversation.id,
            saved_reply_id=make_reply(desk, "x", account_id=desk.riverside.id).id,
        )


REFUSED_REPLIES: list[tuple[dict[str, Any], str]] = [
    ({"shortcut": "two words"}, "shortcut"),
    ({"shortcut": "/"}, "shortcut"),
    ({"shortcut": "x" * 65}, "shortcut"),
    ({"shortcut": "taken"}, "shortcut"),
    ({"shortcut": "x", "text": "  "}, "text"),
    ({"shortcut": "x", "text": "a\x00b"}, "text"),
    ({"shortcut": "x", "text": "{{ name.__class__ }}"}, "text"),
    ({"shortcut": "x", "title": "x" * 256}, "title"),
    ({"shortcut": "x", "account_id": uuid.uuid4()}, "account_id"),
]


def test_saved_reply_that_cannot_be_kept_names_the_field(desk: Desk) -> None:
    make_reply(desk, "taken")

    for values, field in REFUSED_REPLIES:
        with pytest.raises(InvalidRequestError) as caught:
            make_reply(desk, **values)

        assert caught.value.field == field, values


def test_saved_reply_is_changed_deleted_and_audited(desk: Desk) -> None:
    reply, other = make_reply(desk, "a"), make_reply(desk, "b")
    who = desk.tenant()

    changed = saved_replies.change_saved_reply(
        desk.session, tenant=who, saved_reply_id=reply.id, shortcut="c", title="T", text="New"
    )
    assert (changed.shortcut, changed.title, changed.text) == ("c", "T", "New")
    with pytest.raises(InvalidRequestError):
        saved_replies.change_saved_reply(
            desk.session, tenant=who, saved_reply_id=reply.id, shortcut="b"
        )
    desk.session.rollback()
    with pytest.raises(NotFoundError):
        saved_replies.delete_saved_reply(desk.session, tenant=who, saved_reply_id=other.id)
    kept = make_reply(desk, "kept")
    saved_replies.delete_saved_reply(desk.session, tenant=who, saved_reply_id=kept.id)
    desk.session.commit()
    assert desk.acts() == ["saved_reply_created", "saved_reply_deleted"]
