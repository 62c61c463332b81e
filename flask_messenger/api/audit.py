"""Who did what in the workspace."""

from flask_messenger.api.blueprint import bp
from flask_messenger.api.openapi import operation
from flask_messenger.api.schemas.privacy import Acts, AuditQuery
from flask_messenger.privacy.audit import list_acts
from flask_messenger.state import state
from flask_messenger.tenancy import require_permission


@bp.get("/audit")
@operation(
    "listActs",
    tag="privacy",
    answers={200: (Acts, "A page of the audit log.")},
    problems=(403,),
)
def list_audit(query: AuditQuery) -> Acts:
    """List who did what: connected, exported, erased, revealed, replayed.

    Needs `settings`. Whoever sees some locations only is shown their own acts.
    """
    page = list_acts(
        state().db.session,
        tenant=require_permission("settings"),
        action=query.action,
        before=query.cursor,
        limit=query.limit,
    )
    return Acts.of(page)
