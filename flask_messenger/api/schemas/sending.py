"""Sending a message."""

import re
import uuid
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from flask_messenger.api.schemas.base import Answer, HostId, MayOmit, Question, StorableText, Time
from flask_messenger.api.schemas.messages import Message
from flask_messenger.channels.sending import PASS, RELEASE, ThreadControl
from flask_messenger.content import (
    CONTENTS,
    MAX_URL_LENGTH,
    Content,
    Media,
    Reaction,
    Text,
    content_from_json,
)
from flask_messenger.inbox.messages import MessageRow
from flask_messenger.outbox.compose import MAX_KEY_LENGTH, Composed, send_answer
from flask_messenger.outbox.extras import Extras

MAX_TEXT_LENGTH: Final = 65536
"""Far above every channel's own limit, which is checked where the channel is known."""

MAX_WAIT_SECONDS: Final = 10
WAIT: Final = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?([0-9]{1,6})\b", re.IGNORECASE)
IdempotencyKey = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_KEY_LENGTH, pattern=r"^[\x20-\x7e]*$")
]


class AttachmentToSend(Question):
    """A file that Meta fetches."""

    type: Literal["audio", "file", "image", "video"]
    url: Annotated[StorableText, Field(max_length=MAX_URL_LENGTH, pattern="^https?://")]


class ThreadControlToSend(Question):
    """What becomes of the thread once the message is out."""

    control_type: Literal["pass", "release"]
    app_id: MayOmit[HostId] = Field(
        None, description="Whom to pass it to; left out: the account's default app."
    )

    def value(self) -> ThreadControl:
        """Return it as channels know it."""
        return ThreadControl(
            control_type=PASS if self.control_type == "pass" else RELEASE, app_id=self.app_id
        )


def _name_contents(schema: dict[str, Any]) -> None:
    schema["properties"] = {"kind": {"enum": sorted(set(CONTENTS) - {Reaction.kind})}}
    schema["required"] = ["kind"]


ContentToSend = Annotated[dict[str, Any], Field(json_schema_extra=_name_contents)]


def _say_what_goes_together(schema: dict[str, Any]) -> None:
    """Tell in JSON Schema what `SendRequest.check_together` tells in code."""
    for described in schema["properties"].values():
        if described.get("default", 0) is None:
            del described["default"]
    by_recipient = {"required": ["account_id", "recipient_id"]}
    schema["allOf"] = [
        {"oneOf": [{"required": [each]} for each in ("text", "attachment", "content")]},
        {
            "oneOf": [
                {
                    "required": ["conversation_id"],
                    "properties": _absent("account_id", "recipient_id"),
                },
                {**by_recipient, "properties": _absent("conversation_id")},
            ]
        },
    ]


def _absent(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, False)


class SendRequest(Question):
    """What to send, and to whom: a conversation, or a person who wrote to an account before."""

    model_config = ConfigDict(json_schema_extra=_say_what_goes_together)

    conversation_id: MayOmit[uuid.UUID] = None
    account_id: MayOmit[uuid.UUID] = None
    recipient_id: MayOmit[HostId] = Field(None, description="Meta's id of the person.")
    text: MayOmit[Annotated[StorableText, Field(max_length=MAX_TEXT_LENGTH)]] = None
    attachment: MayOmit[AttachmentToSend] = None
    content: MayOmit[ContentToSend] = Field(
        None, description="Anything that can be sent: `kind`, and the fields of that kind."
    )
    on_unsupported: Literal["refuse", "degrade"] = Field(
        "refuse",
        description="What becomes of content that the channel does not have: an error, or the "
        "next best thing that it has, which may be several messages.",
    )
    reply_to: MayOmit[HostId] = Field(
        None,
        description="Meta's id (`message_id`) of a message of the conversation to quote; under a "
        "post, of the comment to answer in public.",
    )
    private_reply_to: MayOmit[HostId] = Field(
        None,
        description="Meta's id of a comment of the conversation to answer in private: once, and "
        "for seven days.",
    )
    persona_id: MayOmit[HostId] = Field(
        None, description="Meta's id of the persona whom the person sees as the sender."
    )
    notification_type: MayOmit[Literal["REGULAR", "SILENT_PUSH", "NO_PUSH"]] = None
    thread_control: MayOmit[ThreadControlToSend] = None
    sender: Literal["person", "bot"] = Field(
        "person", description="A bot never answers after the first 24 hours."
    )
    idempotency_key: MayOmit[IdempotencyKey] = Field(
        None, description="The same key again returns the message that is there."
    )
    send_at: MayOmit[Time] = Field(
        None,
        description="When it is to go out, at most a year ahead; left out: at once. Whether it "
        "may go out is asked again then.",
    )

    @model_validator(mode="after")
    def check_together(self) -> "SendRequest":
        """Refuse two contents, two addresses, or none."""
        if sum(each is not None for each in (self.text, self.attachment, self.content)) != 1:
            raise PydanticCustomError("content", "Send `text`, `attachment` or `content`: one")
        by_recipient = (self.account_id is not None, self.recipient_id is not None)
        if self.conversation_id is not None and any(by_recipient):
            raise PydanticCustomError(
                "address", "Name `conversation_id`, or `account_id` and `recipient_id`, not both"
            )
        if self.conversation_id is None and not all(by_recipient):
            raise PydanticCustomError(
                "address", "Name `conversation_id`, or both `account_id` and `recipient_id`"
            )
        return self

    def what(self) -> Content:
        """Return what is to be sent.

        Raises:
            ContentError: it cannot be sent on any channel.
        """
        if self.attachment is not None:
            return Media(type=self.attachment.type, url=self.attachment.url)
        if self.content is not None:
            return content_from_json(self.content)
        return Text(self.text or "")

    def extras(self) -> Extras:
        """Return what goes beside it."""
        return Extras(
            persona_id=self.persona_id,
            notification_type=self.notification_type,
            thread_control=self.thread_control.value() if self.thread_control else None,
        )


class SendHeaders(Question):
    """Headers that the send route reads."""

    idempotency_key: MayOmit[IdempotencyKey] = Field(
        None, alias="Idempotency-Key", description="As `idempotency_key` in the body."
    )
    prefer: MayOmit[str] = Field(
        None, alias="Prefer", description="`wait=N` waits up to N seconds, at most 10 (RFC 7240)."
    )

    @property
    def wait_seconds(self) -> int:
        """How long the caller would wait for the message to go out."""
        found = WAIT.search(self.prefer or "")
        return min(int(found[1]), MAX_WAIT_SECONDS) if found else 0


class Sent(Answer):
    """A message in its lane, or further."""

    id: uuid.UUID
    status: str = Field(description="`queued`, or how far the message has come.")
    message_id: str | None = Field(description="Meta's id; null until Meta has accepted it.")
    recipient_id: str
    platform: str
    conversation_id: uuid.UUID
    used_message_tag: str | None
    window_will_be_closed: bool = Field(
        description="Whether the time to reply ends before `send_at`: the message fails then, "
        "unless the person writes again."
    )
    notes: list[str] = Field(description="What was changed for the channel, as sentences.")
    more_ids: list[uuid.UUID] = Field(
        description="Messages behind this one, where the channel carries the content in several."
    )
    message: Message

    @classmethod
    def of(cls, row: MessageRow, composed: Composed, more_ids: list[uuid.UUID]) -> "Sent":
        """Return what is shown of the message as far as it has come."""
        thread = composed.thread
        answer = send_answer(row.message, thread.conversation, thread.identity, thread.account)
        return cls(
            **answer,
            window_will_be_closed=composed.will_be_closed,
            notes=list(composed.notes),
            more_ids=more_ids,
            message=Message.of(row),
        )
