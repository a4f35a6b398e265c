"""A short month: what a team does in it leaves Segue as it was. `make soak` takes a whole one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.soak.measures import table
from tests.soak.month import Month, Plan
from tests.soak.subjects import ProcessSubject


@pytest.mark.slow
def test_a_short_month_of_a_team_leaves_nothing_larger(
    tmp_path: Path, model_directory: Path, report: Callable[[str], None]
) -> None:
    plan = Plan(days=10, people=5, turns=2, keep_days=2, warm_days=5, backup_every=4, restart_every=2, idle_s=2)
    with ProcessSubject(tmp_path, model_directory, plan.keep_days) as subject:
        month = Month(subject, plan)
        grown = month.run()
    for line in table(month.measured).splitlines():
        report(line)
    assert grown == []
