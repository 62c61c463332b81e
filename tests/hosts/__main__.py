"""`python -m tests.hosts [NAME …] [--small] [--json FILE]`: cut cables, count, print the table."""

from tests.faults.__main__ import make_command
from tests.hosts.cables import FAULTS

if __name__ == "__main__":
    make_command(FAULTS)()
