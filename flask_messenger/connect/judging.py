"""What Meta's answers mean for the connection itself, in words: values in, findings out."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from flask_messenger.connect.asking import Told
from flask_messenger.connect.case import RECONNECT, Case, not_asked
from flask_messenger.connect.findings import NOTE, OK, SOON, UNKNOWN, WRONG, Finding
from flask_messenger.connect.judging_traffic import (
    judge_access,
    judge_app_fields,
    judge_fields,
    judge_link,
    judge_routing,
    judge_traffic,
)
from flask_messenger.errors import AppNotApprovedError, GraphError
from flask_messenger.graph.users import TokenFacts
from flask_messenger.models.accounts import BY_INSTAGRAM, ERROR, NEEDS_REAUTH

LIVE: Final = "live"
CONNECTION: Final = "Connection"
CAUSES: Final[Mapping[int, str]] = {
    458: "The person who connected it removed the app at Meta.",
    459: "Facebook wants the person who connected it to log in at facebook.com first.",
    460: "The person who connected it changed their password, or Facebook ended their sessions.",
    463: "The token's time was over.",
    464: "The person who connected it has an account at Facebook that is not confirmed.",
    467: "The person who connected it logged out everywhere, or took the permission back.",
    490: "The person who connected it has to set up two-factor authentication.",
    492: "The person who connected it lost their role on the Page.",
}
"""By Meta's subcode of a dead token.

Source: https://developers.facebook.com/docs/graph-api/guides/error-handling
"""


def judge(case: Case) -> list[Finding]:
    """Return what there is to say, the connection first and the traffic last."""
    findings = [_judge_token(case)]
    if case.facts is not None and case.told is not None:
        findings += _judge_ends(case)
        findings += _judge_scopes(case, case.facts)
        findings.append(_judge_app(case, case.told))
        findings.append(judge_fields(case, case.told))
        findings.append(judge_app_fields(case, case.told))
        findings += judge_link(case, case.told)
        findings += judge_routing(case, case.told)
        findings += judge_access(case.told)
    elif case.told is not None and not case.told.is_dead:
        # Meta could not be asked: an end that it named before comes all the same.
        findings += [each for each in _judge_ends(case) if each.state != OK]
    findings += judge_traffic(case)
    return findings


def _judge_token(case: Case) -> Finding:
    if case.reach is None or case.told is None:
        return _of_token(
            WRONG,
            "There is no token that opens here.",
            "It was forgotten, sealed with a key that is missing, or its Meta app is not set up.",
            RECONNECT,
        )
    token = case.told.token
    if isinstance(token, GraphError):
        return not_asked("token", CONNECTION, token)
    if not token.is_valid:
        cause = CAUSES.get(token.subcode or 0, "Facebook does not say why.")
        return _of_token(WRONG, "Meta no longer accepts the token.", cause, RECONNECT)
    if token.app_id not in {None, case.reach.app.app_id}:
        cause = "META_APP_ID is another app's than when the account was connected."
        return _of_token(WRONG, "The token belongs to another Meta app.", cause, RECONNECT)
    return _judge_standing(case.account.status)


def _judge_standing(status: str) -> Finding:
    """Say what there is to say of an account whose token lives."""
    if status == NEEDS_REAUTH:
        cause = "It ended once, for a reason that a token alone does not mend."
        return _of_token(WRONG, "The account waits to be connected again.", cause, RECONNECT)
    if status == ERROR:
        cause = "It found a breach of its policies in what the account sent."
        mend = "See what it was in the account's support inbox at Meta, and appeal there."
        return _of_token(WRONG, "Meta accepts the token and has blocked the account.", cause, mend)
    return _of_token(OK, f"Meta accepts the token; the account is {status}.")


def _of_token(state: str, says: str, cause: str = "", mend: str = "") -> Finding:
    return Finding(check="token", state=state, title=CONNECTION, says=says, cause=cause, mend=mend)


def _judge_ends(case: Case) -> Iterator[Finding]:
    account, renews = case.account, case.account.login == BY_INSTAGRAM
    cause = "Such a token lives sixty days."
    if renews:
        cause = "It is renewed long before; that has failed so far. The worker's log says why."
    yield _judge_end(
        case,
        check="expiry",
        title="Token's end",
        at=account.token_expires_at,
        never="The token does not end by time.",
        cause=cause,
    )
    if not renews:
        yield _judge_end(
            case,
            check="data_access",
            title="Access to data",
            at=account.data_access_expires_at,
            never="Access to data does not end by time.",
            cause="Meta gives it for ninety days after the person last logged in.",
        )


def _judge_end(
    case: Case, *, check: str, title: str, at: datetime | None, never: str, cause: str
) -> Finding:
    if at is None:
        return Finding(check=check, state=OK, title=title, says=never)
    day = f"{at:%Y-%m-%d}"
    if at <= case.now:
        return Finding(
            check=check,
            state=WRONG,
            title=title,
            says=f"Over since {day}.",
            cause=cause,
            mend=RECONNECT,
        )
    if at - case.now <= case.warn_for:
        return Finding(
            check=check,
            state=SOON,
            title=title,
            says=f"Ends on {day}.",
            cause=cause,
            mend=RECONNECT,
        )
    return Finding(check=check, state=OK, title=title, says=f"Lasts until {day}.")


def _judge_scopes(case: Case, facts: TokenFacts) -> Iterator[Finding]:
    scopes = case.channel.logins.get(case.account.login)
    if scopes is None:
        return
    granted = set(facts.scopes or case.account.granted_scopes)
    ours = {case.account.external_id, case.account.page_external_id}
    elsewhere = {name for name, ids in facts.targets.items() if ours.isdisjoint(ids)}
    lacking = [each for each in scopes.needed if each not in granted or each in elsewhere]
    useful = [each for each in scopes.wanted if each not in granted or each in elsewhere]
    title = "Permissions"
    if lacking:
        yield Finding(
            check="scopes",
            state=WRONG,
            title=title,
            says=f"Missing: {', '.join(lacking)}.",
            cause="They were not granted for this account, or taken back at Meta.",
            mend="Reconnect the account and allow every permission.",
        )
    elif useful:
        yield Finding(
            check="scopes",
            state=NOTE,
            title=title,
            says=f"Messages work. Missing for comments and profiles: {', '.join(useful)}.",
            cause="They were declined, or the Meta app does not ask for them.",
            mend="Reconnect the account and allow every permission.",
        )
    else:
        yield Finding(check="scopes", state=OK, title=title, says="All that is needed is granted.")


def _judge_app(case: Case, told: Told) -> Finding:
    check, title = "app", "Meta app"
    if case.evidence.last_error == AppNotApprovedError.slug:
        return Finding(
            check=check,
            state=WRONG,
            title=title,
            says="Meta refused a reply because the app is not approved for it.",
            cause="The app is in development mode, or has standard access only.",
            mend="Publish the app and get advanced access in the App Dashboard (App Review).",
        )
    permissions = told.app_permissions
    scopes = case.channel.logins.get(case.account.login)
    if isinstance(permissions, GraphError):
        return not_asked(check, title, permissions)
    if not permissions or scopes is None or case.account.login == BY_INSTAGRAM:
        return Finding(
            check=check,
            state=UNKNOWN,
            title=title,
            says="Meta does not say how it is approved.",
            cause="It answers this for apps with Facebook's login only, or named no permission.",
            mend="Look it up in the App Dashboard, under App Review.",
        )
    missing = [each for each in scopes.needed if permissions.get(each) != LIVE]
    if missing:
        return Finding(
            check=check,
            state=NOTE,
            title=title,
            says=f"Not approved for everybody: {', '.join(missing)}.",
            cause=(
                "The app is in development mode or has standard access: only people with a role"
                " in the app are heard and answered."
            ),
            mend="Publish the app and get advanced access in the App Dashboard (App Review).",
        )
    return Finding(check=check, state=OK, title=title, says="Live, with advanced access.")
