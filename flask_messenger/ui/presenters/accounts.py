"""The page of one account: each thing the doctor looked at, with its cause and its one fix."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from flask_messenger.connect.findings import NOTE, OK, SOON, UNKNOWN, WRONG, Diagnosis, Finding
from flask_messenger.inbox.queries import AccountRow
from flask_messenger.models.accounts import DISCONNECTED
from flask_messenger.ui.presenters.fixes import PROBLEM, STATES
from flask_messenger.ui.presenters.history import HistoryView
from flask_messenger.ui.presenters.people import Avatar, avatar_of
from flask_messenger.ui.presenters.personas import PersonasView
from flask_messenger.ui.presenters.reader import Reader, channel_label
from flask_messenger.ui.presenters.settings import Notice
from flask_messenger.ui.presenters.times import time_ago_spoken

FINDING_STATES: Final = {
    WRONG: ("Wrong", "bad"),
    SOON: ("Soon", "warn"),
    NOTE: ("Note", "warn"),
    UNKNOWN: ("Could not ask", "off"),
    OK: ("Good", "good"),
}
NOTICES: Final = {
    "checked": Notice(kind="good", title="Checked just now."),
    "personas": Notice(kind="good", title="Saved."),
}
HEAVIEST_FIRST: Final = tuple(FINDING_STATES)


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingView:
    """One finding; `state_kind` is "good", "warn", "bad" or "off"."""

    title: str
    says: str
    cause: str
    mend: str
    state: str
    state_kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPage:
    """The page /messenger/settings/accounts/….

    Attributes:
        findings: what needs a look, the heaviest first; `good` is the rest, folded away.
    """

    name: str
    avatar: Avatar
    channel: str
    channel_label: str
    place: str
    state: str
    state_kind: str
    checked: str
    findings: Sequence[FindingView]
    good: Sequence[FindingView] = ()
    good_words: str = ""
    check_url: str | None
    back_url: str
    reconnect_url: str | None
    history: HistoryView | None
    personas: PersonasView | None = None
    profile_url: str | None = None
    notices: Sequence[Notice] = ()
    facts: Sequence[tuple[str, str]] = field(default=(), repr=False)
    zone: str = "UTC"
    cookie_path: str = "/"


def account_page(
    row: AccountRow,
    diagnosis: Diagnosis,
    reader: Reader,
    *,
    history: HistoryView | None,
    personas: PersonasView | None,
    connect: Callable[..., str],
    notice: str = "",
) -> AccountPage:
    """Return the page, the heaviest finding first."""
    account, may_connect = row.account, reader.tenant.may("connect")
    can_reconnect = may_connect and account.status != DISCONNECTED
    state, kind = STATES.get(account.status, PROBLEM)
    order = HEAVIEST_FIRST.index
    found = [each for each in diagnosis.findings if each.state in FINDING_STATES]
    troubles = [each for each in found if each.state != OK]
    good = [finding_view(each) for each in found if each.state == OK]
    checked = ""
    if diagnosis.checked_at is not None:
        checked = time_ago_spoken(diagnosis.checked_at, now=reader.now, zone=reader.zone)
    return AccountPage(
        name=account.name,
        avatar=avatar_of(account.name, key=account.id, picture_url=account.picture_url),
        channel=account.channel,
        channel_label=channel_label(account.channel),
        place=reader.location_name(account.location_id),
        state=state,
        state_kind=kind,
        checked=f"Meta answered {checked}" if checked else "Meta has not been asked yet",
        findings=[
            finding_view(each) for each in sorted(troubles, key=lambda each: order(each.state))
        ],
        good=good,
        good_words=_good_words(len(good), has_troubles=bool(troubles)),
        check_url=(
            reader.link("messenger_ui.check_account", account_id=account.id)
            if may_connect
            else None
        ),
        back_url=reader.link("messenger_ui.settings"),
        reconnect_url=connect(account=account.id) if can_reconnect else None,
        history=history,
        personas=personas,
        profile_url=(
            reader.link("messenger_ui.profile", account_id=account.id)
            if reader.tenant.may("settings")
            else None
        ),
        notices=[NOTICES[notice]] if notice in NOTICES else [],
    )


def finding_view(finding: Finding) -> FindingView:
    """Return one finding in words."""
    state, kind = FINDING_STATES[finding.state]
    return FindingView(
        title=finding.title,
        says=finding.says,
        cause=finding.cause,
        mend=finding.mend,
        state=state,
        state_kind=kind,
    )


def _good_words(number: int, *, has_troubles: bool) -> str:
    if not has_troubles:
        return "Everything that was looked at"
    return "One more thing" if number == 1 else f"{number} more things"
