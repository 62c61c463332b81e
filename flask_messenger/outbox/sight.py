"""Finding lanes that may have something to send: those we were told of, and those nobody named."""

import time
import uuid
from typing import Final

from sqlalchemy.orm import Session

from flask_messenger.models.base import utc_now
from flask_messenger.outbox.choice import Chooser, Held
from flask_messenger.outbox.claim import find_next_due, find_places, find_waiting
from flask_messenger.outbox.ready import Ready
from flask_messenger.outbox.wake import Wake

LOOK_SECONDS: Final = 5.0
DEAF_LOOK_SECONDS: Final = 1.0
"""How often the tables are looked at for what nobody said; more often where wakes are not heard."""
LOOK_LIMIT: Final = 1000
LOOK_AGAIN_SECONDS: Final = 0.25
"""How soon they are looked at again where what was found may not go, and there is more."""


class Sight:
    """What one runner knows of the lanes that wait. Of one thread; times are epoch seconds."""

    def __init__(self, session: Session, ready: Ready, chooser: Chooser) -> None:
        self._session = session
        self._ready = ready
        self._chooser = chooser
        self._woken: set[uuid.UUID] = set()
        self._looked_at = 0.0
        self._looked_past = Held()
        self._is_more = False
        self.next_at = 0.0
        """When the tables are looked at again."""

    @property
    def has_more(self) -> bool:
        """Whether there is anything that was not looked at yet."""
        return bool(self._woken) or self._is_more

    def hear(self, wake: Wake) -> None:
        """Take in what somebody said."""
        if wake.place is not None:
            self._ready.add(wake.place)
        elif wake.conversation_id is not None:
            self._woken.add(wake.conversation_id)
        else:
            self.next_at = 0.0

    def find(self, *, is_hearing: bool) -> None:
        """Look for those that were named, and for others where it is time."""
        if self._woken:
            places = find_places(self._session, self._woken)
            self._session.rollback()
            self._woken.clear()
            for place in places:
                self._ready.add(place)
        if self._is_time():
            self.look(is_hearing=is_hearing)

    def look(self, *, is_hearing: bool) -> None:
        """Find what nobody said: lanes that may go, and when the next one may."""
        now = utc_now()
        held = self._chooser.find_held()
        places = find_waiting(
            self._session,
            now=now,
            limit=LOOK_LIMIT,
            but_accounts=held.accounts,
            but_apps=held.apps,
        )
        due_at = find_next_due(self._session, now=now)
        self._session.rollback()
        before = len(self._ready)
        for place in places:
            self._ready.add(place)
        self._is_more = len(places) == LOOK_LIMIT and len(self._ready) > before
        self._looked_past = held
        self._looked_at = now.timestamp()
        self.next_at = self._looked_at + (LOOK_SECONDS if is_hearing else DEAF_LOOK_SECONDS)
        if due_at is not None:
            self.next_at = min(self.next_at, due_at.timestamp())

    def _is_time(self) -> bool:
        """Say whether to look now: in time, or as all has gone that may go."""
        now = time.time()
        if now >= self.next_at:
            return True
        if not self._ready:
            return self._is_more
        if not self._chooser.is_dry or now < self._looked_at + LOOK_AGAIN_SECONDS:
            return False
        return self._is_more or self._looked_past != self._chooser.find_held()
