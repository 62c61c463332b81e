"""The health page: whether messages flow, for admins."""

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from flask_messenger.inbox.queries import list_accounts
from flask_messenger.monitor.health import check_health
from flask_messenger.state import current_application, state
from flask_messenger.tenancy import require_permission
from flask_messenger.ui.blueprint import bp
from flask_messenger.ui.presenters.health import (
    STATES,
    HealthView,
    alert_notices,
    own_rows,
    part_rows,
    subscription_rows,
    worker_rows,
)
from flask_messenger.ui.presenters.times import since
from flask_messenger.ui.reading import cookie_path, current_reader, group_name, zone_name


@bp.get("/health")
def health() -> ResponseReturnValue:
    """Show how far behind the work is, and what waits in the workspace."""
    tenant = require_permission("settings")
    reader = current_reader()
    app = current_application()
    found = check_health(app, tenant=tenant)
    accounts = list_accounts(state().db.session, tenant=tenant, include_disconnected=True)
    word, kind = STATES[found.state]
    at = found.measured_at
    view = HealthView(
        state=word,
        kind=kind,
        measured=f"Measured {since(at, now=reader.now, zone=reader.zone)}" if at else "",
        notices=alert_notices(found.alerts),
        parts=part_rows(found, alert_seconds=state().settings.lag_alert_seconds),
        workers=worker_rows(
            found.workers, is_known=all(each.kind != "redis_away" for each in found.alerts)
        ),
        own=own_rows(found, reader),
        subscriptions=subscription_rows(
            found.subscriptions,
            {str(row.account.id): row.account.name for row in accounts},
            reader,
        ),
        settings_url=url_for("messenger_ui.settings"),
        fragment_url=request.full_path,
        events_url=url_for("messenger_api.stream_events"),
        group=group_name(),
        zone=zone_name(),
        cookie_path=cookie_path(),
    )
    return render_template("messenger/health.html", fm_view=view)
