"""Choosing the lanes whose turn it is, as many as may go: shares, limits and outages."""

import math
import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final

from flask_messenger.outbox.claim import Place
from flask_messenger.outbox.flights import Flights
from flask_messenger.outbox.outages import Outages
from flask_messenger.outbox.pacing import Pacer
from flask_messenger.outbox.ready import Ready

LONE_SHARE: Final = 0.75
CROWD_SHARE: Final = 0.5
"""Of the threads: what one account may have where it is alone, and where it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Of what waits here: who may send nothing for now."""

    accounts: frozenset[uuid.UUID] = frozenset()
    apps: frozenset[str] = frozenset()


class Chooser:
    """Takes ready lanes, each with a permit. Of one thread."""

    def __init__(
        self,
        *,
        ready: Ready,
        flights: Flights,
        pacer: Pacer,
        outages: Outages,
        is_refused: Callable[[uuid.UUID], bool],
        threads: int,
    ) -> None:
        self._ready = ready
        self._flights = flights
        self._pacer = pacer
        self._outages = outages
        self._is_refused = is_refused
        self._threads = threads
        self.is_dry = False
        """Whether less could go than there was room for, when it was last asked."""

    def choose(self, capacity: int) -> list[Place]:
        """Take lanes that may go now, `capacity` at most; each has a permit from here on."""
        owners = self._ready.owners()
        self._look_ahead(owners)
        granted: dict[uuid.UUID, tuple[str, int]] = {}
        share = CROWD_SHARE if len(owners) > 1 else LONE_SHARE
        most = max(1, math.floor(self._threads * share))

        def room(place: Place, waiting: int) -> int:
            free = min(most - self._flights.of_account(place.account_id), waiting, capacity)
            given = self._take_permits(place, free)
            granted[place.account_id] = (place.app_name, given)
            return given

        places = self._ready.take(capacity, room)
        used = Counter(each.account_id for each in places)
        for account_id, (app_name, given) in granted.items():
            self._pacer.give_back(account_id, app_name, given - used[account_id])
        self.is_dry = len(places) < capacity
        return places

    def give_back(self, places: Iterable[Place], used: Collection[uuid.UUID]) -> None:
        """Give back the permits of lanes that were chosen and of which nothing was claimed.

        Args:
            places: that were chosen.
            used: the conversations of which a message was claimed.
        """
        unused = Counter(
            (each.account_id, each.app_name) for each in places if each.conversation_id not in used
        )
        for (account_id, app_name), count in unused.items():
            self._pacer.give_back(account_id, app_name, count)

    def find_held(self) -> Held:
        """Return who of those that wait here may send nothing for now."""
        owners = self._ready.owners()
        self._look_ahead(owners)
        held = {each.account_id for each in owners if self._is_held(each)}
        names = {each.app_name for each in owners}
        away = {name for name in names if self._outages.room(name, under_way=1) == 0}
        return Held(accounts=frozenset(held), apps=frozenset(away))

    def _is_held(self, place: Place) -> bool:
        until = self._pacer.held_until(place.account_id, place.app_name)
        return until is not None or self._is_refused(place.account_id)

    def _look_ahead(self, owners: Collection[Place]) -> None:
        self._pacer.look_ahead(
            [each.account_id for each in owners], {each.app_name for each in owners}
        )

    def _take_permits(self, place: Place, wanted: int) -> int:
        """Return how many messages of an account may go now; set a time to ask again if fewer."""
        if wanted <= 0 or self._is_refused(place.account_id):
            return 0
        now = time.time()
        held_until = self._pacer.held_until(place.account_id, place.app_name)
        if held_until is not None:
            self._ready.add_at(held_until, None)
            return 0
        under_way = self._flights.of_app(place.app_name)
        wanted = min(wanted, self._outages.room(place.app_name, under_way=under_way))
        given = self._pacer.take(place.account_id, place.app_name, wanted)
        if given < wanted:
            self._ready.add_at(math.ceil(now * 10 + 1) / 10, None)
        return given
