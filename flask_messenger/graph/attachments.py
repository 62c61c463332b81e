"""Graph's side of files: what a message carries, and files that Meta keeps for sending again."""

from collections.abc import Iterator, Mapping
from typing import IO, Any, Final

from flask_messenger.errors import InvalidGraphRequestError
from flask_messenger.graph.client import Graph, node
from flask_messenger.graph.request import GraphRequest
from flask_messenger.settings import MetaApp

LONGEST_ID: Final = 255
FIELDS: Final = "attachments{id,mime_type,name,size,image_data{url},video_data{url},file_url}"


def upload_attachment(
    graph: Graph,
    *,
    app: MetaApp,
    token: str,
    request: GraphRequest,
    file: IO[bytes],
    filename: str,
    mime_type: str,
) -> str:
    """Give a file to Meta; return the id under which it can be sent for 90 days.

    Source: https://developers.facebook.com/docs/messenger-platform/reference/attachment-upload-api

    Raises:
        GraphError: Graph refused it, or did not answer. It may be tried again: a copy too many is
            forgotten by Meta itself.
    """
    answer = graph.upload(
        request, app=app, token=token, file=file, filename=filename, mime_type=mime_type
    )
    external_id = str(answer.get("attachment_id") or "")
    if not 0 < len(external_id) <= LONGEST_ID:
        raise InvalidGraphRequestError("Graph took a file and named no id for it.")
    return external_id


def list_addresses(
    graph: Graph, message_external_id: str, *, app: MetaApp, token: str, host: str
) -> list[str | None]:
    """Return fresh addresses of a message's files, in their order.

    Source: https://developers.facebook.com/docs/graph-api/reference/message/attachments/

    Raises:
        GraphError: Graph does not tell them.
    """
    body = graph.get(
        node(message_external_id), app=app, token=token, params={"fields": FIELDS}, host=host
    )
    found = body.get("attachments")
    items = found.get("data") if isinstance(found, dict) else None
    return [_address_of(item) for item in (items if isinstance(items, list) else [])]


def _address_of(item: Any) -> str | None:
    return next(_addresses(item), None) if isinstance(item, dict) else None


def _addresses(item: Mapping[str, Any]) -> Iterator[str]:
    for name in ("image_data", "video_data"):
        part = item.get(name)
        if isinstance(part, dict) and isinstance(part.get("url"), str):
            yield part["url"]
    if isinstance(item.get("file_url"), str):
        yield item["file_url"]
