"""What a Page sells and asks: its products, and its one lead form."""

from __future__ import annotations

from flask_messenger.simulator import ids

PRODUCTS = ("Day pass", "Monthly membership", "Personal training", "Towel", "Shaker")


def product_ids(account_id: str) -> dict[str, str]:
    """Return the account's products: id to name."""
    return {
        ids.numeric_id("product", account_id, name, prefix="43", length=16): name
        for name in PRODUCTS
    }


def form_id_of(account_id: str) -> str:
    """Return the id of the account's instant form."""
    return ids.numeric_id("form", account_id, prefix="57", length=16)
