"""Reports that CI hands in count for that user's project, by their commit, and say whose word they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.kit.errors import InvalidInput, LimitExceeded
from services.kit.transport import rpc
from services.pb import quality_pb2
from services.quality.domain.handed_in import commit_max_bytes, commits_max, report_max_bytes
from tests.integration.quality.test_quality_service import Client, client, keeper, serving
from tests.integration.team import Answer, TeamStack
from tests.patience import PATIENCE_S
from tests.unit.quality.collectors.test_collectors import write
from tests.unit.quality.collectors.test_public_projects import FAILED, OK, PY, commit, git, junit, lcov

__all__ = ["client", "keeper"]
PASSED = junit(OK.format("t", 1), OK.format("t", 2))
COMMIT = "1a2b3c4d" * 5


async def hand_in(
    to: Client, *reports: tuple[str, str], at: str = COMMIT, project: str = "shop", **more: Any
) -> quality_pb2.HandInResponse:
    files = [quality_pb2.HandedReport(name=name, content=content.encode()) for name, content in reports]
    request = quality_pb2.HandInRequest(project=project, commit=at, reports=files, **more)
    return await rpc.call(to.stub.HandIn, request, user=to.user, timeout_s=PATIENCE_S)


def said(answer: quality_pb2.HandInResponse) -> dict[str, float]:
    return {each.name: each.value for each in answer.evidence}


def component(report: quality_pb2.Report, name: str) -> quality_pb2.Component:
    return next(each for each in report.components if each.name == name)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with a commit."""
    write(tmp_path / "shop", "shop/cart.py", PY)
    commit(tmp_path / "shop", days_ago=10)
    return tmp_path / "shop"


def head(shop: Path) -> str:
    return git(shop, "rev-parse", "HEAD")


async def test_what_ci_hands_in_counts_and_says_whose_word_it_is(keeper: Client, shop: Path) -> None:
    before = (await keeper.check(shop, label="shop")).report
    answer = await hand_in(keeper, ("junit.xml", PASSED), ("coverage/lcov.info", lcov("a.py", (1, 1))), at=head(shop))
    assert said(answer) == {"test_coverage": 100, "tests_passed": 1}
    report = (await keeper.check(shop, label="shop")).report
    found = component(report, "tests_passed")
    assert (found.measured, found.value, found.age_s) == (True, 1, 0)
    assert found.source == f"reported by CI at commit {head(shop)[:12]}: JUnit XML: junit.xml"
    assert report.overall_score > before.overall_score + 10


async def test_it_counts_for_that_user_and_that_project_alone(keeper: Client, shop: Path) -> None:
    await hand_in(keeper, ("junit.xml", PASSED), at=head(shop))
    assert not component((await keeper.check(shop, label="bank")).report, "tests_passed").measured
    grace = Client(keeper.stub, "grace")
    assert not component((await grace.check(shop, label="shop")).report, "tests_passed").measured


async def test_jobs_of_one_commit_add_up_and_a_failing_one_is_not_hidden(keeper: Client) -> None:
    failed = junit(FAILED.format("t", 1), FAILED.format("t", 2))
    await hand_in(keeper, ("junit.xml", PASSED), job="unit")
    assert said(await hand_in(keeper, ("junit.xml", failed), job="integration")) == {"tests_passed": 0.5}
    assert said(await hand_in(keeper, ("junit.xml", failed), job="integration")) == {"tests_passed": 0.5}
    assert said(await hand_in(keeper, ("junit.xml", PASSED), job="integration")) == {"tests_passed": 1}


async def test_lines_that_two_jobs_cover_are_counted_once(keeper: Client) -> None:
    await hand_in(keeper, ("lcov.info", lcov("a.js", (1, 1), (2, 0))), job="1")
    assert said(await hand_in(keeper, ("lcov.info", lcov("a.js", (1, 1), (2, 1))), job="2")) == {"test_coverage": 100}


async def test_a_commit_that_was_changed_since_earns_less_and_of_another_branch_nothing(
    client: Client, shop: Path
) -> None:
    first = head(shop)
    write(shop, "shop/cart.py", PY + "# more\n")
    commit(shop, "Say more in the cart", days_ago=1)
    await hand_in(client, ("junit.xml", PASSED), at=first)
    found = component((await client.check(shop, label="shop")).report, "tests_passed")
    assert found.age_s == pytest.approx(9 * 86_400, abs=60)
    assert 0 < found.points < found.weight / 2
    git(shop, "checkout", "--quiet", "-b", "other", first)
    write(shop, "shop/cart.py", PY + "# else\n")
    commit(shop, "Say something else in the cart", days_ago=5)
    elsewhere = head(shop)
    git(shop, "checkout", "--quiet", "-")
    git(shop, "checkout", "--quiet", first)
    await hand_in(client, ("junit.xml", junit(FAILED.format("t", 1))), at=elsewhere)
    found = component((await client.check(shop, label="shop")).report, "tests_passed")
    assert (found.value, found.age_s) == (1, 0)


async def test_sources_that_were_edited_since_are_newer(client: Client, shop: Path) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=3)
    request = quality_pb2.HandInRequest(
        project="shop", commit=head(shop), reports=[quality_pb2.HandedReport(name="junit.xml", content=PASSED.encode())]
    )
    request.measured_at.FromDatetime(long_ago)
    await rpc.call(client.stub.HandIn, request, user="ada", timeout_s=PATIENCE_S)
    assert component((await client.check(shop, label="shop")).report, "tests_passed").age_s == 0
    write(shop, "shop/cart.py", PY + "# edited\n")
    found = component((await client.check(shop, label="shop")).report, "tests_passed")
    assert found.age_s == pytest.approx(3 * 86_400, abs=60)


async def test_of_what_is_here_and_what_ci_says_the_worse_counts(client: Client, shop: Path) -> None:
    write(shop, "junit.xml", junit(FAILED.format("t", 1), OK.format("t", 2)))
    await hand_in(client, ("junit.xml", PASSED), at=head(shop))
    assert component((await client.check(shop, label="shop")).report, "tests_passed").value == 0.5


async def test_a_directory_that_only_a_client_sees_has_them_too(client: Client) -> None:
    await hand_in(client, ("junit.xml", PASSED))
    evidence = {"evidence": [{"name": "readme", "value": 90, "measured": True}], "git": {"head": COMMIT}}
    answer = await client.check(evidence=json.dumps(evidence), label="shop")
    found = component(answer.report, "tests_passed")
    assert (found.value, found.age_s) == (1, 0)
    assert found.source.startswith("reported by CI at commit 1a2b3c4d1a2b")


async def test_findings_need_the_number_of_lines(keeper: Client) -> None:
    ruff = ("ruff.json", '[{"filename": "a.py"}, {"filename": "b.py"}]')
    answer = await hand_in(keeper, ruff)
    assert not answer.evidence
    assert "lines" in answer.refused[0].reason
    assert said(await hand_in(keeper, ruff, lines=1000)) == {"lint": 2}


async def test_values_without_a_report_are_taken_as_they_are(keeper: Client) -> None:
    values = [{"name": "test_coverage", "value": 81.5, "detail": "of\x1b[31m lines"}]
    answer = await hand_in(keeper, evidence=json.dumps(values))
    assert said(answer) == {"test_coverage": 81.5}
    assert answer.evidence[0].detail.isprintable()


BOMB = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><testsuite><testcase name="&b;"/></testsuite>'


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("junit.xml", BOMB, "entities"), ("junit.xml", "", "not valid"), ("junit.xml", PASSED[:-5], "not valid"),
        ("coverage.json", "[" * 100_000, "not valid"), ("notes.txt", "hello", "name"), ("ruff.json", "{}", "format"),
        (".pytest_cache/v/cache/nodeids", '["a::b"]', "name"), ("coverage.xml", "<coverage/>", "format"),
    ],
)  # fmt: skip
async def test_what_says_nothing_is_named_and_the_rest_counts(
    keeper: Client, name: str, content: str, reason: str
) -> None:
    answer = await hand_in(keeper, ("reports/unit.xml", PASSED), (name, content))
    assert said(answer) == {"tests_passed": 1}
    assert [each.name for each in answer.refused] == [name]
    assert reason in answer.refused[0].reason


@pytest.mark.parametrize(
    "fields",
    [
        {"at": ""}, {"at": "HEAD"}, {"at": "--all"}, {"at": "1a2b3c"}, {"project": ""}, {"lines": -1}, {"job": "a\nb"},
        {"evidence": "{}"}, {"evidence": "[1]"}, {"evidence": '[{"name": "readme", "value": 9}]'},
        {"evidence": '[{"name": "secrets", "value": 0}]'}, {"evidence": '[{"name": "test_coverage", "value": 101}]'},
        {"evidence": '[{"name": "test_coverage", "value": true}]'}, {"evidence": "[" * 9_000},
        {"evidence": '[{"name": "lint", "value": NaN}]'}, {"evidence": '[{"name": "lint", "value": -1}]'},
    ],
)  # fmt: skip
async def test_what_cannot_be_handed_in_is_refused_and_nothing_is_kept(keeper: Client, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        await hand_in(keeper, ("junit.xml", PASSED), **fields)
    known = await rpc.call(
        keeper.stub.HandedIn, quality_pb2.HandedInRequest(project="shop"), user="ada", timeout_s=PATIENCE_S
    )
    assert not known.evidence


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../junit.xml", "a//b.xml", "a\\junit.xml", "a\njunit.xml", "x" * 300]
)
async def test_a_name_is_a_plain_relative_path(keeper: Client, name: str) -> None:
    with pytest.raises(InvalidInput):
        await hand_in(keeper, (name, PASSED))


async def test_size_and_number_are_bounded(client: Client) -> None:
    with pytest.raises(LimitExceeded):
        await hand_in(client, ("junit.xml", "x" * (report_max_bytes + 1)))
    with pytest.raises(LimitExceeded):
        await hand_in(client, *((f"{number}/junit.xml", "") for number in range(51)))
    padded = PASSED + " " * (report_max_bytes - len(PASSED))
    for number in range(commit_max_bytes // report_max_bytes):
        await hand_in(client, ("junit.xml", padded), job=str(number))
    with pytest.raises(LimitExceeded):
        await hand_in(client, ("junit.xml", padded), job="one more")
    assert said(await hand_in(client, ("junit.xml", padded), job="0")) == {"tests_passed": 1}


async def test_only_the_last_commits_are_kept(client: Client) -> None:
    for number in range(commits_max + 3):
        await hand_in(client, ("junit.xml", PASSED), at=f"{number:040x}")
    request = quality_pb2.HandedInRequest(project="shop")
    known = await rpc.call(client.stub.HandedIn, request, user="ada", timeout_s=PATIENCE_S)
    assert {each.commit for each in known.evidence} == {f"{number:040x}" for number in range(3, commits_max + 3)}


async def test_they_move_along_with_their_project_and_survive_a_restart(tmp_path: Path, shop: Path) -> None:
    async with serving(tmp_path) as first:
        await hand_in(first, ("junit.xml", PASSED), at=head(shop))
        move = quality_pb2.MoveProjectRequest(source="shop", target="store")
        await rpc.call(first.stub.MoveProject, move, user="ada", timeout_s=PATIENCE_S)
    async with serving(tmp_path) as second:
        assert component((await second.check(shop, label="store")).report, "tests_passed").measured
        assert not component((await second.check(shop, label="shop")).report, "tests_passed").measured


# --- over HTTP ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, model_directory: Path) -> Iterator[TeamStack]:
    with TeamStack(tmp_path_factory.mktemp("team") / "data", model_directory) as stack:
        yield stack


async def quality_of(team: TeamStack, user: str, directory: Path) -> dict[str, Any]:
    async with team.client(user) as mcp:
        answer = await mcp.call_tool("quality_check", {"working_directory": str(directory)})
    rows = answer.structured_content["report"]["components"]
    return {row["name"]: row for row in rows}


def post(team: TeamStack, user: str, scope: str = "write", **body: Any) -> Answer:
    return team.ask("POST", "/v1/reports", team.token(user, scope), body)


@pytest.mark.slow
async def test_ci_hands_in_by_a_token_for_the_project_of_a_remote(team: TeamStack, shop: Path) -> None:
    git(shop, "remote", "add", "origin", "git@github.com:acme/lanterns.git")
    assert not (await quality_of(team, "ada", shop))["tests_passed"]["measured"]
    reports = [{"name": "junit.xml", "content": PASSED}]
    answer = post(team, "ada", project="https://github.com/acme/lanterns.git", commit=head(shop), reports=reports)
    assert answer.status == 200, answer.content
    assert answer.content["taken"][0]["value"] == 1
    found = (await quality_of(team, "ada", shop))["tests_passed"]
    assert found["measured"]
    assert found["source"].startswith(f"reported by CI at commit {head(shop)[:12]}")
    assert not (await quality_of(team, "grace", shop))["tests_passed"]["measured"]
    label = answer.content["project"]
    values = [{"name": "test_coverage", "value": 90}]
    assert post(team, "ada", project=label, commit=head(shop), evidence=values).status == 200
    assert (await quality_of(team, "ada", shop))["test_coverage"]["value"] == 90


def test_whoever_may_only_read_hands_nothing_in(team: TeamStack) -> None:
    assert post(team, "ada", "read", project="shop", commit=COMMIT, reports={"junit.xml": PASSED}).status == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"project": "nobody-has-this", "commit": COMMIT, "reports": {"junit.xml": PASSED}}, 404),
        ({"commit": COMMIT, "reports": {"junit.xml": PASSED}}, 400),
        ([], 400), (b"{", 400), (b"[" * 100_000, 400), ({"project": 5}, 400), ({"project": "shop", "lines": "9"}, 400),
        ({"project": "shop", "reports": [5]}, 400), ({"project": "shop", "reports": [{"name": "a"}]}, 400),
        ({"project": "shop", "measured_at": "yesterday"}, 400), ({"project": "shop", "reports": "junit.xml"}, 400),
        (b'{"project": "\\ud800"}', 404), ({"project": "shop", "lines": 2**70}, 400),
    ],
)  # fmt: skip
def test_a_body_of_another_form_is_refused(team: TeamStack, body: Any, status: int) -> None:
    answer = team.ask("POST", "/v1/reports", team.token("ada"), body)
    assert answer.status == status, answer.content
    assert answer.content["success"] is False


async def test_reports_that_say_nothing_are_an_error_for_ci(team: TeamStack, shop: Path) -> None:
    git(shop, "remote", "add", "origin", "git@github.com:acme/nothing.git")
    await quality_of(team, "ada", shop)
    answer = post(team, "ada", project="github.com/acme/nothing", commit=COMMIT, reports={"junit.xml": "<a"})
    assert answer.status == 400
    assert "junit.xml" in answer.content["error"]
