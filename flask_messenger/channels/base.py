"""What a channel is: values in, values out; no session, no clock, no network."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Protocol

from flask_messenger.content import Content
from flask_messenger.events import Event


class Channel(Protocol):
    """What differs between channels.

    Attributes:
        name: the stored value, as in `channel = 'facebook'`; never renamed.
        webhook_object: Meta's word for it in a delivery's `object`.
        feature: the feature a plan must have.
        label: what people call it.
        title: its full name, as a heading.
        account_word: what one account of it is called: "Page", "number".
        text_limit: how many characters a text may have.
    """

    name: ClassVar[str]
    webhook_object: ClassVar[str]
    feature: ClassVar[str]
    label: ClassVar[str]
    title: ClassVar[str]
    account_word: ClassVar[str]
    text_limit: ClassVar[int]

    def parse(self, entry: Mapping[str, Any]) -> Iterator[Event]:
        """Yield every event of one entry, each with the account it is for.

        Never raises on what Meta might send: what cannot be understood is an `UnhandledEvent`.
        """
        ...

    def check_content(self, content: Content) -> None:
        """Pass where the channel can carry `content`.

        Raises:
            ContentError: it breaks a limit; names the field and the limit.
        """
        ...

    def build_message(
        self,
        content: Content,
        *,
        recipient_id: str,
        metadata: str,
        tag: str | None,
        reply_to_external_id: str | None,
    ) -> dict[str, Any]:
        """Return the body of a Graph send request. `metadata` comes back in the echo."""
        ...

    def build_action(self, action: str, *, recipient_id: str) -> dict[str, Any]:
        """Return the body for `typing_on`, `typing_off` or `mark_seen`."""
        ...
