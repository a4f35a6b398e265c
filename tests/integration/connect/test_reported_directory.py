"""What a client says of a directory that the gateway does not see is checked, bounded, and its own user's alone."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.cli.directory.directory_work import DirectoryWork
from services.workspace.directory_identity import (
    COMMITTED_META,
    DIRECTORY_META,
    IDENTITY_META,
    REPORT_META,
    WANTED_META,
    directory_identity,
)
from tests.integration.stack import Stack, client

pytestmark = pytest.mark.parametrize("stack", ["process"], indirect=True)
ELSEWHERE = secrets.token_hex(16)
"""The identity of a directory that nobody else sees."""
Told = dict[str, Any]
Row = dict[str, Any]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/cart.py").write_text('"""A cart."""\n')
    return tmp_path / "shop"


@pytest.fixture
def told(shop: Path) -> Told:
    report = DirectoryWork().report(str(shop))
    return {DIRECTORY_META: str(shop), IDENTITY_META: ELSEWHERE, REPORT_META: report}


async def ask(stack: Stack, tool: str, told: Told, **arguments: Any) -> tuple[Told, Told]:
    """Structured content and `_meta` of the answer to a call with that `_meta`."""
    async with client(stack) as mcp:
        result = await mcp.call_tool(tool, arguments, raise_on_error=False, meta=told)
    assert result.structured_content is not None
    return result.structured_content, dict(result.meta or {})


def with_evidence(told: Told, *rows: object) -> Told:
    """The report with these rows of evidence in place of its own."""
    return told | {REPORT_META: told[REPORT_META] | {"evidence": json.dumps({"evidence": rows})}}


def coverage(**changes: object) -> Row:
    return {"name": "test_coverage", "value": 50, "measured": True, "source": "lcov", **changes}


async def test_a_gateway_that_does_not_see_the_directory_wants_a_report_of_who_can_give_one(
    stack: Stack, told: Told
) -> None:
    _, meta = await ask(stack, "init", {name: told[name] for name in (DIRECTORY_META, IDENTITY_META)})
    assert meta[WANTED_META] == {"report": True}
    _, meta = await ask(stack, "quality_check", {}, working_directory="/nowhere/on/this/machine")
    assert WANTED_META not in meta


async def test_what_is_reported_is_scored(stack: Stack, told: Told) -> None:
    content, _ = await ask(stack, "quality_check", with_evidence(told, coverage(value=45)))
    components = {each["name"]: each for each in content["report"]["components"] if each["name"] != "permissions"}
    assert round(sum(each["points"] for each in components.values())) == 6  # beside the user's rules, which are Segue's
    assert components["test_coverage"]["source"] == "lcov (reported by client)"


IMPOSSIBLE = [
    {"value": 300},
    {"value": -1},
    {"value": float("nan")},
    {"value": float("inf")},
    {"value": 10**400},
    {"value": "90"},
    {"value": [90]},
    {"age_s": -1},
    {"measured_at": "2026-02-30"},
]


@pytest.mark.parametrize("changes", IMPOSSIBLE, ids=str)
async def test_evidence_of_what_cannot_be_is_refused_and_a_session_begins_without_it(
    stack: Stack, told: Told, changes: Row
) -> None:
    lying = with_evidence(told, coverage(**changes))
    content, _ = await ask(stack, "quality_check", lying)
    assert content["error_code"] == "INVALID_INPUT"
    begun, _ = await ask(stack, "init", lying)
    assert begun["project_context"]["measured"] is True
    assert begun["project_context"]["health_score"] is None
    assert any("quality" in each for each in begun["degraded"])


async def test_unknown_names_and_what_a_client_may_not_vouch_for_earn_nothing(stack: Stack, told: Told) -> None:
    made_up = [coverage(name=name, value=1) for name in ("permissions", "overall_score", "bonus", "", None, 7)]
    content, _ = await ask(stack, "quality_check", with_evidence(told, *made_up, "text", None))
    assert content["report"]["overall_score"] == 0
    assert content["report"]["evidence_coverage"] == 0


def _without(*names: str) -> Callable[[Told], Told]:
    return lambda report: {name: value for name, value in report.items() if name not in names}


MALFORMED: dict[str, Callable[[Told], object]] = {
    "text": lambda _: "report",
    "a list": lambda _: [1],
    "a number": lambda _: 5,
    "empty": lambda _: {},
    "no workspace": _without("workspace"),
    "no evidence": _without("evidence"),
    "evidence that is no text": lambda report: report | {"evidence": {"evidence": []}},
    "10 KiB of project name": lambda report: _project(report, name="x" * 10_240),
    "a name that is no text": lambda report: _project(report, name=5),
    "a type with a line end": lambda report: _project(report, type="py\nthon"),
    "too many dependencies": lambda report: report | {"workspace": report["workspace"] | {"dependencies": [{}] * 1000}},
    "100 KiB of evidence": lambda report: report | {"evidence": " " * 102_400},
    "a problem that is none": lambda _: {"problem": {"kind": ["?"], "message": {"a": 1}}},
}


def _project(report: Told, **changes: object) -> Told:
    workspace = report["workspace"]
    return report | {"workspace": workspace | {"project": workspace["project"] | changes}}


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_report_that_cannot_be_used_is_said_to_be_and_the_session_begins(
    stack: Stack, told: Told, name: str
) -> None:
    spoilt = told | {REPORT_META: MALFORMED[name](told[REPORT_META])}
    begun, _ = await ask(stack, "init", spoilt)
    assert begun["success"] is True
    assert begun["project_context"]["measured"] is False
    assert begun["degraded"]
    content, _ = await ask(stack, "quality_check", spoilt)
    assert content["error_code"] == "INVALID_INPUT"


async def test_evidence_that_is_no_json_is_refused_by_the_service(stack: Stack, told: Told) -> None:
    for text in ("", "[]", "{" * 9, "[" * 30_000, "null"):
        told[REPORT_META]["evidence"] = text
        content, _ = await ask(stack, "quality_check", told)
        assert content["success"] is False
        assert content["error_code"] == "INVALID_INPUT"


async def test_what_a_client_says_is_wrong_with_its_directory_is_the_answer(stack: Stack, told: Told) -> None:
    problem = {"kind": "Denied", "message": "The working directory is not readable\x1b[31m"}
    content, _ = await ask(stack, "init", told | {REPORT_META: {"problem": problem}})
    assert content["error_code"] == "PERMISSION_DENIED"
    assert content["error"].isprintable()


CLAIMS: dict[str, object] = {
    "text": "committed",
    "no id": {"checkpoint": {}},
    "an id that leads elsewhere": {"checkpoint_id": "../../x", "checkpoint": {}},
    "no checkpoint": {"checkpoint_id": "c-1"},
    "no commit": {"checkpoint_id": "c-1", "checkpoint": {"created": True, "message": "m", "commit_hash": None}},
    "a commit that is none": {"checkpoint_id": "c-1", "checkpoint": {"created": True, "commit_hash": "HEAD; rm"}},
}


@pytest.mark.parametrize("name", CLAIMS)
async def test_a_commit_that_cannot_be_is_not_recorded(stack: Stack, told: Told, name: str) -> None:
    begun, _ = await ask(stack, "init", told)
    claim = CLAIMS[name]
    whole: Told = {"reason": None, "ref": None, "files_changed": [], "files_changed_count": 0}
    whole |= {"left_out": [], "not_scanned": [], "message": "m"}
    if isinstance(claim, dict) and isinstance(claim.get("checkpoint"), dict):
        claim = claim | {"checkpoint": whole | claim["checkpoint"]}
    content, _ = await ask(stack, "checkpoint", told | {COMMITTED_META: claim}, session_id=begun["session_id"])
    assert content["error_code"] == "INVALID_INPUT"


async def test_a_checkpoint_sent_twice_is_recorded_once(stack: Stack, told: Told) -> None:
    begun, _ = await ask(stack, "init", told)
    _, meta = await ask(stack, "checkpoint", told, session_id=begun["session_id"])
    wanted = meta[WANTED_META]["commit"]
    assert wanted["session_id"] == begun["session_id"]
    made: Told = {"created": True, "message": "m", "commit_hash": "a" * 40, "reason": None, "ref": None}
    made |= {"files_changed": ["cart.py"], "files_changed_count": 1, "left_out": [], "not_scanned": []}
    committed = told | {COMMITTED_META: {"checkpoint_id": wanted["checkpoint_id"], "checkpoint": made}}
    first, _ = await ask(stack, "checkpoint", committed, session_id=begun["session_id"])
    again, _ = await ask(stack, "checkpoint", committed, session_id=begun["session_id"])
    assert first["git_checkpoint"]["commit_hash"] == "a" * 40
    assert (first["checkpoint_id"], first["workflow_insights"]) == (again["checkpoint_id"], again["workflow_insights"])
    listed, _ = await ask(stack, "list_sessions", {}, project=begun["project_context"]["name"])
    found = {each["session_id"]: each["checkpoints"] for each in listed["sessions"]}
    assert found[begun["session_id"]] == 1


async def test_a_report_helps_the_call_that_it_came_with_and_no_other(stack: Stack, told: Told, shop: Path) -> None:
    await ask(stack, "quality_check", with_evidence(told, coverage(value=90)))
    without = {DIRECTORY_META: str(shop), IDENTITY_META: secrets.token_hex(16)}
    content, meta = await ask(stack, "quality_check", without)
    assert (content["success"], meta[WANTED_META]) == (False, {"report": True})
    content, _ = await ask(stack, "init", told, working_directory="/another/directory/elsewhere")
    assert content["project_context"]["measured"] is False


async def test_a_report_of_a_directory_that_the_gateway_sees_is_not_read(stack: Stack, told: Told) -> None:
    seen = told | {IDENTITY_META: directory_identity(told[DIRECTORY_META])}
    content, _ = await ask(stack, "quality_check", with_evidence(seen, coverage(value=90)))
    measured = {each["name"] for each in content["report"]["components"] if each["measured"]}
    assert "test_coverage" not in measured
    assert "tests_present" in measured
