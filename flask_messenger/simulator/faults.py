"""Misbehaviour on demand: errors, delays and dropped connections, as the control page set them."""

from __future__ import annotations

import fnmatch
import json
import socket
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import request
from werkzeug.wrappers import Response

from flask_messenger.simulator.errors import GraphError
from flask_messenger.simulator.storage import Storage

ERROR, LATENCY, DROP = "error", "latency", "drop"
KINDS = (ERROR, LATENCY, DROP)
BEFORE, AFTER = "before", "after"  # what Graph did when it happens: nothing yet, or all of it
MAX_COUNT = 1_000_000
MAX_LATENCY_SECONDS = 120.0
HTML_ERROR = "<!DOCTYPE html><html><title>Error</title><p>Sorry, something went wrong.</p></html>"


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which the next calls go wrong."""

    kind: str
    when: str
    details: Mapping[str, Any]

    def error(self) -> GraphError:
        """Return the Graph error that an `error` fault stands for."""
        code = int(self.details.get("code", 2))
        message = self.details.get("message") or f"(#{code}) Simulated error"
        return GraphError(
            message,
            code=code,
            subcode=self.details.get("subcode"),
            status=int(self.details.get("http_status", 400)),
            is_transient=self.details.get("is_transient"),
        )


def take_faults(storage: Storage, method: str, path: str) -> list[Fault]:
    """Return the faults that hit this call, each counted down by one."""
    with storage.reading() as db:
        hits = _matching(db, method, path)
    if not hits:
        return []
    taken = []
    with storage.writing() as db:
        for row in hits:
            counted = db.execute(
                "UPDATE faults SET remaining = remaining - 1 WHERE id = ? AND remaining > 0",
                [row["id"]],
            ).rowcount
            if counted:  # another call may have taken the last one
                details = json.loads(row["details"])
                taken.append(Fault(row["kind"], details.get("when", BEFORE), details))
        db.execute("DELETE FROM faults WHERE remaining <= 0")
    return taken


def _matching(db: sqlite3.Connection, method: str, path: str) -> list[sqlite3.Row]:
    rows = db.execute("SELECT * FROM faults ORDER BY id").fetchall()
    return [
        row
        for row in rows
        if row["method"] in {None, method} and fnmatch.fnmatchcase("/" + path, row["path"])
    ]


def strike(faults: list[Fault], when: str) -> Response | None:
    """Let the faults of this moment happen; return an answer where one replaces Graph's.

    Raises:
        GraphError: an error was asked for.
    """
    for fault in faults:
        if fault.when != when:
            continue
        if fault.kind == LATENCY:
            time.sleep(min(float(fault.details.get("seconds", 1)), MAX_LATENCY_SECONDS))
        elif fault.kind == DROP:
            return drop_connection()
        elif fault.details.get("html"):
            status = int(fault.details.get("http_status", 503))
            return Response(HTML_ERROR, status=status, content_type="text/html")
        else:
            raise fault.error()
    return None


def drop_connection() -> Response:
    """Close the caller's connection without an answer."""
    connection = request.environ.get("werkzeug.socket")
    if isinstance(connection, socket.socket):
        connection.shutdown(socket.SHUT_RDWR)
    return Response(status=500)  # nobody reads it
