"""A small SVG writer: one panel per figure, ours beside its floor, and the bar as a line."""

from collections.abc import Sequence
from html import escape
from typing import Final

from benchmarks.results import Result

PANEL_WIDTH: Final = 300
PANEL_HEIGHT: Final = 220
COLUMNS: Final = 3
HEAD: Final = 64
PLOT_TOP: Final = 46
PLOT_HEIGHT: Final = 120
MARGIN: Final = 16

STYLE: Final = """
text { font: 11px system-ui, sans-serif; fill: #1f2933; }
.title { font-size: 15px; font-weight: 600; }
.name { font-size: 12px; font-weight: 600; }
.quiet { fill: #52606d; }
.paper { fill: #ffffff; }
.ours { fill: #0b6bcb; }
.floor { fill: #c3ccd5; }
.axis { stroke: #9aa5b1; stroke-width: 1; }
.bar { stroke: #b42318; stroke-width: 1.5; stroke-dasharray: 4 3; }
.missed { fill: #b42318; font-weight: 600; }
"""


def draw_chart(name: str, results: Sequence[Result]) -> str:
    """Return the SVG document of one benchmark's figures."""
    panels: dict[str, list[Result]] = {}
    for result in results:
        panels.setdefault(result.name, []).append(result)
    columns = min(COLUMNS, max(1, len(panels)))
    rows = -(-len(panels) // columns)
    width = columns * PANEL_WIDTH + 2 * MARGIN
    height = HEAD + rows * PANEL_HEIGHT + MARGIN
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
            f' width="{width}" height="{height}" role="img" aria-label="{escape(name)}">'
        ),
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{width}" height="{height}"/>',
        f'<text class="title" x="{MARGIN}" y="26">{escape(name)}</text>',
        *_legend(),
    ]
    for index, panel in enumerate(panels.values()):
        x = MARGIN + index % columns * PANEL_WIDTH
        y = HEAD + index // columns * PANEL_HEIGHT
        parts.append(f'<g transform="translate({x} {y})">{"".join(_panel(panel))}</g>')
    return "\n".join([*parts, "</svg>", ""])


def _legend() -> list[str]:
    y = 44
    return [
        f'<rect class="ours" x="{MARGIN}" y="{y - 9}" width="10" height="10"/>',
        f'<text x="{MARGIN + 15}" y="{y}">ours</text>',
        f'<rect class="floor" x="{MARGIN + 58}" y="{y - 9}" width="10" height="10"/>',
        f'<text x="{MARGIN + 73}" y="{y}">floor</text>',
        f'<line class="bar" x1="{MARGIN + 114}" x2="{MARGIN + 138}" y1="{y - 4}" y2="{y - 4}"/>',
        f'<text x="{MARGIN + 143}" y="{y}">promised</text>',
    ]


def _panel(results: Sequence[Result]) -> list[str]:
    first = results[0]
    top = max(max(each.value, each.floor or 0.0, _promised(each) or 0.0) for each in results) or 1.0
    slot = (PANEL_WIDTH - 2 * MARGIN) / len(results)
    base = PLOT_TOP + PLOT_HEIGHT
    parts = [
        f'<text class="name" x="0" y="12">{escape(first.name)}</text>',
        f'<text class="quiet" x="0" y="27">{escape(first.unit)}</text>',
        f'<line class="axis" x1="0" x2="{PANEL_WIDTH - 2 * MARGIN}" y1="{base}" y2="{base}"/>',
    ]
    for index, result in enumerate(results):
        parts += _group(result, x=index * slot, slot=slot, top=top, base=base)
    return parts


def _promised(result: Result) -> float | None:
    if result.bar is None:
        return None
    return result.bar if result.floor is None else result.bar * result.floor


def _group(result: Result, *, x: float, slot: float, top: float, base: float) -> list[str]:
    """Draw ours and its floor side by side, the promise across both, and what they are below."""
    bars = [("ours", result.value)]
    if result.floor is not None:
        bars.append(("floor", result.floor))
    width = min(46.0, slot * 0.8 / len(bars))
    left = x + (slot - width * len(bars)) / 2
    centre = x + slot / 2
    parts = []
    for index, (kind, value) in enumerate(bars):
        height = value / top * PLOT_HEIGHT
        at = left + index * width
        parts += [
            (
                f'<rect class="{kind}" x="{at:.1f}" y="{base - height:.1f}"'
                f' width="{width - 3:.1f}" height="{height:.1f}"/>'
            ),
            (
                f'<text x="{at + width / 2 - 1.5:.1f}" y="{base - height - 4:.1f}"'
                f' text-anchor="middle">{_short(value)}</text>'
            ),
        ]
    promised = _promised(result)
    if promised is not None:
        y = base - promised / top * PLOT_HEIGHT
        right = left + width * len(bars)
        parts.append(
            f'<line class="bar" x1="{left - 6:.1f}" x2="{right + 3:.1f}"'
            f' y1="{y:.1f}" y2="{y:.1f}"/>'
        )
    labels = [] if result.size is None else [("quiet", f"{result.size:,}")]
    if result.bar is not None:
        labels.append(("quiet" if result.met else "missed", result.verdict))
    for number, (kind, label) in enumerate(labels):
        parts.append(
            f'<text class="{kind}" x="{centre:.1f}" y="{base + 15 + 14 * number:.1f}"'
            f' text-anchor="middle">{label}</text>'
        )
    return parts


def _short(value: float) -> str:
    if value >= 10_000:  # noqa: PLR2004 - from here on digits say less than the size
        return f"{value / 1000:,.0f}k"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004 - as above
