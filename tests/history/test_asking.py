"""Beginning, following and ending a run over the API and from the command line."""

from flask_messenger.models import HistoryRun
from tests.api.conftest import Api
from tests.history.conftest import Past, said
from tests.support.app import Host
from tests.support.ingest import rows


def test_run_is_begun_followed_and_cancelled(past: Past, host: Host) -> None:
    client = Api(past.app)
    host.sign_in()
    url = f"/api/messenger/accounts/{past.page.id}/history"
    past.lists("t_1")
    past.has("t_1", said("m_1", "Hello?", hours=100))

    begun = client.post(url, json={"action": "start"})
    again = client.post(url, json={"action": "start"})
    past.work(rows(past.app, HistoryRun)[0])
    listed = client.get(url).json["items"]
    ended = client.post(url, json={"action": "cancel"})

    assert (begun.status_code, begun.json["state"]) == (200, "queued")
    assert again.status_code == 409
    assert [(each["state"], each["result"]["new"]) for each in listed] == [("done", 1)]
    assert ended.status_code == 409
    client.post(url, json={"action": "start"})
    assert client.post(url, json={"action": "cancel"}).json["state"] == "cancelled"


def test_strangers_and_the_unpermitted_are_refused(past: Past, host: Host) -> None:
    client = Api(past.app)
    url = f"/api/messenger/accounts/{past.page.id}/history"
    host.sign_in(permissions=frozenset({"reply"}))
    assert client.post(url, json={"action": "start"}).status_code == 403
    host.sign_in("w2")
    assert client.get(url).status_code == 404
    assert client.post(url, json={"action": "start"}).status_code == 404


def test_operator_begins_a_run_and_sees_how_it_went(past: Past) -> None:
    runner = past.app.test_cli_runner()
    past.lists("t_1")
    past.has("t_1", said("m_1", "Hello?", hours=100))

    none = runner.invoke(args=["messenger", "history", "status", "1001"])
    begun = runner.invoke(args=["messenger", "history", "backfill", str(past.page.id)])
    again = runner.invoke(args=["messenger", "history", "backfill", "1001"])
    past.work(rows(past.app, HistoryRun)[0])
    shown = runner.invoke(args=["messenger", "history", "status", "1001"])
    unknown = runner.invoke(args=["messenger", "history", "status", "77"])

    assert none.output == "None yet.\n"
    assert "backfill  queued" in begun.output
    assert again.exit_code == 1
    assert "already" in again.output
    assert "backfill  done  1 conversations, 1 messages, 1 new" in shown.output
    assert unknown.exit_code == 1
