"""The example proves the public API: it may use nothing else."""

import ast
from pathlib import Path

import pytest

import example_app

FOR_HOSTS = {"flask_messenger", "flask_messenger.models"}
FILES = sorted(Path(example_app.__file__).parent.rglob("*.py"))


def imported_modules(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_only_what_is_for_hosts_is_imported(file: Path) -> None:
    ours = {name for name in imported_modules(file) if name.startswith("flask_messenger")}

    assert ours <= FOR_HOSTS
