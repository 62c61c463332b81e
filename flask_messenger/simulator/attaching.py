"""What a customer can attach to a message, in the shapes that Meta's webhooks have.

Source: https://developers.facebook.com/docs/messenger-platform/reference/webhook-events/messages
Source: https://developers.facebook.com/docs/instagram-platform/webhooks
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from flask_messenger.simulator import ids, pictures, samples
from flask_messenger.simulator.constants import INSTAGRAM, MESSENGER

THUMBS_UP = "369239263222822"
DEFAULT_PHOTO = "sea"
SHOP_URL = "https://shop.example/"
HOUR_SECONDS = 3600

Json = dict[str, Any]
Options = Mapping[str, Any]
Maker = Callable[[str, Options], list[Json]]


class UnknownAttachmentError(ValueError):
    """There is no such thing to attach on this channel; the text names those there are."""


def make_attachments(base_url: str, channel: str, options: Options) -> list[Json]:
    """Return the attachments that `options` describes: its `kind`, and what the kind knows.

    Every kind of file takes `url` to point anywhere, and `expired` for an address that is refused.
    Most are one attachment; some come twice, as Meta writes them.

    Raises:
        UnknownAttachmentError: the channel has no such kind.
    """
    maker = MAKERS[channel].get(str(options.get("kind")))
    if maker is None:
        raise UnknownAttachmentError(f"kind must be one of {', '.join(MAKERS[channel])}.")
    return maker(base_url, options)


def _file(kind: str, name: str) -> Maker:
    def make(base_url: str, options: Options) -> list[Json]:
        return [{"type": kind, "payload": {"url": _url(base_url, options, name)}}]

    return make


def _url(base_url: str, options: Options, name: str | None = None) -> str:
    if options.get("url"):
        return str(options["url"])
    if options.get("expired"):
        return samples.expired_url(base_url)
    if name is not None:
        return samples.sample_url(base_url, name)
    photo = str(options.get("photo") or DEFAULT_PHOTO)
    return pictures.photo_url(base_url, photo if photo in pictures.PHOTOS else DEFAULT_PHOTO)


def _photo(kind: str) -> Maker:
    return lambda base_url, options: [{"type": kind, "payload": {"url": _url(base_url, options)}}]


def _sticker(base_url: str, options: Options) -> list[Json]:
    sticker_id = str(options.get("sticker_id") or THUMBS_UP)
    url = samples.sticker_url(base_url, sticker_id)
    return [{"type": "sticker", "payload": {"url": url, "sticker_id": int(sticker_id)}}]


def _sticker_with_twin(base_url: str, options: Options) -> list[Json]:
    """Return a sticker as it came from 1 June to 30 August 2026: as a picture, too."""
    sticker = _sticker(base_url, options)
    return [{"type": "image", "payload": dict(sticker[0]["payload"])}, *sticker]


def _old_sticker(base_url: str, options: Options) -> list[Json]:
    """Return a sticker as it came before June 2026: as a picture with the sticker's id."""
    return _sticker_with_twin(base_url, options)[:1]


def _location(_base_url: str, options: Options) -> list[Json]:
    coordinates = {"lat": options.get("lat", 59.9139), "long": options.get("long", 10.7522)}
    return [
        {
            "type": "location",
            "title": options.get("title") or "Pinned location",
            "url": f"https://maps.example/?q={coordinates['lat']},{coordinates['long']}",
            "payload": {"coordinates": coordinates},
        }
    ]


def _link(_base_url: str, options: Options) -> list[Json]:
    url = str(options.get("url") or SHOP_URL + "summer")
    title = options.get("title") or "Summer at the shop"
    return [{"type": "fallback", "payload": {"url": url, "title": title}}]


def _bare_link(_base_url: str, options: Options) -> list[Json]:
    """Return a link in the older form: its words stand beside an empty payload."""
    made = _link("", options)[0]["payload"]
    return [{"type": "fallback", "title": made["title"], "url": made["url"], "payload": None}]


def _product(base_url: str, options: Options) -> list[Json]:
    element = {
        "id": options.get("id") or "5521098876",
        "retailer_id": "GLOVES-M",
        "image_url": _url(base_url, {"photo": options.get("photo", "dunes")}),
        "title": options.get("title") or "Training gloves",
        "subtitle": "29.00 EUR",
    }
    return [{"type": "template", "payload": {"product": {"elements": [element]}}}]


def _shared(kind: str, id_name: str) -> Maker:
    """Return what makes a shared post or reel; `id_name` is what its id is called there."""

    def make(base_url: str, options: Options) -> list[Json]:
        number = str(options.get("id") or ids.numeric_id(secrets.token_hex(8), length=17))
        is_reel = kind.endswith("reel")
        payload = {
            "url": _url(base_url, options, samples.CLIP if is_reel else None),
            "title": options.get("title") or ("Leg day" if is_reel else "Our summer timetable"),
            id_name: number,
        }
        return [{"type": kind, "payload": payload}]

    return make


def _share_with_twin(base_url: str, options: Options) -> list[Json]:
    """Return a shared post as it came until April 2026: twice, the first time without words."""
    post = _shared("ig_post", "ig_post_media_id")(base_url, options)
    return [{"type": "share", "payload": {"url": post[0]["payload"]["url"]}}, *post]


def _appointment(_base_url: str, options: Options) -> list[Json]:
    start = ids.now_ms() // 1000 + 48 * HOUR_SECONDS
    payload = {
        "booking_id": ids.numeric_id(secrets.token_hex(8)),
        "status": options.get("status") or "requested",
        "start_time": start,
        "end_time": start + HOUR_SECONDS,
        "timezone": "Europe/Oslo",
    }
    return [{"type": "appointment_booking", "payload": payload}]


def _unknown(_base_url: str, options: Options) -> list[Json]:
    kind = str(options.get("type") or "hologram")
    return [{"type": kind, "payload": {"shape": "a type that nobody knows yet"}}]


_FILES: dict[str, Maker] = {
    "image": _photo("image"),
    "video": _file("video", samples.CLIP),
    "audio": _file("audio", samples.VOICE),
    "file": _file("file", samples.DOCUMENT),
    "unknown": _unknown,
}
MAKERS: dict[str, dict[str, Maker]] = {
    MESSENGER: {
        **_FILES,
        "sticker": _sticker,
        "sticker_with_twin": _sticker_with_twin,
        "old_sticker": _old_sticker,
        "location": _location,
        "link": _link,
        "bare_link": _bare_link,
        "product": _product,
        "post": _shared("post", "id"),
        "reel": _shared("reel", "reel_video_id"),
        "ig_post": _shared("ig_post", "id"),
        "ig_reel": _shared("ig_reel", "reel_video_id"),
        "appointment": _appointment,
    },
    INSTAGRAM: {
        **_FILES,
        "sticker": _sticker,
        "product": _product,
        "ig_post": _shared("ig_post", "ig_post_media_id"),
        "ig_reel": _shared("ig_reel", "reel_video_id"),
        "reel": _shared("reel", "reel_video_id"),
        "share_with_twin": _share_with_twin,
        "story_mention": _photo("story_mention"),
        "ephemeral": _photo("ephemeral"),
        "media": _photo("media"),
    },
}
