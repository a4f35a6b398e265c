"""The soak's verdict: what grew is named, and what only wavers is not."""

from __future__ import annotations

import pytest

from tests.soak.measures import ALLOWED, Measured, growths, table
from tests.soak.month import Plan


def measured(moment: str, **figures: float) -> Measured:
    """One figure of each kind."""
    return Measured(moment, {kind: {"one": figures.get(kind.replace(" ", "_"), 100.0)} for kind in ALLOWED})


def test_a_month_that_ends_as_it_was_after_the_warm_up_is_flat() -> None:
    assert list(growths(measured("warm"), measured("end"))) == []


@pytest.mark.parametrize("kind", ALLOWED)
def test_what_doubled_and_more_is_named(kind: str) -> None:
    ratio, slack = ALLOWED[kind]
    end = measured("end", **{kind.replace(" ", "_"): 100.0 * ratio + slack + 1})
    (line,) = growths(measured("warm"), end)
    assert line.startswith(f"{kind} of one: 100.0 → ")
    within = measured("end", **{kind.replace(" ", "_"): 100.0 * ratio + slack})
    assert list(growths(measured("warm"), within)) == []


def test_what_is_no_longer_measured_is_no_success() -> None:
    end = Measured("end", {"redis keys": {}})
    assert "redis keys of one is not measured at the end" in list(growths(measured("warm"), end))


def test_the_table_has_a_line_for_each_figure_and_a_column_for_each_moment() -> None:
    lines = table([measured("begin"), measured("day 12")]).splitlines()
    assert lines[0].split() == ["begin", "day", "12"]
    assert len(lines) == 1 + len(ALLOWED)
    assert len({len(line) for line in lines}) == 1


def test_a_plan_is_measured_after_its_warm_up_at_the_quarters_and_at_its_end() -> None:
    assert Plan().measured_on == [12, 16, 21, 25, 30]
    assert Plan(days=13, warm_days=12).measured_on == [12, 13]
