"""Charts as SVG, made here: no script, no style in them but classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

width, height = 720, 200
left, right, top, bottom = 36, 12, 12, 26


class Point(NamedTuple):
    """A value at a time, in seconds; `label` is what it says when pointed at."""

    time_s: float
    value: float
    label: str


def line(points: Sequence[Point], name: str, marks: Sequence[float] = (0, 50, 100), most: float = 100) -> Markup:
    """A line over time, with a dot for each value; empty without any."""
    if not points:
        return Markup()
    first, last = points[0].time_s, points[-1].time_s
    places = [(_x(each.time_s, first, last), _y(each.value, most)) for each in points]
    path = " ".join(f"{'L' if number else 'M'}{x:.1f} {y:.1f}" for number, (x, y) in enumerate(places))
    dots = Markup("").join(
        Markup('<circle cx="{}" cy="{}" r="4"><title>{}</title></circle>').format(f"{x:.1f}", f"{y:.1f}", each.label)
        for each, (x, y) in zip(points, places, strict=True)
    )
    grid = Markup("").join(
        Markup('<line x1="{0}" x2="{1}" y1="{2}" y2="{2}"/><text x="{3}" y="{4}">{5}</text>').format(
            left, width - right, f"{_y(each, most):.1f}", left - 8, f"{_y(each, most) + 4:.1f}", f"{each:g}"
        )
        for each in marks
    )
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}"><g class="grid">{}</g>'
        '<path class="line" d="{}"/><g class="dots">{}</g></svg>'
    ).format(width, height, name, grid, path, dots)


def _x(time_s: float, first: float, last: float) -> float:
    share = (time_s - first) / (last - first) if last > first else 0.5
    return left + share * (width - left - right)


def _y(value: float, most: float) -> float:
    share = min(max(value / most if most else 0.0, 0.0), 1.0)
    return top + (1 - share) * (height - top - bottom)


def round_up(value: float) -> float:
    """The end of an axis: the next of 1, 2, 5, 10, 20, 50 and so on."""
    size = 1.0
    while size < value:
        size *= 2.5 if f"{size:e}".startswith("2") else 2
    return size
