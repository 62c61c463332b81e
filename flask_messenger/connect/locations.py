"""Which locations a person may connect accounts for."""

from typing import Final

from flask_messenger.errors import NotFoundError
from flask_messenger.hooks import Tenant
from flask_messenger.state import MessengerState

MAX_LENGTH: Final = 255


def check_location(held: MessengerState, *, tenant: Tenant, location_id: str | None) -> None:
    """Pass where the location exists, as far as the host says, and the person sees it.

    Raises:
        NotFoundError: the same for a location that is foreign and for one that does not exist.
    """
    if not tenant.sees_location(location_id) or not _exists(held, tenant, location_id):
        raise NotFoundError("There is no such location.")


def _exists(held: MessengerState, tenant: Tenant, location_id: str | None) -> bool:
    if location_id is None:
        return True
    if len(location_id) > MAX_LENGTH or not location_id.isprintable():
        return False  # no host has such an id, and no database could hold it
    loader = held.hooks.locations
    if loader is None:
        return True
    return any(str(each.id) == location_id for each in loader(tenant.workspace_id))
