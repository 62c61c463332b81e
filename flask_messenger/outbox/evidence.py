"""What one runner saw of Meta's being away: failures one after the other, and of how many accounts.

Nothing here asks anybody, so it may be told of each answer where the answers come in.
"""

import uuid
from dataclasses import dataclass, field
from typing import Final

from flask_messenger.errors import GraphError, GraphUnavailableError

SEVERAL_ACCOUNTS: Final = 2


@dataclass(slots=True)
class _Doubt:
    """Failures since Graph last answered."""

    count: int = 0
    accounts: set[uuid.UUID] = field(default_factory=set)
    is_unreachable: bool = False


class Evidence:
    """The failures of each Meta app since Graph last answered it. Of one thread.

    Args:
        failures: how many one after the other are enough.
    """

    def __init__(self, *, failures: int) -> None:
        self._failures = failures
        self._doubts: dict[str, _Doubt] = {}

    def note_answer(self, app_name: str) -> None:
        """Note that Graph answered, whatever it said."""
        self._doubts.pop(app_name, None)

    def note_failure(self, app_name: str, account_id: uuid.UUID, error: GraphError) -> None:
        """Note that Graph did not answer, or not in earnest."""
        doubt = self._doubts.setdefault(app_name, _Doubt())
        doubt.count += 1
        doubt.accounts.add(account_id)
        # Where no connection is to be had it is no single account's failure.
        doubt.is_unreachable |= isinstance(error, GraphUnavailableError) and error.is_unreachable

    def is_enough(self, app_name: str, *, is_only_account: bool = False) -> bool:
        """Say whether Meta is to be taken for away.

        Args:
            app_name: ours.
            is_only_account: whether the app has one account to send from, so that no other can
                speak for Meta.
        """
        doubt = self._doubts.get(app_name)
        if doubt is None or doubt.count < self._failures:
            return False
        is_several = len(doubt.accounts) >= SEVERAL_ACCOUNTS
        return doubt.is_unreachable or is_several or is_only_account

    def apps_of_one_account(self) -> list[str]:
        """Return the apps of which calls failed, though all of one account."""
        return [name for name, doubt in self._doubts.items() if len(doubt.accounts) == 1]
