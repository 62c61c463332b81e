"""Find the programs that `make faults` and `make hosts` need from the system, and install them.

As a script it makes sure they are there where that is simple; what stays missing is skipped, with
a word, by the faults that need it.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

PACKAGES = {"haproxy": "haproxy", "ip": "iproute2", "cc": "gcc libc6-dev"}


def find_haproxy() -> str | None:
    """Return the path of HAProxy; None where there is none."""
    return shutil.which("haproxy") or _existing(["/usr/sbin/haproxy", "/usr/local/sbin/haproxy"])


def find_ip() -> str | None:
    """Return the path of `ip`, of iproute2; None where there is none."""
    return shutil.which("ip") or _existing(["/usr/sbin/ip", "/sbin/ip"])


def find_compiler() -> str | None:
    """Return the path of a C compiler; None where there is none."""
    return shutil.which("cc")


FINDERS = {"haproxy": find_haproxy, "ip": find_ip, "cc": find_compiler}


def list_missing() -> list[str]:
    """Return the names of what is not here."""
    return [name for name, find in FINDERS.items() if find() is None]


def advise(names: Iterable[str]) -> str:
    """Return how to get them."""
    packages = " ".join(PACKAGES[name] for name in names)
    return f"On Debian or Ubuntu: apt-get install {packages}"


def can_install() -> bool:
    """Say whether apt-get may be run here."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return is_root and shutil.which("apt-get") is not None


def install(names: Iterable[str]) -> None:
    """Install Debian's packages; a failure shows as still missing afterwards."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    packages = [package for name in names for package in PACKAGES[name].split()]
    subprocess.run(["apt-get", "-qq", "update"], env=environment, check=False)
    subprocess.run(
        ["apt-get", "install", "-qq", "-y", "--no-install-recommends", *packages],
        env=environment,
        check=False,
    )


def main() -> None:
    """Install what is missing where that is simple; else say how to get it."""
    missing = list_missing()
    if missing and can_install():
        print(f"Missing on this machine: {', '.join(missing)}; installing Debian's")
        install(missing)
        missing = list_missing()
    if missing:
        print(
            f"Some faults are skipped: no {', '.join(missing)}. {advise(missing)}", file=sys.stderr
        )


def _existing(paths: Iterable[str]) -> str | None:
    return next((path for path in paths if Path(path).exists()), None)


if __name__ == "__main__":
    main()
