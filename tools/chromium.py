"""Find the Chromium that the browser tests drive, and install one where that is simple.

As a script it makes sure there is one before the tests start; tests import `find_chromium`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
MAC_PATH = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
ADVICE = """\
The browser tests need Chromium or Chrome, and this machine has none. Get one of:
  Debian:  sudo apt-get install chromium
  Fedora:  sudo dnf install chromium
  macOS:   brew install --cask google-chrome
  Ubuntu:  sudo snap install chromium
or name the program in the environment: CHROMIUM_PATH=/path/to/chrome make test
Without one the browser tests fail; to leave them out: make test PYTEST_ARGS='-m "not browser"'
"""


def find_chromium() -> str | None:
    """Return the path of a Chromium or Chrome: CHROMIUM_PATH, else one on PATH, else None."""
    named = os.environ.get("CHROMIUM_PATH")
    if named:
        return shutil.which(named)
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return found or (str(MAC_PATH) if MAC_PATH.exists() else None)


def main() -> None:
    """Install a browser where there is none and that is simple; else say how to get one."""
    if find_chromium() is None and can_install():
        print("No Chromium on this machine: installing Debian's")
        install()
    if find_chromium() is None:
        print(ADVICE, file=sys.stderr)


def can_install() -> bool:
    """Say whether apt-get may be run here, and nobody asked for a browser of their own."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return is_root and shutil.which("apt-get") is not None and "CHROMIUM_PATH" not in os.environ


def install() -> None:
    """Install Debian's chromium; a failure shows as no browser found afterwards."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    options = ["-qq", "-y", "--no-install-recommends"]
    subprocess.run(["apt-get", "-qq", "update"], env=environment, check=False)
    subprocess.run(
        ["apt-get", "install", *options, "chromium", "fonts-liberation"],
        env=environment,
        check=False,
    )


if __name__ == "__main__":
    main()
