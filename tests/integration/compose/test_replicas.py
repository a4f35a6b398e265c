"""Two gateways, two sessions, two qualities: a client does not care which, nor when they come and go."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.integration.calls import call
from tests.integration.faults import Container, containers, docker
from tests.integration.gateway.test_roaming import HANDSHAKE, ask, store
from tests.integration.load import OK, Load, lost, told, tries_max
from tests.integration.stack import ComposeStack
from tests.integration.whole import wait_until_whole

pytestmark = pytest.mark.containers


def test_a_client_that_shook_hands_goes_from_one_gateway_to_the_other(team: ComposeStack) -> None:
    session, _ = ask(team.url, "", "initialize", HANDSHAKE)
    for gateway in containers(team, "gateway"):
        docker("stop", gateway.name)
        try:
            assert stored_when_told(team.url, session, f"Without {gateway.name}.")["success"]
        finally:
            docker("start", gateway.name)
        wait_until_whole(team.url)


def stored_when_told(url: str, session: str, content: str) -> Any:
    """What `store` answers; whoever is told that no gateway takes work comes again when it says so, as clients do."""
    for _ in range(tries_max - 1):
        try:
            return store(url, session, content)
        except HTTPError as refusal:
            if refusal.code != HTTPStatus.SERVICE_UNAVAILABLE:
                raise
            time.sleep(int(refusal.headers["Retry-After"]))
    return store(url, session, content)


async def test_a_rolling_restart_costs_no_call_more_than_another_try(
    team: ComposeStack, report: Callable[[str], None]
) -> None:
    load = Load(team.url, "rolling", clients=6, think_s=0.1)
    with load.noted() as noted:
        async with load.running():
            for service in ("gateway", "session", "quality"):
                for container in containers(team, service):
                    await asyncio.to_thread(container.restart)
                    await asyncio.to_thread(wait_until_whole, team.url)
    calls = noted.ended()
    report(f"rolling restart: {told(calls)}")
    assert calls
    assert [call for call in calls if call.outcome != OK] == []
    assert await lost(team.url, load.promises) == []


def test_it_comes_up_in_the_worst_order(team: ComposeStack) -> None:
    everything = [container.name for name in LAST_TO_FIRST for container in containers(team, name)]
    docker("stop", "--time", "30", *everything)
    for name in everything:
        docker("start", name)
    wait_until_whole(team.url)


LAST_TO_FIRST = ("entry", "gateway", "quality", "history", "session", "memory", "redis")
"""What depends on others before what it depends on."""


def test_calls_go_to_both_of_two_services(team: ComposeStack) -> None:
    sessions = containers(team, "session")
    before = {container.name: _received_bytes(container) for container in sessions}
    session, _ = ask(team.url, "", "initialize", HANDSHAKE)
    deadline = time.monotonic() + resolved_within_s
    while not all(_received_bytes(each) - before[each.name] > calls_each * call_min_bytes for each in sessions):
        assert time.monotonic() < deadline, "one of them gets nothing"
        for _ in range(calls_each):
            ask(team.url, session, "tools/call", {"name": "list_sessions", "arguments": {}})


calls_each, call_min_bytes = 40, 200
resolved_within_s = 120.0
"""A gateway that found one of them alone looks again when that connection has aged."""


def _received_bytes(container: Container) -> int:
    lines = docker("exec", container.name, "cat", "/proc/net/dev").splitlines()
    return sum(int(line.split(":")[1].split()[0]) for line in lines if ":" in line and " lo:" not in line)


def test_the_first_token_is_made_where_they_are_kept(team: ComposeStack) -> None:
    command = ("exec", "--no-TTY", "session", "python", "-m", "services.cli", "token")
    token = team.compose(*command, "create", "ada", "--scope", "admin").strip()
    assert len(token) > 20
    assert "ada" in team.compose(*command, "list")
    assert token not in team.compose(*command, "list")


@pytest.fixture
def repository(team_workspace: Path, project: str) -> Path:
    """A changed repository in the workspace, which belongs to the workspace's owner."""
    directory = team_workspace / project
    directory.mkdir()
    (directory / "app.py").write_text("print(1)\n")
    git(directory, "init", "-q", "-b", "main")
    git(directory, "config", "user.name", "Ada")
    git(directory, "config", "user.email", "ada@example.org")
    git(directory, "add", ".")
    git(directory, "commit", "-q", "-m", "begin")
    (directory / "app.py").write_text("print(2)\n")
    owner = team_workspace.stat()
    for path in (directory, *directory.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
    return directory


async def test_a_checkpoint_commits_in_the_workspace_as_its_owner(team: ComposeStack, repository: Path) -> None:
    begun = await call(team, "init", working_directory=str(repository))
    assert begun["project_context"]["name"] == repository.name
    recorded = await call(team, "checkpoint", session_id=begun["session_id"], note="print another number")
    assert recorded["git_checkpoint_created"] is True, recorded["git_skipped_reason"]
    assert recorded["quality_score"]["overall"] is not None
    assert git(repository, "log", "-1", "--format=%s").startswith("checkpoint: ")
    ended = await call(team, "end", session_id=begun["session_id"], summary="Printed.")
    assert ended["handoff_file_created"] is True
    assert _owners(repository) == _owners(repository.parent) != {0}


def _owners(directory: Path) -> set[int]:
    return {path.stat().st_uid for path in (directory, *directory.rglob("*"))}


def git(directory: Path, *arguments: str) -> str:
    """git, as somebody who need not own the directory."""
    safe = ["-c", f"safe.directory={directory}"]
    done = subprocess.run(["git", *safe, *arguments], cwd=directory, capture_output=True, text=True, check=True)
    return done.stdout
