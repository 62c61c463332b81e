"""Bodies as Meta really sends them now and then: more in them than the reference shows, or less."""

from datetime import UTC, datetime
from typing import Any

import pytest

from flask_messenger.channels._messaging import INSTAGRAM, MESSENGER, parse_entry
from flask_messenger.channels._reading import as_time
from flask_messenger.events import (
    UNNAMED,
    DeletionEvent,
    EditEvent,
    Event,
    MessageEvent,
    OwnerFact,
    UnhandledEvent,
)
from tests.support.meta import T0

PAGE, PERSON, WRITER = "555", "9001", {"id": "c2", "name": "Ada"}
PHOTO, FILM = "https://scontent.xx.fbcdn.net/a.jpg", "https://video.xx.fbcdn.net/a.mp4"


def change(field: str, **value: Any) -> Event:
    body = {"created_time": T0 // 1000, **value}
    (event,) = parse_entry(
        {"id": PAGE, "time": T0 // 1000 + 9, "changes": [{"field": field, "value": body}]}
    )
    return event


@pytest.mark.parametrize(
    ("value", "files"),
    [
        ({"item": "photo", "photo_id": "7", "link": PHOTO}, [("image", PHOTO, "pending")]),
        ({"item": "video", "video_id": "7", "link": FILM}, [("video", FILM, "pending")]),
        (
            {"item": "status", "photos": [PHOTO, PHOTO + "2"]},
            [("image", PHOTO, "pending"), ("image", PHOTO + "2", "pending")],
        ),
        ({"item": "photo", "photo": PHOTO, "link": PHOTO}, [("image", PHOTO, "pending")]),
        (
            {"item": "share", "link": "https://example.com/"},
            [("fallback", "https://example.com/", "remote")],
        ),
        ({"item": "post", "link": None, "photos": None, "photo": ""}, []),
    ],
)
def test_a_visitors_post_keeps_its_pictures_and_its_link(
    value: dict[str, Any], files: list[tuple[str, str, str]]
) -> None:
    event = change("feed", verb="add", post_id="555_7", **{"from": WRITER}, **value)

    assert isinstance(event, MessageEvent)
    assert [(each.type, each.url, each.state) for each in event.attachments] == files


def test_a_link_beside_a_comment_is_none_of_its_files() -> None:
    event = change(
        "feed",
        item="comment",
        verb="add",
        comment_id="c",
        post_id="p",
        photo=PHOTO,
        link="https://x",
    )

    assert isinstance(event, MessageEvent)
    assert [each.url for each in event.attachments] == [PHOTO]


def test_who_comments_on_instagram_may_be_known_by_their_username_only() -> None:
    value = {"id": "1", "from": {"username": "ada.l"}, "media": {"id": "2"}, "text": "hello"}

    (event,) = parse_entry(
        {"id": PAGE, "time": 1, "changes": [{"field": "comments", "value": value}]}, INSTAGRAM
    )

    assert isinstance(event, MessageEvent)
    assert (event.identity_external_id, event.author.kind) == ("comment:1", "commenter")
    assert event.author.username == "ada.l"


def test_a_mention_of_the_page_is_edited_and_removed_as_it_was_made() -> None:
    said = {"post_id": "5_6", "comment_id": "6_7", "sender_id": "9", "item": "comment"}

    added = change("mention", verb="add", message="hello Page", **said)
    edited = change("mention", verb="edited", message="hello, Page", **said)
    removed = change("mention", verb="remove", **said)
    odd = change("mention", verb="admire", **said)

    assert isinstance(added, MessageEvent)
    assert isinstance(edited, EditEvent)
    assert isinstance(removed, DeletionEvent)
    assert (edited.message_external_id, edited.text) == (added.external_id, "hello, Page")
    assert removed.message_external_id == added.external_id
    assert isinstance(odd, UnhandledEvent)
    assert odd.kind == "mention_admire"


def test_an_opt_in_beside_a_message_is_kept_too() -> None:
    event = {
        "sender": {"id": PERSON},
        "recipient": {"id": PAGE},
        "timestamp": T0,
        "message": {"mid": "m_1", "text": "hello"},
        "optin": {"type": "notification_messages", "notification_messages_token": "t"},
        "referral": {"ref": "spring"},
    }

    message, notice = parse_entry({"id": PAGE, "messaging": [event]})

    assert isinstance(message, MessageEvent)
    assert isinstance(notice, MessageEvent)
    assert (message.kind, message.content["referral"]) == ("text", {"ref": "spring"})
    assert (notice.kind, notice.is_notice, notice.opt_in is not None) == ("opt_in", True, True)


@pytest.mark.parametrize(
    ("key", "new_owner", "owner"),
    [
        ("pass_thread_control", 151, "151"),
        ("pass_thread_control", None, None),
        ("pass_thread_control", "null", None),
        ("take_thread_control", "151", "151"),
        ("take_thread_control", None, UNNAMED),
    ],
)
def test_whoever_took_a_thread_has_it_though_nobody_is_named(
    key: str, new_owner: Any, owner: str | None
) -> None:
    event = {
        "sender": {"id": PERSON},
        "recipient": {"id": PAGE},
        "timestamp": T0,
        key: {"previous_owner_app_id": "4242", "new_owner_app_id": new_owner},
    }

    (found,) = parse_entry({"id": PAGE, "messaging": [event]})

    assert isinstance(found, MessageEvent)
    assert found.owner == OwnerFact(app_id=owner)


@pytest.mark.parametrize("status", ["STOP NOTIFICATIONS", "STOP_NOTIFICATIONS", "stop"])
@pytest.mark.parametrize(
    ("said", "reference"),
    [({"topic": "news", "title": "Our news"}, "news"), ({"title": "Our news"}, "Our news")],
)
def test_an_opt_out_is_of_the_topic_or_the_title_that_was_agreed_to(
    said: dict[str, str], reference: str, status: str
) -> None:
    event = {
        "sender": {"id": PERSON},
        "recipient": {"id": PAGE},
        "timestamp": T0,
        "optin": {
            "type": "notification_messages",
            "notification_messages_token": "t",
            "notification_messages_status": status,
            **said,
        },
    }

    (found,) = parse_entry({"id": PAGE, "messaging": [event]})

    assert isinstance(found, MessageEvent)
    assert found.kind == "opt_out"
    assert found.opt_in is not None
    assert (found.opt_in.reference, found.opt_in.is_active) == (reference, False)
    assert "notification_messages_token" not in found.content


@pytest.mark.parametrize(
    "given",
    [
        T0,
        str(T0),
        T0 // 1000,
        str(T0 // 1000),
        float(T0),
        "2025-11-13T02:13:20+0000",
        "2025-11-13T02:13:20Z",
        "2025-11-13T03:13:20.000+01:00",
    ],
)
def test_a_time_is_read_however_it_is_written(given: Any) -> None:
    assert as_time(given) == datetime(2025, 11, 13, 2, 13, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    "given",
    ["2025-11-13T02:13:20", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "soon"],
)
def test_a_time_without_a_zone_or_out_of_all_bounds_is_none(given: str) -> None:
    assert as_time(given) is None


@pytest.mark.parametrize("dialect", [MESSENGER, INSTAGRAM])
@pytest.mark.parametrize(("entry_id", "is_looked_for"), [("0", True), (0, True), ("556", False)])
def test_a_sample_of_the_dashboard_is_for_whom_its_event_names(
    entry_id: Any, dialect: Any, *, is_looked_for: bool
) -> None:
    event = {
        "sender": {"id": "12334"},
        "recipient": {"id": "23245"},
        "timestamp": str(T0),
        "message": {"mid": "test_message_id", "text": "test_message"},
    }
    entry = {"id": entry_id, "time": 1, "changes": [{"field": "messages", "value": event}]}

    (found,) = parse_entry(entry, dialect)

    is_looked_for = is_looked_for or dialect is INSTAGRAM
    assert found.account_alias == ("23245" if is_looked_for else None)
