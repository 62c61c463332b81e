"""The past of an account: fetched once, quietly, and as the webhooks would have brought it."""

from datetime import timedelta

from flask_messenger.models import Conversation, Identity, Message
from flask_messenger.models.base import utc_now
from tests.history.conftest import PAGE, Past, said
from tests.support.ingest import rows


def test_past_is_there_and_nobody_is_told_of_it(past: Past) -> None:
    past.lists("t_1")
    past.has(
        "t_1",
        said("m_2", "At six.", hours=99, by=PAGE),
        said("m_1", "When do you open?", hours=100),
    )

    run = past.work(past.start())

    assert (run.state, run.error) == ("done", None)
    assert run.result == {"conversations": 1, "messages": 2, "new": 2}
    first, second = sorted(rows(past.app, Message), key=lambda each: each.sent_at)
    assert (first.external_id, first.direction, first.text) == (
        "m_1",
        "inbound",
        "When do you open?",
    )
    assert (second.external_id, second.direction, second.status) == ("m_2", "outbound", "sent")
    assert first.announced_at is not None
    assert second.announced_at is not None
    [thread] = rows(past.app, Conversation)
    assert thread.unread_count == 0
    assert thread.last_inbound_at == first.sent_at < utc_now() - timedelta(days=4)
    assert thread.last_message_id == second.id
    [person] = rows(past.app, Identity)
    assert person.name == "Maya Okafor"
