"""What has to be looked after between people's visits; the sweeper calls it."""

from flask import Flask
from sqlalchemy.orm import Session

from flask_messenger.connect.accounts import put_back_missed
from flask_messenger.connect.attempts import forget_expired
from flask_messenger.ingest.wake import DrainWaker
from flask_messenger.models.base import utc_now
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope


def tidy(app: Flask) -> None:
    """Forget logins that nobody finished, and put back deliveries that just missed their account.

    Commits by itself.
    """
    held = state_of(app)
    session: Session = held.db.session
    now = utc_now()
    with system_scope("upkeep of connections"):
        forget_expired(session, now=now)
        missed = put_back_missed(session, now=now)
        session.commit()
    if missed:
        held.get(DrainWaker).wake()
