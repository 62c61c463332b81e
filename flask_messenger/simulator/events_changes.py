"""The events that are changes and not messages: comments, mentions, insights, labels, templates.

Source: https://developers.facebook.com/docs/graph-api/webhooks/reference/page
Source: https://developers.facebook.com/docs/graph-api/webhooks/reference/instagram
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_messenger.simulator.events import INSTAGRAM_OBJECT, PAGE_OBJECT, Json

ADD, EDITED, REMOVE, HIDE, UNHIDE = "add", "edited", "remove", "hide", "unhide"


def envelope(
    account_id: str,
    at_ms: int,
    field: str,
    value: Mapping[str, Any],
    *,
    kind: str = PAGE_OBJECT,
    is_flat: bool = False,
) -> Json:
    """Return the body of a webhook that carries one change; times of changes are in seconds.

    `is_flat` is the form of Instagram Login: `field` and `value` on the entry itself.
    """
    entry: Json = {"id": account_id, "time": at_ms // 1000}
    if is_flat:
        entry |= {"field": field, "value": dict(value)}
    else:
        entry["changes"] = [{"field": field, "value": dict(value)}]
    return {"object": kind, "entry": [entry]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A comment under a post or a media, as its webhook needs it."""

    id: str
    post_id: str
    parent_id: str | None
    text: str
    from_id: str
    from_name: str
    created_at_ms: int
    kind: str  # of the post: post, photo, video, reel, live, ad
    picture: str | None = None
    permalink: str = ""
    ad_id: str | None = None
    ad_title: str | None = None
    original_id: str | None = None
    self_scoped_id: str | None = None  # of the account's own comment, by Instagram Login


POST_TYPES = {
    "photo": "added_photos",
    "video": "added_video",
    "reel": "added_video",
    "live": "added_video",
}
MEDIA_TYPES = {"reel": "REELS", "story": "STORY", "ad": "AD"}


def page_comment(comment: Comment, verb: str) -> Json:
    """Return the value of a Page's `feed` change for a comment."""
    value: Json = {
        "item": "comment",
        "verb": verb,
        "comment_id": comment.id,
        "post_id": comment.post_id,
        "parent_id": comment.parent_id or comment.post_id,
        "from": {"id": comment.from_id, "name": comment.from_name},
        "created_time": comment.created_at_ms // 1000,
        "post": {
            "id": comment.post_id,
            "permalink_url": comment.permalink,
            "status_type": POST_TYPES.get(comment.kind, "mobile_status_update"),
            "promotion_status": "active" if comment.kind == "ad" else "inactive",
            "is_published": comment.kind != "ad",
        },
    }
    if verb != REMOVE:
        value["message"] = comment.text
        if comment.picture:
            value["photo"] = comment.picture
    return value


def page_post(
    *, post_id: str, verb: str, from_id: str, from_name: str, text: str, at_ms: int
) -> Json:
    """Return the value of a Page's `feed` change for a post."""
    value: Json = {
        "item": "status",
        "verb": verb,
        "post_id": post_id,
        "from": {"id": from_id, "name": from_name},
        "created_time": at_ms // 1000,
        "published": 1,
    }
    return value if verb == REMOVE else value | {"message": text}


def page_reaction(
    *, post_id: str, from_id: str, from_name: str, reaction: str, verb: str, at_ms: int
) -> Json:
    """Return the value of a Page's `feed` change for a reaction to a post."""
    return {
        "item": "reaction",
        "verb": verb,
        "reaction_type": reaction,
        "post_id": post_id,
        "parent_id": post_id,
        "from": {"id": from_id, "name": from_name},
        "created_time": at_ms // 1000,
    }


def instagram_comment(comment: Comment, *, is_flat: bool) -> Json:
    """Return the value of Instagram's `comments` and `live_comments`.

    By Facebook Login the comment's id comes by two names, by Instagram Login by one.
    """
    who: Json = {"id": comment.from_id, "username": comment.from_name}
    if is_flat and comment.self_scoped_id:
        who["self_ig_scoped_id"] = comment.self_scoped_id
    media: Json = {"id": comment.post_id, "media_product_type": _media_type(comment.kind)}
    for name, found in (
        ("ad_id", comment.ad_id),
        ("ad_title", comment.ad_title),
        ("original_media_id", comment.original_id),
    ):
        if found:
            media[name] = found
    value: Json = {"from": who, "id": comment.id, "media": media, "text": comment.text}
    if not is_flat:
        value["comment_id"] = comment.id
    if comment.parent_id:
        value["parent_id"] = comment.parent_id
    return value


def _media_type(kind: str) -> str:
    return MEDIA_TYPES.get(kind, "FEED")


def mention(media_id: str, comment_id: str | None) -> Json:
    """Return the value of `mentions`: in a comment, or without one in a caption."""
    value = {"media_id": media_id}
    return value if comment_id is None else value | {"comment_id": comment_id}


def story_insights(media_id: str, figures: Mapping[str, int]) -> Json:
    """Return the value of `story_insights`, which comes when a story ends."""
    return {"media_id": media_id, **figures}


def label(psid: str, *, label_id: str, name: str, action: str) -> Json:
    """Return the value of `inbox_labels`; `action` is `add` or `remove`."""
    who = {"id": psid}
    return {"user": who, "action": action, "label": {"id": label_id, "page_label_name": name}}


def template_status(
    *, template_id: str, name: str, language: str, status: str, reason: str | None
) -> Json:
    """Return the value of `message_template_status_update`."""
    return {
        "event": status,
        "message_template_id": int(template_id),
        "message_template_name": name,
        "message_template_language": language,
        "reason": reason or "NONE",
    }


# What the dashboard's Test button sends: nobody's ids, and messages where changes are.
_PAIR: Json = {
    "sender": {"id": "12334"},
    "recipient": {"id": "23245"},
    "timestamp": "1527459824",
}
TEST_VALUES: dict[str, dict[str, Json]] = {
    INSTAGRAM_OBJECT: {
        "messages": _PAIR | {"message": {"mid": "test_message_id", "text": "test_message"}},
        "messaging_postbacks": _PAIR
        | {"postback": {"mid": "mid_test", "title": "SOME_TITLE", "payload": "SOME_PAYLOAD"}},
        "message_reactions": _PAIR
        | {
            "reaction": {
                "mid": "test_message_id",
                "action": "react",
                "reaction": "love",
                "emoji": "\u2764\ufe0f",
            }
        },
        "messaging_seen": _PAIR | {"read": {"mid": "last_message_id"}},
        "messaging_referral": _PAIR
        | {"referral": {"ref": "ref_data_in_test", "source": "SHORTLINK", "type": "OPEN_THREAD"}},
        "comments": {
            "from": {"id": "232323232", "username": "test"},
            "media": {"id": "123123123", "media_product_type": "FEED"},
            "id": "17865799348089039",
            "parent_id": "1231231234",
            "text": "This is an example.",
        },
        "live_comments": {
            "from": {"id": "232323232", "username": "test"},
            "media": {"id": "123123123", "media_product_type": "FEED"},
            "id": "17865799348089039",
            "text": "This is an example.",
        },
        "mentions": {"media_id": "17887498072083520", "comment_id": "17887498072083520"},
        "story_insights": {
            "media_id": "17887498072083520",
            "impressions": 444,
            "reach": 44,
            "taps_forward": 4,
            "taps_back": 3,
            "exits": 3,
            "replies": 0,
        },
    },
    PAGE_OBJECT: {
        "messages": _PAIR | {"message": {"mid": "test_message_id", "text": "test_message"}},
        "messaging_postbacks": _PAIR
        | {"postback": {"mid": "mid_test", "title": "SOME_TITLE", "payload": "SOME_PAYLOAD"}},
        "feed": {
            "item": "comment",
            "verb": "add",
            "comment_id": "44444444_555555555",
            "post_id": "0_44444444",
            "parent_id": "0_44444444",
            "from": {"id": "232323232", "name": "Test User"},
            "message": "This is an example.",
            "created_time": 1527459824,
        },
    },
}


def test_event(kind: str, field: str, at_ms: int) -> Json:
    """Return what the dashboard's Test button sends for `field` of an object."""
    return envelope("0", at_ms, field, TEST_VALUES[kind][field], kind=kind)
