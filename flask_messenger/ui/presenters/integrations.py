"""The settings page, from accounts and plans to cards."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from flask_messenger.channels.base import Channel
from flask_messenger.connect.attempts import Attempt
from flask_messenger.connect.findings import AccountWarning
from flask_messenger.connect.reasons import REASONS
from flask_messenger.inbox.queries import AccountRow
from flask_messenger.models import Account
from flask_messenger.models.accounts import ACTIVE, BY_INSTAGRAM, DISCONNECTED
from flask_messenger.settings import Settings
from flask_messenger.tiers import Access
from flask_messenger.ui.presenters.fixes import fix_view, state_words
from flask_messenger.ui.presenters.inbox import Choice
from flask_messenger.ui.presenters.people import avatar_of
from flask_messenger.ui.presenters.reader import Reader
from flask_messenger.ui.presenters.settings import AccountView, ChannelView, Lock, Notice
from flask_messenger.ui.presenters.times import since, time_ago_spoken

Connect = Callable[..., str]
"""Returns where a connection begins: `(location_id=None, rerequest=None)`."""

SCOPES: Final = {
    "pages_show_list": "to see which Pages there are",
    "pages_messaging": "to answer messages",
    "pages_manage_metadata": "to hear of new messages",
    "pages_read_engagement": "to read a Page's name and picture",
    "pages_read_user_content": "to read comments",
    "pages_manage_engagement": "to answer, hide and delete comments",
    "instagram_basic": "to see which Instagram accounts there are",
    "instagram_manage_messages": "to answer Instagram messages",
    "instagram_manage_comments": "to answer, hide and delete Instagram comments",
    "instagram_business_basic": "to see the Instagram account",
    "instagram_business_manage_messages": "to answer Instagram messages",
    "instagram_business_manage_comments": "to answer, hide and delete Instagram comments",
}
"""What the permissions are for, in words for the person who was asked for them."""

SAVED: Final = "saved"

NO_WARNINGS: Final[Mapping[uuid.UUID, AccountWarning]] = MappingProxyType({})
REMEMBERED: Final = timedelta(days=30)
"""How long a disconnected account stays on the page, for people to see what became of it."""

UNLOCKS: Final = {
    "facebook": "Facebook Messenger for all your Pages, in one inbox",
    "instagram": "Instagram messages and comments",
}
"""What a plan brings with each feature, in words. A feature without words is not advertised."""


def channel_view(
    channel: Channel,
    rows: Sequence[AccountRow],
    reader: Reader,
    *,
    access: Access,
    settings: Settings,
    connect: Connect,
    warnings: Mapping[uuid.UUID, AccountWarning] = NO_WARNINGS,
) -> ChannelView:
    """Return one channel's card.

    Args:
        channel: which.
        rows: its accounts that the reader sees.
        reader: who reads.
        warnings: what is to be known of accounts, by their ids.
        access: whether the workspace's plan has the channel.
        settings: the plans there are, and what they have.
        connect: makes the address where a connection begins.
    """
    shown = [row for row in rows if is_worth_showing(row, rows, reader)]
    may_connect = reader.tenant.may("connect") and access.allowed
    word = channel.account_word
    return ChannelView(
        name=channel.name,
        label=channel.title,
        summary=summary(shown, word),
        accounts=[
            account_view(
                row, reader, word=word, connect=connect, warning=warnings.get(row.account.id)
            )
            for row in shown
        ],
        lock=None if access.allowed else lock_view(access, settings.feature_plans),
        connect_url=connect() if may_connect else None,
        connect_fields=[("channel", channel.name)],
        connect_label=f"Connect {channel.title.split()[0]} {word}",
        other_login=BY_INSTAGRAM if _has_other_login(channel, settings) else "",
        other_label="Without a Facebook Page" if _has_other_login(channel, settings) else "",
        locations=location_choices(reader, None),
        nothing=_nothing(reader, word),
    )


def _has_other_login(channel: Channel, settings: Settings) -> bool:
    """Say whether accounts may come without a Page, and the Meta app is set up for it."""
    return BY_INSTAGRAM in channel.logins and settings.default_app.instagram_app_id is not None


def is_worth_showing(row: AccountRow, rows: Sequence[AccountRow], reader: Reader) -> bool:
    """Leave out what was disconnected long ago, and what lives on in another row."""
    account = row.account
    if account.status != DISCONNECTED:
        return True
    if account.disconnected_at is None or reader.now - account.disconnected_at > REMEMBERED:
        return False
    return all(
        other.account.external_id != account.external_id or other.account.id == account.id
        for other in rows
    )


def _nothing(reader: Reader, word: str) -> str:
    if reader.tenant.may("connect"):
        return f"No {word} is connected yet."
    return f"No {word} is connected yet. An admin of your workspace can connect one."


def summary(rows: Sequence[AccountRow], word: str) -> str:
    """Count the accounts, and the locations they belong to."""
    live = [row.account for row in rows if row.account.status != DISCONNECTED]
    if not live:
        return "Messages to your Pages arrive in your inbox." if word == "Page" else "Not connected"
    places = len({account.location_id for account in live if account.location_id})
    accounts = _counted(len(live), word)
    return f"{accounts} in {_counted(places, 'location')}" if places else accounts


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def lock_view(access: Access, feature_plans: Mapping[str, str]) -> Lock:
    """Say which plan has the channel, and what else that plan brings."""
    plan = access.plan.title()
    if access.needed_plan is None:
        return Lock(
            plan="Not available",
            title="No plan has this yet.",
            text=f"Your plan is {plan}. Messages that arrive are kept; nothing can be sent.",
        )
    needed = access.needed_plan.title()
    brings = [
        words
        for feature, words in UNLOCKS.items()
        if feature_plans.get(feature) == access.needed_plan
    ]
    adds = f" {needed} adds {' and '.join(brings)}." if brings else ""
    return Lock(
        plan=needed,
        title=f"Part of the {needed} plan.",
        text=f"Your plan is {plan}.{adds} Messages of Pages that are connected still arrive and are"
        " kept; answering begins with the plan.",
    )


def account_view(
    row: AccountRow,
    reader: Reader,
    *,
    word: str,
    connect: Connect,
    warning: AccountWarning | None = None,
) -> AccountView:
    """Return one account's line."""
    account = row.account
    state, kind = state_words(account, warning)
    is_live = account.status != DISCONNECTED
    may = is_live and reader.tenant.may("connect")
    return AccountView(
        id=str(account.id),
        name=account.name,
        kind=_kind(account, word),
        avatar=avatar_of(account.name, key=account.id, picture_url=account.picture_url),
        location=reader.location_name(account.location_id),
        state=state,
        state_kind=kind,
        detail=_detail(row, reader),
        fix=fix_view(row, reader, connect, warning),
        doctor_url=(
            reader.link("messenger_ui.account", account_id=account.id)
            if may or (is_live and reader.tenant.may("settings"))
            else None
        ),
        disconnect_url=(
            reader.link("messenger_ui.disconnect", account_id=account.id) if may else None
        ),
        move_url=reader.link("messenger_ui.move", account_id=account.id) if may else None,
        locations=location_choices(reader, account.location_id) if may else (),
        facts=_facts(row, reader),
    )


def _kind(account: Account, word: str) -> str:
    """Return what an account is: "Page · Gym", or "@irongym"."""
    what = f"@{account.username}" if account.username else f"{word[:1].upper()}{word[1:]}"
    return f"{what} · {account.category}" if account.category else what


def _detail(row: AccountRow, reader: Reader) -> str:
    account = row.account
    changed_at = account.disconnected_at or account.status_changed_at
    if account.status != ACTIVE and changed_at:
        return f"Since {since(changed_at, now=reader.now, zone=reader.zone)}"
    if account.last_inbound_at is None:
        return "No message yet"
    ago = time_ago_spoken(account.last_inbound_at, now=reader.now, zone=reader.zone)
    return f"Last message {ago}"


def _facts(row: AccountRow, reader: Reader) -> list[tuple[str, str]]:
    account = row.account
    connected = ""
    if account.connected_at:
        connected = since(account.connected_at, now=reader.now, zone=reader.zone)
        who = reader.agent_name(account.connected_by)
        connected = f"{connected} by {who.lower() if who == 'You' else who}" if who else connected
    facts = [
        ("Connected", connected),
        ("Waiting", _counted(row.queued_count, "answer") if row.queued_count else ""),
        ("Id", account.external_id),
    ]
    return [(name, value) for name, value in facts if value]


def location_choices(reader: Reader, chosen: str | None) -> list[Choice]:
    """Return the locations an account can belong to."""
    return [
        Choice(value=id_, label=name, chosen=id_ == chosen)
        for id_, name in reader.locations.items()
    ]


def notice_views(
    name: str | None, connect: Connect, *, attempt: Attempt | None, may_connect: bool
) -> list[Notice]:
    """Say how what was just done ended; nothing for an unknown name.

    The name comes from the address, so its words come from our own tables only.
    """
    if name == SAVED:
        return [Notice(kind="good", title="Saved.")]
    reason = REASONS.get(name or "")
    if reason is None:
        return []
    can_retry = reason.can_retry and may_connect
    location_id = attempt.location_id if attempt else None
    return [
        Notice(
            kind=reason.kind,
            title=reason.title,
            text=" ".join(filter(None, [reason.text, _declined(attempt), reason.remedy])),
            action=("Ask again" if reason.asks_again else "Connect again") if can_retry else "",
            action_url=(
                connect(location_id=location_id, rerequest=1 if reason.asks_again else None)
                if can_retry
                else None
            ),
        )
    ]


def _declined(attempt: Attempt | None) -> str:
    """Name the permissions that were declined, and what each was for."""
    scopes = attempt.declined_scopes if attempt else ()
    return declined_words(scopes)


def declined_words(scopes: Sequence[str]) -> str:
    """Name permissions as Facebook's window does not, with what each is for."""
    words = [f"{scope} ({SCOPES[scope]})" if scope in SCOPES else scope for scope in scopes]
    return f"Missing: {', '.join(words)}." if words else ""
