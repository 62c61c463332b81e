"""Fetching what people sent, before Meta's address of it ends.

A few files at once in threads, which know no session; what came of them is written down by whoever
asked, each in a transaction of its own.
"""

import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any, Final

import redis
from flask import Flask
from sqlalchemy import update
from sqlalchemy.orm import Session

from flask_messenger.crypto import KeyRing
from flask_messenger.errors import FileError, FileRefusedError, FileUnavailableError
from flask_messenger.graph.client import Graph
from flask_messenger.media import words
from flask_messenger.media.addresses import Hosts
from flask_messenger.media.backoff import wait_after
from flask_messenger.media.claim import Wanted, claim_files
from flask_messenger.media.discard import keep_files
from flask_messenger.media.download import Downloaded, Limits, download
from flask_messenger.media.fresh import ask_for_address
from flask_messenger.media.keeping import Kept, keep, scratch_file
from flask_messenger.media.kinds import IMAGE, check_kind, kind_of
from flask_messenger.media.names import name_from_url
from flask_messenger.media.store import Store
from flask_messenger.models import Attachment
from flask_messenger.models.base import utc_now
from flask_messenger.models.messages import (
    ATTACHMENT_FAILED,
    ATTACHMENT_PENDING,
    ATTACHMENT_REFUSED,
    ATTACHMENT_STORED,
)
from flask_messenger.realtime import Change, publish
from flask_messenger.settings import MediaSettings
from flask_messenger.state import MessengerState, state_of

logger = logging.getLogger(__name__)

AT_ONCE: Final = 4
TURN_SECONDS: Final = 5.0
GONE_TRIES: Final = 3
"""An address that Meta does not serve any more, and gives no other for, is not asked for long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file that is in the store."""

    url: str = field(repr=False)
    kept: Kept
    downloaded: Downloaded
    mime_type: str
    filename: str = field(repr=False)


def fetch_files(app: Flask, workspace_id: str) -> bool:
    """Fetch files of a workspace for a few seconds; say whether there are more.

    Commits by itself, in the system scope. May run twice at once and be killed anywhere.
    """
    held = state_of(app)
    session: Session = held.db.session
    ends_at = time.monotonic() + TURN_SECONDS
    while time.monotonic() < ends_at:
        wanted = claim_files(session, workspace_id, now=utc_now(), limit=AT_ONCE)
        if not wanted:
            return False
        publish(held.get(redis.Redis), _fetch_together(held, wanted))
    return True


def _fetch_together(held: MessengerState, wanted: Sequence[Wanted]) -> list[Change]:
    """Fetch some files at once; return what open pages should hear."""
    session: Session = held.db.session
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="messenger-media") as threads:
        asked = {threads.submit(_fetch, held, each): each for each in wanted}
        changes = [
            _settle(session, held.settings.media, asked[done], done.result())
            for done in as_completed(asked)
        ]
    return [each for each in changes if each is not None]


def _fetch(held: MessengerState, wanted: Wanted) -> Fetched | FileError:
    """Fetch one file into the store; never raises. Knows no session: it runs in a thread."""
    try:
        return _fetch_from_somewhere(held, wanted)
    except FileError as error:
        return error
    except Exception as error:  # noqa: BLE001 - the others of its kind must go on
        # The type only: the text may hold an address.
        name = type(error).__name__
        logger.error("file_failed attachment_id=%s error=%s", wanted.id, name)  # noqa: TRY400
        return FileUnavailableError(f"It failed ({name}).", reason=words.NOT_STORED)


def _fetch_from_somewhere(held: MessengerState, wanted: Wanted) -> Fetched:
    """Fetch from the address that the message named, or else from a fresh one."""
    if wanted.url is not None:
        try:
            return _fetch_from(held, wanted, wanted.url)
        except FileUnavailableError as error:
            if error.reason != words.GONE:
                raise
    url = ask_for_address(held.get(Graph), held.get(KeyRing), held.settings, wanted)
    if url is None or url == wanted.url:
        reason = words.GONE if wanted.url else words.NO_ADDRESS
        raise FileUnavailableError("Meta serves the file no more.", reason=reason)
    return _fetch_from(held, wanted, url)


def _fetch_from(held: MessengerState, wanted: Wanted, url: str) -> Fetched:
    settings = held.settings.media
    found: list[str] = []
    with scratch_file() as file:
        downloaded = download(
            url,
            file,
            hosts=Hosts(settings.hosts, held.settings.simulator_url),
            limits=Limits(settings.fetched_bytes[kind_of(wanted.type)], settings.fetch_seconds),
            check_head=lambda head: found.append(check_kind(head, wanted.type)),
        )
        kept = keep(
            held.get(Store),
            file,
            wanted.keys,
            is_picture=found[0].startswith(f"{IMAGE}/"),
            max_pixels=settings.max_pixels,
        )
    name = name_from_url(url, type_=wanted.type, mime_type=found[0])
    return Fetched(url=url, kept=kept, downloaded=downloaded, mime_type=found[0], filename=name)


def _settle(
    session: Session, settings: MediaSettings, wanted: Wanted, outcome: Fetched | FileError
) -> Change | None:
    """Write down what came of a file. Commits; None where nobody waits for it any more."""
    if isinstance(outcome, Fetched):
        values: dict[str, Any] = _stored(outcome)
        keys: tuple[str, ...] = wanted.keys.both
    else:
        values, keys = _not_stored(settings, wanted, outcome), ()
    changed = session.execute(
        update(Attachment)
        .where(
            Attachment.id == wanted.id,
            Attachment.state == ATTACHMENT_PENDING,
            Attachment.attempts == wanted.attempts,
        )
        .values(values)
        .returning(Attachment.id)
        .execution_options(synchronize_session=False)
    ).all()
    if not changed or not keep_files(session, keys):
        # Taken back, erased, or tried by another one since: the note removes what was written.
        session.rollback()
        return None
    session.commit()
    if isinstance(outcome, FileError):
        logger.info("file_not_fetched attachment_id=%s error=%s", wanted.id, outcome.reason)
    return _change(wanted)


def _stored(fetched: Fetched) -> dict[str, Any]:
    kept, downloaded = fetched.kept, fetched.downloaded
    return {
        "state": ATTACHMENT_STORED,
        "url": fetched.url,
        "mime_type": fetched.mime_type,
        "filename": fetched.filename,
        "size_bytes": downloaded.size_bytes,
        "width": kept.width,
        "height": kept.height,
        "sha256": downloaded.sha256,
        "storage_key": kept.storage_key,
        "thumbnail_key": kept.thumbnail_key,
        "stored_at": utc_now(),
        "next_attempt_at": None,
        "error_slug": None,
    }


def _not_stored(settings: MediaSettings, wanted: Wanted, error: FileError) -> dict[str, Any]:
    """Return what becomes of a file that was not had: refused, failed, or tried again later."""
    is_gone = error.reason in {words.GONE, words.NO_ADDRESS} and wanted.attempts >= GONE_TRIES
    if isinstance(error, FileRefusedError):
        state = ATTACHMENT_REFUSED
    elif is_gone or wanted.attempts >= settings.max_attempts:
        state = ATTACHMENT_FAILED
    else:
        next_attempt_at = utc_now() + wait_after(wanted.attempts)
        return {"next_attempt_at": next_attempt_at, "error_slug": error.reason}
    return {"state": state, "next_attempt_at": None, "error_slug": error.reason}


def _change(wanted: Wanted) -> Change | None:
    if wanted.conversation_id is None:
        return None
    return Change(
        workspace_id=wanted.workspace_id,
        type="status",
        ids={
            "conversation_id": str(wanted.conversation_id),
            "message_id": str(wanted.message_id),
            "account_id": str(wanted.owner.account_id),
            "location_id": wanted.owner.location_id,
        },
    )
