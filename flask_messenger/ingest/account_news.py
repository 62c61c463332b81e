"""What Meta says of accounts themselves: its policy, the roles of apps, templates."""

import hashlib
import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import literal, select
from sqlalchemy.orm import Session

from flask_messenger.events import AccountEvent, TemplateEvent
from flask_messenger.ingest.batch import Batch, RoutedAccountEvent
from flask_messenger.models import Account, Template
from flask_messenger.models.accounts import ACTIVE, ERROR
from flask_messenger.models.audit import AuditEntry
from flask_messenger.models.base import RANDOM_BITS, utc_now
from flask_messenger.models.templates import UTILITY
from flask_messenger.models.upsert import insert_missing, match_many, update_many

POLICY: Final = "policy_enforcement"
POLICY_BLOCK: Final = "policy_block"
"""The `status_reason` of an account that Meta does not let write."""
BLOCK: Final = "block"
UNBLOCK: Final = "unblock"
BY_META: Final = "meta"

_accounts: Final = Account.__table__
_templates: Final = Template.__table__
_STANDING: Final = (
    select(
        _accounts.c.id,
        _accounts.c.status,
        _accounts.c.status_reason,
        _accounts.c.status_changed_at,
    )
    .order_by(_accounts.c.id)
    .with_for_update(key_share=True)
)
_BY_ID: Final = (_templates.c.account_id, _templates.c.external_id)
_BY_NAME: Final = (_templates.c.account_id, _templates.c.name, _templates.c.language)
_TEMPLATES: Final = (
    select(
        _templates.c.id,
        *_BY_NAME,
        _templates.c.external_id,
        _templates.c.status,
        _templates.c.status_at,
    )
    # Spelled out in the statement, as the index of their names is of these only.
    .where(_templates.c.kind == literal(UTILITY, literal_execute=True))
    .order_by(_templates.c.id)
    .with_for_update()
)


def apply_account_news(session: Session, batch: Batch) -> None:
    """Note in the log what Meta says of accounts; have a block or its end show on them."""
    if not batch.of_accounts:
        return
    of_accounts = [(each, each.event) for each in batch.of_accounts]
    log = [_log_row(each, event) for each, event in of_accounts if isinstance(event, AccountEvent)]
    unique = {row["id"]: row for row in log}
    insert_missing(
        session, AuditEntry.__table__, [unique[key] for key in sorted(unique)], key=("id",)
    )
    _judge(session, batch.of_accounts)
    _note_templates(session, batch.of_accounts)


def _log_row(routed: RoutedAccountEvent, event: AccountEvent) -> dict[str, Any]:
    """Return the line of the log; its id is made from the event, so that a repeat is the same."""
    digest = hashlib.sha256(f"{routed.account.id}:{event.external_id}".encode()).digest()
    rest = int.from_bytes(digest[: RANDOM_BITS // 8], "big")
    milliseconds = int(event.at.timestamp() * 1000)
    return {
        "id": uuid.UUID(int=(milliseconds << RANDOM_BITS) | rest),
        "workspace_id": routed.account.workspace_id,
        "actor": BY_META,
        "action": event.kind,
        "subject": str(routed.account.id),
        "details": dict(event.content),
        "at": event.at,
    }


def _judge(session: Session, news: Iterable[RoutedAccountEvent]) -> None:
    """Have the newest block, or its end, show on the account; what somebody did since stays."""
    newest: dict[uuid.UUID, tuple[datetime, str]] = {}
    for each in news:
        event = each.event
        if isinstance(event, AccountEvent) and event.kind == POLICY:
            action = event.content.get("action")
            if action in {BLOCK, UNBLOCK}:
                said = (event.at, str(action))
                newest[each.account.id] = max(said, newest.get(each.account.id, said))
    rows: list[dict[str, Any]] = []
    for row in match_many(session, _STANDING, (_accounts.c.id,), newest):
        at, action = newest[row.id]
        if row.status_changed_at is not None and _is_older(at, action, row):
            continue
        rows.append({"id": row.id, **_standing(row, action), "status_changed_at": at})
    update_many(session, _accounts, rows)


def _is_older(at: datetime, action: str, row: Any) -> bool:
    """Say whether what the account shows is newer; of two at one moment the end of a block is."""
    if at == row.status_changed_at:
        return action == BLOCK
    return bool(at < row.status_changed_at)


def _standing(row: Any, action: str) -> dict[str, Any]:
    is_blocked = row.status == ERROR and row.status_reason == POLICY_BLOCK
    if action == BLOCK and row.status == ACTIVE:
        return {"status": ERROR, "status_reason": POLICY_BLOCK}
    if action == UNBLOCK and is_blocked:
        return {"status": ACTIVE, "status_reason": None}
    return {"status": row.status, "status_reason": row.status_reason}


def _note_templates(session: Session, news: Iterable[RoutedAccountEvent]) -> None:
    """Have templates show Meta's newest word. One that is not here yet is asked for when it is."""
    said = [(each, each.event) for each in news if isinstance(each.event, TemplateEvent)]
    by_id = {(each.account.id, event.external_id) for each, event in said if event.external_id}
    by_name = {
        (each.account.id, event.name, event.language or "") for each, event in said if event.name
    }
    found = {row.id: row for row in match_many(session, _TEMPLATES, _BY_ID, by_id)}
    found |= {row.id: row for row in match_many(session, _TEMPLATES, _BY_NAME, by_name)}
    rows: list[dict[str, Any]] = []
    for row in found.values():
        about = [event for each, event in said if _is_about(row, each, event)]
        newest = max(about, key=lambda event: (event.at, event.status), default=None)
        if newest is None or (
            row.status_at is not None and (newest.at, newest.status) <= (row.status_at, row.status)
        ):
            continue
        rows.append(
            {
                "id": row.id,
                "status": newest.status,
                "status_reason": newest.reason,
                "status_at": newest.at,
                "updated_at": utc_now(),
            }
        )
    update_many(session, _templates, rows)


def _is_about(row: Any, routed: RoutedAccountEvent, event: TemplateEvent) -> bool:
    if row.account_id != routed.account.id:
        return False
    if event.external_id and row.external_id:
        return bool(row.external_id == event.external_id)
    return (row.name, row.language) == (event.name, event.language or "")
