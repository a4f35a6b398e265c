"""A hundred clients at once. `SEGUE_LOAD_S=60 make test-load` takes a minute; without, it is short."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

import pytest

from tests.integration.faults import docker
from tests.integration.load import Load, lost, told
from tests.integration.stack import ComposeStack

pytestmark = pytest.mark.containers

clients, warm_up_s, load_s = 100, 3.0, float(os.environ.get("SEGUE_LOAD_S", "15"))
growth_max_mib = 64
LIMITS = {"LIMIT_EXCEEDED", "DEADLINE_EXCEEDED"}
"""Of the user, and of a machine that has no time for so many: both say so, and all else is an error."""
_units = {"KiB": 1 / 1024, "MiB": 1.0, "GiB": 1024.0}


async def test_a_hundred_clients_meet_no_error_but_limits_and_memory_stays_flat(
    team: ComposeStack, report: Callable[[str], None]
) -> None:
    load = Load(team.url, "hundred", clients)
    async with load.running():
        await load.begun()
        await asyncio.sleep(warm_up_s)
        before = await asyncio.to_thread(_memory_mib, team)
        with load.noted() as noted:
            await asyncio.sleep(load_s)
        after = await asyncio.to_thread(_memory_mib, team)
    calls = noted.ended()
    report(f"{clients} clients for {load_s:.0f} s: {len(calls) / load_s:.0f} calls/s; {told(calls)}")
    for tool in sorted({call.tool for call in calls}):
        report(f"  {tool}: {told([call for call in calls if call.tool == tool])}")
    report("MiB: " + ", ".join(f"{name} {before[name]:.0f} → {after[name]:.0f}" for name in sorted(before)))
    assert len(calls) > clients
    assert {outcome for call in calls for outcome in call.outcomes} - {"ok"} <= LIMITS
    assert await lost(team.url, load.promises) == []
    assert {name: after[name] - before[name] for name in before if after[name] - before[name] > growth_max_mib} == {}


def _memory_mib(team: ComposeStack) -> dict[str, float]:
    """Of each container, as Docker counts it: without what only caches files."""
    names = team.compose("ps", "--format", "{{.Name}}").split()
    lines = docker("stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", *names).splitlines()
    used = {name: text for name, text, *_ in (line.split() for line in lines)}
    return {name.removeprefix(f"{team.name}-"): _mib(text) for name, text in used.items()}


def _mib(text: str) -> float:
    return float(text[:-3]) * _units[text[-3:]]
