"""A fresh address of a file, from Graph: the one that came with the message ends."""

import logging
from typing import Final

from flask_messenger.crypto import KeyRing
from flask_messenger.errors import GraphError, SecretError
from flask_messenger.graph.attachments import list_addresses
from flask_messenger.graph.client import Graph
from flask_messenger.graph.request import GRAPH, INSTAGRAM
from flask_messenger.media.claim import Wanted
from flask_messenger.models.accounts import BY_FACEBOOK, BY_INSTAGRAM
from flask_messenger.settings import Settings

logger = logging.getLogger(__name__)

HOSTS: Final = {BY_FACEBOOK: GRAPH, BY_INSTAGRAM: INSTAGRAM}
"""Which host speaks for an account, by the login it came by."""


def ask_for_address(graph: Graph, keys: KeyRing, settings: Settings, wanted: Wanted) -> str | None:
    """Return where a file is to be had now; None where Graph does not tell."""
    owner = wanted.owner
    app, host = settings.apps.get(owner.app_name), HOSTS.get(owner.login)
    if owner.token_sealed is None or not wanted.message_external_id or not app or not host:
        return None
    try:
        token = keys.open(
            owner.token_sealed, context=f"messenger_accounts:{owner.account_id}:token"
        )
        found = list_addresses(graph, wanted.message_external_id, app=app, token=token, host=host)
    except (GraphError, SecretError) as error:
        logger.info("no_fresh_address attachment_id=%s error=%s", wanted.id, error.slug)
        return None
    # Graph lists them as they were sent. Of another number, which is which is not certain.
    return found[wanted.position] if wanted.position < len(found) else None
