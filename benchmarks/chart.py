"""Horizontal bars as SVG, with nothing but text: panels of them, one under the other."""

from dataclasses import dataclass
from html import escape

_WIDTH, _LEFT, _RIGHT = 760, 200, 90
_ROW, _TITLE, _GAP = 24, 34, 14
_STYLE = """\
text { font: 13px sans-serif; fill: #24292f }
.title { font-weight: bold }
.name { text-anchor: end }
.bar { fill: #8c959f }
.ours { fill: #0969da }
.range { stroke: #24292f; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .range { stroke: #e6edf3 }
}"""


@dataclass(frozen=True)
class Bar:
    """A median with its range."""

    name: str
    median: float
    lowest: float
    highest: float
    ours: bool
    """It stands out."""


def chart(panels: dict[str, list[Bar]]) -> str:
    """The whole document; each panel has a scale of its own."""
    parts, top = [], 0
    for title, bars in panels.items():
        parts.append(_panel(title, bars, top))
        top += _TITLE + _ROW * len(bars) + _GAP
    body = "\n".join(parts)
    size = f'viewBox="0 0 {_WIDTH} {top}" width="{_WIDTH}" height="{top}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n'
        f"<style>\n{_STYLE}\n</style>\n{body}\n</svg>\n"
    )


def _panel(title: str, bars: list[Bar], top: int) -> str:
    scale = (_WIDTH - _LEFT - _RIGHT) / max((bar.highest for bar in bars), default=1)
    lines = [f'<text class="title" x="{_LEFT}" y="{top + 22}">{escape(title)}</text>']
    lines += [_row(bar, top + _TITLE + _ROW * row, scale) for row, bar in enumerate(bars)]
    return "\n".join(lines)


def _row(bar: Bar, top: int, scale: float) -> str:
    middle, end = top + _ROW / 2, _LEFT + scale * bar.highest
    kind = "bar ours" if bar.ours else "bar"
    return (
        f'<text class="name" x="{_LEFT - 8}" y="{middle + 4:g}">{escape(bar.name)}</text>'
        f'<rect class="{kind}" x="{_LEFT}" y="{top + 4}" height="{_ROW - 8}" '
        f'width="{scale * bar.median:.1f}"/>'
        f'<path class="range" d="M{_LEFT + scale * bar.lowest:.1f} {middle:g}H{end:.1f}"/>'
        f'<text x="{end + 8:.1f}" y="{middle + 4:g}">{bar.median:,.0f}</text>'
    )
