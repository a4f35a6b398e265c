"""Which results of SARIF are findings: those that stand, at the level that they or their rules have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.quality.collectors.test_collectors import write
from tests.unit.quality.collectors.test_public_projects import PY
from tests.unit.quality.collectors.test_report_forms import evidence, project, value

__all__ = ("project",)
PLACE = [{"physicalLocation": {"artifactLocation": {"uri": "src/a.py"}}}]
RULES = [
    {"id": "quiet", "defaultConfiguration": {"level": "note"}},
    {"id": "loud", "defaultConfiguration": {"level": "error"}},
    {"id": "plain"},
]


@pytest.mark.parametrize(
    ("result", "counted"),
    [
        ({"level": "error"}, 1),
        ({"ruleId": "loud"}, 1),
        ({"ruleId": "plain"}, 1),
        ({"ruleId": "unknown"}, 1),
        ({"ruleId": "quiet"}, 0),
        ({"ruleIndex": 0}, 0),
        ({"rule": {"id": "quiet"}}, 0),
        ({"rule": {"index": 0}}, 0),
        ({"ruleId": "quiet", "level": "error"}, 1),
        ({"ruleId": "other"}, 0),
        ({"level": "error", "kind": "fail"}, 1),
        ({"kind": "pass"}, 0),
        ({"kind": "notApplicable", "ruleId": "loud"}, 0),
        ({"level": "error", "suppressions": []}, 1),
        ({"level": "error", "suppressions": [{"kind": "inSource"}]}, 0),
        ({"level": "error", "suppressions": [{"kind": "external", "status": "accepted"}]}, 0),
        ({"level": "error", "suppressions": [{"kind": "external", "status": "rejected"}]}, 1),
        ({"level": "error", "suppressions": [{"kind": "inSource"}, {"kind": "external", "status": "underReview"}]}, 1),
        ({"level": "error", "baselineState": "absent"}, 0),
        ({"level": "error", "baselineState": "unchanged"}, 1),
        ({"level": "error", "baselineState": "new"}, 1),
    ],
)
def test_a_result_of_sarif_counts_while_it_stands(project: Path, result: dict[str, object], counted: int) -> None:
    write(project, "src/a.py", PY, age_s=60)
    extension = {"name": "more", "rules": [{"id": "other", "defaultConfiguration": {"level": "none"}}]}
    tool = {"driver": {"name": "any", "rules": RULES}, "extensions": [extension]}
    write(project, "any.sarif", json.dumps({"runs": [{"tool": tool, "results": [{**result, "locations": PLACE}]}]}))
    assert evidence(project, "lint").detail == f"{counted} findings of any"


@pytest.mark.parametrize("results", [{}, {"results": None}, {"results": []}])
def test_a_tool_that_says_it_failed_found_nothing_out(project: Path, results: dict[str, object]) -> None:
    write(project, "src/a.py", PY, age_s=60)
    run = {"tool": {"driver": {"name": "any"}}, "invocations": [{"executionSuccessful": False}], **results}
    write(project, "any.sarif", json.dumps({"runs": [run]}))
    assert evidence(project, "lint").detail == "any.sarif says that the tool failed"
    write(project, "any.sarif", json.dumps({"runs": [{**run, "invocations": [{"executionSuccessful": True}]}]}))
    assert value(project, "lint") == 0
