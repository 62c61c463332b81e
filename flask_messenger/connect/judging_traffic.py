"""What Meta's answers mean for what comes and goes: webhooks, other apps, the one switch."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from flask_messenger.connect.asking import Told
from flask_messenger.connect.case import Case, not_asked
from flask_messenger.connect.findings import NOTE, OK, WRONG, Finding
from flask_messenger.errors import AccountRestrictedError, GraphError
from flask_messenger.graph.subscriptions import AppSubscription

SUBSCRIBE_APP: Final = (
    "Run `flask messenger webhooks subscribe`, or tick them in the App Dashboard under Webhooks."
)
QUIET: Final = timedelta(days=1)


def judge_fields(case: Case, told: Told) -> Finding:
    """Say whether the account's own subscription brings what is read."""
    check, title = "webhook_fields", "Webhooks of the account"
    if isinstance(told.fields, GraphError):
        return not_asked(check, title, told.fields)
    found, wanted = set(told.fields or ()), case.channel.webhook_fields
    if case.reach is not None and case.reach.is_carried:
        lacking = [] if found else ["any field of the Page"]
        useful: list[str] = []
    else:
        lacking = [each for each in wanted.core if each not in found]
        useful = [each for each in wanted.further if each not in found]
    if lacking:
        return Finding(
            check=check,
            state=WRONG,
            title=title,
            says=f"Not subscribed: {', '.join(lacking)}.",
            cause="Meta ends a subscription after an hour of webhooks that failed.",
            mend="The worker subscribes again within the hour; reconnect the account to do it now.",
        )
    if useful:
        return Finding(
            check=check,
            state=NOTE,
            title=title,
            says=f"Messages arrive. Not subscribed: {', '.join(useful)}.",
            cause="This version of Graph refused them, or they are newer than the connection.",
            mend="The worker asks for them once a day; reconnect the account to do it now.",
        )
    return Finding(check=check, state=OK, title=title, says="Subscribed to all that is read.")


def judge_app_fields(case: Case, told: Told) -> Finding:
    """Say whether the app as a whole is sent what is read, to the address we listen at."""
    check, title = "app_webhooks", "Webhooks of the app"
    subscriptions = told.app_subscriptions
    if subscriptions is None or isinstance(subscriptions, GraphError):
        return not_asked(check, title, subscriptions)
    of_app = subscriptions.get(case.channel.webhook_object)
    trouble = _app_trouble(case, of_app)
    if trouble:
        return Finding(
            check=check,
            state=WRONG,
            title=title,
            says=trouble,
            cause="An app is sent only what its own list of webhooks names.",
            mend=SUBSCRIBE_APP,
        )
    found = of_app.fields if of_app else ()
    useful = [each for each in case.channel.webhook_fields.further if each not in found]
    if useful:
        return Finding(
            check=check,
            state=NOTE,
            title=title,
            says=f"Messages arrive. Not subscribed: {', '.join(useful)}.",
            cause="An app is sent only what its own list of webhooks names.",
            mend=SUBSCRIBE_APP,
        )
    return Finding(check=check, state=OK, title=title, says="The app is sent all that is read.")


def _app_trouble(case: Case, of_app: AppSubscription | None) -> str:
    if of_app is None:
        return f"The app is sent nothing of the object “{case.channel.webhook_object}”."
    if not of_app.is_active:
        return "The app's subscription is switched off."
    lacking = [each for each in case.channel.webhook_fields.core if each not in of_app.fields]
    if lacking:
        return f"The app is not sent: {', '.join(lacking)}."
    if case.callback_url and of_app.callback_url and of_app.callback_url != case.callback_url:
        return f"The app's webhooks go to another address, not to {case.callback_url}."
    return ""


def judge_link(case: Case, told: Told) -> Iterator[Finding]:
    """Say whether an account that a Page carries is still linked to it."""
    if case.reach is None or not case.reach.is_carried:
        return
    check, title = "link", "Link to the Page"
    if isinstance(told.linked, GraphError):
        yield not_asked(check, title, told.linked)
    elif told.linked is None or told.linked.id != case.account.external_id:
        yield Finding(
            check=check,
            state=WRONG,
            title=title,
            says="The account is no longer linked to the Page it was connected with.",
            cause="Somebody unlinked it, or linked another, in the settings of the Page.",
            mend="Link it to the Page again, then reconnect it.",
        )
    else:
        yield Finding(check=check, state=OK, title=title, says="Linked to its Page.")


def judge_routing(case: Case, told: Told) -> Iterator[Finding]:
    """Say whether other apps have threads of the account."""
    check, title, seen = "routing", "Other apps", case.evidence
    if seen.held_by_others:
        yield Finding(
            check=check,
            state=NOTE,
            title=title,
            says=f"Another app has {seen.held_by_others} of the newest {seen.recent} threads.",
            cause="It is the default app of the account's Conversation Routing, or took them.",
            mend=(
                "Make this app the default one in the Page's settings under Conversation routing,"
                " or take the threads over."
            ),
        )
    elif isinstance(told.routing, GraphError):
        yield not_asked(check, title, told.routing)
    elif told.routing is not None:
        yield _judge_features(check, title, told.routing)


def _judge_features(check: str, title: str, routing: Mapping[str, Any]) -> Finding:
    if any(routing.get(name) for name in ("hop_v2", "msgr_multi_app", "ig_multi_app")):
        return Finding(
            check=check,
            state=OK,
            title=title,
            says="Conversation Routing is on; no thread here belongs to another app.",
        )
    return Finding(
        check=check, state=OK, title=title, says="No default app is set: this app may answer."
    )


def judge_access(told: Told) -> Iterator[Finding]:
    """Say whether the account lets apps have its messages, where there is such a switch."""
    check, title = "message_access", "Allow access to messages"
    if told.access is None:
        return
    if isinstance(told.access, AccountRestrictedError):
        yield Finding(
            check=check,
            state=WRONG,
            title=title,
            says="The account keeps its messages from apps.",
            cause="“Allow access to messages” is off in Instagram.",
            mend=(
                "In Instagram: Settings, Messages and story replies, Message controls, Connected"
                " tools: switch on “Allow access to messages”."
            ),
        )
    elif isinstance(told.access, GraphError):
        yield not_asked(check, title, told.access)
    else:
        yield Finding(check=check, state=OK, title=title, says="On.")


def judge_traffic(case: Case) -> Iterator[Finding]:
    """Say when something came and went last."""
    account = case.account
    since = account.connected_at
    if account.last_inbound_at is not None:
        says = f"The newest came on {_moment(account.last_inbound_at)}."
        yield Finding(check="last_inbound", state=OK, title="Incoming", says=says)
    else:
        is_long = since is not None and case.now - since > QUIET
        yield Finding(
            check="last_inbound",
            state=NOTE if is_long else OK,
            title="Incoming",
            says="Nothing has come yet.",
            cause="Nobody wrote, or Meta does not deliver." if is_long else "",
            mend="Write to the account yourself and see whether it arrives." if is_long else "",
        )
    says = "Nothing was sent yet."
    if account.last_sent_at is not None:
        says = f"The newest went out on {_moment(account.last_sent_at)}."
    yield Finding(check="last_sent", state=OK, title="Outgoing", says=says)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
