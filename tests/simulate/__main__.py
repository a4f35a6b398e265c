"""`make simulate USERS=1000`: prints how long requests took, and exits 1 where anything acknowledged was lost, or
anything deleted found."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

import httpx2

from services.memory.embedder.build import build_model
from services.memory.embedder.onnx import OnnxEmbedder
from tests.performance.postgres.cells import fill
from tests.simulate.caller import Caller, Log
from tests.simulate.compose import Compose
from tests.simulate.day import Day, Plan
from tests.simulate.report import latencies, recoveries
from tests.simulate.subjects import Processes, Subject, user_tokens

connections_max = 64
began = time.monotonic()


def say(line: str) -> None:
    """A line of progress."""
    print(f"{time.monotonic() - began:6.0f} s  {line}", flush=True)


def main() -> int:
    """Runs it."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulate", description=__doc__)
    parser.add_argument("--compose", action="store_true", help="on the team's containers, without memories of before")
    parser.add_argument("--users", type=int, default=1_000)
    parser.add_argument("--conversations", type=int, help="as many as users when left out")
    parser.add_argument("--at-once", type=int, default=8, help="conversations at the same time")
    parser.add_argument(
        "--history", type=int, default=10_000, help="memories of the first user; of others by their rank"
    )
    parser.add_argument("--cells-mb", type=int, default=1_024)
    options = parser.parse_args()
    count = options.conversations or options.users
    plan = Plan(options.users, count, options.at_once, history_max=options.history)
    if options.compose:
        return _simulate(Compose(), plan)
    with tempfile.TemporaryDirectory(prefix="segue-") as name:
        directory = Path(name)
        build_model(directory / "model")
        subject = Processes(directory, directory / "model", SEGUE_MEMORY_CELLS_MB=str(options.cells_mb))
        try:
            sizes = {f"user-{user}": size for user, size in plan.histories().items()}
            say(f"{plan.users:,} users, {sum(sizes.values()):,} memories of before are stored")
            asyncio.run(_fill(subject, sizes, directory))
            return _simulate(subject, plan)
        finally:
            subject.postgres.remove()


def _simulate(subject: Subject, plan: Plan) -> int:
    with subject:
        say(f"ready; memory in MiB: {_figures(subject)}")
        day = asyncio.run(_live(subject, plan))
        say(f"done; memory in MiB: {_figures(subject)}")
    return report(day)


async def _fill(subject: Processes, sizes: dict[str, int], directory: Path) -> None:
    async with OnnxEmbedder(directory / "model") as embedder:
        model = embedder.model
    (directory / "filling").mkdir()
    await fill(subject.database, directory / "filling", sizes, model)


async def _live(subject: Subject, plan: Plan) -> Day:
    admin = await asyncio.to_thread(subject.admin_token)
    log, limits = Log(), httpx2.Limits(max_connections=connections_max, max_keepalive_connections=connections_max)
    async with httpx2.AsyncClient(timeout=60, limits=limits) as http:
        tokens = await asyncio.to_thread(user_tokens, subject.url, admin, plan.users)
        callers = [Caller(http, subject.url, token, log) for token in tokens]
        say("everybody has a token; the day begins")
        day = Day(plan, callers, log, say, subject.processor_s)
        await day.run(subject.kills)
        say(f"the day is over, {len(log.calls):,} requests; memory in MiB: {_figures(subject)}")
        await day.verify()
    return day


def _figures(subject: Subject) -> str:
    return ", ".join(f"{name} {size:,.0f}" for name, size in subject.memory_mib().items())


def report(day: Day) -> int:
    """Prints what came of the day; 0 if all is as it was promised."""
    print(*latencies(day), *recoveries(day), sep="\n")
    promises, verdict = day.promises, day.verdict
    print(f"acknowledged {len(promises.stored):,}, shared {len(promises.shared):,}, deleted {len(promises.deleted):,}")
    print("looked at:", ", ".join(f"{what} {count:,}" for what, count in sorted(verdict.looked_at.items())))
    print(*verdict.broken[:50], f"not as promised: {len(verdict.broken)}", sep="\n")
    return 1 if verdict.broken or not promises.stored else 0


if __name__ == "__main__":
    sys.exit(main())
