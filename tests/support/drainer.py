"""A worker process of its own for tests of several drains at once.

It says `ready`, waits for a line, drains what waits in small batches, and says how many entries it
took and how often a statement met another drain's.
"""

import json
import os
import sys

from sqlalchemy.exc import DBAPIError

from flask_messenger.ingest.drain import drain_batch
from flask_messenger.models.upsert import is_transient
from flask_messenger.state import state_of
from flask_messenger.tenancy import system_scope
from tests.support.app import make_app

BATCH = 20


def main() -> None:
    app = make_app(json.loads(os.environ["DRAINER_CONFIG"]))
    taken, collisions = 0, 0
    with app.app_context(), system_scope("test"):
        session = state_of(app).db.session
        drain_batch(session, limit=1)  # connected, and everything is imported
        say("ready")
        sys.stdin.readline()
        while True:
            try:
                outcome = drain_batch(session, limit=BATCH)
            except DBAPIError as error:
                session.rollback()
                if not is_transient(error):
                    raise
                collisions += 1
                continue
            if outcome is None:
                break
            taken += outcome.entries
    say(json.dumps({"taken": taken, "collisions": collisions}))


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
