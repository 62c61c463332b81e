"""Whether Meta has approved what it wants to approve first, as far as that is known here."""

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from flask_messenger.content import Content, UtilityTemplate
from flask_messenger.errors import ConflictError
from flask_messenger.models import Account, Template
from flask_messenger.models.templates import UTILITY

APPROVED: Final = "approved"


def check_approved(session: Session, account: Account, content: Content) -> None:
    """Pass where nothing says that Meta would refuse a template; one that is not known may pass.

    Raises:
        ConflictError: Meta rejected, paused or deleted it, or has not decided yet.
    """
    if not isinstance(content, UtilityTemplate):
        return
    statement = select(Template.status).where(
        Template.account_id == account.id,
        Template.kind == UTILITY,
        Template.name == content.name,
        Template.language == content.language,
    )
    states = set(session.scalars(statement))
    if states and APPROVED not in states:
        said = ", ".join(sorted(states))
        raise ConflictError(f"This template cannot be sent now. Meta says of it: {said}.")
