"""From a file of ours to one of Meta's: given once per account, and then sent by its id.

Meta keeps a file for 90 days. Ours are used for less, and given anew where Meta has forgotten one
earlier.

Source: https://developers.facebook.com/docs/messenger-platform/reference/attachment-upload-api
"""

import logging
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from flask_messenger.channels.registry import channel_named
from flask_messenger.channels.sending import Endpoint
from flask_messenger.content import Content
from flask_messenger.errors import ContentError, InvalidRequestError, NotFoundError
from flask_messenger.graph.attachments import upload_attachment
from flask_messenger.graph.client import Graph
from flask_messenger.media.keeping import scratch_file
from flask_messenger.media.store import Store
from flask_messenger.media.uploads import find_uploads, type_of
from flask_messenger.models import ReusableAttachment, Upload
from flask_messenger.models.base import new_id, utc_now
from flask_messenger.models.upsert import insert_for
from flask_messenger.settings import MetaApp
from flask_messenger.state import MessengerState, state_of
from flask_messenger.tenancy import workspace_scope

logger = logging.getLogger(__name__)

GONE = "The file of this message is gone. Upload it again and send a new message."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Account:
    """The account that sends, and what it takes to ask Graph in its name."""

    id: uuid.UUID
    workspace_id: str
    channel: str
    endpoint: Endpoint
    meta_app: MetaApp
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file that is to be at Meta, without the session it was read in."""

    upload_id: str
    type: str
    storage_key: str
    sha256: str
    filename: str = field(repr=False)
    mime_type: str


def needs_upload(content: Content) -> bool:
    """Say whether a content names files of ours, which Meta has to have first. Pure."""
    return bool(content.upload_ids)


def resolve_media(
    app: Flask,
    *,
    workspace_id: str,
    account_id: uuid.UUID,
    channel: str,
    endpoint: Endpoint,
    meta_app: MetaApp,
    token: str,
    content: Content,
) -> Content:
    """Return `content` with Meta's ids of its files; gives Meta those that it does not have.

    Takes as long as an upload does. In a thread of its own, too: it makes its own context, scope
    and short transactions.

    Raises:
        ContentError: a file of it is gone.
        GraphError: Meta did not take one.
        FileUnavailableError: the store did not give one.
    """
    if not needs_upload(content):
        return content
    account = _Account(
        id=account_id,
        workspace_id=workspace_id,
        channel=channel,
        endpoint=endpoint,
        meta_app=meta_app,
        token=token,
    )
    held = state_of(app)
    with app.app_context(), workspace_scope(workspace_id):
        session: Session = held.db.session
        try:
            files = _read_files(session, workspace_id, content)
            ids = {each.upload_id: _id_at_meta(session, held, account, each) for each in files}
        finally:
            session.remove()  # type: ignore[attr-defined] # Flask-SQLAlchemy's is one per context
    return content.with_attachments(ids)


def forget_reusable(
    app: Flask, *, workspace_id: str, account_id: uuid.UUID, content: Content
) -> None:
    """Forget Meta's ids of a content's files: Meta says that it does not know them (2018074)."""
    with app.app_context(), workspace_scope(workspace_id):
        session: Session = state_of(app).db.session
        try:
            hashes = {each.sha256 for each in _read_files(session, workspace_id, content)}
            session.execute(
                delete(ReusableAttachment)
                .where(
                    ReusableAttachment.account_id == account_id,
                    ReusableAttachment.sha256.in_(hashes),
                )
                .execution_options(synchronize_session=False)
            )
            session.commit()
        finally:
            session.remove()  # type: ignore[attr-defined] # as above


def _read_files(session: Session, workspace_id: str, content: Content) -> list[_File]:
    try:
        uploads = find_uploads(session, workspace_id=workspace_id, content=content)
    except InvalidRequestError:
        raise ContentError(GONE, field="attachment.upload_id") from None
    files = [_file(each, content) for each in uploads]
    session.rollback()
    return files


def _file(upload: Upload, content: Content) -> _File:
    return _File(
        upload_id=str(upload.id),
        type=type_of(content),
        storage_key=upload.storage_key,
        sha256=upload.sha256,
        filename=upload.filename,
        mime_type=upload.mime_type,
    )


def _id_at_meta(session: Session, held: MessengerState, account: _Account, file: _File) -> str:
    now = utc_now()
    known = session.scalar(
        select(ReusableAttachment.external_id).where(
            ReusableAttachment.account_id == account.id,
            ReusableAttachment.sha256 == file.sha256,
            ReusableAttachment.type == file.type,
            ReusableAttachment.expires_at > now,
        )
    )
    session.rollback()  # no transaction waits for Meta
    if known is not None:
        return known
    external_id = _give(held, account, file)
    _remember(session, account, file, external_id, now=now, days=held.settings.media.reusable_days)
    return external_id


def _give(held: MessengerState, account: _Account, file: _File) -> str:
    request = channel_named(account.channel).build_upload(file.type, endpoint=account.endpoint)
    with scratch_file() as scratch:
        try:
            held.get(Store).copy(file.storage_key, scratch)
        except NotFoundError:
            raise ContentError(GONE, field="attachment.upload_id") from None
        return upload_attachment(
            held.get(Graph),
            app=account.meta_app,
            token=account.token,
            request=request,
            file=scratch,
            filename=file.filename,
            mime_type=file.mime_type,
        )


def _remember(
    session: Session,
    account: _Account,
    file: _File,
    external_id: str,
    *,
    now: datetime,
    days: float,
) -> None:
    changing: dict[str, Any] = {
        "external_id": external_id,
        "uploaded_at": now,
        "expires_at": now + timedelta(days=days),
    }
    row = {
        "id": new_id(),
        "workspace_id": account.workspace_id,
        "account_id": account.id,
        "sha256": file.sha256,
        "type": file.type,
        **changing,
    }
    statement = insert_for(session, ReusableAttachment.__table__).values(row)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["account_id", "sha256", "type"], set_=changing
        )
    )
    session.commit()
