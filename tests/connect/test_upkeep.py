"""What the sweeper looks after."""

from datetime import timedelta

import time_machine

from flask_messenger.connect.upkeep import tidy
from flask_messenger.models import Message, PendingConnection, WebhookEntry
from flask_messenger.models.base import utc_now
from tests.connect.conftest import page
from tests.support import ingest
from tests.support.meta import delivery, entry, message, post


def test_delivery_that_just_missed_its_account_is_applied_after_all(app, make, rows) -> None:
    post(app.test_client(), delivery(entry("1001", message("1001", "2001"))))
    post(app.test_client(), delivery(entry("1002", message("1002", "2001"))))
    with app.app_context():
        ingest.drain(app)
    make("account", "w2", external_id="1001")  # committed after the drain had looked

    with app.app_context():
        tidy(app)
        ingest.drain(app)

    assert [each.state for each in rows(WebhookEntry)] == ["done", "unrouted"]
    assert [each.workspace_id for each in rows(Message)] == ["w2"]


def test_logins_of_all_workspaces_that_nobody_finished_are_forgotten(
    app, browser, host, meta, rows
) -> None:
    browser.log_in(meta, page("1001"))
    host.sign_in("w2")
    browser.log_in(meta, page("1001"))

    with time_machine.travel(utc_now() + timedelta(hours=2), tick=True), app.app_context():
        tidy(app)

    assert [each.payload_sealed for each in rows(PendingConnection)] == [None, None]
