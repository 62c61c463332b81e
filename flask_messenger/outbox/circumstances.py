"""What the policy is told besides the message: of the person, the thread, the account, the team.

Read from rows once, by whoever asks: the composer's page, the API, `compose`, and the claim of the
outbox. So that all of them ask the same question.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flask_messenger.models import Account, Conversation
from flask_messenger.models.accounts import ERROR
from flask_messenger.outbox.ownership import Control, control_of
from flask_messenger.outbox.policy import NO_MARGIN, Decision, decide
from flask_messenger.outbox.policy_table import MESSAGE
from flask_messenger.settings import MetaApp

POLICY_BLOCK: Final = "policy_block"
"""The `status_reason` of an account that Meta blocked from sending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """How things stand between one account and one person. Pure, as the policy is.

    Attributes:
        last_inbound_at: when the person last did something that opens a window.
        human_agent_enabled: whether the workspace switched the human agent window on.
        owner_app_id: whose the thread is by what Meta said last, at `owner_noted_at`.
        owner_until: when that ends, where Meta said so.
        bot_paused_until: until when bots are quiet.
        is_blocked: whether Meta blocked the account from sending.
    """

    channel: str
    last_inbound_at: datetime | None
    human_agent_enabled: bool
    owner_app_id: str | None = None
    owner_until: datetime | None = None
    owner_noted_at: datetime | None = None
    bot_paused_until: datetime | None = None
    is_blocked: bool = False

    @classmethod
    def of(
        cls, conversation: Conversation, account: Account, *, human_agent_enabled: bool
    ) -> "Circumstances":
        """Return how things stand by these rows."""
        return cls(
            channel=account.channel,
            last_inbound_at=conversation.last_inbound_at,
            human_agent_enabled=human_agent_enabled,
            owner_app_id=conversation.thread_owner_app_id,
            owner_until=conversation.thread_owner_until,
            owner_noted_at=conversation.thread_owner_at,
            bot_paused_until=conversation.bot_paused_until,
            is_blocked=is_blocked(account.status, account.status_reason),
        )

    def control(self, *, our_app_ids: Collection[str], now: datetime) -> Control:
        """Return who may write in the thread now."""
        return control_of(
            app_id=self.owner_app_id,
            until=self.owner_until,
            noted_at=self.owner_noted_at,
            last_inbound_at=self.last_inbound_at,
            our_app_ids=our_app_ids,
            now=now,
        )

    def decide(
        self,
        *,
        sender: str,
        our_app_ids: Collection[str],
        now: datetime,
        margin: timedelta = NO_MARGIN,
        content_class: str = MESSAGE,
        commented_at: datetime | None = None,
    ) -> Decision:
        """Ask the policy; arguments as of `policy.decide`."""
        return decide(
            channel=self.channel,
            last_inbound_at=self.last_inbound_at,
            sender=sender,
            human_agent_enabled=self.human_agent_enabled,
            now=now,
            margin=margin,
            content_class=content_class,
            commented_at=commented_at,
            thread_owner=self.control(our_app_ids=our_app_ids, now=now).owner,
            bot_paused_until=self.bot_paused_until,
            is_blocked=self.is_blocked,
        )


def is_blocked(status: str, status_reason: str | None) -> bool:
    """Say whether Meta blocked an account from sending."""
    return status == ERROR and status_reason == POLICY_BLOCK


def our_app_ids(apps: Mapping[str, MetaApp], app_name: str) -> frozenset[str]:
    """Return the ids by which Meta knows the app of an account; it may have one at Instagram too.

    Empty where the app is not set up any more: then every owner Meta names is another.
    """
    app = apps.get(app_name)
    return (
        frozenset(each for each in (app.app_id, app.instagram_app_id) if each)
        if app
        else frozenset()
    )
