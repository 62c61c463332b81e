"""What a fault run says: a row of the table, and the same as JSON."""

import json
from dataclasses import asdict, dataclass, field
from statistics import median

from tests.faults.verify import Verdict

HEADS = ("fault", "in / out", "lost", "duplicated", "failed", "unknown", "back in", "back out")
WIDTHS = (26, 14, 5, 11, 7, 8, 15, 15)


@dataclass
class Row:
    """One fault and what it cost.

    Attributes:
        fault: its name.
        what: the fault in words.
        accepted_in: messages that were answered 200.
        accepted_out: messages that the API took.
        verdict: what came through.
        back_in: for each blow, seconds until a message accepted after it was stored.
        back_out: for each blow, seconds until a message asked for after it reached its customer.
        settled_seconds: after the load, until nothing was on its way any more.
        answers_in: what the webhook answered, how often.
        answers_out: what the API answered, how often.
        wanted_in, wanted_out: how much there was to take, less what Meta had no reason to send.
        proofs: what was seen of the fault itself; a fault that nobody saw proves nothing.
        notes: what else was looked at.
    """

    fault: str
    what: str
    accepted_in: int
    accepted_out: int
    verdict: Verdict
    back_in: list[float] = field(default_factory=list)
    back_out: list[float] = field(default_factory=list)
    settled_seconds: float = 0.0
    answers_in: dict[str, int] = field(default_factory=dict)
    answers_out: dict[str, int] = field(default_factory=dict)
    wanted_in: int = 0
    wanted_out: int = 0
    proofs: dict[str, int] = field(default_factory=dict)
    notes: dict[str, object] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """Say whether the fault fell, all was taken in the end, and no harm was done."""
        was_struck = bool(self.proofs) and all(self.proofs.values())
        was_taken = self.accepted_in >= self.wanted_in and self.accepted_out >= self.wanted_out
        return was_struck and was_taken and self.verdict.is_clean

    def as_json(self) -> str:
        line = asdict(self)
        line["lost"], line["duplicated"] = self.verdict.lost, self.verdict.duplicated
        line["met"] = self.is_clean
        return json.dumps(_rounded(line))

    def as_text(self) -> str:
        statuses = self.verdict.statuses
        cells = (
            self.fault,
            f"{self.accepted_in:,} / {self.accepted_out:,}",
            str(self.verdict.lost),
            str(self.verdict.duplicated),
            str(statuses.get("failed", 0)),
            str(statuses.get("unknown", 0)),
            _spread(self.back_in),
            _spread(self.back_out),
        )
        seen = ", ".join(f"{count:,} {what}" for what, count in self.proofs.items())
        line = f"{_line(cells)}\n    seen: {seen or 'nothing'}"
        return line if self.is_clean else f"{line}\n    {self._explain()}\n    {self.notes}"

    def _explain(self) -> str:
        wanted = f"wanted {self.wanted_in:,} / {self.wanted_out:,}"
        return f"NOT MET: {wanted}; {self.verdict}"


def head() -> str:
    return _line(HEADS) + "\n" + "  ".join("-" * width for width in WIDTHS)


def _line(cells: tuple[str, ...]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()


def _spread(seconds: list[float]) -> str:
    """Return the one figure, or the median and the longest of several."""
    if not seconds:
        return "-"
    if len(seconds) == 1:
        return f"{seconds[0]:.1f} s"
    return f"{median(seconds):.1f} ≤ {max(seconds):.1f} s"


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list) else value
