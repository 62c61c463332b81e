"""Which lane is next: workspaces take turns, in one its accounts do, and of one its lanes."""

import heapq
import itertools
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable

from flask_messenger.outbox.claim import Place

Accounts = OrderedDict[uuid.UUID, "deque[Place]"]


class Ready:
    """Lanes that may have something to send, each once. Of one thread; times are epoch seconds."""

    def __init__(self) -> None:
        self._workspaces: OrderedDict[str, Accounts] = OrderedDict()
        self._here: set[uuid.UUID] = set()
        self._later: list[tuple[float, int, Place | None]] = []
        self._alarms: set[float] = set()
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._here)

    @property
    def next_at(self) -> float | None:
        """When something comes due; None where nothing does."""
        return self._later[0][0] if self._later else None

    def add(self, place: Place) -> None:
        """Put a lane behind the others of its account, unless it is there."""
        if place.conversation_id in self._here:
            return
        self._here.add(place.conversation_id)
        accounts = self._workspaces.setdefault(place.workspace_id, OrderedDict())
        accounts.setdefault(place.account_id, deque()).append(place)

    def remove(self, place: Place) -> None:
        """Take a lane out, where it is in."""
        if place.conversation_id not in self._here:
            return
        self._here.discard(place.conversation_id)
        queue = self._workspaces[place.workspace_id][place.account_id]
        # From the end: who takes a lane out has mostly just put it in.
        at = next(
            at
            for at in range(len(queue) - 1, -1, -1)
            if queue[at].conversation_id == place.conversation_id
        )
        del queue[at]
        self._drop_empty(place.workspace_id, place.account_id)

    def add_at(self, at: float, place: Place | None) -> None:
        """Put a lane in at a time; None is only a time at which to go round once more."""
        if place is None:
            if at in self._alarms:
                return
            self._alarms.add(at)
        heapq.heappush(self._later, (at, next(self._numbers), place))

    def wake_due(self, now: float) -> None:
        """Put in what has come due."""
        while self._later and self._later[0][0] <= now:
            at, _, place = heapq.heappop(self._later)
            if place is None:
                self._alarms.discard(at)
            else:
                self.add(place)

    def owners(self) -> list[Place]:
        """Return one lane of each account that has any."""
        return [queue[0] for accounts in self._workspaces.values() for queue in accounts.values()]

    def take(self, count: int, room: Callable[[Place, int], int]) -> list[Place]:
        """Remove and return up to `count` lanes, one of each workspace in turn.

        Args:
            count: no more than so many.
            room: how many lanes of a place's account may go, of so many that wait; asked once
                for each account.
        """
        taken: list[Place] = []
        rooms: dict[uuid.UUID, int] = {}
        turns = deque(self._workspaces)
        while turns and len(taken) < count:
            workspace_id = turns.popleft()
            place = self._take_of(workspace_id, room, rooms)
            if place is not None:
                taken.append(place)
                if workspace_id in self._workspaces:
                    turns.append(workspace_id)
        self._here.difference_update(each.conversation_id for each in taken)
        for place in taken:  # who was served is behind the others the next time
            if place.workspace_id in self._workspaces:
                self._workspaces.move_to_end(place.workspace_id)
        return taken

    def _take_of(
        self, workspace_id: str, room: Callable[[Place, int], int], rooms: dict[uuid.UUID, int]
    ) -> Place | None:
        accounts = self._workspaces[workspace_id]
        for account_id, queue in accounts.items():
            left = rooms[account_id] if account_id in rooms else room(queue[0], len(queue))
            rooms[account_id] = left - 1
            if left > 0:
                return self._pop(workspace_id, account_id)
        return None

    def _pop(self, workspace_id: str, account_id: uuid.UUID) -> Place:
        accounts = self._workspaces[workspace_id]
        queue = accounts[account_id]
        place = queue.popleft()
        accounts.move_to_end(account_id)
        self._drop_empty(workspace_id, account_id)
        return place

    def _drop_empty(self, workspace_id: str, account_id: uuid.UUID) -> None:
        accounts = self._workspaces[workspace_id]
        if not accounts[account_id]:
            del accounts[account_id]
        if not accounts:
            del self._workspaces[workspace_id]
