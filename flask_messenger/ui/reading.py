"""Who reads, where and when: a request's point of view, from the tenant, a cookie and the hooks."""

import hashlib
import logging
from functools import partial
from typing import Any, Final

from flask import current_app, request, url_for
from markupsafe import Markup, escape

from flask_messenger.hooks import Tenant
from flask_messenger.media.links import media_link, thumbnail_link
from flask_messenger.models.base import utc_now
from flask_messenger.state import state
from flask_messenger.tenancy import current_tenant
from flask_messenger.ui.presenters.reader import Reader
from flask_messenger.ui.presenters.times import zone_named

logger = logging.getLogger(__name__)

ZONE_COOKIE: Final = "messenger_zone"


def current_reader() -> Reader:
    """Return the point of view of this request."""
    tenant, now = current_tenant(), utc_now()
    return Reader(
        tenant=tenant,
        now=now,
        zone=zone_named(request.cookies.get(ZONE_COOKIE)),
        locations=_locations(tenant),
        agents=_agents(tenant),
        link=url_for,
        app_ids=frozenset(each.app_id for each in state().settings.apps.values()),
        file_link=partial(media_link, now=now),
        thumbnail_link=partial(thumbnail_link, now=now),
    )


def _locations(tenant: Tenant) -> dict[str, str]:
    loader = state().hooks.locations
    if loader is None:
        return {}
    named = {str(each.id): each.name for each in loader(tenant.workspace_id)}
    return {id_: name for id_, name in named.items() if tenant.sees_location(id_)}


def _agents(tenant: Tenant) -> dict[str, str]:
    loader = state().hooks.agents
    if loader is None:
        return {}
    return {str(each.id): each.name for each in loader(tenant.workspace_id)}


def zone_name() -> str:
    """Return the zone the times of this page are in, for the script to compare with its own."""
    return request.cookies.get(ZONE_COOKIE) or "UTC"


def cookie_path() -> str:
    """Return where our pages begin, so that the cookie with the zone goes nowhere else."""
    return url_for("messenger_ui.inbox").rpartition("/")[0] or "/"


def group_name() -> str:
    """Return what the tabs of one person share a stream by; says nothing about who it is."""
    tenant = current_tenant()
    seen = sorted(tenant.location_ids) if tenant.location_ids is not None else None
    words = repr((tenant.workspace_id, tenant.user_id, seen))
    return "messenger-" + hashlib.blake2s(words.encode(), digest_size=8).hexdigest()


def contact_panel(contact_ref: str | None) -> tuple[Markup | None, str]:
    """Ask the host for what it knows of a contact: its HTML, or a word why there is none.

    The host's code must not take the conversation down with it.
    """
    hook = state().hooks.contact_panel
    if hook is None or contact_ref is None:
        return None, ""
    try:
        panel = hook(contact_ref)
    except Exception as error:  # noqa: BLE001 - whatever the host's code raises
        # The text of the exception may hold what the host read about the person.
        logger.error(  # noqa: TRY400
            "contact_panel_failed app=%s error=%s", current_app.name, type(error).__name__
        )
        return None, "What the CRM knows of this person cannot be shown just now."
    return (escape(panel) if panel else None), ""


def connect_url(**values: Any) -> str:
    """Return where a connection begins."""
    return url_for("messenger_integrations.get_connect", **values)
