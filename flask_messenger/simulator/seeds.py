"""The people, Pages and customers of the simulated world: always the same, with the same ids."""

from __future__ import annotations

import json
import re
import sqlite3
import unicodedata

from flask_messenger.simulator import constants, ids
from flask_messenger.simulator.constants import INSTAGRAM, MESSENGER
from flask_messenger.simulator.settings import SimulatorSettings
from flask_messenger.simulator.vocabulary import LOGIN_CONFIG_PERMISSIONS, WEBHOOK_FIELDS

ALL_TASKS = ("ADVERTISE", "ANALYZE", "CREATE_CONTENT", "MESSAGING", "MODERATE", "MANAGE")
ANALYST_TASKS = ("ANALYZE",)
MANY_PAGES = 130  # more than one page of /me/accounts

BUSINESS, CREATOR, PERSONAL = "BUSINESS", "MEDIA_CREATOR", "PERSONAL"
GYM, DENTIST, SHOP = "Gym/Physical Fitness Centre", "Dentist & Dental Office", "Shopping & Retail"
PAGES_OF: dict[str, list[tuple[str, str]]] = {
    "Sam Reyes": [
        ("Iron Gym Downtown", GYM),
        ("Iron Gym Riverside", GYM),
        ("Iron Gym Harbour", GYM),
    ],
    "Ida Berg": [("Nordlys Dental Oslo", DENTIST), ("Nordlys Dental Bergen", DENTIST)],
    "Noa Levi": [],
    "Max Many": [(f"Corner Shop {number:03}", SHOP) for number in range(1, MANY_PAGES + 1)],
}
# Username, name, type, and the Page that it is linked to. A personal one has no API at all.
INSTAGRAM_ACCOUNTS: list[tuple[str, str, str, str | None]] = [
    ("irongym.downtown", "Iron Gym Downtown", BUSINESS, "Iron Gym Downtown"),
    ("nordlys.oslo", "Nordlys Dental Oslo", BUSINESS, "Nordlys Dental Oslo"),
    ("coach.sam", "Sam Reyes Coaching", CREATOR, None),
    ("studio.sol", "Studio Sol", BUSINESS, None),
    ("noa.levi", "Noa Levi", PERSONAL, None),
]
ANALYST_ONLY = {f"Corner Shop {MANY_PAGES:03}"}  # its manager may look, but not answer
CUSTOMERS = [
    ("Maya", "Okafor"),
    ("Lena", "Vogel"),
    ("Tomás", "Duarte"),
    ("Aiko", "Nakamura"),
    ("Priya", "Raman"),
    ("Jonas", "Berg"),
    ("Zoë", "Lindqvist"),
    ("Omar", "Haddad"),
]


def slug_of(name: str) -> str:
    """Return `name` as it stands in an address: plain lower-case letters and hyphens."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


def page_id_of(name: str) -> str:
    """Return the id of the seeded Page called `name`."""
    return ids.numeric_id("page", slug_of(name), prefix="101", length=15)


def psid_of(page_id: str, customer: str) -> str:
    """Return what the Page calls the customer: another Page knows the same person by another id."""
    return ids.numeric_id("psid", page_id, customer, prefix="7", length=16)


def igsid_of(instagram_id: str, customer: str) -> str:
    """Return what the Instagram account calls the customer."""
    return ids.numeric_id("igsid", instagram_id, customer, prefix="6", length=16)


def scoped_id_of(account_id: str, customer: str, channel: str) -> str:
    """Return what a Page (PSID) or an Instagram account (IGSID) calls the customer."""
    return (psid_of if channel == MESSENGER else igsid_of)(account_id, customer)


def commenter_id_of(account_id: str, customer: str, channel: str) -> str:
    """Return whom a comment is from: on Instagram the IGSID, on a Page an id that is no PSID."""
    if channel == INSTAGRAM:
        return igsid_of(account_id, customer)
    return ids.numeric_id("commenter", account_id, customer, prefix="2", length=16)


def instagram_id_of(username: str) -> str:
    """Return the professional account id of a seeded Instagram account."""
    return ids.numeric_id("instagram", username, prefix="1784", length=17)


def plant(db: sqlite3.Connection, settings: SimulatorSettings) -> None:
    """Write the seeds that are not there yet, and what the settings say of the app."""
    _plant_app(db, settings)
    for position, (person, pages) in enumerate(PAGES_OF.items()):
        db.execute(
            "INSERT OR IGNORE INTO people (slug, name, position) VALUES (?, ?, ?)",
            [slug_of(person), person, position],
        )
        for place, (name, category) in enumerate(pages):
            _plant_page(db, slug_of(person), name, category, place)
    for position, (first_name, last_name) in enumerate(CUSTOMERS):
        _plant_customer(db, first_name, last_name, position)
    for position, account in enumerate(INSTAGRAM_ACCOUNTS):
        _plant_instagram(db, *account, position=position)


def _plant_app(db: sqlite3.Connection, settings: SimulatorSettings) -> None:
    db.execute(
        "INSERT INTO apps (id, name, secret, instagram_app_id, instagram_app_secret,"
        " redirect_uris, deauthorize_url, data_deletion_url, instagram_deauthorize_url,"
        " instagram_data_deletion_url) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET"
        " redirect_uris = excluded.redirect_uris, deauthorize_url = excluded.deauthorize_url,"
        " data_deletion_url = excluded.data_deletion_url,"
        " instagram_deauthorize_url = excluded.instagram_deauthorize_url,"
        " instagram_data_deletion_url = excluded.instagram_data_deletion_url",
        [
            constants.APP_ID,
            constants.APP_NAME,
            constants.APP_SECRET,
            constants.INSTAGRAM_APP_ID,
            constants.INSTAGRAM_APP_SECRET,
            json.dumps(settings.redirect_uris),
            settings.deauthorize_url,
            settings.data_deletion_url,
            settings.instagram_deauthorize_url,
            settings.instagram_data_deletion_url,
        ],
    )
    # The dashboard's webhook setting: the callback of this start, whatever an earlier one had.
    for kind in ("page", "instagram"):
        db.execute(
            "INSERT INTO app_subscriptions (app_id, object, callback_url, verify_token, fields)"
            " VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (app_id, object) DO UPDATE SET callback_url = excluded.callback_url",
            [
                constants.APP_ID,
                kind,
                settings.callback_url,
                constants.VERIFY_TOKEN,
                json.dumps(sorted(WEBHOOK_FIELDS[kind])),
            ],
        )
    db.execute(
        "INSERT OR IGNORE INTO login_configs (id, app_id, permissions) VALUES (?, ?, ?)",
        [constants.LOGIN_CONFIG_ID, constants.APP_ID, json.dumps(LOGIN_CONFIG_PERMISSIONS)],
    )


def _plant_page(
    db: sqlite3.Connection, person: str, name: str, category: str, position: int
) -> None:
    page_id = page_id_of(name)
    db.execute(
        "INSERT OR IGNORE INTO pages VALUES (?, ?, ?, ?)",
        [page_id, name, slug_of(name), category],
    )
    tasks = ANALYST_TASKS if name in ANALYST_ONLY else ALL_TASKS
    db.execute(
        "INSERT OR IGNORE INTO page_roles VALUES (?, ?, ?, ?)",
        [person, page_id, json.dumps(tasks), position],
    )


def _plant_customer(db: sqlite3.Connection, first_name: str, last_name: str, position: int) -> None:
    slug = slug_of(f"{first_name} {last_name}")
    db.execute(
        "INSERT OR IGNORE INTO customers (slug, first_name, last_name, position, is_seeded,"
        " username, followers_count, is_verified) VALUES (?, ?, ?, ?, 1, ?, ?, ?)",
        [
            slug,
            first_name,
            last_name,
            position,
            slug.replace("-", "."),
            int(ids.numeric_id("followers", slug)) % 5000,
            int(position == 0),
        ],
    )


def _plant_instagram(
    db: sqlite3.Connection,
    username: str,
    name: str,
    account_type: str,
    page: str | None,
    *,
    position: int,
) -> None:
    db.execute(
        "INSERT OR IGNORE INTO instagram_accounts"
        " (id, username, name, account_type, page_id, followers_count, position)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            instagram_id_of(username),
            username,
            name,
            account_type,
            page_id_of(page) if page else None,
            int(ids.numeric_id("followers", username)) % 20_000,
            position,
        ],
    )
