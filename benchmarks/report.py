"""What a run leaves behind: its figures as JSON, a chart, and the table of all benchmarks."""

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.chart import draw_chart
from benchmarks.results import Result

HEADINGS: Final = ("figure", "at", "measured", "unit", "floor", "ratio", "bar", "verdict")
TABLE_NAME: Final = "README.md"


def write_report(folder: Path, name: str, results: Sequence[Result]) -> None:
    """Write `NAME.json` and `NAME.svg`, and the table anew from every JSON file beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    report = {
        "benchmark": name,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": describe_machine(),
        "results": [result.as_dict() for result in results],
    }
    (folder / f"{name}.json").write_text(json.dumps(report, indent=2) + "\n")
    (folder / f"{name}.svg").write_text(draw_chart(name, results))
    (folder / TABLE_NAME).write_text(_table(folder))


def describe_machine() -> dict[str, Any]:
    """Say what the figures were measured on: rates without it mean nothing."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def _table(folder: Path) -> str:
    lines = [
        "# Figures",
        "",
        "Written by `make bench`. Each figure stands beside its floor: the fastest plain way to do",
        "the same work, measured in the same run on the same machine. PostgreSQL, Valkey, the load",
        "and what is measured share the cores.",
    ]
    for path in sorted(folder.glob("*.json")):
        lines += _section(json.loads(path.read_text()))
    return "\n".join(lines) + "\n"


def _section(report: dict[str, Any]) -> list[str]:
    name, machine = report["benchmark"], report["machine"]
    lines = [
        "",
        f"## {name}",
        "",
        (
            f"{report['measured_at'][:10]}, {machine['cores']} cores, {machine['memory_gib']} GiB,"
            f" Python {machine['python']}"
        ),
        "",
        f"![{name}]({name}.svg)",
        "",
        f"| {' | '.join(HEADINGS)} | |",
        "| --- " * (len(HEADINGS) + 1) + "|",
    ]
    for each in report["results"]:
        each.pop("ratio")
        result = Result(**each)
        lines.append(f"| {' | '.join((*result.as_cells(), result.note))} |")
    return lines
