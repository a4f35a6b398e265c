"""What is measured of a running Segue, and what of it may not grow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

MIB = 1024 * 1024


class Allowed(NamedTuple):
    """How far a figure may be above what it was after the warm-up: by this ratio, and this much beyond it."""

    ratio: float
    slack: float


ALLOWED: Mapping[str, Allowed] = {
    "resident MiB": Allowed(1.25, 24),
    "redis MiB": Allowed(1.25, 2),
    "redis keys": Allowed(1.25, 100),
    "files MiB": Allowed(1.35, 16),
    "search p99 ms": Allowed(3.0, 20),
    "idle processor s": Allowed(2.0, 0.5),
}
"""By the kind of figure. Allocators keep what they had once, files grow until they are written anew, and a shared
machine has noise; what grows with the days is beyond these after a month."""


@dataclass(frozen=True)
class Measured:
    """The figures at one moment of the month: by kind, and within it by what they are of."""

    moment: str
    figures: Mapping[str, Mapping[str, float]]
    told: Mapping[str, float] = field(default_factory=dict)
    """What is shown and not judged."""


def growths(warm: Measured, end: Measured) -> Iterator[str]:
    """What is larger at the end than after the warm-up by more than it may, each in a line."""
    for kind, (ratio, slack) in ALLOWED.items():
        for name, before in warm.figures.get(kind, {}).items():
            after = end.figures.get(kind, {}).get(name)
            if after is None:
                yield f"{kind} of {name} is not measured at the end"
            elif after > before * ratio + slack:
                yield f"{kind} of {name}: {before:,.1f} → {after:,.1f}, over {ratio:g} x and {slack:g}"


def table(measured: Sequence[Measured]) -> str:
    """The moments as columns, a line for each figure."""
    lines = [["", *(each.moment for each in measured)]]
    kinds = dict.fromkeys([*ALLOWED, *(kind for each in measured for kind in each.figures), ""])
    for kind in kinds:
        parts = [each.figures.get(kind, {}) if kind else each.told for each in measured]
        names = dict.fromkeys(name for part in parts for name in part)
        lines += [[f"{kind} {name}".strip(), *(_number(part.get(name)) for part in parts)] for name in names]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_line(line, widths) for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    name, *numbers = (f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
    return "  ".join([f"{name.strip():<{widths[0]}}", *numbers])


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}" if value < 10 else f"{value:,.0f}"
