"""Public comments: under posts of a Page, and under media of an Instagram account.

Sources: https://developers.facebook.com/docs/graph-api/webhooks/reference/page/#feed and
https://developers.facebook.com/docs/instagram-platform/webhooks
"""

from collections.abc import Mapping
from typing import Any, Final

from flask_messenger.channels._contents import state_of_type
from flask_messenger.channels._frame import Frame, clean_content
from flask_messenger.channels._reading import as_id, as_list, as_mapping, as_text, as_time
from flask_messenger.events import (
    ANONYMOUS,
    COMMENTER,
    PERSON,
    Author,
    DeletionEvent,
    EditEvent,
    Event,
    HideEvent,
    MessageEvent,
    ReceivedAttachment,
)

ADDED: Final = frozenset({"add"})
EDITED: Final = frozenset({"edit", "edited", "update"})
REMOVED: Final = frozenset({"delete", "remove"})
HIDDEN: Final = {"hide": True, "unhide": False}
POSTS: Final = frozenset({"album", "link", "note", "photo", "post", "share", "status", "video"})
"""Items of a feed that somebody may have put on the Page's own wall."""
STABLE: Final = ("permalink_url", "status_type", "media_product_type", "ad_id", "ad_title")
"""What Meta says of a post or of media in the same words each time."""
FILES: Final = {"photo": "image", "photos": "image", "video": "video"}
"""Keys of a comment or a post with the address of a file, or several, and their type."""
LINKS: Final = {"photo": "image", "video": "video"}
"""Items of a feed whose `link` is the file itself; of the others it is a page somewhere."""
MAX_NAME_LENGTH: Final = 255


def parse_feed(value: Mapping[str, Any], frame: Frame) -> Event:
    """Read a change of a Page's feed: comments, and posts of visitors."""
    item, verb = as_id(value.get("item")) or "item", as_id(value.get("verb")) or ""
    is_comment = item == "comment"
    post_id = as_id(value.get("post_id"))
    external_id = as_id(value.get("comment_id")) if is_comment else post_id
    if not (is_comment or item in POSTS):
        return frame.unhandled(f"feed_{item}")
    if external_id is None or (not is_comment and _writer_of(value)[0] in {None, frame.account}):
        return frame.unhandled(f"feed_{item}")
    if verb in ADDED:
        return _added(value, frame, external_id, kind="comment" if is_comment else "post")
    return _changed(value, frame, external_id, verb) or frame.unhandled(f"feed_{item}_{verb}")


def _added(value: Mapping[str, Any], frame: Frame, external_id: str, *, kind: str) -> Event:
    writer, name = _writer_of(value)
    is_own = writer == frame.account
    subject = as_id(value.get("post_id")) or external_id
    parent = as_id(value.get("parent_id"))
    post = as_mapping(value.get("post"))
    return MessageEvent(
        **frame.address,
        identity_external_id=None if is_own else writer or f"{ANONYMOUS}{external_id}",
        external_id=external_id,
        sent_at=as_time(value.get("created_time")) or frame.at,
        kind=kind,
        text=as_text(value.get("message")) or None,
        content=clean_content(post=_stable(post)),
        attachments=_files(value, kind=kind),
        reply_to_external_id=None if parent in {subject, external_id} else parent,
        is_echo=is_own,
        subject=subject,
        subject_details=_stable(post),
        author=Author(kind=COMMENTER, name=name),
    )


def _changed(value: Mapping[str, Any], frame: Frame, external_id: str, verb: str) -> Event | None:
    """Read what became of a comment; its own time says when it was written, not when it changed."""
    writer, _ = _writer_of(value)
    common: dict[str, Any] = {
        **frame.address,
        "identity_external_id": None
        if writer == frame.account
        else writer or f"{ANONYMOUS}{external_id}",
        "message_external_id": external_id,
        "at": frame.entry_at or frame.at,
    }
    if verb in EDITED:
        return EditEvent(**common, text=as_text(value.get("message")) or "")
    if verb in REMOVED:
        return DeletionEvent(**common)
    if verb in HIDDEN:
        return HideEvent(**common, is_hidden=HIDDEN[verb])
    return None


def _writer_of(value: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return id and name of who wrote; Meta keeps them back where the app may not know."""
    said = as_mapping(value.get("from"))
    name = as_text(said.get("name")) or as_text(value.get("sender_name"))
    return as_id(said.get("id")) or as_id(value.get("sender_id")), name and name[:MAX_NAME_LENGTH]


def _files(value: Mapping[str, Any], *, kind: str) -> tuple[ReceivedAttachment, ...]:
    """Read the files of a comment or a post; of a post what it shares, too."""
    given = [
        (type_, as_text(each))
        for key, type_ in FILES.items()
        for each in (as_list(value.get(key)) or [value.get(key)])
    ]
    if kind == "post":
        shared = LINKS.get(as_id(value.get("item")) or "", "fallback")
        given.append((shared, as_text(value.get("link"))))
    # A picture may be told by two keys.
    type_of = {url: type_ for type_, url in reversed(given) if url}
    return tuple(
        ReceivedAttachment(type=type_, url=url, state=state_of_type(type_, url))
        for url, type_ in reversed(type_of.items())
    )


def _stable(said: Mapping[str, Any]) -> dict[str, Any]:
    return clean_content(**{name: said.get(name) for name in STABLE})


def parse_page_mention(value: Mapping[str, Any], frame: Frame) -> Event:
    """Read that somebody named the Page in a post or a comment of theirs, and what became of it."""
    writer, name = _writer_of(value)
    verb = as_id(value.get("verb")) or "add"
    post_id, comment_id = as_id(value.get("post_id")), as_id(value.get("comment_id"))
    about = comment_id or post_id
    if about is None or writer == frame.account:
        return frame.unhandled("mention_incomplete")
    if verb not in ADDED:
        changed = _changed(value, frame, _mention_id(about), verb)
        return changed or frame.unhandled(f"mention_{verb}")
    return _mention(
        frame,
        about,
        writer=writer,
        subject=post_id or about,
        text=as_text(value.get("message")),
        at=as_time(value.get("created_time")),
        content=clean_content(post_id=post_id, comment_id=comment_id),
        author=Author(kind=COMMENTER, name=name),
    )


def parse_instagram_mention(value: Mapping[str, Any], frame: Frame) -> Event:
    """Read that somebody named the account in a comment or a caption: Meta says no more."""
    media_id, comment_id = as_id(value.get("media_id")), as_id(value.get("comment_id"))
    about = comment_id or media_id
    if about is None:
        return frame.unhandled("mention_incomplete")
    return _mention(
        frame,
        about,
        writer=None,
        subject=media_id or about,
        text=None,
        at=None,
        content=clean_content(media_id=media_id, comment_id=comment_id),
        author=Author(kind=COMMENTER),
    )


def _mention(
    frame: Frame, about: str, *, writer: str | None, text: str | None, at: Any, **rest: Any
) -> Event:
    return MessageEvent(
        **frame.address,
        identity_external_id=writer or f"{ANONYMOUS}{about}",
        external_id=_mention_id(about),
        sent_at=at or frame.at,
        kind="mention",
        text=text or None,
        **rest,
    )


def _mention_id(about: str) -> str:
    """Return the id of a mention: not the comment's, as one under our own media may be both."""
    return f"mention:{about}"[:MAX_NAME_LENGTH]


def parse_comment(value: Mapping[str, Any], frame: Frame) -> Event:
    """Read a comment under media of an Instagram account."""
    return _instagram_comment(value, frame, {})


def parse_live_comment(value: Mapping[str, Any], frame: Frame) -> Event:
    """Read a comment under a live video: it can be answered as long as that goes on."""
    return _instagram_comment(value, frame, {"is_live": True})


def _instagram_comment(value: Mapping[str, Any], frame: Frame, more: Mapping[str, Any]) -> Event:
    external_id = as_id(value.get("id")) or as_id(value.get("comment_id"))
    if external_id is None:
        return frame.unhandled("comment_without_id")
    said, media = as_mapping(value.get("from")), as_mapping(value.get("media"))
    writer = as_id(said.get("id"))
    # Under Instagram's own login the account's id is another one here: this key tells it.
    is_own = writer == frame.account or said.get("self_ig_scoped_id") is not None
    subject = as_id(media.get("id")) or as_id(value.get("media_id")) or external_id
    parent = as_id(value.get("parent_id"))
    username = as_text(said.get("username"))
    return MessageEvent(
        **frame.address,
        identity_external_id=None if is_own else writer or f"{ANONYMOUS}{external_id}",
        external_id=external_id,
        sent_at=as_time(value.get("created_time") or value.get("timestamp")) or frame.at,
        kind="comment",
        text=as_text(value.get("text")) or None,
        content=clean_content(media=media) | dict(more),
        reply_to_external_id=None if parent in {subject, external_id} else parent,
        is_echo=is_own,
        subject=subject,
        subject_details=_stable(media),
        author=Author(
            kind=PERSON if writer else COMMENTER,
            username=username and username[:MAX_NAME_LENGTH],
        ),
    )
