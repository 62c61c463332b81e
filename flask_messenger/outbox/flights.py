"""What this process is sending: claimed, and not answered yet."""

import uuid
from collections import Counter

from flask_messenger.outbox.claim import Place


class Flights:
    """Messages on their way, and of whom they are. Of one thread."""

    def __init__(self) -> None:
        self._places: dict[uuid.UUID, Place] = {}
        self._accounts: Counter[uuid.UUID] = Counter()
        self._apps: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._places)

    def begin(self, message_id: uuid.UUID, place: Place) -> None:
        """Note that a message is on its way."""
        self._places[message_id] = place
        self._accounts[place.account_id] += 1
        self._apps[place.app_name] += 1

    def end(self, message_id: uuid.UUID) -> Place:
        """Note that something came of it; return its lane."""
        place = self._places.pop(message_id)
        self._accounts[place.account_id] -= 1
        if not self._accounts[place.account_id]:
            del self._accounts[place.account_id]
        self._apps[place.app_name] -= 1
        return place

    def of_account(self, account_id: uuid.UUID) -> int:
        """Return how many messages of an account are on their way."""
        return self._accounts[account_id]

    def of_app(self, app_name: str) -> int:
        """Return how many messages of a Meta app's accounts are on their way."""
        return self._apps[app_name]
