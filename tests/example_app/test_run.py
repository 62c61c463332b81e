"""`make run`, as a newcomer meets it."""

import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
import requests

from example_app.showcase.scenes import SCENES
from tests.example_app.running import Example, port_settings, try_run

pytestmark = [pytest.mark.alone, pytest.mark.slow]

NOA = "noa@solo.example"


def wait_until(is_so: Callable[[], bool], seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def answers(url: str) -> bool:
    return requests.get(url, timeout=5).status_code == 200


def test_it_starts_says_where_it_is_and_keeps_its_data(tmp_path: Path) -> None:
    ports = port_settings()
    valkey_url = f"redis://127.0.0.1:{ports['VALKEY_PORT']}/0"

    with Example(tmp_path, **ports) as example:
        for address in (
            f"{example.crm_url}/",
            f"http://127.0.0.1:{ports['SIMULATOR_PORT']}/chat/",
            f"http://127.0.0.1:{ports['SIMULATOR_PORT']}/control/",
        ):
            assert address in example.output
            assert answers(address)
        assert "sam@brightside.example" in example.output
        with example.browse(NOA) as session:
            example.post(session, "/settings/plan", "/settings/plan", plan="plus")
        with redis.Redis.from_url(valkey_url) as client:
            client.set("kept", "yes")
        example.signal(signal.SIGINT)
        started_at = time.monotonic()
        assert example.wait_until_ended(5) == 0
        assert time.monotonic() - started_at < 5
        assert "The data is kept." in example.output

    with Example(tmp_path, **ports) as example:
        assert example.measured_start_seconds() < 20
        with example.browse(NOA) as session:
            page = session.get(f"{example.crm_url}/settings/plan", timeout=5).text
        assert "Solo Studio · Plus plan" in page
        with redis.Redis.from_url(valkey_url) as client:
            assert client.get("kept") == b"yes"


def test_it_fills_itself_with_a_conversation_of_each_kind(tmp_path: Path) -> None:
    with Example(tmp_path, **port_settings(), DEMO_CONVERSATIONS="on") as example:
        log = tmp_path / "log" / "showcase.log"
        wait_until(lambda: log.exists() and len(log.read_text().splitlines()) >= len(SCENES))
        with example.browse("sam@brightside.example") as session:
            accounts = session.get(f"{example.crm_url}/api/messenger/accounts", timeout=5).json()
            answer = session.get(f"{example.crm_url}/api/messenger/conversations", timeout=5)
            found = answer.json()["items"]

    assert log.read_text().splitlines() == [f"{scene.__name__}: played" for scene in SCENES]
    assert {each["channel"] for each in accounts["items"]} == {"facebook", "instagram"}
    kinds = {(each["channel"], each["kind"]) for each in found}
    assert kinds == {
        ("facebook", "direct"),
        ("facebook", "comments"),
        ("instagram", "direct"),
        ("instagram", "comments"),
    }
    assert any(each["has_failed"] for each in found)


def test_open_event_streams_do_not_hold_up_the_end(tmp_path: Path) -> None:
    with Example(tmp_path, **port_settings()) as example, example.browse(NOA) as session:
        streams = [
            session.get(f"{example.crm_url}/api/messenger/events", stream=True, timeout=5)
            for _ in range(3)
        ]
        try:
            assert [stream.status_code for stream in streams] == [200, 200, 200]
            example.signal(signal.SIGTERM)
            assert example.wait_until_ended(5) == 0
        finally:
            for stream in streams:
                stream.close()


def test_a_second_run_says_that_one_is_running(tmp_path: Path) -> None:
    with Example(tmp_path, **port_settings()):
        second = try_run(tmp_path, **port_settings())

    assert second.returncode == 1
    assert "The example is running already (process " in second.stderr
    assert len(second.stderr.splitlines()) == 1


@pytest.mark.parametrize("setting", ["CRM_PORT", "SIMULATOR_PORT", "VALKEY_PORT"])
def test_a_busy_port_is_named_with_the_setting_that_changes_it(
    tmp_path: Path, setting: str
) -> None:
    ports = port_settings()
    with socket.create_server(("127.0.0.1", int(ports[setting]))):
        refused = try_run(tmp_path, **ports)

    assert refused.returncode == 1
    assert refused.stderr.startswith(f"Port {ports[setting]} is busy.")
    assert f"{setting}=" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert refused.stdout == ""
    assert not (tmp_path / "log").exists()


def test_a_port_that_is_none_is_refused(tmp_path: Path) -> None:
    refused = try_run(tmp_path, CRM_PORT="five")

    assert refused.returncode == 1
    assert refused.stderr == "CRM_PORT must be a port number from 1 to 65535, not 'five'.\n"


def test_the_worker_is_started_again_and_anything_else_ends_the_run(tmp_path: Path) -> None:
    with Example(tmp_path, **port_settings()) as example:
        worker = example.child("messenger worker")
        for process in (worker, *worker.children(recursive=True)):
            process.kill()
        example.wait_for("Starting it again.", 10)
        example.child("messenger worker")
        example.children = example.family()

        example.child("flask_messenger.simulator").kill()

        assert example.wait_until_ended(10) == 1
        assert "The simulator ended by itself (signal 9)." in example.output
        assert "simulator.log" in example.output


def test_a_start_that_fails_shows_the_log_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "crm.sqlite").write_bytes(b"not a database")

    failed = try_run(tmp_path, **port_settings())

    assert failed.returncode == 1
    assert "The database ended by itself (status 1)." in failed.stderr
    assert "file is not a database" in failed.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
def test_a_killed_supervisor_leaves_nothing_behind(tmp_path: Path) -> None:
    with Example(tmp_path, **port_settings()) as example:
        assert len(example.children) >= 8

        example.signal(signal.SIGKILL)

        example.wait_until_alone(10)


def test_ctrl_c_while_starting_stops_at_once(tmp_path: Path) -> None:
    example = Example(tmp_path, **port_settings())
    example.wait_for("Starting the example CRM")
    time.sleep(0.3)
    example.children = example.family()

    example.signal(signal.SIGINT)

    assert example.wait_until_ended(5) == 0
    assert not any(process.is_running() for process in example.children)


def test_without_the_simulator_metas_settings_are_asked_for(tmp_path: Path) -> None:
    refused = try_run(tmp_path, MESSENGER_SIMULATOR="off", META_APP_ID="4242")

    assert refused.returncode == 1
    assert refused.stderr == (
        "MESSENGER_SIMULATOR is off, so please set META_APP_SECRET, META_VERIFY_TOKEN.\n"
    )


def test_with_a_real_meta_app_the_simulator_stays_off(tmp_path: Path) -> None:
    settings = {
        "MESSENGER_SIMULATOR": "off",
        "META_APP_ID": "4242",
        "META_APP_SECRET": "kept-from-logs",
        "META_VERIFY_TOKEN": "chosen-by-us",
    }
    query = {
        "hub.mode": "subscribe",
        "hub.verify_token": "chosen-by-us",
        "hub.challenge": "1158201444",
    }

    with Example(tmp_path, **port_settings(), **settings) as example:
        verified = requests.get(f"{example.crm_url}/webhooks/meta", params=query, timeout=5)
        commands = [" ".join(process.cmdline()) for process in example.children]
        assert "Simulated Meta" not in example.output
        assert "password: demo" not in example.output

    assert verified.text == "1158201444"
    assert not any("simulator" in command for command in commands)
    logs = [path.read_text() for path in (tmp_path / "log").iterdir()]
    assert not any("chosen-by-us" in log or "kept-from-logs" in log for log in logs)


def test_no_process_shows_a_secret_in_its_command(tmp_path: Path) -> None:
    with Example(tmp_path, **port_settings()) as example:
        kept = [(tmp_path / name).read_text() for name in ("secret_key", "encryption_keys")]
        commands = [" ".join(process.cmdline()) for process in example.children]

    assert not any(secret in command for secret in kept for command in commands)
