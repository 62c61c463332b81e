"""What a channel is: values in, values out; no session, no clock, no network."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Protocol

from flask_messenger.channels._limits import Limits
from flask_messenger.channels.connecting import FoundAccount, Scopes, WebhookFields
from flask_messenger.channels.profile import ProfileRules
from flask_messenger.channels.sending import Degraded, Endpoint, Recipient, SendOptions
from flask_messenger.content import Content
from flask_messenger.events import Event
from flask_messenger.graph.pages import GrantedPage
from flask_messenger.graph.request import GraphRequest


class Channel(Protocol):
    """What differs between channels.

    Attributes:
        name: the stored value, as in `channel = 'facebook'`; never renamed.
        webhook_object: Meta's word for it in a delivery's `object`.
        feature: the feature a plan must have.
        label: what people call it.
        title: its full name, as a heading.
        account_word: what one account of it is called: "Page", "number".
        limits: what it allows, for the composer and the documentation.
        logins: the permissions to ask for, by each login that its accounts may come by.
        webhook_fields: what its `webhook_object` is heard of.
        profile_fields: what is asked about a person.
        profile: how an account can present itself in a chat.
        has_personas: whether messages may carry the name and face of an agent.
        has_utility_templates: whether Meta approves templates for after the window.
    """

    name: ClassVar[str]
    webhook_object: ClassVar[str]
    feature: ClassVar[str]
    label: ClassVar[str]
    title: ClassVar[str]
    account_word: ClassVar[str]
    limits: ClassVar[Limits]
    logins: ClassVar[Mapping[str, Scopes]]
    webhook_fields: ClassVar[WebhookFields]
    profile_fields: ClassVar[str]
    profile: ClassVar[ProfileRules]
    has_personas: ClassVar[bool]
    has_utility_templates: ClassVar[bool]

    def account_of(self, page: GrantedPage) -> FoundAccount | None:
        """Return the account of this channel that comes with a Page; None where none does."""
        ...

    def build_access_probe(self, endpoint: Endpoint) -> GraphRequest | None:
        """Return the request that fails where the account keeps its messages from apps.

        None where the channel has no such switch.
        """
        ...

    def build_conversations(self, endpoint: Endpoint, *, after: str | None = None) -> GraphRequest:
        """Return the request for some of the account's conversations, the latest first.

        Args:
            endpoint: the account.
            after: where the part before ended.
        """
        ...

    def build_conversation(
        self, conversation_external_id: str, *, endpoint: Endpoint
    ) -> GraphRequest:
        """Return the request for one conversation: who is in it, and its newest messages."""
        ...

    def build_mention(
        self, content: Mapping[str, Any], *, endpoint: Endpoint
    ) -> GraphRequest | None:
        """Return the request for what a mention says; None where its event said all there is.

        Args:
            content: of the mention, as its event was read.
            endpoint: the account that is named.
        """
        ...

    def parse(self, entry: Mapping[str, Any]) -> Iterator[Event]:
        """Yield every event of one entry, each with the account it is for.

        Never raises on what Meta might send: what cannot be understood is an `UnhandledEvent`.
        """
        ...

    def check_content(self, content: Content, *, is_public: bool = False) -> None:
        """Pass where the channel can carry `content` as it is.

        Args:
            content: any.
            is_public: whether it is to be a public comment, and no message.

        Raises:
            ContentError: it breaks a limit; names every field that does, and the limit.
        """
        ...

    def degrade(self, content: Content) -> Degraded:
        """Return `content` as the channel can carry it, and what was changed.

        Raises:
            ContentError: there is no rule for it, or even so it breaks a limit.
        """
        ...

    def build_message(
        self,
        content: Content,
        *,
        endpoint: Endpoint,
        recipient: Recipient,
        options: SendOptions,
    ) -> GraphRequest:
        """Return the request that sends `content`.

        Raises:
            ContentError: the channel cannot carry it, or cannot carry it there.
        """
        ...

    def build_action(
        self, action: str, *, endpoint: Endpoint, recipient: Recipient
    ) -> GraphRequest:
        """Return the request for `typing_on`, `typing_off` or `mark_seen`.

        Raises:
            ContentError: no such action.
        """
        ...

    def build_reaction(
        self,
        message_external_id: str,
        emoji: str | None,
        *,
        endpoint: Endpoint,
        recipient: Recipient,
    ) -> GraphRequest:
        """Return the request that reacts to a message; None as `emoji` takes the reaction back.

        Raises:
            ContentError: the channel does not have this reaction.
        """
        ...

    def build_upload(self, type_: str, *, endpoint: Endpoint) -> GraphRequest:
        """Return the request that gives Meta a file to keep; the file goes beside it.

        Args:
            type_: `image`, `video`, `audio` or `file`.
            endpoint: the account that may send it by its id.
        """
        ...

    def build_hiding(
        self, comment_external_id: str, *, hidden: bool, endpoint: Endpoint
    ) -> GraphRequest:
        """Return the request that hides a public comment, or shows it again."""
        ...

    def build_deletion(self, comment_external_id: str, *, endpoint: Endpoint) -> GraphRequest:
        """Return the request that deletes a public comment for good."""
        ...

    def build_control(
        self, edge: str, *, endpoint: Endpoint, recipient: Recipient, **fields: Any
    ) -> GraphRequest:
        """Return the request to one of the edges of conversation routing.

        Args:
            edge: such as `take_thread_control`; `thread_owner` is read.
            endpoint: the account whose thread it is.
            recipient: the person, by id.
            fields: what else the edge takes; what is None is left out.
        """
        ...
