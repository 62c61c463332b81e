"""Which locations a person may connect accounts for."""

from flask_messenger.errors import NotFoundError
from flask_messenger.hooks import Tenant
from flask_messenger.state import MessengerState


def check_location(held: MessengerState, *, tenant: Tenant, location_id: str | None) -> None:
    """Pass where the location exists, as far as the host says, and the person sees it.

    Raises:
        NotFoundError: the same for a location that is foreign and for one that does not exist.
    """
    if not tenant.sees_location(location_id) or not _exists(held, tenant, location_id):
        raise NotFoundError("There is no such location.")


def _exists(held: MessengerState, tenant: Tenant, location_id: str | None) -> bool:
    loader = held.hooks.locations
    if location_id is None or loader is None:
        return True
    return any(str(each.id) == location_id for each in loader(tenant.workspace_id))
