"""Plots as SVG, drawn by the server. Lengths are percentages, so that text keeps its size on every screen.

A plot shows what its table says; to those who do not see it, it is one image with a title.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

LINE: Final = 44  # pixels from bar to bar, its label included
BAR: Final = 14
PLOT: Final = 160  # height of a plot over time
LONGEST_LABEL: Final = 60  # characters; the table has the whole


def bars(title: str, rows: Sequence[tuple[str, float, str]]) -> Markup:
    """Lying bars: (label, value, the value in words)."""
    top = max((value for _, value, _ in rows), default=0) or 1
    drawn = [_bar(at, label, said, [("part-1", 100 * value / top)]) for at, (label, value, said) in enumerate(rows)]
    return _svg(title, LINE * len(rows), drawn)


def stacked(title: str, rows: Sequence[tuple[str, Sequence[float], str]]) -> Markup:
    """Lying bars of several parts each; the longest one fills the width."""
    top = max((sum(parts) for _, parts, _ in rows), default=0) or 1
    drawn = [
        _bar(at, label, said, [(f"part-{n}", 100 * part / top) for n, part in enumerate(parts, start=1)])
        for at, (label, parts, said) in enumerate(rows)
    ]
    return _svg(title, LINE * len(rows), drawn)


def over_time(title: str, points: Sequence[tuple[str, Sequence[float]]]) -> Markup:
    """Standing bars side by side for each day, the first and the last day named below."""
    top = max((value for _, values in points for value in values), default=0) or 1
    width = 100 / max(len(points), 1)
    axis = Markup('<line class="axis" x1="0" x2="100%" y1="{y}" y2="{y}"/>').format(y=PLOT + 20)
    drawn = [_text("0", 12, f"{top:g}", "scale"), axis]
    for at, (_, values) in enumerate(points):
        share = width * 0.8 / len(values)
        for n, value in enumerate(values):
            height = PLOT * value / top
            drawn.append(
                _rect(at * width + width * 0.1 + n * share, PLOT + 20 - height, share, height, f"part-{n + 1}")
            )
    if points:
        drawn += [_text("0", PLOT + 38, points[0][0], ""), _text("100%", PLOT + 38, points[-1][0], "end")]
    return _svg(title, PLOT + 46, drawn)


def _bar(at: int, label: str, said: str, parts: Sequence[tuple[str, float]]) -> Markup:
    y = at * LINE
    short = label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…"
    drawn = [_text("0", y + 15, short, ""), _text("100%", y + 15, said, "end number")]
    left = 0.0
    for name, width in parts:
        drawn.append(_rect(left, y + 21, width, BAR, name))
        left += width
    return Markup("").join(drawn)


def _rect(x: float, y: float, width: float, height: float, name: str) -> Markup:
    if width <= 0 or height <= 0:
        return Markup("")
    shape = Markup('<rect class="{name}" x="{x}%" y="{y}" width="{width}%" height="{height}"/>')
    return shape.format(name=name, x=f"{x:.3f}", y=f"{y:.1f}", width=f"{width:.3f}", height=f"{height:.1f}")


def _text(x: str, y: float, said: str, name: str) -> Markup:
    return Markup('<text x="{x}" y="{y}" class="{name}">{said}</text>').format(x=x, y=f"{y:g}", name=name, said=said)


def _svg(title: str, height: float, drawn: Sequence[Markup]) -> Markup:
    frame = Markup('<svg class="plot" role="img" aria-label="{title}" width="100%" height="{height}">{drawn}</svg>')
    return frame.format(title=title, height=f"{height:g}", drawn=Markup("").join(drawn))
