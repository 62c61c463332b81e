"""Apply a batch of events to the tables: a fixed number of statements, whatever its size.

Never commits: the drain owns the transaction. Every event goes to the account its own entry
names.
"""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.ingest.account_news import apply_account_news
from flask_messenger.ingest.batch import (
    NO_TERMS,
    Batch,
    Outcome,
    ReadEntry,
    RoutedAccount,
    Terms,
)
from flask_messenger.ingest.entries import (
    OTHER_APP,
    OTHER_WORKSPACE,
    AccountKey,
    account_of,
    names_of,
    route,
)
from flask_messenger.ingest.erased import Erased, clean_entries, find_erased
from flask_messenger.ingest.messages import Stored, store_messages
from flask_messenger.ingest.names import fill_in
from flask_messenger.ingest.opt_ins import apply_opt_ins
from flask_messenger.ingest.people import People, find_people
from flask_messenger.ingest.receipts import apply_receipts
from flask_messenger.ingest.summaries import (
    grow_summaries,
    refresh_statuses,
    refresh_summaries,
    reopen,
)
from flask_messenger.ingest.threads import note_pauses, note_threads
from flask_messenger.models import Account
from flask_messenger.models.accounts import DISCONNECTED
from flask_messenger.models.base import utc_now
from flask_messenger.models.upsert import match_many
from flask_messenger.outbox.holds import release_held
from flask_messenger.outbox.private_replies import settle_private_replies

_accounts: Final = Account.__table__
_KEY: Final = (_accounts.c.channel, _accounts.c.external_id)
_LIVE: Final = select(
    _accounts.c.id,
    _accounts.c.workspace_id,
    _accounts.c.location_id,
    *_KEY,
    _accounts.c.app_name,
).where(_accounts.c.status != DISCONNECTED)


def apply_batch(session: Session, entries: Sequence[ReadEntry], terms: Terms = NO_TERMS) -> Outcome:
    """Turn the events of `entries` into rows; note in each entry where it went."""
    accounts = find_accounts(session, _account_keys(entries))
    erased = find_erased(session, accounts.values())
    batch = _route(entries, accounts, erased)
    clean_entries(session, entries, accounts, erased)
    people = find_people(session, batch)
    if any(each.event.subject for each in batch.messages):
        fill_in(session, batch.authors, people)
    stored = store_messages(session, batch, people)
    _settle_private_replies(session, people, stored)
    note_pauses(session, batch, people, stored, terms)
    released = note_threads(session, batch, people, terms)
    apply_opt_ins(session, batch, people, terms)
    apply_account_news(session, batch)
    receipts = apply_receipts(session, batch, people, stored)
    opened = {people.conversation_of[person] for person, _, _ in batch.openings()}
    touched = stored.conversation_ids | receipts.conversation_ids
    lifted = refresh_statuses(session, receipts.conversation_ids | stored.answered)
    worked_out = stored.rearranged | receipts.rearranged | opened
    grown = {key: new for key, new in stored.grown.items() if key not in worked_out}
    worked_out |= grow_summaries(session, people.heads, grown)
    refresh_summaries(session, worked_out)
    reopen(session, stored.reopened)
    let_go = release_held(session, released, now=utc_now())
    by_id = {account.id: account for account in accounts.values()}
    return Outcome(
        messages=stored.added,
        settled=stored.settled,
        heard=_heard(batch),
        lifted=lifted | receipts.lifted,
        changed=set(receipts.changed.message_ids),
        attached_in=stored.attached_in,
        released=let_go,
        account_ids=batch.account_ids,
        conversations={
            conversation_id: by_id[people.account_of[conversation_id]]
            for conversation_id in touched
        },
    )


def _settle_private_replies(session: Session, people: People, stored: Stored) -> None:
    """Move private answers to comments to whom they went: only their echo says who that is."""
    if not stored.private_replies:
        return
    moved = settle_private_replies(session, stored.private_replies, now=utc_now())
    # What was read of these threads when they were locked is no longer so.
    stored.rearranged |= {each for each in moved.values() if each in people.account_of}


def forget_erased(session: Session, entries: Sequence[ReadEntry]) -> None:
    """Take erased people out of entries that are set aside, too. Never commits."""
    accounts = find_accounts(session, _account_keys(entries))
    clean_entries(session, entries, accounts, find_erased(session, accounts.values()))


def _account_keys(entries: Iterable[ReadEntry]) -> set[AccountKey]:
    keys: set[AccountKey] = set()
    for entry in entries:
        if entry.channel is None:
            continue
        if entry.external_id:
            keys.add((entry.channel, entry.external_id))
        for event in entry.events:
            keys.update((entry.channel, name) for name in names_of(event))
    return keys


def find_accounts(session: Session, keys: set[AccountKey]) -> dict[AccountKey, RoutedAccount]:
    """Return the connected account of each (channel, external id), where there is one."""
    return {
        (row.channel, row.external_id): RoutedAccount(
            row.id, row.workspace_id, row.location_id, row.channel, row.app_name
        )
        for row in match_many(session, _LIVE, _KEY, keys)
    }


def _route(
    entries: Sequence[ReadEntry], accounts: dict[AccountKey, RoutedAccount], erased: Erased
) -> Batch:
    batch = Batch()
    for entry in entries:
        workspace_ids: set[str] = set()
        if not entry.events:
            found = accounts.get((entry.channel or "", entry.external_id or ""))
            account = _account_for(entry, found)
            if account is not None:
                workspace_ids.add(account.workspace_id)
        for event in entry.events:
            account = _account_for(entry, account_of(entry, event, accounts))
            if account is None:
                continue
            workspace_ids.add(account.workspace_id)
            if not erased.covers(account.id, event):
                batch.add(account, event)
        route(entry, workspace_ids)
    return batch


def _account_for(entry: ReadEntry, account: RoutedAccount | None) -> RoutedAccount | None:
    """Return the account if `entry` may speak for it.

    Who holds one app's secret can sign anything with it. So what an app says of an account that is
    connected through another one is not believed; it stays in the journal and says why. And a
    replay brings nobody's history to the workspace that has the Page now.
    """
    if account is None:
        return None
    if entry.owner not in {None, account.workspace_id}:
        entry.error = OTHER_WORKSPACE
        return None
    if account.app_name in entry.app_names:
        return account
    entry.error = OTHER_APP
    return None


def _heard(batch: Batch) -> dict[uuid.UUID, datetime]:
    """Return per account when somebody last wrote, reacted, or came in by a link."""
    times = [
        (each.account.id, each.event.sent_at) for each in batch.messages if each.event.is_inbound
    ]
    times += [(account.id, at) for _, account, at in batch.openings()]
    heard: dict[uuid.UUID, datetime] = {}
    for account_id, at in times:
        heard[account_id] = max(at, heard.get(account_id, at))
    return heard
