"""Forecasts of a quality service: with the score's history and with a check, unless they are switched off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.kit.transport import rpc
from services.pb.quality_pb2 import RecordRequest
from tests.integration.quality.test_quality_service import Client, serving
from tests.patience import PATIENCE_S
from tests.repositories import RepositoryOnDisk
from tests.unit.quality.collectors.test_fix_history import write_busy_history


async def record_weeks(client: Client, days: int = 30) -> None:
    began = datetime.now(UTC) - timedelta(days=days)
    for day in range(days):
        request = RecordRequest(project="shop", operation_id=f"day-{day}", kind="check", overall_score=60 + day % 3)
        request.timestamp.FromDatetime(began + timedelta(days=day))
        await rpc.call(client.stub.Record, request, user="ada", timeout_s=PATIENCE_S)


async def test_a_history_is_forecast_by_all_of_it_however_little_is_asked_for(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        await record_weeks(client)
        whole, last = await client.history(), await client.history(limit=1)
    assert last.forecast == whole.forecast
    assert len(last.points) == 1
    assert whole.forecast.overall_score == whole.points[-1].overall_score
    assert whole.forecast.low < whole.forecast.overall_score
    ahead = whole.forecast.timestamp.ToDatetime(UTC) - whole.points[-1].timestamp.ToDatetime(UTC)
    assert ahead == timedelta(days=7)


async def test_a_check_names_the_files_that_will_need_a_fix(tmp_path: Path) -> None:
    repository = RepositoryOnDisk(tmp_path / "project")
    write_busy_history(repository.root)
    async with serving(tmp_path) as client:
        report = (await client.check(repository.root)).report
    assert {each.path for each in report.fixes.files} == {f"hot{number}.py" for number in range(5)}
    assert report.fixes.right > report.fixes.right_by_last
    assert report.fixes.trials >= 4


async def test_forecasts_can_be_switched_off(tmp_path: Path) -> None:
    repository = RepositoryOnDisk(tmp_path / "project")
    write_busy_history(repository.root)
    async with serving(tmp_path, forecasts=False) as client:
        await record_weeks(client)
        history, report = await client.history(), (await client.check(repository.root)).report
    assert not history.HasField("forecast")
    assert history.trend.direction == "steady"
    assert not report.HasField("fixes")
