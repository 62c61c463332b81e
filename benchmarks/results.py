"""What a benchmark says."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """One figure.

    Attributes:
        value: what we measured, in `unit`.
        floor: the same figure of the fastest plain way to do the same work, in the same run; None
            where the figure has a bar of its own instead.
        bar: what was promised: of the ratio where there is a floor, else of the value.
        met: whether the promise held.
    """

    name: str
    value: float
    unit: str
    floor: float | None
    bar: float
    met: bool

    @property
    def ratio(self) -> float | None:
        """Value over floor."""
        return None if self.floor is None else self.value / self.floor

    def as_json(self) -> str:
        """Return one line of JSON."""
        ratio = self.ratio
        line = {**asdict(self), "ratio": None if ratio is None else round(ratio, 3)}
        return json.dumps({**line, "value": round(self.value, 3)})

    def as_text(self) -> str:
        """Return one line for people."""
        verdict = "met" if self.met else "NOT MET"
        if self.floor is None:
            return f"{self.name:<28} {self.value:9.1f} {self.unit:<12} bar {self.bar:g}: {verdict}"
        return (
            f"{self.name:<28} {self.value:9.1f} {self.unit:<12} floor {self.floor:9.1f}"
            f"  ratio {self.ratio:.2f}, bar {self.bar:g}: {verdict}"
        )
