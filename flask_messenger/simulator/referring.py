"""Where a customer came from, as Meta writes it: ads, m.me and ig.me links, shops.

Source: https://developers.facebook.com/docs/messenger-platform/reference/webhook-events/messaging_referrals
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from flask_messenger.simulator import pictures
from flask_messenger.simulator.accounts import Account

OPEN_THREAD = "OPEN_THREAD"
EXAMPLE_AD = {
    "ad_id": "23851234567890123",
    "ad_title": "First month free",
    "photo": "dunes",
    "post_id": "1000_2000",
}


def make_referral(
    db: sqlite3.Connection, base_url: str, account: Account, wanted: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the referral that `wanted` describes.

    `ad` is the id of an ad of the account, or `true` for any; `product` a product of a shop; else
    it is a link with `ref`, and `source` where it is not the channel's own link.
    """
    if wanted.get("product"):
        return {"product": {"id": str(wanted["product"])}}
    referral: dict[str, Any] = {}
    if wanted.get("ref"):
        referral["ref"] = str(wanted["ref"])
    if not wanted.get("ad"):
        source = wanted.get("source") or _link_source(account, str(wanted.get("ref") or ""))
        return referral | {"source": source, "type": OPEN_THREAD}
    ad = _find_ad(db, account, wanted["ad"])
    photo = ad["photo"] if ad["photo"] in pictures.PHOTOS else "dunes"
    context = {
        "ad_title": ad["ad_title"],
        "photo_url": pictures.photo_url(base_url, photo),
        "post_id": ad["post_id"],
    }
    return referral | {
        "ad_id": ad["ad_id"],
        "source": "ADS",
        "type": OPEN_THREAD,
        "ads_context_data": context,
    }


def _link_source(account: Account, ref: str) -> str:
    if account.is_instagram:
        return f"https://ig.me/m/{account.slug}?ref={ref}"
    return "SHORTLINK"


def _find_ad(db: sqlite3.Connection, account: Account, wanted: Any) -> Mapping[str, Any]:
    key = wanted if isinstance(wanted, str) else None
    row = db.execute(
        "SELECT id AS post_id, ad_id, ad_title, picture AS photo FROM posts"
        " WHERE account_id = ? AND kind = 'ad' AND deleted_at IS NULL"
        " AND (? IS NULL OR id = ? OR ad_id = ?) ORDER BY created_at LIMIT 1",
        [account.id, key, key, key],
    ).fetchone()
    if row is not None:
        return dict(row)
    return EXAMPLE_AD | ({"ad_id": key} if key else {})
