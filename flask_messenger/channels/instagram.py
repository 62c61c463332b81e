"""Instagram Direct, as seen by a professional account."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

from flask_messenger.channels import _history, _limits, _messaging, _sending
from flask_messenger.channels._checks import check_content
from flask_messenger.channels._degrade import degrade
from flask_messenger.channels.connecting import FoundAccount, Scopes, WebhookFields
from flask_messenger.channels.profile import INSTAGRAM_PROFILE, ProfileRules
from flask_messenger.channels.sending import Degraded, Endpoint, Recipient, SendOptions
from flask_messenger.content import Content, Reaction
from flask_messenger.errors import ContentError
from flask_messenger.events import Event
from flask_messenger.graph.client import node
from flask_messenger.graph.pages import GrantedPage
from flask_messenger.graph.request import GRAPH, INSTAGRAM, GraphRequest
from flask_messenger.models.accounts import BY_FACEBOOK, BY_INSTAGRAM

LOVE: Final = "love"
MENTIONED: Final = {
    "comment_id": "mentioned_comment.comment_id(%s){id,text,timestamp}",
    "media_id": "mentioned_media.media_id(%s){id,caption,timestamp,username}",
}
"""What to ask of the account for what a mention says, by what its event names."""
PLAIN_ID: Final = re.compile(r"[A-Za-z0-9_-]+")
"""An id that can stand among fields without being read as one of them."""


class Instagram:
    """Direct conversations of an Instagram account, and the comments on its media."""

    name: ClassVar[str] = "instagram"
    webhook_object: ClassVar[str] = "instagram"
    feature: ClassVar[str] = "instagram"
    label: ClassVar[str] = "Instagram"
    title: ClassVar[str] = "Instagram Direct"
    account_word: ClassVar[str] = "account"
    limits: ClassVar[_limits.Limits] = _limits.INSTAGRAM
    logins: ClassVar[Mapping[str, Scopes]] = {
        BY_FACEBOOK: Scopes(
            needed=(
                "pages_show_list",
                "pages_manage_metadata",
                "instagram_basic",
                "instagram_manage_messages",
            ),
            wanted=("pages_read_engagement", "instagram_manage_comments"),
        ),
        BY_INSTAGRAM: Scopes(
            needed=("instagram_business_basic", "instagram_business_manage_messages"),
            wanted=("instagram_business_manage_comments",),
        ),
    }
    webhook_fields: ClassVar[WebhookFields] = WebhookFields(
        core=("messages", "messaging_postbacks", "messaging_seen"),
        further=(
            "message_reactions",
            "message_edit",
            "messaging_referral",
            "messaging_optins",
            "messaging_handover",
            "standby",
            "comments",
            "live_comments",
            "mentions",
        ),
    )
    profile_fields: ClassVar[str] = "name,username,profile_pic"
    profile: ClassVar[ProfileRules] = INSTAGRAM_PROFILE
    has_personas: ClassVar[bool] = False
    has_utility_templates: ClassVar[bool] = False

    def account_of(self, page: GrantedPage) -> FoundAccount | None:
        """Return the Instagram account that is linked to the Page, with the Page's token."""
        if page.instagram is None:
            return None
        return FoundAccount(
            channel=self.name,
            external_id=page.instagram.id,
            profile=page.instagram.profile,
            token=page.token,
            tasks=page.tasks,
            page_external_id=page.id,
        )

    def build_access_probe(self, endpoint: Endpoint) -> GraphRequest | None:
        """Return a look at the conversations: refused while "Allow access to messages" is off.

        Source: https://developers.facebook.com/docs/messenger-platform/instagram/get-started
        """
        is_own = _host(endpoint) == INSTAGRAM
        owner = "me" if is_own else node(endpoint.page_external_id or "")
        return GraphRequest(
            method="GET",
            host=_host(endpoint),
            path=f"{owner}/conversations",
            body={"platform": "instagram", "limit": 1},
        )

    def build_conversations(self, endpoint: Endpoint, *, after: str | None = None) -> GraphRequest:
        """Return the request for some of the account's conversations."""
        host = _host(endpoint)
        owner = "me" if host == INSTAGRAM else endpoint.page_external_id or ""
        return _history.build_list(owner, platform="instagram", after=after, host=host)

    def build_conversation(
        self, conversation_external_id: str, *, endpoint: Endpoint
    ) -> GraphRequest:
        """Return the request for one conversation."""
        return _history.build_one(
            conversation_external_id, fields=_history.INSTAGRAM_FIELDS, host=_host(endpoint)
        )

    def build_mention(
        self, content: Mapping[str, Any], *, endpoint: Endpoint
    ) -> GraphRequest | None:
        """Return the request for the comment or the caption: its event has ids only.

        Source: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/mentioned_comment
        """
        for key, asked in MENTIONED.items():
            named = str(content.get(key) or "")
            if PLAIN_ID.fullmatch(named):
                path, host = node(endpoint.external_id), _host(endpoint)
                body = {"fields": asked % named}
                return GraphRequest(method="GET", host=host, path=path, body=body)
        return None

    def parse(self, entry: Mapping[str, Any]) -> Iterator[Event]:
        """Yield every event of one entry."""
        return _messaging.parse_entry(entry, _messaging.INSTAGRAM)

    def check_content(self, content: Content, *, is_public: bool = False) -> None:
        """Pass where Instagram can carry `content` as it is."""
        if is_public:
            _sending.check_comment(content, self.limits)
            return
        check_content(content, self.limits, label=self.label)

    def degrade(self, content: Content) -> Degraded:
        """Return `content` as Instagram can carry it."""
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
            return GraphRequest(
                method="POST",
                host=_host(endpoint),
                path=f"{node(recipient.public_reply_to)}/replies",
                body=_sending.build_comment(content, self.limits),
            )
        carried = _carried(options, endpoint)
        body = _sending.build_message(content, recipient=recipient, options=carried)
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
        """Return the request of a reaction; Instagram knows the heart only.

        Source: https://developers.facebook.com/docs/messenger-platform/instagram/features/send-message

        Raises:
            ContentError: it is another reaction.
        """
        if emoji is not None and emoji not in (self.limits.reactions or ()):
            raise ContentError("On Instagram a reaction is a heart.", field="emoji")
        reaction = None if emoji is None else LOVE
        body = _sending.build_reaction(message_external_id, reaction, recipient=recipient)
        return _send(endpoint, body)

    def build_upload(self, type_: str, *, endpoint: Endpoint) -> GraphRequest:
        """Return the request that gives Meta a file to keep.

        The Page that carries the account says which of its two products the file is for.
        """
        body, host = _sending.build_upload(type_), _host(endpoint)
        if host == INSTAGRAM:
            owner = endpoint.external_id
        else:
            owner, body = endpoint.page_external_id or "", {"platform": "instagram", **body}
        path = f"{node(owner)}/message_attachments"
        return GraphRequest(method="POST", host=host, path=path, body=body)

    def build_hiding(
        self, comment_external_id: str, *, hidden: bool, endpoint: Endpoint
    ) -> GraphRequest:
        """Return the request that hides a public comment, or shows it again.

        Source: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-comment
        """
        return GraphRequest(
            method="POST",
            host=_host(endpoint),
            path=node(comment_external_id),
            body={"hide": hidden},
        )

    def build_deletion(self, comment_external_id: str, *, endpoint: Endpoint) -> GraphRequest:
        """Return the request that deletes a public comment for good."""
        return GraphRequest(method="DELETE", host=_host(endpoint), path=node(comment_external_id))

    def build_control(
        self, edge: str, *, endpoint: Endpoint, recipient: Recipient, **fields: Any
    ) -> GraphRequest:
        """Return the request to one of the edges of conversation routing."""
        host = _host(endpoint)
        owner = endpoint.external_id if host == INSTAGRAM else endpoint.page_external_id or ""
        return _sending.build_control(edge, owner, recipient=recipient, host=host, **fields)


def _host(endpoint: Endpoint) -> str:
    return INSTAGRAM if endpoint.login == BY_INSTAGRAM else GRAPH


def _send(endpoint: Endpoint, body: Mapping[str, Any]) -> GraphRequest:
    """Return the request, to the account itself or to the Page that carries it."""
    host = _host(endpoint)
    sender = endpoint.external_id if host == INSTAGRAM else endpoint.page_external_id or ""
    return GraphRequest(method="POST", host=host, path=f"{node(sender)}/messages", body=body)


def _carried(options: SendOptions, endpoint: Endpoint) -> SendOptions:
    """Return what Instagram knows of the options.

    Metadata belongs to the Send API of Pages; Instagram's own host does not document it, and a
    key it does not know would cost the whole message. There an echo is known by its id only.
    """
    metadata = None if _host(endpoint) == INSTAGRAM else options.metadata
    return replace(options, metadata=metadata, persona_id=None, notification_type=None)
