"""Two gateways before one session service: a conversation is the same at each, and leaves one handoff."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.integration.calls import call
from tests.integration.hooks.test_conversations import office, repository, work  # noqa: F401  # fixtures
from tests.integration.stack import ProcessStack, Stack, free_port
from tests.office import Desk, Office
from tests.patience import PATIENCE_S, until


@pytest.fixture(scope="module")
def another(stack: Stack) -> Iterator[dict[str, str]]:
    """How hooks reach a second gateway, a process of its own before the services of the first."""
    if not isinstance(stack, ProcessStack):
        pytest.skip("a gateway in a container writes no handoffs here")
    sockets, port = stack.data_dir.absolute() / "run", free_port()
    if not sockets.exists():
        pytest.skip("its path is too long for sockets")
    services = {f"SEGUE_GATEWAY_{name.upper()}_TARGET": f"unix:{sockets / name}.sock" for name in SERVICES}
    settings = {**services, "SEGUE_GATEWAY_PORT": str(port)}
    with subprocess.Popen([sys.executable, "-m", "services.gateway"], env=os.environ | settings) as process:
        until(lambda: _is_ready(port))
        yield {"SEGUE_URL": f"http://127.0.0.1:{port}/mcp"}
        process.terminate()
        assert process.wait(PATIENCE_S) == 0


SERVICES = ("session", "memory", "quality")


def _is_ready(port: int) -> bool:
    with contextlib.suppress(OSError), urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as answered:
        return bool(answered.status == 200)
    return False


def at(desk: Desk, gateway: dict[str, str]) -> Desk:
    """The conversation goes on at that gateway; at the first one, if it is none."""
    desk.hooked.environment.pop("SEGUE_URL", None)
    desk.hooked.environment |= gateway
    return desk


@pytest.mark.slow
async def test_conversations_of_two_gateways_keep_a_session_open_and_each_leaves_its_handoff(
    office: Office,  # noqa: F811
    repository: Path,  # noqa: F811
    stack: Stack,
    another: dict[str, str],
) -> None:
    async def states() -> list[str]:
        found = await call(stack, "list_sessions", project=repository.name)
        return [each["state"] for each in found["sessions"]]

    one, two = office.open(repository.name), office.open(repository.name)
    for desk, gateway, subject in ((one, {}, "pears"), (two, another, "plums")):
        await asyncio.to_thread(at(desk, gateway).start)
        await asyncio.to_thread(work, desk, subject)
        await asyncio.to_thread(desk.hooked.settle)
    assert "pears" in await asyncio.to_thread(at(one, another).end)
    assert await states() == ["active"]
    assert "plums" in await asyncio.to_thread(at(two, {}).end)
    assert await states() == ["ended"]
    assert len(one.files) == 2


@pytest.mark.slow
def test_one_that_was_killed_at_one_gateway_is_told_at_the_other(
    office: Office,  # noqa: F811
    repository: Path,  # noqa: F811
    another: dict[str, str],
) -> None:
    killed = office.open(repository.name)
    killed.start()
    work(killed, "pears").kill()
    told = at(office.open(repository.name), another).start()
    assert "An unfinished conversation, last heard of" in told
    assert "pears" in told
    assert "Unfinished" in killed.handoff
    assert told.count("The pears was off by one") == 1
