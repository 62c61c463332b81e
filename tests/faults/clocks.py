"""Wall clocks of single processes, which can be moved while these run."""

import struct
import subprocess
from pathlib import Path

from tools.fault_programs import find_compiler

SOURCE = Path(__file__).with_name("clock.c")


class Clocks:
    """The clocks of some processes: for each a file with the seconds it is off."""

    def __init__(self, folder: Path) -> None:
        """Build what reads those files.

        Raises:
            subprocess.CalledProcessError: the compiler cannot.
        """
        self._folder = folder
        self._library = folder / "clock.so"
        command = [str(find_compiler()), "-shared", "-fPIC", "-O1", "-o", str(self._library)]
        subprocess.run([*command, str(SOURCE)], check=True, capture_output=True)

    def set(self, name: str, seconds: int) -> None:
        """Move a clock so far from the true time."""
        path = self._folder / f"{name}.clock"
        # In place: the processes hold this very file.
        with path.open("r+b" if path.exists() else "wb", buffering=0) as file:
            file.write(struct.pack("=q", seconds))

    def environment(self, name: str) -> dict[str, str]:
        """Return what makes a process, and those it starts, live by this clock."""
        self.set(name, 0)
        return {
            "LD_PRELOAD": str(self._library),
            "MOVED_CLOCK": str(self._folder / f"{name}.clock"),
        }
