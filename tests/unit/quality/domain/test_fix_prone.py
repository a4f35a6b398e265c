"""Which files will need a fix next, and when nothing is said."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from services.quality.domain.fix_prone import (
    Change,
    FixForecast,
    FixProneFile,
    fixed_last,
    forecast_fixes,
    from_facts,
    likeliest,
    to_facts,
)

HOT = [f"hot{number}.py" for number in range(5)]
COLD = [f"cold{number}.py" for number in range(60)]
ALL = frozenset(HOT + COLD)
DAY_S = 86_400.0


def history(commits: int = 400, hot_share: float = 0.6) -> list[Change]:
    """Every second commit is a fix; so many of them are of a hot file."""
    chance = random.Random(7)
    return [
        Change(number * DAY_S, number % 2 == 0, (chance.choice(HOT if chance.random() < hot_share else COLD),))
        for number in range(commits)
    ]


def test_the_files_that_change_most_of_late_are_named() -> None:
    found = forecast_fixes(history(), ALL)
    assert found is not None
    assert {each.path for each in found.files} == set(HOT)
    assert found.commits == 400
    assert found.right > found.right_by_last
    assert all(0 < each.fixes < each.changes for each in found.files)


def test_of_two_files_with_as_many_changes_the_later_ones_weigh_more() -> None:
    early = [Change(number * DAY_S, False, ("early.py",)) for number in range(10)]
    late = [Change(number * DAY_S, False, ("late.py",)) for number in range(90, 100)]
    assert likeliest(early + late) == ["late.py", "early.py"]


def test_a_weight_is_that_of_the_publication() -> None:
    # 1 / (1 + e^6) at the middle is less than a hundredth of the 1 / 2 at the end
    changes = [Change(0, False, ()), *[Change(50, False, ("middle.py",))] * 100, Change(100, False, ("end.py",))]
    assert likeliest(changes) == ["end.py", "middle.py"]
    assert likeliest([*changes, *[Change(50, False, ("middle.py",))] * 150]) == ["middle.py", "end.py"]


def test_a_file_that_is_gone_is_not_named() -> None:
    found = forecast_fixes(history(), ALL - {"hot0.py"})
    assert found is not None
    assert "hot0.py" not in {each.path for each in found.files}


def test_a_commit_of_very_many_files_says_nothing_of_each() -> None:
    assert likeliest([Change(0, True, tuple(COLD)), Change(1, False, ("one.py",))]) == ["one.py"]
    assert fixed_last([Change(0, True, ("one.py",)), Change(1, True, tuple(COLD))]) == ["one.py"]


def test_nothing_is_said_of_a_short_history() -> None:
    assert forecast_fixes(history(150), ALL) is None
    assert forecast_fixes([], ALL) is None


def test_nothing_is_said_where_the_files_that_were_fixed_last_are_the_better_guess() -> None:
    # what is fixed is fixed on for long, then something else, while others only change
    changes = [
        Change(number * DAY_S, is_fix, (f"fixed{number // 120}_{number % 5}.py" if is_fix else HOT[number % 5],))
        for number in range(600)
        for is_fix in (True, False, False)
    ]
    assert forecast_fixes(changes, frozenset(path for each in changes for path in each.paths)) is None


def test_a_client_reports_what_it_found() -> None:
    found = forecast_fixes(history(), ALL)
    assert from_facts(json.loads(json.dumps(to_facts(found)))) == found
    assert from_facts(to_facts(None)) is None


GOOD: dict[str, Any] = {"files": [["a.py", 5, 2]], "commits": 300, "trials": 8, "right": 0.6, "right_by_last": 0.5}


@pytest.mark.parametrize(
    "wrong",
    [
        {"files": []},
        {"files": [["a.py", 2, 5]]},
        {"files": [["", 5, 2]]},
        {"files": [["a.py", 301, 2]]},
        {"files": "a.py"},
        {"commits": -1},
        {"trials": 0},
        {"right": 0.4},
        {"right": 1.5},
        {"right": "0.6"},
        {"right": float("nan")},
    ],
    ids=str,
)
def test_what_a_client_cannot_have_found_is_not_taken(wrong: dict[str, Any]) -> None:
    assert from_facts(GOOD) is not None
    assert from_facts({**GOOD, **wrong}) is None
    assert from_facts(None) is None


def test_a_clients_paths_are_short_and_printable() -> None:
    found = from_facts({**GOOD, "files": [["a\x1b[2J" + "x" * 1000, 5, 2]] * 9})
    assert isinstance(found, FixForecast)
    assert len(found.files) == 5
    assert found.files[0] == FixProneFile("a\N{REPLACEMENT CHARACTER}[2J" + "x" * 295, 5, 2)
