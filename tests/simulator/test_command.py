"""`python -m flask_messenger.simulator` as a process: it starts, says where it is, and ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from flask_messenger.simulator.__main__ import main
from tests.simulator.conftest import Running, free_port

COMMAND = [sys.executable, "-m", "flask_messenger.simulator"]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_process_ends_at_once_even_with_a_chat_open(tmp_path: Path, ending: signal.Signals) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    environment = os.environ | {
        "SIMULATOR_PORT": url.rpartition(":")[2],
        "SIMULATOR_DATABASE": str(tmp_path / "simulator.sqlite"),
    }
    with subprocess.Popen(
        COMMAND, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == f"Simulated Meta at {url}/\n"
        stream = f"{url}/chat/api/iron-gym-downtown/maya-okafor/events"
        with requests.get(stream, stream=True, timeout=5) as answer:
            assert next(answer.iter_lines()).startswith(b"data: ")

            process.send_signal(ending)

            assert process.wait(timeout=10) == 0
        assert process.stderr.read() == ""


def test_bad_setting_ends_it_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", "many"]) == 2

    assert capsys.readouterr().err == "SIMULATOR_PORT must be a number, not 'many'.\n"


def test_busy_port_ends_it_with_one_line(
    graph: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = graph.base_url.rpartition(":")[2]

    assert main(["--port", port, "--database", str(tmp_path / "x.sqlite")]) == 1

    assert "SIMULATOR_PORT" in capsys.readouterr().err
    assert not (tmp_path / "x.sqlite").exists()
