"""Facebook Messenger, as seen by a Page."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from flask_messenger.channels import _history, _limits, _messaging, _sending
from flask_messenger.channels._checks import check_content
from flask_messenger.channels._degrade import degrade
from flask_messenger.channels.connecting import FoundAccount, Scopes, WebhookFields
from flask_messenger.channels.profile import MESSENGER_PROFILE, ProfileRules
from flask_messenger.channels.sending import Degraded, Endpoint, Recipient, SendOptions
from flask_messenger.content import Content, Reaction
from flask_messenger.events import Event
from flask_messenger.graph.client import node
from flask_messenger.graph.pages import GrantedPage
from flask_messenger.graph.request import GraphRequest
from flask_messenger.models.accounts import BY_FACEBOOK


class Facebook:
    """Messenger conversations of a Page, and the comments on its posts."""

    name: ClassVar[str] = "facebook"
    webhook_object: ClassVar[str] = "page"
    feature: ClassVar[str] = "facebook"
    label: ClassVar[str] = "Messenger"
    title: ClassVar[str] = "Facebook Messenger"
    account_word: ClassVar[str] = "Page"
    limits: ClassVar[_limits.Limits] = _limits.MESSENGER
    logins: ClassVar[Mapping[str, Scopes]] = {
        BY_FACEBOOK: Scopes(
            needed=("pages_show_list", "pages_messaging", "pages_manage_metadata"),
            wanted=("pages_read_engagement", "pages_read_user_content", "pages_manage_engagement"),
        )
    }
    webhook_fields: ClassVar[WebhookFields] = WebhookFields(
        core=(
            "messages",
            "messaging_postbacks",
            "message_deliveries",
            "message_reads",
            "message_echoes",
        ),
        further=(
            "message_reactions",
            "message_edits",
            "messaging_referrals",
            "messaging_optins",
            "messaging_optouts",
            "messaging_handovers",
            "standby",
            "messaging_account_linking",
            "messaging_policy_enforcement",
            "messaging_feedback",
            "messaging_customer_information",
            "message_template_status_update",
            "feed",
        ),
    )
    profile_fields: ClassVar[str] = "first_name,last_name,name,profile_pic"
    profile: ClassVar[ProfileRules] = MESSENGER_PROFILE
    has_personas: ClassVar[bool] = True
    has_utility_templates: ClassVar[bool] = True

    def account_of(self, page: GrantedPage) -> FoundAccount | None:
        """Return the Page itself."""
        return FoundAccount(
            channel=self.name,
            external_id=page.id,
            profile=page.profile,
            token=page.token,
            tasks=page.tasks,
        )

    def build_access_probe(self, endpoint: Endpoint) -> None:
        """Return None: a Page has no such switch."""
        del endpoint

    def build_conversations(self, endpoint: Endpoint, *, after: str | None = None) -> GraphRequest:
        """Return the request for some of the Page's conversations."""
        return _history.build_list(endpoint.external_id, platform="messenger", after=after)

    def build_conversation(
        self, conversation_external_id: str, *, endpoint: Endpoint
    ) -> GraphRequest:
        """Return the request for one conversation."""
        del endpoint
        return _history.build_one(conversation_external_id, fields=_history.MESSENGER_FIELDS)

    def build_mention(self, content: Mapping[str, Any], *, endpoint: Endpoint) -> None:
        """Return None: a Page is told what somebody said who named it."""
        del content, endpoint

    def parse(self, entry: Mapping[str, Any]) -> Iterator[Event]:
        """Yield every event of one entry."""
        return _messaging.parse_entry(entry)

    def check_content(self, content: Content, *, is_public: bool = False) -> None:
        """Pass where Messenger can carry `content` as it is."""
        if is_public:
            _sending.check_comment(content, self.limits)
            return
        check_content(content, self.limits, label=self.label)

    def degrade(self, content: Content) -> Degraded:
        """Return `content` as Messenger can carry it."""
        return degrade(content, self.limits, label=self.label)

    def build_message(
        self,
        content: Content,
        *,
        endpoint: Endpoint,
        recipient: Recipient,
        options: SendOptions,
    ) -> GraphRequest:
        """Return the request that sends `content`, comments it, or reacts."""
        if isinstance(content, Reaction):
            return self.build_reaction(
                content.message_external_id,
                content.emoji,
                endpoint=endpoint,
                recipient=recipient,
            )
        if recipient.public_reply_to:
            path = f"{node(recipient.public_reply_to)}/comments"
            return GraphRequest(
                method="POST", path=path, body=_sending.build_comment(content, self.limits)
            )
        body = _sending.build_message(content, recipient=recipient, options=options)
        return _send(endpoint, body)

    def build_action(
        self, action: str, *, endpoint: Endpoint, recipient: Recipient
    ) -> GraphRequest:
        """Return the request of a sender action."""
        return _send(endpoint, _sending.build_action(action, recipient=recipient))

    def build_reaction(
        self,
        message_external_id: str,
        emoji: str | None,
        *,
        endpoint: Endpoint,
        recipient: Recipient,
    ) -> GraphRequest:
        """Return the request of a reaction; Messenger takes any emoji."""
        body = _sending.build_reaction(message_external_id, emoji, recipient=recipient)
        return _send(endpoint, body)

    def build_upload(self, type_: str, *, endpoint: Endpoint) -> GraphRequest:
        """Return the request that gives Meta a file to keep."""
        path = f"{node(endpoint.external_id)}/message_attachments"
        body = {"platform": "messenger", **_sending.build_upload(type_)}
        return GraphRequest(method="POST", path=path, body=body)

    def build_hiding(
        self, comment_external_id: str, *, hidden: bool, endpoint: Endpoint
    ) -> GraphRequest:
        """Return the request that hides a public comment, or shows it again."""
        del endpoint
        path = node(comment_external_id)
        return GraphRequest(method="POST", path=path, body={"is_hidden": hidden})

    def build_deletion(self, comment_external_id: str, *, endpoint: Endpoint) -> GraphRequest:
        """Return the request that deletes a public comment for good."""
        del endpoint
        return GraphRequest(method="DELETE", path=node(comment_external_id))

    def build_control(
        self, edge: str, *, endpoint: Endpoint, recipient: Recipient, **fields: Any
    ) -> GraphRequest:
        """Return the request to one of the edges of conversation routing."""
        return _sending.build_control(edge, endpoint.external_id, recipient=recipient, **fields)


def _send(endpoint: Endpoint, body: Mapping[str, Any]) -> GraphRequest:
    return GraphRequest(method="POST", path=f"{node(endpoint.external_id)}/messages", body=body)
