"""The bridge tells the gateway in which directory the client works, and is its eyes and hands there."""

from __future__ import annotations

import os
import random
import shutil
import string
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from services.cli.directory.reporter import Reporter, call_here
from services.workspace.directory_identity import DIRECTORY_META, IDENTITY_META, PROJECT_META, directory_identity
from services.workspace.project_identity import sighting_here
from tests.integration.sessions.test_sessions import git
from tests.integration.stack import ROOT, ProcessStack, Stack

TOKEN = "".join(random.Random(7).choices(string.ascii_letters + string.digits, k=36))  # nobody's
CONNECT = (sys.executable, "-m", "services.cli", "connect")


def test_only_tool_calls_say_it_and_keep_what_they_had(tmp_path: Path) -> None:
    reporter = Reporter(str(tmp_path))
    call = {"method": "tools/call", "params": {"name": "init", "_meta": {"progressToken": 1}}}
    told: dict[str, Any] = {DIRECTORY_META: str(tmp_path), IDENTITY_META: directory_identity(str(tmp_path))}
    told[PROJECT_META] = sighting_here(str(tmp_path))
    assert reporter.prepare(call)["params"]["_meta"] == {"progressToken": 1, **told}
    assert reporter.prepare(reporter.prepare(call)) == reporter.prepare(call)
    for other in ({"method": "tools/list", "params": {}}, {"method": "tools/call"}, {"id": 1, "result": {}}):
        assert reporter.prepare(other) == other


def test_the_directory_that_the_call_names_is_meant(tmp_path: Path) -> None:
    call = {"method": "tools/call", "params": {"name": "init", "arguments": {"working_directory": str(tmp_path)}}}
    assert Reporter("/elsewhere").prepare(call)["params"]["_meta"][DIRECTORY_META] == str(tmp_path)


def test_an_identity_is_of_the_directory_and_not_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "link").symlink_to("shop")
    first = directory_identity(str(tmp_path / "shop"))
    assert first == directory_identity(str(tmp_path / "link"))
    (tmp_path / "shop").rename(tmp_path / "bank")
    (tmp_path / "shop").mkdir()
    assert directory_identity(str(tmp_path / "bank")) == first != directory_identity(str(tmp_path / "shop"))
    assert directory_identity(str(tmp_path / "nothing")) == directory_identity("a\0b") == ""


def test_a_gateway_that_wants_the_same_for_ever_is_asked_no_more_than_twice(tmp_path: Path) -> None:
    sent: list[dict[str, Any]] = []

    def send(message: dict[str, Any]) -> dict[str, Any]:
        sent.append(message)
        return {"id": 1, "result": {"isError": True, "_meta": {"segue/wanted": {"report": True}}}}

    answer = call_here({"id": 1, "method": "tools/call", "params": {"name": "init"}}, send, str(tmp_path))
    assert answer["result"]["isError"]
    assert len(sent) == 2


# --- out of sight ------------------------------------------------------------------------------


def transport(command: list[str], directory: Path) -> StdioTransport:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return StdioTransport(command[0], command[1:], environment, str(directory), keep_alive=False)


class Hidden:
    """A repository that the stack does not see: at `directory` only for what runs by `connect`, else at `root`."""

    def __init__(self, stack: Stack, tmp_path: Path, name: str) -> None:
        self.stack = stack
        self.root = self.directory = tmp_path / name
        self._hiding: tuple[str, ...] = ()
        if isinstance(stack, ProcessStack):  # a container does not see it anyway
            self.directory = tmp_path / "seen by the client" / name
            self.directory.mkdir(parents=True)
            mount = 'mount --bind "$1" "$2" && cd "$2" && shift 2 && exec "$@"'
            self._hiding = ("unshare", "--mount", "sh", "-c", mount, "sh", str(self.root), str(self.directory))

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Client[Any]]:
        """A client whose `segue connect` works there."""
        async with Client(transport([*self._hiding, *CONNECT, self.stack.url], self.directory)) as client:
            yield client


@pytest.fixture
def hidden(stack: Stack, tmp_path: Path, project: str) -> Hidden:
    if isinstance(stack, ProcessStack) and subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
        pytest.skip("this user may not hide a directory")
    made = Hidden(stack, tmp_path, project)
    made.root.mkdir(exist_ok=True)
    git(made.root, "init", "-q", "-b", "main")
    git(made.root, "config", "user.name", "Ada")
    git(made.root, "config", "user.email", "ada@example.org")
    (made.root / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "0"\ndependencies = ["rich"]\n')
    (made.root / "app.py").write_text("def run() -> int:\n    return 1\n")
    git(made.root, "add", ".")
    git(made.root, "commit", "-q", "-m", "Begin with an app")
    return made


async def ask(client: Client[Any], tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments, raise_on_error=False)
    assert result.structured_content is not None
    return result.structured_content


async def test_a_session_out_of_sight_goes_as_if_the_gateway_saw_it(hidden: Hidden, project: str) -> None:
    async with hidden.connected() as client:
        begun = await ask(client, "init")
        context = begun["project_context"]
        assert (context["name"], context["type"], context["measured"]) == (project, "python", True)
        assert context["structure_analysis"]["git"]["branch"] == "main"
        assert begun["dependency_status"][0]["status"] == "missing lock"
        assert begun["degraded"] == []
        report = (await ask(client, "quality_check"))["report"]
        assert report["overall_score"] > 0
        assert {each["source"].endswith("(reported by client)") for each in report["components"] if each["measured"]}
        status = await ask(client, "status")
        assert status["session"]["session_id"] == begun["session_id"]
        assert "git" in status["available_tools"]

        (hidden.root / "app.py").write_text("def run() -> int:\n    return 2\n")
        (hidden.root / "scratch.txt").write_text("not tracked\n")
        recorded = await ask(client, "checkpoint", note="return another number")
        assert recorded["git_checkpoint_created"] is True, recorded["git_skipped_reason"]
        commit = recorded["git_checkpoint"]
        assert commit["commit_hash"] == git(hidden.root, "rev-parse", "HEAD").strip()
        assert commit["files_changed"] == ["app.py"]
        subject = f"checkpoint: {project} (quality: {recorded['quality_score']['overall']:.0f}/100)"
        assert git(hidden.root, "log", "-1", "--format=%s").startswith(subject)
        again = await ask(client, "checkpoint")
        assert (again["git_checkpoint_created"], again["git_skipped_reason"][:15]) == (False, "Nothing changed")
        assert len((await ask(client, "quality_history"))["points"]) == 3  # checks and checkpoints, each once

        ended = await ask(client, "end", summary="It returns 2.", next_steps=["Return 3"])
        handoff = hidden.directory / ".claude" / "handoffs" / ended["handoff_file_name"]
        assert (ended["handoff_file_created"], ended["handoff_file_path"]) == (True, str(handoff))
        assert "Return 3" in _text(hidden.root / handoff.relative_to(hidden.directory))
        assert ".claude" not in git(hidden.root, "status", "--porcelain")
        assert (await ask(client, "init"))["previous_handoff"]["next_steps"] == ["Return 3"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda root: (root / "app.py").write_text(f'token = "ghp_{TOKEN}"\n'), "secret"),
        (lambda root: git(root, "add", "new.py"), "staged"),
        (lambda root: git(root, "checkout", "-q", "--detach"), "detached"),
        (lambda root: shutil.rmtree(root / ".git"), "git init"),
    ],
)
async def test_a_checkpoint_out_of_sight_gives_way_by_the_same_rules(
    hidden: Hidden, spoil: Callable[[Path], object], reason: str
) -> None:
    async with hidden.connected() as client:
        await ask(client, "init")
        (hidden.root / "app.py").write_text("def run() -> int:\n    return 3\n")
        (hidden.root / "new.py").write_text("x = 1\n")
        spoil(hidden.root)
        recorded = await ask(client, "checkpoint")
    assert recorded["git_checkpoint_created"] is False
    assert reason in recorded["git_skipped_reason"]


async def test_a_checkpoint_that_shall_not_commit_leaves_the_repository_alone(hidden: Hidden) -> None:
    async with hidden.connected() as client:
        await ask(client, "init")
        (hidden.root / "app.py").write_text("def run() -> int:\n    return 4\n")
        recorded = await ask(client, "checkpoint", commit=False)
    assert recorded["git_checkpoint_created"] is False
    assert git(hidden.root, "log", "--format=%s").splitlines() == ["Begin with an app"]


async def test_tools_cannot_be_run_out_of_sight_and_the_way_out_is_told(hidden: Hidden) -> None:
    async with hidden.connected() as client:
        refused = await ask(client, "quality_check", run_tools=True)
    assert refused["error_code"] == "INVALID_INPUT"
    assert any("segue serve" in each for each in refused["suggestions"])


async def test_another_directory_than_the_clients_is_not_made_up(hidden: Hidden) -> None:
    async with hidden.connected() as client:
        refused = await ask(client, "init", working_directory="/nowhere/at/all")
        assert refused["error_code"] == "NOT_FOUND"
        assert (await ask(client, "init", working_directory="/"))["error_code"] == "INVALID_INPUT"


async def test_where_the_gateway_sees_the_directory_nothing_is_reported(stack: Stack, tmp_path: Path) -> None:
    if not isinstance(stack, ProcessStack):
        pytest.skip("a container sees no directory")
    (tmp_path / "work").mkdir()
    (tmp_path / "work/app.py").write_text("x = 1\n")
    async with Client(transport([*CONNECT, stack.url], tmp_path / "work")) as client:
        assert (await ask(client, "init"))["project_context"]["root"] == str(tmp_path / "work")
        report = (await ask(client, "quality_check"))["report"]
        assert not [each for each in report["components"] if "reported" in each["source"]]


def _text(path: Path) -> str:
    return path.read_text()
