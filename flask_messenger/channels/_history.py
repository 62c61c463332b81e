"""Requests to the Conversations API, which knows what was said before any webhook.

Sources:
    https://developers.facebook.com/docs/graph-api/reference/page/conversations
    https://developers.facebook.com/docs/messenger-platform/conversations
    https://developers.facebook.com/docs/instagram-platform/instagram-api-with-instagram-login/conversations-api
"""

from typing import Any, Final

from flask_messenger.graph.client import node
from flask_messenger.graph.request import GRAPH, GraphRequest

LISTED: Final = 25
READABLE: Final = 20
"""Of older messages in a conversation Meta tells only that they are there."""
MESSENGER_FIELDS: Final = (
    "id,created_time,from,to,message,attachments,shares,sticker,reply_to,is_unsupported"
)
INSTAGRAM_FIELDS: Final = (
    "id,created_time,from,to,message,attachments,shares,story,reply_to,is_unsupported"
)


def build_list(owner: str, *, platform: str, after: str | None, host: str = GRAPH) -> GraphRequest:
    """Return the request for a part of the conversations of `owner`."""
    body: dict[str, Any] = {"platform": platform, "fields": "id,updated_time", "limit": LISTED}
    if after is not None:
        body["after"] = after
    return GraphRequest(method="GET", host=host, path=f"{node(owner)}/conversations", body=body)


def build_one(conversation_external_id: str, *, fields: str, host: str = GRAPH) -> GraphRequest:
    """Return the request for a conversation with the messages of it that can be read."""
    wanted = f"participants,messages.limit({READABLE}){{{fields}}}"
    return GraphRequest(
        method="GET", host=host, path=node(conversation_external_id), body={"fields": wanted}
    )
