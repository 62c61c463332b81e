"""Who is asking, and what they may do."""

from flask_messenger.api.blueprint import bp
from flask_messenger.api.openapi import operation
from flask_messenger.api.schemas.workspace import Feature, Me, Outage
from flask_messenger.hooks import PERMISSIONS
from flask_messenger.outbox.outages import outage_of_workspace
from flask_messenger.settings import FEATURES
from flask_messenger.state import state
from flask_messenger.tenancy import current_tenant
from flask_messenger.tiers import feature_access


@bp.get("/me")
@operation("getMe", tag="workspace", answers={200: (Me, "The tenant of this request.")})
def get_me() -> Me:
    """Return the tenant, its permissions, and what its plan has."""
    tenant = current_tenant()
    accesses = [feature_access(state(), tenant.workspace_id, name) for name in FEATURES]
    outage = outage_of_workspace(state().db.session, state(), tenant.workspace_id)
    locations = None if tenant.location_ids is None else sorted(tenant.location_ids)
    return Me(
        workspace_id=tenant.workspace_id,
        user_id=tenant.user_id,
        user_name=tenant.user_name,
        location_ids=locations,
        permissions=sorted(tenant.permissions & PERMISSIONS),
        plan=accesses[0].plan,
        features=[
            Feature(name=each.feature, allowed=each.allowed, needed_plan=each.needed_plan)
            for each in accesses
        ],
        outage=Outage(since=outage.began_at) if outage else None,
    )
