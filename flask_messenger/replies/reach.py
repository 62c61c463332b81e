"""Where a template or saved reply is good: in a workspace, one of its locations, or one account."""

import uuid
from collections.abc import Callable, Hashable, Iterable
from typing import Final, TypeVar

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from flask_messenger.connect.locations import check_location
from flask_messenger.errors import InvalidRequestError, NotFoundError, PermissionDeniedError
from flask_messenger.hooks import Tenant
from flask_messenger.models import Account, SavedReply, Template
from flask_messenger.models.accounts import DISCONNECTED, visible_to
from flask_messenger.state import MessengerState

Reply = TypeVar("Reply", Template, SavedReply)
Model = type[Template] | type[SavedReply]

EVERYWHERE, IN_LOCATION, FOR_ACCOUNT = range(3)
"""How narrow a reach is."""
NO_ACCOUNT: Final = "There is no such account."


def visible(model: Model, tenant: Tenant) -> list[ColumnElement[bool]]:
    """Return what keeps a query on `model` to what the person may see.

    What is good for the whole workspace everybody sees; the rest is seen like its location, or like
    its account, wherever that is now.
    """
    criteria: list[ColumnElement[bool]] = [model.workspace_id == tenant.workspace_id]
    if tenant.location_ids is not None:
        criteria.append(
            or_(
                _is_everywhere(model),
                model.location_id.in_(sorted(tenant.location_ids)),
                model.account_id.in_(select(Account.id).where(*visible_to(tenant))),
            )
        )
    return criteria


def applying_to(model: Model, account: Account) -> ColumnElement[bool]:
    """Return what keeps a query on `model` to what is good for one account."""
    fits = [_is_everywhere(model), model.account_id == account.id]
    if account.location_id is not None:
        fits.append(model.location_id == account.location_id)
    return or_(*fits)


def narrowest(rows: Iterable[Reply], key: Callable[[Reply], Hashable]) -> list[Reply]:
    """Return of the rows with the same key the one with the narrowest reach; else the newest."""
    found: dict[Hashable, Reply] = {}
    for row in rows:
        other = found.get(key(row))
        if other is None or (_width(row), row.id) > (_width(other), other.id):
            found[key(row)] = row
    return list(found.values())


def find_account(session: Session, *, tenant: Tenant, account_id: uuid.UUID) -> Account:
    """Return an account that the person sees.

    Raises:
        InvalidRequestError: there is none of this id for them; the field is `account_id`.
    """
    statement = select(Account).where(
        *visible_to(tenant), Account.id == account_id, Account.status != DISCONNECTED
    )
    account = session.scalars(statement).one_or_none()
    if account is None:
        raise InvalidRequestError(NO_ACCOUNT, field="account_id")
    return account


def check_reach(
    session: Session,
    held: MessengerState,
    *,
    tenant: Tenant,
    location_id: str | None,
    account_id: uuid.UUID | None,
) -> Account | None:
    """Pass where the person may make something with this reach; return its account, if any.

    Raises:
        InvalidRequestError: location or account do not exist for them, or both were named.
        PermissionDeniedError: they see some locations only, and it would be good for all.
    """
    if account_id is not None:
        if location_id is not None:
            message = "Name a location or an account, not both."
            raise InvalidRequestError(message, field="location_id")
        return find_account(session, tenant=tenant, account_id=account_id)
    if location_id is None:
        _check_sees_all(tenant)
        return None
    try:
        check_location(held, tenant=tenant, location_id=location_id)
    except NotFoundError as error:
        raise InvalidRequestError(str(error), field="location_id") from None
    return None


def check_editable(row: Template | SavedReply, tenant: Tenant) -> None:
    """Pass where the person may change what is there.

    Raises:
        PermissionDeniedError: it is good for locations that they do not see.
    """
    if _width(row) == EVERYWHERE:
        _check_sees_all(tenant)


def _check_sees_all(tenant: Tenant) -> None:
    if tenant.location_ids is not None:
        message = "What the whole workspace uses is changed by somebody who sees all of it."
        raise PermissionDeniedError(message)


def _is_everywhere(model: Model) -> ColumnElement[bool]:
    return and_(model.location_id.is_(None), model.account_id.is_(None))


def _width(row: Template | SavedReply) -> int:
    if row.account_id is not None:
        return FOR_ACCOUNT
    return EVERYWHERE if row.location_id is None else IN_LOCATION
