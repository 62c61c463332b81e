"""Connecting accounts: Meta's login and back, the choice of Pages, disconnecting, Meta's callbacks.

A browser is led from page to page; a caller that asks for JSON gets the same as values.
"""

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from flask import Blueprint, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from werkzeug.exceptions import BadRequest

from flask_messenger import jobs
from flask_messenger.api.problems import InvalidFieldsError
from flask_messenger.api.security import protect_blueprint
from flask_messenger.connect.accounts import move_account
from flask_messenger.connect.announce import AccountFacts, announce
from flask_messenger.connect.callbacks import deauthorize, delete_login
from flask_messenger.connect.connecting import (
    ChosenPage,
    ConnectResult,
    PageResult,
    connect_pages,
)
from flask_messenger.connect.dialog import finish_dialog, restart_dialog, start_dialog
from flask_messenger.connect.disconnect import disconnect_account
from flask_messenger.connect.locations import check_location
from flask_messenger.connect.reasons import REASONS
from flask_messenger.connect.reconnect import reconnect_account
from flask_messenger.connect.signed_request import SignedRequest, read_signed_request
from flask_messenger.errors import ConnectError, NotFoundError
from flask_messenger.state import current_application, state
from flask_messenger.tenancy import require_permission

P = ParamSpec("P")
R = TypeVar("R")

URL_PREFIX: Final = "/api/integrations/meta"
SETTINGS_PATH: Final = "/messenger/settings"
CHOICE_PATH: Final = "/messenger/settings/connections/{attempt_id}"
DELETION_PATH: Final = "/messenger/deletion/{code}"
MAX_PAGES: Final = 500

bp = Blueprint("messenger_integrations", __name__, url_prefix=URL_PREFIX)

# Meta calls these: signed, without a session.
protect_blueprint(bp, public=("post_deauthorize", "post_data_deletion"))


class PageBody(BaseModel):
    """An account to connect, and where."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    id: str = Field(max_length=255)
    channel: str | None = Field(default=None, max_length=32)
    location_id: str | None = Field(default=None, max_length=255)


class ChoiceBody(BaseModel):
    """The accounts to connect: Pages, and what came with them."""

    model_config = ConfigDict(extra="forbid")

    pages: list[PageBody] = Field(min_length=1, max_length=MAX_PAGES)


class LocationBody(BaseModel):
    """Where an account goes; null for the workspace itself."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    location_id: str | None = Field(max_length=255)


B = TypeVar("B", bound=BaseModel)


def _leads_back(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """Show a browser the settings page with the reason, where an attempt to connect ended."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        try:
            return view(*args, **kwargs)
        except ConnectError as error:
            if _wants_json():
                raise
            pending = {"pending": error.attempt_id} if error.attempt_id else {}
            return redirect(_page(SETTINGS_PATH, notice=error.reason, **pending))

    return guarded


@bp.get("/connect")
@_leads_back
def get_connect() -> ResponseReturnValue:
    """Lead a person to Meta's login dialog; `account` names one to connect again as it was."""
    tenant = require_permission("connect")
    asks_again = request.args.get("rerequest") in {"1", "true"}
    if request.args.get("account"):
        url = restart_dialog(
            current_application(),
            tenant=tenant,
            account_id=_account_id(request.args["account"]),
            redirect_uri=_redirect_uri(),
            asks_again=asks_again,
        )
        return jsonify(authorization_url=url) if _wants_json() else redirect(url)
    url = start_dialog(
        current_application(),
        tenant=tenant,
        location_id=request.args.get("location_id") or None,
        redirect_uri=_redirect_uri(),
        channel=request.args.get("channel") or "facebook",
        login=request.args.get("login") or None,
        app_name=request.args.get("app") or None,
        asks_again=asks_again,
    )
    return jsonify(authorization_url=url) if _wants_json() else redirect(url)


@bp.get("/callback")
@_leads_back
def get_callback() -> ResponseReturnValue:
    """Take a person back from Meta's login dialog."""
    tenant = require_permission("connect")
    finished = finish_dialog(
        current_application(),
        tenant=tenant,
        state=request.args.get("state"),
        code=request.args.get("code"),
        error=request.args.get("error") or request.args.get("error_code"),
    )
    if finished.account_id is not None:
        result = reconnect_account(
            current_application(),
            tenant=tenant,
            attempt_id=finished.attempt_id,
            account_id=finished.account_id,
            wake_lane=jobs.wake_lane,
        )
        notice = "reconnected" if result.notice == "connected" else result.notice
        url = _page(SETTINGS_PATH, notice=notice)
        return jsonify(_show_result(result)) if _wants_json() else redirect(url)
    url = _page(CHOICE_PATH.format(attempt_id=finished.attempt_id))
    answer = {"connection_id": str(finished.attempt_id), "url": url}
    return jsonify(answer) if _wants_json() else redirect(url)


@bp.post("/connections/<uuid:attempt_id>")
def post_connection(attempt_id: uuid.UUID) -> ResponseReturnValue:
    """Connect the chosen Pages; the answer says of each what became of it."""
    tenant = require_permission("connect")
    body = _read_body(ChoiceBody)
    result = connect_pages(
        current_application(),
        tenant=tenant,
        attempt_id=attempt_id,
        chosen=[ChosenPage(each.id, each.location_id or None, each.channel) for each in body.pages],
        wake_lane=jobs.wake_lane,
    )
    return jsonify(_show_result(result))


@bp.post("/accounts/<uuid:account_id>/disconnect")
def post_disconnect(account_id: uuid.UUID) -> ResponseReturnValue:
    """Disconnect an account; its history stays."""
    facts = disconnect_account(
        current_application(),
        tenant=require_permission("connect"),
        account_id=account_id,
    )
    return jsonify(_show_account(facts, status="disconnected"))


@bp.post("/accounts/<uuid:account_id>/location")
def post_location(account_id: uuid.UUID) -> ResponseReturnValue:
    """Move an account to another location."""
    tenant = require_permission("connect")
    location_id = _read_body(LocationBody).location_id or None
    held = state()
    check_location(held, tenant=tenant, location_id=location_id)
    session = held.db.session
    moved = move_account(session, tenant=tenant, account_id=account_id, location_id=location_id)
    session.commit()
    announce(current_application(), None, moved.concerns)
    return jsonify(_show_account(moved.account))


@bp.post("/deauthorize")
@bp.post("/instagram/deauthorize")
def post_deauthorize() -> ResponseReturnValue:
    """Let go of the accounts of a person who removed our app at Meta.

    Facebook's and Instagram's own login ask at an address each; the signature says which it is.
    """
    count = deauthorize(
        current_application(),
        _signed_request(),
    )
    return jsonify(success=True, accounts=count)


@bp.post("/data-deletion")
@bp.post("/instagram/data-deletion")
def post_data_deletion() -> ResponseReturnValue:
    """Delete what a person's login gave us; answer where they can see that it is done.

    Source: https://developers.facebook.com/docs/development/create-an-app/app-dashboard/data-deletion-callback
    """
    code = delete_login(
        current_application(),
        _signed_request(),
    )
    url = _external(_page(DELETION_PATH.format(code=code)))
    return jsonify(url=url, confirmation_code=code)


def _signed_request() -> SignedRequest:
    value = request.form.get("signed_request", "")
    return read_signed_request(value, state().settings.apps.values())


def _account_id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise NotFoundError("There is no such account.") from None


def _redirect_uri() -> str:
    """Return the address Meta leads people back to: the same at the dialog and at the exchange."""
    return _external(url_for("messenger_integrations.get_callback"))


def _external(path: str) -> str:
    base = state().settings.public_url or request.host_url.rstrip("/")
    return base + path


def _page(path: str, **query: Any) -> str:
    """Return the path of one of our pages, below wherever the host is mounted."""
    parts = "&".join(f"{name}={value}" for name, value in query.items())
    return request.script_root + path + (f"?{parts}" if parts else "")


def _wants_json() -> bool:
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) == (
        "application/json"
    )


def _read_body(model: type[B]) -> B:
    """Return the checked body.

    Raises:
        BadRequest: it is not JSON.
        InvalidFieldsError: fields are missing, unknown or wrong.
    """
    try:
        return model.model_validate_json(request.get_data())
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
    if any(each["type"] == "json_invalid" for each in found):
        raise BadRequest("The body is not valid JSON.")
    raise InvalidFieldsError(
        [
            {
                "field": ".".join(str(part)[:64] for part in each["loc"]) or "body",
                "message": each["msg"],
            }
            for each in found
        ]
    )


def _show_result(result: ConnectResult) -> dict[str, Any]:
    return {
        "notice": result.notice,
        "pages": [_show_page(each) for each in result.pages],
        "lost": list(result.lost),
        "settings_url": _page(SETTINGS_PATH, notice=result.notice),
    }


def _show_page(page: PageResult) -> dict[str, Any]:
    reason = REASONS.get(page.reason or "")
    return {
        "id": page.page_id,
        "channel": page.channel,
        "name": page.name,
        "connected": page.is_connected,
        "account_id": str(page.account_id) if page.account_id else None,
        "reason": page.reason,
        "detail": f"{reason.title} {reason.text}" if reason else None,
        "remedy": reason.remedy or None if reason else None,
    }


def _show_account(facts: AccountFacts, **more: str) -> dict[str, Any]:
    return {
        "account_id": str(facts.account_id),
        "channel": facts.channel,
        "location_id": facts.location_id,
        **more,
    }
