"""How long a file that could not be fetched waits for the next try."""

import random
from datetime import timedelta
from typing import Final

FIRST_WAIT: Final = timedelta(seconds=15)
LONGEST_WAIT: Final = timedelta(hours=2)


def wait_after(attempts: int) -> timedelta:
    """Return how long to wait after so many tries: longer each time, and never all at once."""
    wait: timedelta = min(FIRST_WAIT * 4 ** max(0, min(attempts, 10) - 1), LONGEST_WAIT)
    return wait * random.uniform(0.75, 1.25)  # noqa: S311 - nobody gains by guessing it
