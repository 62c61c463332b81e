"""`flask messenger keys …`: the keys that seal tokens."""

from collections.abc import Sequence

import click
from flask.cli import AppGroup

from flask_messenger.crypto import KeyRing, generate_key
from flask_messenger.operate.keys import ColumnKeys, Rotation, count_keys
from flask_messenger.operate.keys import rotate as rotate_keys
from flask_messenger.state import state
from flask_messenger.tenancy import system_scope

keys = AppGroup("keys", help="The keys that seal tokens, in MESSENGER_ENCRYPTION_KEYS.")


@keys.command("generate")
def generate() -> None:
    """Print a new key. Put it in MESSENGER_ENCRYPTION_KEYS; it is kept nowhere else."""
    click.echo(generate_key())


@keys.command("status")
def status() -> None:
    """Say which keys are in use, and which one can be removed."""
    with system_scope("which keys are in use"):
        _show(count_keys(state().db.session, state().get(KeyRing)))


@keys.command("rotate")
def rotate() -> None:
    """Seal with the newest key what older ones sealed.

    Everything may go on meanwhile, as long as every process knows the new key. Stop it whenever
    you like, and run it again to go on.
    """
    held = state()
    ring = held.get(KeyRing)
    with system_scope("keys are rotated"):
        for done in rotate_keys(held.db.session, ring, progress=_show_progress):
            _show_end(done)
        _show(count_keys(held.db.session, ring))


def _show_progress(rotation: Rotation) -> None:
    click.echo(f"{rotation.column}: {rotation.seen} of {rotation.total}")


def _show_end(rotation: Rotation) -> None:
    if rotation.changed_meanwhile:
        click.echo(f"{rotation.column}: {rotation.changed_meanwhile} changed meanwhile, left alone")
    for row_id in rotation.unreadable_ids:
        click.echo(f"{rotation.column}: row {row_id} does not open, left as it is", err=True)
    more = rotation.unreadable - len(rotation.unreadable_ids)
    if more:
        click.echo(f"{rotation.column}: {more} more do not open", err=True)


def _show(columns: Sequence[ColumnKeys]) -> None:
    newest, *older = state().get(KeyRing).key_ids
    for each in columns:
        used = ", ".join(f"{key_id} {count}" for key_id, count in each.by_key.items() if count)
        unknown = f", of no configured key {each.unknown}" if each.unknown else ""
        click.echo(f"{each.column}: {used or 'nothing sealed'}{unknown}")
    click.echo(f"{newest} seals.")
    for key_id in older:
        count = sum(each.by_key[key_id] for each in columns)
        click.echo(
            f"{key_id} still seals {count} of them: run `flask messenger keys rotate`."
            if count
            else f"{key_id} is no longer used: remove it once every process seals with {newest} and"
            " no delivery waits in Redis."
        )
