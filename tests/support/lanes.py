"""Many lanes, and runners that send what is in them over real connections."""

import threading
from contextlib import contextmanager

import redis

from flask_messenger.content import Text
from flask_messenger.models import Message
from flask_messenger.models.base import utc_now
from flask_messenger.outbox.claim import Place
from flask_messenger.outbox.compose import compose
from flask_messenger.outbox.runner import run_outbox
from flask_messenger.outbox.wake import publish_wake
from flask_messenger.state import state_of
from flask_messenger.tenancy import workspace_scope
from tests.support.app import Factory
from tests.support.ingest import rows

THREADS = 6


class Lanes:
    """Conversations, and messages in them."""

    def __init__(self, app):
        self.app, self.factory = app, Factory(app)

    def account(self, workspace_id="w1"):
        return self.factory.account(workspace_id)

    def make(self, account, count):
        """Return conversations of an account that may be answered."""
        return [self.factory.conversation(account, last_inbound_at=utc_now()) for _ in range(count)]

    def queue(self, conversation, *texts, **values):
        session = state_of(self.app).db.session
        with workspace_scope(conversation.workspace_id):
            for text in texts:
                compose(
                    session,
                    state_of(self.app),
                    tenant_workspace_id=conversation.workspace_id,
                    conversation_id=conversation.id,
                    content=Text(text),
                    sender="person",
                    now=utc_now(),
                    **values,
                )
            session.commit()

    def place(self, conversation):
        return Place(
            conversation_id=conversation.id,
            account_id=conversation.account_id,
            workspace_id=conversation.workspace_id,
            app_name="default",
        )

    def wake(self, conversation):
        publish_wake(state_of(self.app).get(redis.Redis), conversation.id)

    def states(self):
        return [each.status for each in rows(self.app, Message, direction="outbound")]

    def are_all(self, status):
        return lambda: set(self.states()) == {status}


@contextmanager
def running(app, *, count=1, threads=THREADS):
    """Run the outbox in so many threads of this process; stop it at the end."""
    stopping = threading.Event()

    def run():
        with app.app_context():
            run_outbox(app, stopping.is_set, threads=threads)
            state_of(app).db.session.remove()

    runners = [threading.Thread(target=run) for _ in range(count)]
    for runner in runners:
        runner.start()
    try:
        yield stopping
    finally:
        stopping.set()
        for runner in runners:
            runner.join()
