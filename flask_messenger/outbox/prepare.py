"""A claimed message made ready to go: plan, policy, token and content are looked at once more."""

import logging
import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from flask import Flask

from flask_messenger.channels._messaging import METADATA_PREFIX
from flask_messenger.channels.registry import channel_named
from flask_messenger.channels.sending import SendOptions
from flask_messenger.content import Media
from flask_messenger.crypto import KeyRing
from flask_messenger.errors import (
    ContentError,
    MessengerError,
    PolicyError,
    SecretError,
    TierError,
)
from flask_messenger.graph.request import GraphRequest
from flask_messenger.media.resolve import needs_upload
from flask_messenger.models.accounts import DISCONNECTED
from flask_messenger.models.base import utc_now
from flask_messenger.outbox.calls import Call, Outcome
from flask_messenger.outbox.circumstances import our_app_ids
from flask_messenger.outbox.extras import COMMENT
from flask_messenger.outbox.lane import Dispatch
from flask_messenger.outbox.pacing import Pacer
from flask_messenger.outbox.plans import Plans
from flask_messenger.outbox.policy import THREAD_TAKEN, Decision
from flask_messenger.outbox.uploading import Uploading
from flask_messenger.outbox.verdicts import (
    DisconnectedError,
    HeldError,
    NotYetError,
    UnreadyError,
)
from flask_messenger.state import state_of

logger = logging.getLogger(__name__)

MEDIA_WAIT: Final = timedelta(milliseconds=250)
MOST_KEPT: Final = 5_000


class Preparer:
    """Turns dispatches into calls; keeps what it looked up for a moment."""

    def __init__(self, app: Flask, *, threaded: bool = False) -> None:
        self._app = app
        self._held = state_of(app)
        self._plans = Plans(app, threaded=threaded)
        self._tokens: dict[tuple[uuid.UUID, str], str] = {}

    def prepare(self, dispatch: Dispatch) -> Call | Outcome:
        """Return the call, or why there will be none; may ask the host, hence no transaction."""
        try:
            _check_connected(dispatch)
            self._check_plan(dispatch)
            decision = self._decide_again(dispatch)
            return self._call(dispatch, tag=decision.tag)
        except (ContentError, PolicyError, TierError) as error:
            return Outcome(dispatch=dispatch, error=error)
        except (DisconnectedError, HeldError, NotYetError) as error:
            return Outcome(dispatch=dispatch, error=error)
        except MessengerError:
            logger.error("account_unready account_id=%s", dispatch.lane.account_id)  # noqa: TRY400
            return Outcome(dispatch=dispatch, error=UnreadyError())
        except Exception as error:  # noqa: BLE001 - a row nobody foresaw
            logger.error(  # noqa: TRY400 - the text may quote the message
                "message_unready message_id=%s error=%s", dispatch.message_id, type(error).__name__
            )
            return Outcome(dispatch=dispatch, error=UnreadyError())

    def close(self) -> None:
        """End the threads that ask the host."""
        self._plans.close()

    def _check_plan(self, dispatch: Dispatch) -> None:
        feature = channel_named(dispatch.lane.channel).feature
        access = self._plans.access(dispatch.lane.workspace_id, feature)
        if not access.allowed:
            raise TierError(
                feature=access.feature, plan=access.plan, needed_plan=access.needed_plan
            )

    def _call(self, dispatch: Dispatch, *, tag: str | None) -> Call:
        meta_app = self._held.settings.apps.get(dispatch.app_name)
        token = self.open_token(dispatch)
        if meta_app is None or token is None:
            raise UnreadyError("The account's token or its Meta app is not to be had.")
        content = dispatch.content
        channel = channel_named(dispatch.lane.channel)
        is_public = dispatch.recipient.public_reply_to is not None
        channel.check_content(content, is_public=is_public)
        if isinstance(content, Media) and content.type in {"audio", "video"}:
            self._wait_for_media(dispatch)
        options = _options(dispatch, tag=tag)
        request: GraphRequest | Uploading
        if needs_upload(content):
            request = Uploading(
                app=self._app,
                dispatch=dispatch,
                meta_app=meta_app,
                token=token,
                content=content,
                options=options,
            )
        else:
            request = channel.build_message(
                content,
                endpoint=dispatch.endpoint,
                recipient=dispatch.recipient,
                options=options,
            )
        return Call(dispatch=dispatch, app=meta_app, token=token, request=request, tag=tag)

    def _decide_again(self, dispatch: Dispatch) -> Decision:
        """Return how the message goes out now; it may have waited past its window.

        Without the margin: that was there for the wait, and Meta itself judges the last seconds.
        What was held before asks Meta whether the thread is still another app's.

        Raises:
            HeldError: another app has the thread.
            PolicyError: it may not go out.
        """
        apps = self._held.settings.apps
        circumstances = dispatch.circumstances
        if dispatch.was_held:
            circumstances = replace(circumstances, owner_app_id=None)
        decision = circumstances.decide(
            sender=dispatch.sender,
            our_app_ids=our_app_ids(apps, dispatch.app_name),
            now=utc_now(),
            content_class=dispatch.content_class,
            commented_at=_commented_at(dispatch),
        )
        if decision.reason == THREAD_TAKEN:
            raise HeldError
        decision.check()
        return decision

    def _wait_for_media(self, dispatch: Dispatch) -> None:
        if not self._held.get(Pacer).take_media(dispatch.lane.account_id):
            raise NotYetError(MEDIA_WAIT)

    def open_token(self, dispatch: Dispatch) -> str | None:
        """Return the account's token; None where there is none, or where it does not open."""
        sealed = dispatch.token_sealed
        if sealed is None:
            return None
        key = (dispatch.lane.account_id, sealed)
        token = self._tokens.get(key)
        if token is None:
            context = f"messenger_accounts:{dispatch.lane.account_id}:token"
            try:
                token = self._held.get(KeyRing).open(sealed, context=context)
            except SecretError:
                logger.error("token_unreadable account_id=%s", dispatch.lane.account_id)  # noqa: TRY400
                return None
            if len(self._tokens) >= MOST_KEPT:
                self._tokens.clear()
            self._tokens[key] = token
        return token


def _check_connected(dispatch: Dispatch) -> None:
    if dispatch.lane.account_status == DISCONNECTED:
        raise DisconnectedError


def _commented_at(dispatch: Dispatch) -> datetime | None:
    answered = dispatch.extras.answered
    return answered.at if answered is not None else None


def _options(dispatch: Dispatch, *, tag: str | None) -> SendOptions:
    extras = dispatch.extras
    is_comment = dispatch.kind == COMMENT  # it answers by where it is sent to
    return SendOptions(
        metadata=f"{METADATA_PREFIX}{dispatch.message_id}",
        tag=tag,
        reply_to_external_id=None if is_comment else dispatch.reply_to_external_id,
        persona_id=extras.persona_id,
        notification_type=extras.notification_type,
        thread_control=extras.thread_control,
    )
