"""The simulated world is the same on every machine and after every start."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from flask_messenger.simulator import create_simulator, seeds
from flask_messenger.simulator.settings import SimulatorSettingError
from flask_messenger.simulator.storage import SCHEMA_VERSION
from tests.simulator.conftest import Running


def test_ids_never_change() -> None:
    assert seeds.page_id_of("Iron Gym Downtown") == "101884880561755"
    assert seeds.psid_of("101884880561755", "maya-okafor") == "7971155754512810"


def test_second_start_plants_nothing_twice(start: Callable[..., Running], tmp_path: Path) -> None:
    start().stop()
    start().stop()

    with sqlite3.connect(tmp_path / "simulator.sqlite") as db:
        found = [
            db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608  (our names)
            for table in ("people", "pages", "page_roles", "customers", "apps")
        ]
    db.close()

    assert found == [4, 135, 135, 8, 1]


def test_conversations_survive_a_restart(start: Callable[..., Running]) -> None:
    first = start()
    first.chat("iron-gym-downtown/maya-okafor/messages", text="Still here?")
    first.stop()

    second = start()
    url = f"{second.base_url}/chat/api/iron-gym-downtown/maya-okafor"

    assert second.session.get(url, timeout=5).json()["messages"][0]["text"] == "Still here?"


def test_file_of_another_release_begins_anew(start: Callable[..., Running], tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "simulator.sqlite") as db:
        db.execute("CREATE TABLE pages (something TEXT)")
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()

    graph = start()

    assert "Iron Gym Downtown" in graph.session.get(graph.base_url + "/chat/", timeout=5).text


@pytest.mark.parametrize(
    ("name", "value"),
    [("SIMULATOR_PORT", "many"), ("SIMULATOR_PORT", "70000"), ("SIMULATOR_SPEED", "0")],
)
def test_bad_setting_is_named(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(SimulatorSettingError, match=name):
        create_simulator({"SIMULATOR_DATABASE": tmp_path / "x.sqlite", name: value})
