"""How messages flow, for admins."""

from flask_messenger.api.blueprint import bp
from flask_messenger.api.openapi import operation
from flask_messenger.api.schemas import health as schemas
from flask_messenger.monitor.health import Health, check_health
from flask_messenger.state import current_application
from flask_messenger.tenancy import require_permission


@bp.get("/health")
@operation(
    "getHealth",
    tag="workspace",
    answers={200: (schemas.Health, "How messages flow.")},
    problems=(403,),
)
def get_health() -> schemas.Health:
    """Return how far behind the work is, and what waits in the workspace.

    Needs the permission `settings`.
    """
    tenant = require_permission("settings")
    app = current_application()
    return _shape(check_health(app, tenant=tenant))


def _shape(health: Health) -> schemas.Health:
    own = health.own
    return schemas.Health(
        state=health.state,
        alerts=[
            schemas.HealthAlert(kind=each.kind, part=each.part, seconds=round(each.seconds, 1))
            for each in health.alerts
        ],
        lags={part: round(seconds, 1) for part, seconds in health.lags.items()},
        workers=dict(health.workers),
        measured_at=health.measured_at,
        workspace=schemas.WorkspaceHealth(
            last_message_at=own.last_message_at,
            queued_count=own.queued,
            oldest_queued_at=own.oldest_queued_at,
            trouble_count=own.troubled,
            bulk_waiting=own.bulk_waiting,
        ),
        subscriptions=[
            schemas.SubscriptionNews(
                account_id=each.account_id,
                action=each.action,
                at=each.at,
                fields=list(each.fields),
            )
            for each in health.subscriptions
        ],
    )
