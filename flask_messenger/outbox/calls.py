"""The calls to Meta: threads that do nothing else, and the inbox where everything comes back.

A thread has no session and no application context: it gets a request that is ready to go, and
puts what came of it into the inbox of whoever runs the outbox.
"""

import contextlib
import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from flask_messenger.errors import GraphError, InvalidGraphRequestError
from flask_messenger.graph.client import Graph
from flask_messenger.graph.error_codes import BY_SUBCODE
from flask_messenger.graph.messages import SentMessage, send_message
from flask_messenger.graph.request import GraphRequest
from flask_messenger.outbox.lane import Dispatch
from flask_messenger.outbox.uploading import Uploading
from flask_messenger.settings import MetaApp

logger = logging.getLogger(__name__)

_LAST: Final = None
UNKNOWN_FILE: Final = 2018074
"""Meta does not know a file by the id that it gave: it keeps them for a while."""
PERSONA: Final = "persona_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One message on its way, as Graph is asked for it.

    Attributes:
        request: what is asked; an `Uploading` builds it when Meta has the message's files.
    """

    dispatch: Dispatch
    app: MetaApp
    token: str = field(repr=False)
    request: GraphRequest | Uploading = field(repr=False)
    tag: str | None

    @property
    def is_upload(self) -> bool:
        """Whether files have to be given to Meta first."""
        return isinstance(self.request, Uploading)

    def make(self, graph: Graph) -> "Outcome":
        """Ask Graph and return what came of it; never raises."""
        try:
            answer = self._send(graph)
        except GraphError as error:
            return Outcome(dispatch=self.dispatch, tag=self.tag, error=error)
        except Exception as error:  # noqa: BLE001 - a thread that ends would take its message along
            return Outcome(dispatch=self.dispatch, tag=self.tag, error=error)
        return Outcome(dispatch=self.dispatch, tag=self.tag, answer=answer)

    def _send(self, graph: Graph) -> SentMessage:
        if not isinstance(self.request, Uploading):
            return self._ask(graph, self.request)
        try:
            return self._ask(graph, self.request.build())
        except GraphError as error:
            if UNKNOWN_FILE not in {error.code, error.subcode}:
                raise
        self.request.forget()
        return self._ask(graph, self.request.build())

    def _ask(self, graph: Graph, request: GraphRequest) -> SentMessage:
        """Send a message; once more without its persona, where that may be what Meta refused.

        Somebody may have taken the persona away at Meta. What it would have signed is still to be
        said.
        """
        try:
            return send_message(graph, app=self.app, token=self.token, request=request)
        except InvalidGraphRequestError as error:
            if PERSONA not in request.body or error.subcode in BY_SUBCODE:
                raise
        rest = {name: value for name, value in request.body.items() if name != PERSONA}
        unsigned = replace(request, body=rest)
        answer = send_message(graph, app=self.app, token=self.token, request=unsigned)
        logger.warning("persona_refused account_id=%s", self.dispatch.lane.account_id)
        return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one attempt: Graph's yes, or why not."""

    dispatch: Dispatch
    tag: str | None = None
    answer: SentMessage | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Sending:
    """A call for a thread to make."""

    call: Call
    graph: Graph = field(repr=False)

    def __call__(self) -> Outcome:
        """Make it."""
        return self.call.make(self.graph)


Work = Callable[[], Any]
"""What a thread does; its result goes to the inbox."""


class Calls:
    """A pool of threads for calls, as many as there may be calls at once.

    With no threads the call is made at once, where it is asked for.
    """

    def __init__(self, threads: int, inbox: "queue.SimpleQueue[Any]") -> None:
        self._threads: list[threading.Thread] = []
        self._most = threads
        self._inbox = inbox
        self._work: queue.SimpleQueue[Work | None] = queue.SimpleQueue()

    @property
    def ahead(self) -> int:
        """How much no thread has begun yet."""
        return self._work.qsize()

    def make(self, work: Work) -> None:
        """Have `work` done; what it returns comes to the inbox."""
        if self._most == 0:
            self._inbox.put(work())
            return
        self._work.put(work)
        if len(self._threads) < self._most:
            self._start_one()

    def withdraw(self) -> list[Work]:
        """Return what no thread has begun, and never will."""
        found: list[Work] = []
        with contextlib.suppress(queue.Empty):
            while (work := self._work.get_nowait()) is not None:
                found.append(work)
        return found

    def close(self) -> None:
        """End the threads when they have done what they were given."""
        for _ in self._threads:
            self._work.put(_LAST)
        for thread in self._threads:
            thread.join()

    def _start_one(self) -> None:
        name = f"messenger-send-{len(self._threads)}"
        thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        while (work := self._work.get()) is not _LAST:
            self._inbox.put(work())
