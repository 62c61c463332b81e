"""How messages flow, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flask_messenger.monitor.health import WORK_GROUPS, Alert, Health, SubscriptionNews
from flask_messenger.ui.presenters.reader import Reader
from flask_messenger.ui.presenters.settings import HealthLine, Notice
from flask_messenger.ui.presenters.times import since, time_ago_spoken

ON_TIME_SECONDS: Final = 5.0
MINUTE: Final = 60
HOUR: Final = 3600

STATES: Final = {
    "good": ("Messages flow", "good"),
    "slow": ("Needs a look", "warn"),
    "stopped": ("Messages wait", "bad"),
}
PARTS: Final = {
    "ingest": ("Receiving", "From Meta into the inbox"),
    "outbox": ("Sending", "From the inbox to Meta"),
    "announcing": ("Telling the CRM", "Contacts and automations"),
}
LATE: Final = {
    "ingest": "New messages show about {late} late.",
    "outbox": "Answers go out about {late} late.",
    "announcing": "The CRM hears of messages about {late} late.",
}
WITHOUT: Final = {
    "ingest": "New messages are kept, and show when a worker runs.",
    "outbox": "Answers are kept, and go out when a worker runs.",
    "default": "The CRM hears of new messages when a worker runs.",
    "bulk": "Exports and erasures of personal data wait until a worker runs.",
    "schedule": "Messages still flow, but what fails on its way is not tried again.",
}
GROUPS: Final = {
    "ingest": "Receiving",
    "outbox": "Sending",
    "default": "Telling the CRM",
    "bulk": "Bulk work",
    "schedule": "Schedule",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line: what it is, and how it is.

    Attributes:
        kind: "good", "warn", "bad" or "off"; "" for a plain fact.
    """

    label: str
    detail: str
    state: str
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthView:
    """The page /messenger/health."""

    state: str
    kind: str
    measured: str
    notices: Sequence[Notice]
    parts: Sequence[Row]
    workers: Sequence[Row]
    own: Sequence[Row]
    subscriptions: Sequence[Row]
    settings_url: str
    fragment_url: str
    events_url: str
    group: str
    zone: str
    cookie_path: str


def health_line(health: Health, reader: Reader, *, url: str) -> HealthLine:
    """Return the one line of the settings page."""
    state, kind = STATES[health.state]
    at = health.own.last_message_at
    last = f"Last message {_ago(at, reader)}." if at else "No message yet."
    notices = alert_notices(health.alerts)
    return HealthLine(kind=kind, state=state, url=url, text=notices[0].text if notices else last)


def alert_notices(alerts: Sequence[Alert]) -> list[Notice]:
    """Say what keeps messages from flowing: the cause, and what follows from it."""
    notices = []
    if any(each.kind == "redis_away" for each in alerts):
        notices.append(
            Notice(
                kind="warn",
                title="The queue does not answer.",
                text="Messages still arrive and go out, but more slowly, and nobody can say here"
                " how far behind they are. Exports and erasures go on; checks of subscriptions"
                " wait for the queue.",
            )
        )
    without = [WITHOUT[each.part] for each in alerts if each.kind == "no_worker"]
    if without:
        some = "No worker is running." if len(without) == len(WITHOUT) else "A worker is missing."
        is_bad = any(each.part in WORK_GROUPS for each in alerts if each.kind == "no_worker")
        kind = "bad" if is_bad else "warn"
        notices.append(Notice(kind=kind, title=some, text=" ".join(without)))
    if any(each.kind == "unmeasured" for each in alerts):
        notices.append(
            Notice(
                kind="warn",
                title="Nobody measures.",
                text="Nobody knows how far behind messages are: the schedule is not run, or hangs.",
            )
        )
    behind = [each for each in alerts if each.kind == "behind"]
    late = [LATE[each.part].format(late=duration(each.seconds)) for each in behind]
    if late:
        notices.append(Notice(kind="warn", title="Messages are delayed.", text=" ".join(late)))
    return notices


def part_rows(health: Health, *, alert_seconds: float) -> list[Row]:
    """Say of each part how far behind it is."""
    rows = []
    for part, (label, detail) in PARTS.items():
        seconds = health.lags.get(part)
        state, kind = "Not measured", "off"
        if seconds is not None:
            state, kind = "On time", "good"
        if seconds is not None and seconds >= ON_TIME_SECONDS:
            state = f"{duration(seconds)} behind"
            kind = "warn" if seconds > alert_seconds else "good"
        rows.append(Row(label=label, detail=detail, state=state, kind=kind))
    return rows


def worker_rows(workers: Mapping[str, int], *, is_known: bool) -> list[Row]:
    """Say which processes are alive."""
    rows = []
    for group, label in GROUPS.items():
        count = workers.get(group, 0)
        state = "1 process" if count == 1 else f"{count} processes"
        kind = "good" if count else "bad"
        if not is_known:
            state, kind = "Not known", "off"
        elif not count:
            state = "None"
        rows.append(Row(label=label, detail=group, state=state, kind=kind))
    return rows


def own_rows(health: Health, reader: Reader) -> list[Row]:
    """Return the facts about the workspace."""
    own = health.own
    queued_since = f"The first since {_since(own.oldest_queued_at, reader)}"
    return [
        Row(
            label="Last message",
            detail="Of all your accounts",
            state=_ago(own.last_message_at, reader).capitalize() or "None yet",
        ),
        Row(
            label="Answers waiting",
            detail=queued_since if own.oldest_queued_at else "To be sent",
            state=str(own.queued),
        ),
        Row(
            label="Answers with a problem",
            detail="Failed or unknown, in seven days",
            state=str(own.troubled),
            kind="warn" if own.troubled else "",
        ),
        Row(label="Bulk work", detail="Exports and the like", state=f"{own.bulk_waiting} waiting"),
    ]


def subscription_rows(
    news: Sequence[SubscriptionNews], names: Mapping[str, str], reader: Reader
) -> list[Row]:
    """Say where Meta had stopped sending events, and what became of it."""
    rows = []
    for each in news:
        is_restored = each.action == "subscription_restored"
        missing = ", ".join(each.fields) or "all events"
        rows.append(
            Row(
                label=names.get(each.account_id, "An account"),
                detail=f"Meta had stopped sending: {missing}",
                state=f"{'Restored' if is_restored else 'Lost'} {_since(each.at, reader)}",
                kind="good" if is_restored else "bad",
            )
        )
    return rows


def duration(seconds: float) -> str:
    """Return about how long: "40 s", "3 min", "2 h"."""
    if seconds < MINUTE:
        return f"{int(seconds)} s"
    if seconds < HOUR:
        return f"{int(seconds // MINUTE)} min"
    return f"{int(seconds // HOUR)} h"


def _ago(at: datetime | None, reader: Reader) -> str:
    return time_ago_spoken(at, now=reader.now, zone=reader.zone) if at else ""


def _since(at: datetime | None, reader: Reader) -> str:
    return since(at, now=reader.now, zone=reader.zone) if at else ""
