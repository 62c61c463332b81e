"""What a benchmark says."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Result:
    """One figure.

    Attributes:
        value: what we measured, in `unit`.
        floor: the same figure of the fastest plain way to do the same work, in the same run; None
            where the figure has a bar of its own instead.
        bar: what was promised: of the ratio where there is a floor, else of the value; None where
            the figure is there to be seen and nothing was promised.
        met: whether the promise held.
        size: of what it was measured at, such as rows in the table; None where it has one size.
        note: what a reader of the figure has to know, in a few words.
    """

    name: str
    value: float
    unit: str
    floor: float | None
    bar: float | None
    met: bool
    size: int | None = None
    note: str = ""

    @classmethod
    def at_least(cls, name: str, value: float, unit: str, *, bar: float, **more: Any) -> "Result":
        """Return a figure that should reach `bar`, or `bar` times its `floor`."""
        floor = more.pop("floor", None)
        met = value >= (bar if floor is None else bar * floor)
        return cls(name, value, unit, floor, bar, met, **more)

    @classmethod
    def at_most(cls, name: str, value: float, unit: str, *, bar: float, **more: Any) -> "Result":
        """Return a figure that should stay within `bar`, or `bar` times its `floor`."""
        floor = more.pop("floor", None)
        met = value <= (bar if floor is None else bar * floor)
        return cls(name, value, unit, floor, bar, met, **more)

    @classmethod
    def plain(cls, name: str, value: float, unit: str, **more: Any) -> "Result":
        """Return a figure nobody promised anything of."""
        return cls(name, value, unit, more.pop("floor", None), None, met=True, **more)

    @property
    def ratio(self) -> float | None:
        """Value over floor."""
        return None if self.floor is None else self.value / self.floor

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        if self.bar is None:
            return "-"
        return "met" if self.met else "NOT MET"

    def as_dict(self) -> dict[str, Any]:
        """Return the figure as plain values, rounded to what was measured."""
        rounded = {
            key: round(value, 3) if isinstance(value, float) else value
            for key, value in asdict(self).items()
        }
        return {**rounded, "ratio": None if self.ratio is None else round(self.ratio, 3)}

    def as_json(self) -> str:
        """Return one line of JSON."""
        return json.dumps(self.as_dict())

    def as_cells(self) -> tuple[str, ...]:
        """Return a row of the table: name, size, value, unit, floor, ratio, bar, verdict."""
        return (
            self.name,
            "" if self.size is None else f"{self.size:,}",
            f"{self.value:,.1f}",
            self.unit,
            "" if self.floor is None else f"{self.floor:,.1f}",
            "" if self.ratio is None else f"{self.ratio:.2f}",
            "" if self.bar is None else f"{self.bar:g}",
            self.verdict,
        )

    def as_text(self) -> str:
        """Return one line for people."""
        name, size, value, unit, floor, ratio, bar, verdict = self.as_cells()
        against = f"floor {floor:>10}  ratio {ratio:>6}" if floor else " " * 30
        line = f"{name:<30} {size:>10} {value:>11} {unit:<13} {against}  bar {bar:>5}  {verdict}"
        return f"{line}  {self.note}".rstrip()


def interleave(
    rounds: int, runs: Mapping[str, Callable[[], float]], *, pause_seconds: float = 0.0
) -> dict[str, list[float]]:
    """Run each of `runs` once a round and return what each said, round by round.

    A machine that is slow for a while is then slow for all of them; the order turns around every
    other round, so that none always comes after the same one.
    """
    said: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds):
        order = list(runs) if number % 2 == 0 else list(reversed(runs))
        for name in order:
            time.sleep(pause_seconds)
            said[name].append(runs[name]())
    return said
