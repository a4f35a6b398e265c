"""The quality service, wired top to bottom."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from services.kit import redaction
from services.kit.events.outbox_servicer import OutboxServicer
from services.kit.health.grpc_health import Health
from services.kit.health.polling import HealthPoll, poll_health
from services.kit.observability import event_loop_lag
from services.kit.observability.providers import providers
from services.kit.private_directory import private_directory
from services.kit.transport import rpc
from services.pb import events_pb2_grpc, quality_pb2_grpc
from services.quality.collectors.report_files.handed_in import handed_evidence
from services.quality.collectors.security import FindSecrets
from services.quality.config import QualitySettings
from services.quality.operations.health import Condition
from services.quality.operations.quality_check import Checking
from services.quality.operations.recommending import Recommending
from services.quality.servicer import QualityServicer, Stores
from services.quality.storage.handed_reports import DuckHandedReports, HandedReports
from services.quality.storage.history import DuckHistory, History, open_history
from services.quality.storage.recommendation_log import DuckRecommendationLog, RecommendationLog
from services.quality.storage.remote_history import open_peer_history
from services.quality.tool_runs.runs import Runs


class QualityApp:
    """A running quality service."""

    def __init__(self, health: Health) -> None:
        self._health = health

    async def stop_accepting(self) -> None:
        """Reports the service as unhealthy from now on."""
        await self._health.stop()


@asynccontextmanager
async def open_quality(
    settings: QualitySettings, find_secrets: FindSecrets = redaction.find
) -> AsyncIterator[QualityApp]:
    """Serves quality on the configured address until the context exits."""
    async with AsyncExitStack() as stack:
        stack.enter_context(providers("quality"))
        history, handed_reports, log, directory = await _open_history(stack, settings)
        runs = await stack.enter_async_context(Runs(settings.run_timeout_s))
        checking = Checking(
            settings.allowed_roots, runs, run_tools_allowed=settings.run_tools, find_secrets=find_secrets
        )
        stack.callback(checking.close)
        condition = Condition(history, directory)
        stores = Stores(history, handed_reports, Recommending(log, settings.recommendations))
        servicer = QualityServicer(checking, stores, condition, forecasts=settings.forecasts)
        health = Health("segue.quality.v1.Quality")

        def register(server: rpc.Server) -> None:
            quality_pb2_grpc.add_QualityServicer_to_server(servicer, server)
            outboxes = [history] if isinstance(history, DuckHistory) else []  # a replica's are where its history is
            events_pb2_grpc.add_OutboxServicer_to_server(OutboxServicer(outboxes), server)

        await stack.enter_async_context(rpc.open_server(settings.address, register, health, drain_s=settings.drain_s))
        await stack.enter_async_context(event_loop_lag.measure_lag())
        poll = HealthPoll("quality", "history", condition.check, condition.count, health)
        await stack.enter_async_context(poll_health(poll))
        yield QualityApp(health)


async def _open_history(
    stack: AsyncExitStack, settings: QualitySettings
) -> tuple[History, HandedReports, RecommendationLog, Path | None]:
    """The history and what else is kept, its own or another service's; and the directory of its own."""
    if settings.history_target:
        peer = open_peer_history(settings.history_target, settings.history_timeout_s)
        return *await stack.enter_async_context(peer), None
    home = private_directory(settings.home)
    history = await stack.enter_async_context(open_history(home / "quality.duckdb", settings.events_max))
    return history, DuckHandedReports(history, handed_evidence), DuckRecommendationLog(history), home
