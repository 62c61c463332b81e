"""`flask messenger journal …`: look into the journal, and have entries applied again."""

import json
import logging
import uuid
from datetime import UTC, datetime
from typing import Final

import click
import redis
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.errors import InvalidRequestError, NotFoundError
from flask_messenger.ingest.replay import STATES, AccountName, Selection, count_entries, replay
from flask_messenger.ingest.retention import tidy_journal
from flask_messenger.ingest.search import (
    MAX_COUNT,
    find_concerned,
    get_entry,
    list_entries,
    masked_body,
    plain_body,
    read_figures,
)
from flask_messenger.ingest.wake import schedule_drain
from flask_messenger.models import Account, WebhookEntry
from flask_messenger.models.audit import record
from flask_messenger.models.base import utc_now
from flask_messenger.state import state
from flask_messenger.tenancy import system_scope

logger = logging.getLogger(__name__)

ACTOR: Final = "system"
EVERYTHING: Final = Selection(workspace_id=None)

journal = AppGroup("journal", help="What Meta sent: look, count, apply again.")


class Moment(click.ParamType[datetime]):
    """A time as ISO 8601; without a zone it is UTC."""

    name = "time"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the time, aware."""
        try:
            at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time such as 2026-11-21T08:00", param, ctx)
        return at if at.tzinfo else at.replace(tzinfo=UTC)


@journal.command("replay")
@click.option("--id", "ids", type=click.UUID, multiple=True, help="An entry; may be repeated.")
@click.option("--account", type=click.UUID, help="An account, by our id.")
@click.option("--since", type=Moment(), help="Received at or after.")
@click.option("--until", type=Moment(), help="Received before.")
@click.option("--state", "state_name", type=click.Choice(STATES), help="In this state.")
@click.option("--dry-run", is_flag=True, help="Only say how many there are.")
def replay_entries(
    ids: tuple[uuid.UUID, ...],
    account: uuid.UUID | None,
    since: datetime | None,
    until: datetime | None,
    state_name: str | None,
    *,
    dry_run: bool,
) -> None:
    """Have entries applied again. What is there already stays as it is: nothing comes twice."""
    session: Session = state().db.session
    with system_scope("journal replay"):
        accounts = frozenset({_account_name(session, account)}) if account else None
        selection = Selection(
            workspace_id=None,
            ids=ids,
            accounts=accounts,
            since=since,
            until=until,
            state=state_name,
        )
        try:
            if dry_run:
                click.echo(f"{count_entries(session, selection)} entries would be put back")
                return
            count = replay(session, selection, actor=ACTOR)
        except InvalidRequestError as error:
            raise click.UsageError(str(error)) from error
    click.echo(f"{count} entries put back")
    if count:
        _wake_drain()


@journal.command("show")
@click.argument("entry_id", type=click.UUID)
@click.option("--reveal", is_flag=True, help="With personal data; goes to the audit log.")
def show(entry_id: uuid.UUID, *, reveal: bool) -> None:
    """Show one entry. Personal data is masked unless asked for."""
    session: Session = state().db.session
    with system_scope("journal show"):
        try:
            entry = get_entry(session, Selection(workspace_id=None, ids=(entry_id,)))
        except NotFoundError as error:
            raise click.ClickException(str(error)) from error
        for name in ("state", "error", "object", "attempts", "received_at", "processed_at"):
            click.echo(f"{name}: {getattr(entry, name)}")
        shown = plain_body(entry) if reveal else masked_body(entry)
        if reveal:
            _note_reveal(session, entry)
    click.echo(json.dumps(shown, indent=2, ensure_ascii=False) if shown else "not readable as JSON")


def _note_reveal(session: Session, entry: WebhookEntry) -> None:
    """Tell the operator's log, and every workspace that has an account by the entry's name.

    What belongs to nobody yet, or to several, may be any of theirs.
    """
    logger.warning("journal_entry_revealed entry_id=%s", entry.id)
    workspaces = {entry.workspace_id} if entry.workspace_id else find_concerned(session, entry)
    for workspace_id in sorted(workspaces):
        record(
            session,
            workspace_id=workspace_id,
            actor=ACTOR,
            action="journal_entry_revealed",
            subject=str(entry.id),
        )
    session.commit()


@journal.command("stats")
def stats() -> None:
    """Say what waits, what failed and why, and what came for accounts nobody connected."""
    session: Session = state().db.session
    with system_scope("journal stats"):
        figures = read_figures(session, EVERYTHING)
        newest = list_entries(session, EVERYTHING, limit=1).items
    click.echo(f"pending: {figures.pending}{_plus(figures.pending)}")
    if figures.oldest_pending_at is not None:
        seconds = (utc_now() - figures.oldest_pending_at).total_seconds()
        click.echo(f"oldest pending: {seconds:.0f} seconds")
    click.echo(f"failed: {figures.failed}{_plus(figures.failed)}")
    for error, count in sorted(figures.errors.items(), key=lambda item: -item[1]):
        click.echo(f"  {count} {error}")
    click.echo(f"unrouted: {figures.unrouted}{_plus(figures.unrouted)}")
    if newest:
        click.echo(f"newest entry: {newest[0].received_at.isoformat()}")


@journal.command("tidy")
def tidy() -> None:
    """Make the journal's next days and remove entries past their time, for some seconds."""
    session: Session = state().db.session
    with system_scope("journal tidy"):
        tidy_journal(session, now=utc_now(), days=state().settings.journal_days)
    days = state().settings.journal_days
    click.echo(f"the journal keeps {days} days; what is left over goes when this is run again")


def _account_name(session: Session, account_id: uuid.UUID) -> AccountName:
    account = session.scalars(select(Account).where(Account.id == account_id)).one_or_none()
    if account is None:
        raise click.BadParameter("there is no such account", param_hint="--account")
    return AccountName.of(account)


def _wake_drain() -> None:
    try:
        schedule_drain(state().get(redis.Redis))
    except redis.RedisError:
        click.echo("Redis is away: the entries are applied once a worker looks by itself.")


def _plus(count: int) -> str:
    return " or more" if count >= MAX_COUNT else ""
