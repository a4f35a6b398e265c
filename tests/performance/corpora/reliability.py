"""Whether the score says how often the first result is right: its error for each set, and a diagram.

No calibration is fitted to these questions. Right is a result of a conversation that holds the answer: the sets differ
in which turns of one they name. Questions without an answer count: nothing is right for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tests.performance.rows import Row

BINS = 10
SIDE, LEFT, TOP = 400, 60, 30
COLOURS = ("#1b6ca8", "#c8553d", "#3a7d44", "#7b4fa3", "#9a7b1f")
TITLE = "First results: score (across), share of the right conversation (up)"
FORM = 'xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="12"'


class Scored(NamedTuple):
    """A first result: its score, and whether it is of a conversation that holds the answer."""

    score: float
    is_right: bool


class Bin(NamedTuple):
    """Results of like scores: how many, their mean score, and the share that is right."""

    results: int
    score: float
    right: float


Sets = Mapping[str, Sequence[Scored]]


def bins(scored: Sequence[Scored]) -> list[Bin]:
    """Those of ten equal spans of the score that hold results."""
    scores = np.asarray([each.score for each in scored])
    right = np.asarray([each.is_right for each in scored], np.float64)
    number = np.minimum((scores * BINS).astype(np.int64), BINS - 1)
    members = [number == each for each in np.unique(number)]
    return [Bin(int(its.sum()), float(scores[its].mean()), float(right[its].mean())) for its in members]


def calibration_error(scored: Sequence[Scored]) -> float:
    """The expected calibration error: how far the share that is right is from the score, on average over the results
    (Naeini et al. 2015)."""
    return sum(each.results * abs(each.score - each.right) for each in bins(scored)) / len(scored)


def rows(sets: Sets) -> Iterator[Row]:
    """A line for each set."""
    for name, scored in sets.items():
        right = 100 * sum(each.is_right for each in scored) / len(scored)
        note = f"of {len(scored)} first results {right:.0f} % are of the right conversation"
        yield Row(f"{name}: error of the score of the first result", calibration_error(scored), "", note)


def diagram(sets: Sets) -> str:
    """An SVG picture: the score against the share that is right, a line for each set; the larger a point, the more
    results it has."""
    width, height = LEFT + SIDE + 20, TOP + SIDE + 50 + 18 * len(sets)
    lines = [
        f'<svg {FORM} width="{width}" height="{height}">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<rect x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#888"/>',
        f'<path d="M{_place(0, 0)}L{_place(1, 1)}" stroke="#bbb" stroke-dasharray="4"/>',
        f'<text x="{LEFT}" y="{TOP - 10}">{TITLE}</text>',
        *(_tick(tenth / 5) for tenth in range(6)),
    ]
    for number, (name, scored) in enumerate(sets.items()):
        lines += _line(name, scored, COLOURS[number % len(COLOURS)], TOP + SIDE + 45 + 18 * number)
    return "\n".join([*lines, "</svg>\n"])


def _line(name: str, scored: Sequence[Scored], colour: str, legend_y: int) -> Iterator[str]:
    its = bins(scored)
    yield f'<path d="M{"L".join(_place(each.score, each.right) for each in its)}" fill="none" stroke="{colour}"/>'
    for each in its:
        x, y = _place(each.score, each.right).split(",")
        radius = 2 + 8 * (each.results / len(scored)) ** 0.5
        yield f'<circle cx="{x}" cy="{y}" r="{radius:.1f}" fill="{colour}" fill-opacity="0.6"/>'
    told = f"{name}: {len(scored)} questions, error {calibration_error(scored):.3f}"
    yield f'<text x="{LEFT}" y="{legend_y}" fill="{colour}">{told}</text>'


def _tick(value: float) -> str:
    x, y = LEFT + SIDE * value, TOP + SIDE * (1 - value)
    across = f'<text x="{x:.0f}" y="{TOP + SIDE + 18}" text-anchor="middle">{value:g}</text>'
    return across + f'<text x="{LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{value:g}</text>'


def _place(score: float, right: float) -> str:
    return f"{LEFT + SIDE * score:.1f},{TOP + SIDE * (1 - right):.1f}"
