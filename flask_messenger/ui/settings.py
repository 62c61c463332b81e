"""The settings page: accounts per channel, what the plan has, what the workspace switched on."""

import uuid
from collections.abc import Mapping
from typing import Final

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from flask_messenger import jobs
from flask_messenger.channels.registry import CHANNELS
from flask_messenger.connect.accounts import move_account
from flask_messenger.connect.announce import announce
from flask_messenger.connect.attempts import Attempt, read_attempt
from flask_messenger.connect.choice import read_choice
from flask_messenger.connect.connecting import ChosenPage, PageResult, connect_pages
from flask_messenger.connect.disconnect import disconnect_account
from flask_messenger.connect.doctor import list_warnings
from flask_messenger.connect.locations import check_location
from flask_messenger.errors import ConnectError, InvalidRequestError, NotFoundError
from flask_messenger.inbox.queries import AccountRow, list_accounts
from flask_messenger.inbox.settings import read_settings, switch_human_agent
from flask_messenger.monitor.health import check_health
from flask_messenger.state import current_application, state
from flask_messenger.tenancy import require_permission
from flask_messenger.tiers import feature_access
from flask_messenger.ui.blueprint import bp
from flask_messenger.ui.presenters.choice import choice_view
from flask_messenger.ui.presenters.health import health_line
from flask_messenger.ui.presenters.integrations import SAVED, channel_view, notice_views
from flask_messenger.ui.presenters.reader import Reader
from flask_messenger.ui.presenters.settings import ChannelView, HealthLine, SettingsView
from flask_messenger.ui.reading import (
    connect_url,
    cookie_path,
    current_reader,
    group_name,
    zone_name,
)

REPLIES: Final = {"Saved replies": "saved_replies", "Templates": "templates"}
RECORDS: Final = {"Journal": "journal", "Personal data": "personal_data", "Audit log": "audit"}
"""What admins find on pages of their own, by what it is called."""


@bp.get("/settings")
def settings() -> ResponseReturnValue:
    """Show the accounts of each channel and how they are."""
    reader = current_reader()
    session = state().db.session
    attempt = _read_attempt(reader, request.args.get("pending"))
    may_switch = reader.tenant.may("settings")
    view = SettingsView(
        channels=_channels(reader),
        notices=notice_views(
            request.args.get("notice"),
            connect_url,
            attempt=attempt,
            may_connect=reader.tenant.may("connect"),
        ),
        human_agent=read_settings(session, tenant=reader.tenant).human_agent_enabled,
        human_agent_url=url_for("messenger_ui.switch_answering") if may_switch else None,
        health=_health(reader) if may_switch else None,
        reply_links=_links(REPLIES) if may_switch else (),
        admin_links=_links(RECORDS) if may_switch else (),
        inbox_url=url_for("messenger_ui.inbox"),
        zone=zone_name(),
        cookie_path=cookie_path(),
        fragment_url=request.full_path,
        events_url=url_for("messenger_api.stream_events"),
        group=group_name(),
    )
    return render_template("messenger/settings.html", fm_view=view)


@bp.post("/settings/answering")
def switch_answering() -> ResponseReturnValue:
    """Allow, or stop allowing, people to answer for seven days."""
    tenant = require_permission("settings")
    session = state().db.session
    switch_human_agent(session, tenant=tenant, enabled=request.form.get("human_agent") == "on")
    session.commit()
    return _back(notice=SAVED)


@bp.post("/settings/accounts/<uuid:account_id>/disconnect")
def disconnect(account_id: uuid.UUID) -> ResponseReturnValue:
    """Disconnect an account; its history stays."""
    tenant = require_permission("connect")
    disconnect_account(current_application(), tenant=tenant, account_id=account_id)
    return _back(notice="disconnected")


@bp.post("/settings/accounts/<uuid:account_id>/move")
def move(account_id: uuid.UUID) -> ResponseReturnValue:
    """Move an account, with its conversations, to another location."""
    tenant = require_permission("connect")
    location_id = request.form.get("location_id") or None
    check_location(state(), tenant=tenant, location_id=location_id)
    session = state().db.session
    moved = move_account(session, tenant=tenant, account_id=account_id, location_id=location_id)
    session.commit()
    announce(current_application(), None, moved.concerns)
    return _back(notice=SAVED)


@bp.get("/settings/connections/<uuid:attempt_id>")
def choose_pages(attempt_id: uuid.UUID) -> ResponseReturnValue:
    """Show the Pages that a login brought."""
    require_permission("connect")
    try:
        return _show_choice(attempt_id)
    except ConnectError as error:
        return _back(notice=error.reason)


@bp.post("/settings/connections/<uuid:attempt_id>")
def connect_chosen(attempt_id: uuid.UUID) -> ResponseReturnValue:
    """Connect the chosen Pages; where some cannot be, say which and let choose again."""
    tenant = require_permission("connect")
    chosen = [
        ChosenPage(page_id, request.form.get(f"location-{page_id}") or None)
        for page_id in request.form.getlist("page")
    ]
    try:
        result = connect_pages(
            current_application(),
            tenant=tenant,
            attempt_id=attempt_id,
            chosen=chosen,
            wake_lane=jobs.wake_lane,
        )
    except InvalidRequestError as error:
        return _show_choice(attempt_id, problem=str(error)), 422
    except ConnectError as error:
        return _back(notice=error.reason)
    failed = [page for page in result.pages if not page.is_connected]
    if failed:
        return _show_choice(attempt_id, results=result.pages)
    return _back(notice=result.notice)


def _show_choice(
    attempt_id: uuid.UUID, *, results: tuple[PageResult, ...] = (), problem: str = ""
) -> str:
    reader = current_reader()
    choice = read_choice(state(), tenant=reader.tenant, attempt_id=attempt_id)
    view = choice_view(choice, reader, connect_url, results=results, problem=problem)
    return render_template("messenger/choose_pages.html", fm_view=view)


def _channels(reader: Reader) -> list[ChannelView]:
    session = state().db.session
    rows = list_accounts(session, tenant=reader.tenant, include_disconnected=True)
    warnings = {each.account_id: each for each in list_warnings(session, tenant=reader.tenant)}
    by_channel: dict[str, list[AccountRow]] = {name: [] for name in CHANNELS}
    for row in rows:
        by_channel.setdefault(row.account.channel, []).append(row)
    return [
        channel_view(
            channel,
            by_channel[name],
            reader,
            access=feature_access(state(), reader.tenant.workspace_id, channel.feature),
            settings=state().settings,
            connect=connect_url,
            warnings=warnings,
        )
        for name, channel in CHANNELS.items()
    ]


def _links(pages: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(label, url_for(f"messenger_ui.{view}")) for label, view in pages.items()]


def _health(reader: Reader) -> HealthLine:
    health = check_health(current_application(), tenant=reader.tenant)
    return health_line(health, reader, url=url_for("messenger_ui.health"))


def _read_attempt(reader: Reader, text: str | None) -> Attempt | None:
    """Return the attempt an address names; the page is the same without it."""
    try:
        return read_attempt(
            state().db.session, tenant=reader.tenant, attempt_id=uuid.UUID(text or "")
        )
    except (ValueError, NotFoundError):
        return None


def _back(*, notice: str) -> ResponseReturnValue:
    return redirect(url_for("messenger_ui.settings", notice=notice), code=303)
