"""The quality service through its gRPC door."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.kit.errors import Denied, InvalidInput, LimitExceeded, NotFound, NotReady, Unavailable
from services.kit.transport import rpc
from services.pb import quality_pb2, quality_pb2_grpc
from services.pb.quality_pb2 import CheckRequest, HistoryRequest, RecordRequest
from services.quality.app import open_quality
from services.quality.config import QualitySettings
from tests.patience import PATIENCE_S, eventually_so

ROOT = Path(__file__).parents[3]
TREES = ROOT / "tests" / "trees"
_number = itertools.count()


class Client:
    """Calls a quality service as the gateway does."""

    def __init__(self, stub: quality_pb2_grpc.QualityStub, user: str = "ada") -> None:
        self.stub = stub
        self.user = user

    async def check(self, directory: Path | str = "", **fields: object) -> quality_pb2.CheckResponse:
        request = CheckRequest(working_directory=str(directory), **fields)  # type: ignore[arg-type]
        return await rpc.call(self.stub.Check, request, user=self.user, timeout_s=PATIENCE_S)

    async def record(self, overall: float, **fields: object) -> quality_pb2.RecordResponse:
        named = {"project": "shop", "operation_id": f"made-{next(_number)}", "kind": "checkpoint"} | fields
        request = RecordRequest(overall_score=overall, **named)  # type: ignore[arg-type]
        return await rpc.call(self.stub.Record, request, user=self.user, timeout_s=PATIENCE_S)

    async def history(self, project: str = "shop", limit: int = 0) -> quality_pb2.HistoryResponse:
        request = HistoryRequest(project=project, limit=limit)
        return await rpc.call(self.stub.History, request, user=self.user, timeout_s=PATIENCE_S)


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Client]:
    async with rpc.open_channel(address) as channel:
        yield Client(quality_pb2_grpc.QualityStub(channel))


@asynccontextmanager
async def serving(home: Path, **settings: object) -> AsyncIterator[Client]:
    address = f"unix:{home / f'quality-{next(_number)}.sock'}"
    made = QualitySettings(address=address, directory=home / "data", **settings)  # type: ignore[arg-type]
    async with open_quality(made), connected(address) as client:
        yield client


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with serving(tmp_path) as made:
        yield made


@pytest.fixture(params=["the keeper", "a replica"])
async def keeper(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Client]:
    """A service with a history: its own, or that of another service."""
    address = f"unix:{tmp_path / 'keeper.sock'}"
    async with open_quality(QualitySettings(address=address, directory=tmp_path / "kept")):
        if request.param == "the keeper":
            async with connected(address) as made:
                yield made
        else:
            async with serving(tmp_path, history_target=address) as made:
                yield made


# --- checks ------------------------------------------------------------------------------------


def explain(report: quality_pb2.Report) -> list[str]:
    return [f"{each.name} {each.value:g} {each.points:g}/{each.weight:g} {each.detail}" for each in report.components]


SITE_PACKAGES = Path(pytest.__file__).parents[1]
REAL_TREES = {
    "this project": ROOT,
    "a Python package": SITE_PACKAGES / "pydantic",
    "a Python package with C": SITE_PACKAGES / "numpy" / "lib",
    "Go": TREES / "go",
    "Rust": TREES / "rust",
    "TypeScript": TREES / "typescript",
    "npm": Path("/usr/lib/node_modules/npm"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL_TREES)
async def test_the_score_of_a_real_tree_is_explained_by_its_components_and_repeats(tmp_path: Path, name: str) -> None:
    tree = REAL_TREES[name]
    if not tree.is_dir():
        pytest.skip(f"{tree} is not on this machine")
    explained = []
    for number in range(2):  # two services, so that none remembers
        async with serving(tmp_path / str(number)) as client:
            report = (await client.check(tree)).report
        assert 0 < report.overall_score < 100
        assert sum(each.points for each in report.components) == pytest.approx(report.overall_score, abs=0.0051)
        assert sum(each.weight for each in report.components if each.measured) / 100 == pytest.approx(
            report.evidence_coverage
        )
        assert all(each.source for each in report.components if each.measured)
        assert all(each.detail for each in report.components if not each.measured)
        explained.append(explain(report))
    assert explained[0] == explained[1]


MEASURED: dict[str, dict[str, float | None]] = {
    "go": {"test_coverage": 40.0, "tests_present": 1.0, "annotations": None, "dependencies": None},  # it has none
    "rust": {"tests_present": 2.0, "annotations": None, "dependencies": 1.0},
    "typescript": {"test_coverage": 75.0, "tests_present": 1.0, "annotations": 1.0, "dependencies": 0.0},
}


@pytest.mark.parametrize("language", MEASURED)
async def test_dependencies_tests_and_coverage_are_measured_in_other_languages(client: Client, language: str) -> None:
    report = (await client.check(TREES / language)).report
    values = {each.name: each.value for each in report.components if each.measured}
    assert {name: values.get(name) for name in MEASURED[language]} == MEASURED[language]


async def test_an_empty_directory_scores_0_whatever_else_is_known(client: Client, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    facts = quality_pb2.PermissionFacts(rules=5)
    report = (await client.check(tmp_path / "empty", permissions=facts)).report
    assert (report.overall_score, report.project_health, report.evidence_coverage) == (0, 0, 0)
    assert not any(each.measured for each in report.components)


async def test_broad_permission_rules_cost_points(client: Client) -> None:
    narrow = await client.check(TREES / "go", permissions=quality_pb2.PermissionFacts(rules=4))
    broad = await client.check(TREES / "go", permissions=quality_pb2.PermissionFacts(rules=4, broad_rules=1))
    assert (narrow.report.permissions_score, broad.report.permissions_score) == (100, 75)


async def test_recording_rules_earns_nothing(client: Client) -> None:
    for broad, score in ((0, 100), (1, 75)):
        for rules in (broad, 40):
            facts = quality_pb2.PermissionFacts(rules=rules, broad_rules=broad)
            report = (await client.check(TREES / "go", permissions=facts)).report
            assert report.permissions_score == score
            assert not any("record_permission" in each.text for each in report.recommendations)


async def test_an_unchanged_project_is_not_looked_at_again_and_a_changed_one_is(client: Client, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/cart.py").write_text("def total():\n    return 0\n")
    assert not (await client.check(tmp_path / "shop")).report.cached
    assert (await client.check(tmp_path / "shop")).report.cached
    (tmp_path / "shop/README.md").write_text("A shop that sells carts.\n")
    changed = (await client.check(tmp_path / "shop")).report
    assert not changed.cached
    assert next(each.value for each in changed.components if each.name == "readme") == 5


EVIDENCE = json.dumps({"evidence": [{"name": "test_coverage", "value": 45, "measured": True, "source": "lcov"}]})


async def test_what_a_client_reports_is_scored_as_its_word(client: Client) -> None:
    report = (await client.check(evidence=EVIDENCE)).report
    assert report.overall_score == 7.5
    assert "of the 15 points that were measured (50 %)" in report.summary
    component = next(each for each in report.components if each.name == "test_coverage")
    assert component.source == "lcov (reported by client)"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, InvalidInput),
        ({"directory": "relative"}, InvalidInput),
        ({"directory": "/"}, InvalidInput),
        ({"directory": "/nowhere/at/all"}, NotFound),
        ({"evidence": EVIDENCE.replace("45", "300")}, InvalidInput),
        ({"evidence": " " * 100_000}, LimitExceeded),
        ({"evidence": EVIDENCE, "run_tools": True}, InvalidInput),
        ({"evidence": EVIDENCE, "project": "shop"}, InvalidInput),
    ],
)
async def test_what_cannot_be_checked_is_refused(
    client: Client, fields: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await client.check(**fields)  # type: ignore[arg-type]


async def test_nothing_outside_the_allowed_roots_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "allowed").mkdir()
    (tmp_path / "allowed/out").symlink_to(TREES / "go")
    async with serving(tmp_path, roots=str(tmp_path / "allowed")) as client:
        for directory in (TREES / "go", tmp_path / "allowed/out"):
            with pytest.raises(Denied):
                await client.check(directory)


async def test_tools_run_on_request_alone_and_where_it_is_allowed(tmp_path: Path) -> None:
    async with serving(tmp_path, run_tools=False) as client:
        assert not (await client.check(TREES / "go")).report.runs
        with pytest.raises(NotReady):
            await client.check(TREES / "go", run_tools=True)


async def test_running_tools_tells_its_progress_and_ends_with_the_report(client: Client, tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "cart.py").write_text("import os\n")
    (shop / "pyproject.toml").write_text("[tool.ruff]\n")
    (shop / ".venv/bin").mkdir(parents=True)
    (shop / ".venv/bin/ruff").symlink_to(Path(sys.executable).with_name("ruff"))
    request = CheckRequest(working_directory=str(shop), run_tools=True)
    updates = [
        each async for each in rpc.stream(client.stub.CheckWithProgress, request, user="ada", timeout_s=PATIENCE_S)
    ]
    *progress, last = updates
    assert "ruff" in [each.progress.message for each in progress]
    report = last.response.report
    ruff = next(each for each in report.runs if each.tool == "ruff")
    assert ruff.outcome == "finished"
    lint = next(each for each in report.components if each.name == "lint")
    assert lint.measured
    assert lint.source == "ruff, run now"
    again = (await client.check(shop)).report  # without running: what the last run found is still known
    assert next(each.value for each in again.components if each.name == "lint") == lint.value


async def test_a_stream_passes_its_errors_on(client: Client) -> None:
    request = CheckRequest(working_directory="relative")
    with pytest.raises(InvalidInput, match="absolute"):
        async for _ in rpc.stream(client.stub.CheckWithProgress, request, user="ada", timeout_s=PATIENCE_S):
            pass


# --- history -----------------------------------------------------------------------------------


async def test_a_check_is_one_point_however_often_it_is_sent(keeper: Client) -> None:
    for duplicate in (False, True):
        answer = await keeper.check(TREES / "go", project="shop", operation_id="check-1")
        assert answer.recorded.duplicate is duplicate
    points = (await keeper.history()).points
    assert len(points) == 1
    assert points[0].overall_score == answer.report.overall_score
    assert points[0].kind == "check"


async def test_a_point_says_how_much_changed_and_which_thresholds_were_crossed(keeper: Client) -> None:
    first, second = await keeper.record(65), await keeper.record(72.5)
    assert not first.HasField("delta")
    assert second.delta == 7.5
    assert [(each.threshold, each.direction) for each in second.events] == [(70, "above")]


async def test_points_come_in_order_with_a_trend_and_the_crossings(keeper: Client) -> None:
    began = datetime.now(UTC) - timedelta(days=10)
    for day in (3, 0, 4, 1, 2):
        request = RecordRequest(
            project="shop", operation_id=f"day-{day}", kind="checkpoint", overall_score=60 + 5 * day
        )
        request.timestamp.FromDatetime(began + timedelta(days=day))
        await rpc.call(keeper.stub.Record, request, user="ada", timeout_s=PATIENCE_S)
    answer = await keeper.history()
    assert [each.overall_score for each in answer.points] == [60, 65, 70, 75, 80]
    assert answer.trend.direction == "rising"
    assert answer.trend.slope_per_day == pytest.approx(5)
    assert not answer.HasField("forecast")  # of ten days
    assert [each.threshold for each in answer.events] == [70]
    assert [each.overall_score for each in (await keeper.history(limit=2)).points] == [75, 80]


async def test_a_history_is_its_users_and_its_projects(keeper: Client) -> None:
    await keeper.record(50)
    assert not (await Client(keeper.stub, "grace").history()).points
    assert not (await keeper.history("bank")).points


async def test_many_may_write_at_once(keeper: Client) -> None:
    await asyncio.gather(*(keeper.record(number % 100) for number in range(60)))
    assert len((await keeper.history(limit=1000)).points) == 60


@pytest.mark.parametrize(
    "fields",
    [
        {"project": ""},
        {"operation_id": ""},
        {"kind": "other"},
        {"project_health": 120.0},
        {"evidence_coverage": 2.0},
        {"permissions_score": float("nan")},
        {"project": "x" * 1000},
    ],
)
async def test_what_is_no_point_is_refused(keeper: Client, fields: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        await keeper.record(50, **fields)
    assert not (await keeper.history()).points


@pytest.mark.parametrize("limit", [-1, 1001])
async def test_a_history_has_a_limit(keeper: Client, limit: int) -> None:
    with pytest.raises(InvalidInput):
        await keeper.history(limit=limit)


async def test_a_second_service_on_the_same_history_does_not_start(tmp_path: Path) -> None:
    code = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    (tmp_path / "data").mkdir()
    command = [sys.executable, "-c", code, str(tmp_path / "data/quality.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Unavailable) as refused:
            async with serving(tmp_path):
                pass
        assert "SEGUE_QUALITY_HISTORY_TARGET" in refused.value.suggestions[0]
        holder.communicate()


async def test_a_point_that_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    address = f"unix:{tmp_path / 'quality.sock'}"
    environment = os.environ | {"SEGUE_QUALITY_ADDRESS": address, "SEGUE_QUALITY_DIRECTORY": str(tmp_path / "data")}
    with subprocess.Popen([sys.executable, "-m", "services.quality"], env=environment, cwd=ROOT) as process:
        async with connected(address) as client:
            await eventually_so(lambda: (tmp_path / "quality.sock").exists() or process.poll() is not None)
            assert process.poll() is None
            await client.record(55, operation_id="kept")
            process.send_signal(signal.SIGKILL)
    async with serving(tmp_path) as client:
        assert [each.operation_id for each in (await client.history()).points] == ["kept"]
        assert (await client.record(99, operation_id="kept")).duplicate


async def test_health_is_measured(keeper: Client) -> None:
    answer = await rpc.call(keeper.stub.Health, quality_pb2.HealthRequest(), user="ada", timeout_s=PATIENCE_S)
    assert answer.parts["history"].status == "healthy"


async def test_a_replica_checks_on_while_the_history_is_away(tmp_path: Path) -> None:
    async with serving(tmp_path, history_target=f"unix:{tmp_path / 'nobody.sock'}", history_timeout_s=0.5) as client:
        assert (await client.check(TREES / "go")).report.overall_score > 0
        with pytest.raises(Unavailable):
            await client.history()
        answer = await rpc.call(client.stub.Health, quality_pb2.HealthRequest(), user="ada", timeout_s=PATIENCE_S)
        assert answer.parts["history"].status == "unhealthy"
