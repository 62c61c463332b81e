"""How many processes a worker keeps, and how much of them one workspace gets."""

from collections.abc import Mapping
from typing import Final

from flask_messenger.settings.reader import Reader

DEFAULT_PROCESSES: Final[Mapping[str, int]] = {"ingest": 1, "outbox": 1, "default": 2, "bulk": 2}
"""Of one host's worker, by queue group. Two where one workspace gets half of them."""
MAX_PROCESSES: Final = 64


def read_processes(text: str) -> dict[str, int]:
    """Return how many processes each queue group gets, from text such as `ingest=2,bulk=1`.

    Groups that are not named keep their default.

    Raises:
        ValueError: an unknown group, or not a number from 0 to 64.
    """
    found = dict(DEFAULT_PROCESSES)
    for part in filter(None, (each.strip() for each in text.split(","))):
        group, _, number = part.partition("=")
        if group not in found or not 0 <= int(number) <= MAX_PROCESSES:
            raise ValueError(part)
        found[group] = int(number)
    return found


def read_configured_processes(reader: Reader) -> dict[str, int]:
    """Read `MESSENGER_WORKER_PROCESSES`."""
    name = "MESSENGER_WORKER_PROCESSES"
    try:
        return read_processes(reader.text(name, ""))
    except ValueError:
        reader.problem(name, "must look like ingest=2,outbox=1,default=2,bulk=2")
        return dict(DEFAULT_PROCESSES)


def read_share(reader: Reader) -> float:
    """Read how much of a queue one workspace may take up while others wait."""
    name = "MESSENGER_WORKSPACE_SHARE"
    share = reader.number(name, 0.5, minimum=0)
    if not 0 < share <= 1:
        reader.problem(name, "must be above 0 and at most 1")
    return share
