"""What a newcomer's machine may lack, and what `make` says then."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.assets import node_major_version
from tools.chromium import ADVICE, find_chromium

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that is all of PATH, with nothing in it yet."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def write_program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(part) for part in command],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_old_python_is_named_with_the_way_on(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    old = write_program(tmp_path / "old-python", '[ "$1" = --version ] && echo Python 3.10.1')

    result = run("make", "-C", tmp_path, f"PYTHON={old}", "install")

    assert result.returncode == 2
    assert "needs Python 3.11 or newer" in result.stderr
    assert "here says: Python 3.10.1" in result.stderr
    assert "make PYTHON=python3.12 install" in result.stderr


def test_chromium_that_the_environment_names_comes_first(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_program(programs / "chromium", "")
    named = write_program(tmp_path / "chrome", "")
    monkeypatch.setenv("CHROMIUM_PATH", str(named))

    assert find_chromium() == str(named)


def test_chromium_is_found_on_path(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHROMIUM_PATH", raising=False)
    program = write_program(programs / "google-chrome", "")

    assert find_chromium() == str(program)


@pytest.mark.usefixtures("programs")
def test_missing_chromium_is_said_with_the_ways_to_get_one() -> None:
    result = run(sys.executable, ROOT / "tools" / "chromium.py", CHROMIUM_PATH="/not/there")

    assert result.returncode == 0  # the other tests still run
    assert result.stderr.strip() == ADVICE.strip()


@pytest.mark.parametrize(
    ("script", "major"),
    [("echo v20.11.1", 20), ("echo v9.0.0", 9), ("echo broken", 0), ("exit 1", 0)],
)
def test_version_of_node_is_read(programs: Path, script: str, major: int) -> None:
    write_program(programs / "node", script)

    assert node_major_version() == major


@pytest.mark.usefixtures("programs")
def test_machine_without_node_has_version_0() -> None:
    assert node_major_version() == 0


def test_assets_that_do_not_build_name_the_step(programs: Path) -> None:
    write_program(programs / "node", "echo v99.0.0")
    write_program(programs / "npm", "exit 1")

    result = run(sys.executable, ROOT / "tools" / "assets.py", "check")

    assert result.returncode == 1
    assert "The assets' check failed in: npm" in result.stderr


def test_unknown_command_for_the_assets_shows_the_usage() -> None:
    result = run(sys.executable, ROOT / "tools" / "assets.py", "bundle")

    assert result.returncode == 2
    assert "tools/assets.py build" in result.stderr
