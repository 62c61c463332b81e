"""The pages and the API of posts: what an account publishes, and commenting as a customer."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

from flask import Blueprint, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, HTTPException, NotFound
from werkzeug.wrappers import Response

from flask_messenger.simulator import comment_events, ids, pictures, posts, requested
from flask_messenger.simulator.accounts import Account
from flask_messenger.simulator.chat import KEEP_ALIVE_SECONDS, list_customers
from flask_messenger.simulator.events_changes import ADD, REMOVE
from flask_messenger.simulator.seeds import commenter_id_of
from flask_messenger.simulator.state import SimulatorState, simulator
from flask_messenger.simulator.threads import HOUR_MS

bp = Blueprint("simulator_posts", __name__, url_prefix="/posts")

SHOWN_POSTS = 50
MAX_COMMENT = 8000
REACTIONS = ("like", "love", "care", "haha", "wow", "sorry", "anger")


@bp.get("/<account>")
def show(account: str) -> ResponseReturnValue:
    """Show the posts of an account, to comment on them as one of the customers."""
    with simulator().storage.reading() as db:
        found = requested.find_account(db, account)
        customers = list_customers(db)
    return render_template(
        "simulator/posts.html",
        account=found,
        customers=customers,
        chosen=request.args.get("as", customers[0]["slug"]),
        photos=pictures.PHOTOS,
        kinds=posts.KINDS,
    )


@bp.get("/api/<account>")
def snapshot(account: str) -> ResponseReturnValue:
    """Answer with the posts of an account, newest first, and their comments."""
    with simulator().storage.reading() as db:
        return jsonify(posts=describe(db, requested.find_account(db, account)))


@bp.get("/api/<account>/events")
def stream(account: str) -> ResponseReturnValue:
    """Send the posts each time they change, as server-sent events."""
    state = simulator()
    with state.storage.reading() as db:
        found = requested.find_account(db, account)
    response = Response(_changes(state, found), content_type="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.post("/api/<account>/posts")
def publish(account: str) -> ResponseReturnValue:
    """Publish as the account: `kind`, `text`, `picture`, `ad_title`; as a visitor: `customer`."""
    sent = requested.body("kind", "text", "picture", "ad_title", "customer")
    kind = requested.text(sent, "kind", posts.POST)
    if kind not in posts.KINDS:
        raise BadRequest(f"kind must be one of {', '.join(posts.KINDS)}.")
    if sent.get("picture") and sent["picture"] not in pictures.PHOTOS:
        raise BadRequest(f"picture must be one of {', '.join(pictures.PHOTOS)}.")
    with simulator().storage.writing() as db:
        found = requested.find_account(db, account)
        post = posts.publish(
            db,
            found,
            kind=kind,
            text=str(sent["text"]) if sent.get("text") else None,
            picture=sent.get("picture") or None,
            customer=_customer(db, found, sent) if sent.get("customer") else None,
            ad_title=str(sent["ad_title"]) if sent.get("ad_title") else None,
        )
    return jsonify(id=post["id"], ad_id=post["ad_id"]), 201


@bp.post("/api/<account>/posts/<post_id>/end")
def end(account: str, post_id: str) -> ResponseReturnValue:
    """End a live video or a story."""
    requested.body()
    with simulator().storage.writing() as db:
        found = requested.find_account(db, account)
        posts.end_post(db, found, _post(db, found, post_id))
    return jsonify(id=post_id)


@bp.post("/api/<account>/posts/<post_id>/comments")
def comment(account: str, post_id: str) -> ResponseReturnValue:
    """Comment as `customer`, or without one as the account: `text`, `parent`, `hours_ago`."""
    sent = requested.body("customer", "text", "parent", "picture", "hours_ago")
    text = requested.text(sent, "text")[:MAX_COMMENT]
    hours_ago = requested.number(sent, "hours_ago", 0, lowest=0, highest=24 * 365)
    with simulator().storage.writing() as db:
        found = requested.find_account(db, account)
        post = _post(db, found, post_id)
        if post["kind"] == posts.LIVE and not posts.is_live(post):
            raise BadRequest("The live video is over.")
        parent = _comment(db, found, str(sent["parent"])) if sent.get("parent") else None
        written = posts.write_comment(
            db,
            post,
            text=text,
            customer=_customer(db, found, sent) if sent.get("customer") else None,
            parent_id=parent["id"] if parent is not None else None,
            picture=_picture_url(sent),
            created_at=ids.now_ms() - round(hours_ago * HOUR_MS),
        )
        from_id = _from_id(found, written["customer"])
    return jsonify(id=written["id"], post_id=post_id, from_id=from_id), 201


@bp.patch("/api/<account>/comments/<comment_id>")
def edit(account: str, comment_id: str) -> ResponseReturnValue:
    """Change the `text` of a comment as its writer."""
    text = requested.text(requested.body("text"), "text")[:MAX_COMMENT]
    with simulator().storage.writing() as db:
        found = requested.find_account(db, account)
        posts.edit_comment(db, _comment(db, found, comment_id)["id"], text)
    return jsonify(id=comment_id)


@bp.delete("/api/<account>/comments/<comment_id>")
def remove(account: str, comment_id: str) -> ResponseReturnValue:
    """Remove a comment as its writer."""
    with simulator().storage.writing() as db:
        found = requested.find_account(db, account)
        posts.delete_comment(db, _comment(db, found, comment_id)["id"])
    return jsonify(id=comment_id)


@bp.post("/api/<account>/posts/<post_id>/reactions")
def react(account: str, post_id: str) -> ResponseReturnValue:
    """React to a post as `customer` with a `reaction`, or take it back with `remove`."""
    sent = requested.body("customer", "reaction", "remove")
    reaction = requested.text(sent, "reaction", REACTIONS[0])
    if reaction not in REACTIONS:
        raise BadRequest(f"reaction must be one of {', '.join(REACTIONS)}.")
    verb = REMOVE if requested.flag(sent, "remove", default=False) else ADD
    with simulator().storage.writing() as db:
        found = requested.find_account(db, account)
        post = _post(db, found, post_id)
        customer = _customer(db, found, sent)
        comment_events.tell_post_reaction(db, post, customer=customer, reaction=reaction, verb=verb)
    return jsonify(id=post_id), 201


@bp.post("/api/<account>/mentions")
def mention(account: str) -> ResponseReturnValue:
    """Name the Instagram account in a caption of one's own, or with `in_comment` in a comment."""
    sent = requested.body("in_comment", "text")
    in_comment = requested.flag(sent, "in_comment", default=True)
    with simulator().storage.writing() as db:
        found = requested.find_account(db, account)
        if not found.is_instagram:
            raise BadRequest("Only Instagram tells of mentions like this.")
        now = str(ids.now_ms())
        media_id = ids.numeric_id("mention", now, prefix="17", length=17)
        comment_id = ids.numeric_id("named", now, prefix="17", length=17) if in_comment else None
        db.execute(
            "INSERT INTO mentions (id, account_id, media_id, text, created_at)"
            " VALUES (?, ?, ?, ?, ?)",
            [
                comment_id or media_id,
                found.id,
                media_id,
                requested.text(sent, "text", f"Look at @{found.slug}!"),
                ids.now_ms(),
            ],
        )
        comment_events.tell_mention(db, found, media_id=media_id, comment_id=comment_id)
    return jsonify(media_id=media_id, comment_id=comment_id), 201


bp.register_error_handler(HTTPException, requested.explain)


def describe(db: sqlite3.Connection, account: Account) -> list[dict[str, Any]]:
    """Return what the page of posts draws."""
    rows = db.execute(
        "SELECT p.*, c.first_name || ' ' || c.last_name AS visitor FROM posts p"
        " LEFT JOIN customers c ON c.slug = p.customer"
        " WHERE p.account_id = ? AND p.deleted_at IS NULL ORDER BY p.created_at DESC LIMIT ?",
        [account.id, SHOWN_POSTS],
    ).fetchall()
    comments = db.execute(
        "SELECT m.*, c.first_name || ' ' || c.last_name AS name, c.username FROM comments m"
        " LEFT JOIN customers c ON c.slug = m.customer"
        " WHERE m.account_id = ? AND m.deleted_at IS NULL ORDER BY m.created_at, m.rowid",
        [account.id],
    ).fetchall()
    return [
        {
            "id": row["id"],
            "kind": row["kind"],
            "text": row["text"],
            "picture": row["picture"],
            "visitor": row["visitor"],
            "ad_title": row["ad_title"],
            "created_at": row["created_at"],
            "has_ended": bool(row["ended_at"] and row["ended_at"] <= ids.now_ms()),
            "comments": [
                _shown(account, each) for each in comments if each["post_id"] == row["id"]
            ],
        }
        for row in rows
    ]


def _shown(account: Account, row: sqlite3.Row) -> dict[str, Any]:
    name = row["username"] if account.is_instagram else row["name"]
    return {
        "id": row["id"],
        "parent_id": row["parent_id"],
        "customer": row["customer"],
        "name": account.name if row["customer"] is None else name,
        "text": row["text"],
        "is_hidden": bool(row["is_hidden"]),
        "is_edited": row["edited_at"] is not None,
        "has_private_reply": row["private_reply_mid"] is not None,
        "created_at": row["created_at"],
    }


def _changes(state: SimulatorState, account: Account) -> Iterator[bytes]:
    """Yield the posts now and after each change, until the reader leaves."""
    sent: bytes | None = None
    while not state.is_closed:
        seen = state.storage.pulse.count()
        with state.storage.reading() as db:
            shown = json.dumps({"posts": describe(db, account)}).encode()
        if shown != sent:
            sent = shown
            yield b"data: " + shown + b"\n\n"
        elif not state.storage.pulse.wait(seen, KEEP_ALIVE_SECONDS):
            yield b": still here\n\n"


def _picture_url(sent: Mapping[str, Any]) -> str | None:
    if not sent.get("picture"):
        return None
    if sent["picture"] not in pictures.PHOTOS:
        raise BadRequest(f"picture must be one of {', '.join(pictures.PHOTOS)}.")
    return pictures.photo_url(simulator().settings.base_url, sent["picture"])


def _from_id(account: Account, customer: str | None) -> str:
    """Return whom webhooks say that a comment is from."""
    if customer is None:
        return account.id
    return commenter_id_of(account.id, customer, account.channel)


def _customer(db: sqlite3.Connection, account: Account, sent: Mapping[str, Any]) -> str:
    key = requested.text(dict(sent), "customer")
    return str(requested.find_customer(db, account.id, key)["slug"])


def _post(db: sqlite3.Connection, account: Account, post_id: str) -> sqlite3.Row:
    row = posts.find_post(db, post_id)
    if row is None or row["account_id"] != account.id:
        raise NotFound("The account has no such post.")
    return row


def _comment(db: sqlite3.Connection, account: Account, comment_id: str) -> sqlite3.Row:
    row = posts.find_comment(db, comment_id)
    if row is None or row["account_id"] != account.id:
        raise NotFound("There is no such comment.")
    return row
