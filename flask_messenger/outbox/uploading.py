"""Messages with files of ours: Meta has to have the files before the message can name them.

That takes as long as an upload does, so it happens in threads of its own, beside those that send.
"""

from dataclasses import dataclass, field
from typing import Final

from flask import Flask

from flask_messenger.channels.registry import channel_named
from flask_messenger.channels.sending import SendOptions
from flask_messenger.content import Content
from flask_messenger.errors import FileUnavailableError, GraphTimeoutError, GraphUnavailableError
from flask_messenger.graph.request import GraphRequest
from flask_messenger.media.resolve import forget_reusable, resolve_media
from flask_messenger.outbox.lane import Dispatch
from flask_messenger.settings import MetaApp

THREADS: Final = 4
"""Uploads at once; the messages that have none do not wait for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploading:
    """A message whose request can only be built when Meta has its files."""

    app: Flask = field(repr=False)
    dispatch: Dispatch
    meta_app: MetaApp
    token: str = field(repr=False)
    content: Content
    options: SendOptions

    def build(self) -> GraphRequest:
        """Give Meta the files that it does not have, and return the request.

        Raises:
            ContentError: a file is gone.
            GraphError: Meta did not take one. The message itself has not gone out.
        """
        lane = self.dispatch.lane
        try:
            content = resolve_media(
                self.app,
                workspace_id=lane.workspace_id,
                account_id=lane.account_id,
                channel=lane.channel,
                endpoint=self.dispatch.endpoint,
                meta_app=self.meta_app,
                token=self.token,
                content=self.content,
            )
        except (FileUnavailableError, GraphTimeoutError) as error:
            # What nobody answered for is a file at Meta that no message names: give it again.
            name = type(error).__name__
            raise GraphUnavailableError(f"A file could not be given to Meta ({name}).") from None
        return channel_named(lane.channel).build_message(
            content,
            endpoint=self.dispatch.endpoint,
            recipient=self.dispatch.recipient,
            options=self.options,
        )

    def forget(self) -> None:
        """Forget what Meta says that it does not know any more."""
        forget_reusable(
            self.app,
            workspace_id=self.dispatch.lane.workspace_id,
            account_id=self.dispatch.lane.account_id,
            content=self.content,
        )
