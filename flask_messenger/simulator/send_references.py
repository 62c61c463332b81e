"""What a message refers to: products, forms, posts, kept files. All must be the account's own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from flask_messenger.simulator import catalogue, errors, uploads
from flask_messenger.simulator.send_content import BAD_INSTAGRAM_MESSAGE, Outgoing

BAD_PRODUCT, BAD_FORM = 2018320, 2018382


def check_references(db: sqlite3.Connection, account_id: str, outgoing: Outgoing) -> None:
    """Pass where everything that the message names is the account's own.

    Raises:
        GraphError: a product, a form, a post or a file is somebody else's, or nobody's.
    """
    check = CHECKS.get(outgoing.template_type or "")
    if check is not None and outgoing.template is not None:
        check(db, account_id, outgoing.template)
    for file in outgoing.files:
        if file.attachment_id is not None:
            uploads.find(db, account_id, file.attachment_id, file.kind)
    if outgoing.shared_id is not None:
        own = db.execute(
            "SELECT 1 FROM posts WHERE id = ? AND account_id = ? AND deleted_at IS NULL",
            [outgoing.shared_id, account_id],
        ).fetchone()
        if own is None:
            raise errors.invalid("The post is not one of the account's own", BAD_INSTAGRAM_MESSAGE)


def _check_products(_db: sqlite3.Connection, account_id: str, template: Mapping[str, Any]) -> None:
    known = catalogue.product_ids(account_id)
    if any(str(element["id"]) not in known for element in template["elements"]):
        raise errors.invalid("Invalid product id", BAD_PRODUCT)


def _check_form(_db: sqlite3.Connection, account_id: str, template: Mapping[str, Any]) -> None:
    if str(template["form_id"]) != catalogue.form_id_of(account_id):
        raise errors.GraphError("(#1) The instant form is not eligible", code=1, subcode=BAD_FORM)


def _check_media(db: sqlite3.Connection, account_id: str, template: Mapping[str, Any]) -> None:
    element = template["elements"][0]
    if element.get("attachment_id") is not None:
        uploads.find(db, account_id, str(element["attachment_id"]), element["media_type"])


def _check_receipt(db: sqlite3.Connection, account_id: str, template: Mapping[str, Any]) -> None:
    row = db.execute(
        "SELECT 1 FROM messages m JOIN threads t ON t.psid = m.psid WHERE t.account_id = ?"
        " AND json_extract(m.content, '$.attachments[0].payload.order_number') = ?",
        [account_id, template["order_number"]],
    ).fetchone()
    if row is not None:
        raise errors.invalid("The order_number of a receipt must be unique")


CHECKS: dict[str, Callable[[sqlite3.Connection, str, Mapping[str, Any]], None]] = {
    "product": _check_products,
    "instant_form": _check_form,
    "media": _check_media,
    "receipt": _check_receipt,
}
