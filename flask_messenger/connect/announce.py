"""Telling hosts and open pages that an account changed. After the commit, never before."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import redis
from blinker import Signal
from flask import Flask

from flask_messenger.models import Account
from flask_messenger.realtime import Change, publish
from flask_messenger.signals import account_needs_reauth, emit
from flask_messenger.state import state_of
from flask_messenger.tenancy import workspace_scope


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """What is said of an account that changed; taken before the commit makes the row stale."""

    account_id: uuid.UUID
    workspace_id: str
    location_id: str | None
    channel: str

    @classmethod
    def of(cls, account: Account) -> "AccountFacts":
        """Return the facts of a row."""
        return cls(
            account_id=account.id,
            workspace_id=account.workspace_id,
            location_id=account.location_id,
            channel=account.channel,
        )


def announce(
    app: Flask, signal: Signal | None, accounts: Iterable[AccountFacts], **arguments: Any
) -> None:
    """Send `signal` (None for none) for each account, and have open pages look again."""
    accounts = list(accounts)
    for account in accounts:
        if signal is not None:
            with workspace_scope(account.workspace_id):
                emit(
                    signal,
                    app,
                    workspace_id=account.workspace_id,
                    location_id=account.location_id,
                    account_id=account.account_id,
                    channel=account.channel,
                    **arguments,
                )
    publish(state_of(app).get(redis.Redis), [_change_of(account) for account in accounts])


def announce_needs_reauth(app: Flask, account: AccountFacts, *, reason: str) -> None:
    """Tell that an account has to be connected again."""
    announce(app, account_needs_reauth, [account], reason=reason)


def _change_of(account: AccountFacts) -> Change:
    ids = {"account_id": str(account.account_id), "location_id": account.location_id}
    return Change(workspace_id=account.workspace_id, type="account", ids=ids)
