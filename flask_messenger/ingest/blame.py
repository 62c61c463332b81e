"""Whose fault an error is: the entry's, which made it by what it says, or nobody's."""

from typing import Final

from sqlalchemy.exc import DBAPIError, StatementError

from flask_messenger.errors import MessengerError
from flask_messenger.models.upsert import is_of_data

BAD_ENTRY: Final = (
    MessengerError,
    StatementError,
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
)
"""What an entry may raise that nobody thought of; where it is to blame it is set aside."""


def is_blamed(error: Exception) -> bool:
    """Say whether an error tells of the entry, rather than of the server or of others."""
    return not isinstance(error, DBAPIError) or is_of_data(error)


def kind_of(error: BaseException) -> str:
    """Return what may be said of an error: a message could quote what it choked on."""
    return type(getattr(error, "orig", None) or error).__name__
