"""Facebook Messenger, as seen by a Page."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from flask_messenger.channels import _messaging, _sending
from flask_messenger.content import Content
from flask_messenger.events import Event


class Facebook:
    """Messenger conversations of a Page."""

    name: ClassVar[str] = "facebook"
    webhook_object: ClassVar[str] = "page"
    feature: ClassVar[str] = "facebook"
    label: ClassVar[str] = "Messenger"
    title: ClassVar[str] = "Facebook Messenger"
    account_word: ClassVar[str] = "Page"
    text_limit: ClassVar[int] = _sending.MAX_TEXT_LENGTH

    def parse(self, entry: Mapping[str, Any]) -> Iterator[Event]:
        """Yield every event of one entry."""
        return _messaging.parse_entry(entry)

    def check_content(self, content: Content) -> None:
        """Pass where Messenger can carry `content`."""
        _sending.check_content(content)

    def build_message(
        self,
        content: Content,
        *,
        recipient_id: str,
        metadata: str,
        tag: str | None,
        reply_to_external_id: str | None,
    ) -> dict[str, Any]:
        """Return the body of a Graph send request."""
        return _sending.build_message(
            content,
            recipient_id=recipient_id,
            metadata=metadata,
            tag=tag,
            reply_to_external_id=reply_to_external_id,
        )

    def build_action(self, action: str, *, recipient_id: str) -> dict[str, Any]:
        """Return the body of a sender action."""
        return _sending.build_action(action, recipient_id=recipient_id)
