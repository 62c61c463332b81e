"""Files given to Meta before they are sent: `POST /{page-id}/message_attachments`."""

from __future__ import annotations

from typing import Any

from flask_messenger.simulator import errors, send_policy, shapes, uploads
from flask_messenger.simulator.access import known_account
from flask_messenger.simulator.accounts import linked_instagram
from flask_messenger.simulator.constants import INSTAGRAM, MESSENGER
from flask_messenger.simulator.endpoints import Call, endpoint
from flask_messenger.simulator.media import FETCH_FAILED
from flask_messenger.simulator.send_content import read_file
from flask_messenger.simulator.state import simulator
from flask_messenger.simulator.tokens import INSTAGRAM_USER, PAGE

PARAMETERS = ("message", "platform", "filedata")


@endpoint("POST", "page", "message_attachments", auth=PAGE, parameters=PARAMETERS)
@endpoint(
    "POST",
    "instagram",
    "message_attachments",
    auth=(PAGE, INSTAGRAM_USER),
    parameters=PARAMETERS,
)
def upload(call: Call) -> dict[str, Any]:
    """Keep a file for messages to come; its id is good for ninety days."""
    message = call.thing("message")
    if message is None:
        raise errors.missing("message")
    shapes.only(message, {"attachment"}, "message")
    given = call.files.get("filedata")
    file = read_file(message.get("attachment"), "message[attachment]", has_upload=given is not None)
    if file.attachment_id is not None:
        raise errors.invalid("A file that is kept already cannot be uploaded again")
    with simulator().storage.reading() as db:
        account = known_account(db, call.node_id)
        platform = call.word("platform") or account.channel
        if platform not in {MESSENGER, INSTAGRAM}:
            raise errors.invalid("Param platform must be one of {messenger, instagram}")
        if platform != account.channel:
            linked = linked_instagram(db, call.node_id)
            if linked is None:
                raise errors.page_without_instagram()
            account = linked
        send_policy.check_sender(db, call, account)
    brought = uploads.bring(file, account.channel, given)
    if brought is None:  # this simulator was told not to fetch: there is nothing to keep
        raise errors.invalid("Failed to fetch the file from the url.", FETCH_FAILED)
    with simulator().storage.writing() as db:
        kept_id = uploads.keep(db, account.id, brought, is_reusable=True)
    return {"attachment_id": kept_id}
