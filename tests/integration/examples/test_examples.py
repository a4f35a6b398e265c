"""What lies in examples/ does what its README says, as it stands there."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx2
import pytest
import yaml
from fastmcp import Client

from tests.conformance.test_conformance import INSTALLED, NODE
from tests.integration.stack import ROOT, ComposeStack
from tests.integration.team import TeamStack
from tests.patience import eventually_so
from tests.unit.quality.collectors.test_collectors import write
from tests.unit.quality.collectors.test_public_projects import OK, commit, git, junit

EXAMPLES = ROOT / "examples"
FACT = "We use Postgres, not MySQL: the team knows it."


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, model_directory: Path) -> Iterator[TeamStack]:
    with TeamStack(tmp_path_factory.mktemp("team") / "data", model_directory) as stack:
        yield stack


def ran(command: Sequence[str | Path], at: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=at, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=120
    )


def as_user(team: TeamStack, user: str, scope: str = "write") -> Mapping[str, str]:
    return {"SEGUE_URL": team.url, "SEGUE_TOKEN": team.token(user, scope)}


# --- a client of one's own ----------------------------------------------------------------------


@pytest.mark.slow
def test_a_client_in_python_finds_what_it_stored(team: TeamStack) -> None:
    done = ran([sys.executable, EXAMPLES / "client/remember.py"], EXAMPLES, **as_user(team, "ada"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].endswith(FACT)


@pytest.mark.conformance
def test_a_client_in_typescript_finds_what_it_stored(team: TeamStack, tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / "client/remember.mts", tmp_path)
    (tmp_path / "node_modules").symlink_to(INSTALLED)
    done = ran([NODE, "remember.mts"], tmp_path, **as_user(team, "bob"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].endswith(FACT)


def test_a_client_that_may_not_store_says_so(team: TeamStack) -> None:
    done = ran([sys.executable, EXAMPLES / "client/remember.py"], EXAMPLES, **as_user(team, "eve", "read"))
    assert done.returncode != 0
    assert done.stdout == ""


@pytest.mark.parametrize("name", ["remember.py", "remember.mts"])
def test_a_client_takes_thirty_lines(name: str) -> None:
    assert len((EXAMPLES / "client" / name).read_text().splitlines()) <= 30


# --- reports from CI ----------------------------------------------------------------------------


def hand_in(shop: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """The last step of the workflow, as a runner runs it after a job in `shop`."""
    (job,) = yaml.safe_load((EXAMPLES / "ci/hand-in-reports.yaml").read_text())["jobs"].values()
    step = job["steps"][-1]
    assert set(step["env"]) == {"SEGUE_URL", "SEGUE_TOKEN"}
    of_runner = {"GITHUB_REPOSITORY": "acme/shop", "GITHUB_SHA": git(shop, "rev-parse", "HEAD"), "GITHUB_JOB": "tests"}
    return ran(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]], shop, **of_runner, **environment
    )


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project whose remote is github.com/acme/shop, with what its tests wrote, out of git's sight."""
    shop = tmp_path / "shop"
    write(shop, "shop/cart.py", "def total() -> int:\n    return 1\n")
    write(shop, ".gitignore", "*.xml\n")
    commit(shop, days_ago=1)
    git(shop, "remote", "add", "origin", "git@github.com:acme/shop.git")
    return shop


async def test_what_ci_measured_counts_for_the_project(team: TeamStack, shop: Path, tmp_path: Path) -> None:
    async with team.client("ada") as mcp:
        await mcp.call_tool("quality_check", {"working_directory": str(shop)})
        runner = tmp_path / "runner"
        subprocess.run(["git", "clone", "--quiet", shop, runner], check=True)
        write(runner, "junit.xml", junit(OK.format("t", 1), OK.format("t", 2)))
        done = hand_in(runner, as_user(team, "ada"))
        assert done.returncode == 0, done.stdout + done.stderr
        assert [each["name"] for each in json.loads(done.stdout)["taken"]] == ["tests_passed"]
        report = (await mcp.call_tool("quality_check", {"working_directory": str(shop)})).structured_content["report"]
    (row,) = (each for each in report["components"] if each["name"] == "tests_passed")
    assert row["measured"]
    assert row["source"].startswith("reported by CI at commit ")


@pytest.mark.parametrize("report", [None, "<not xml"])
def test_a_job_without_a_report_that_says_something_fails(team: TeamStack, shop: Path, report: str | None) -> None:
    if report:
        write(shop, "junit.xml", report)
    done = hand_in(shop, as_user(team, "ada"))
    assert done.returncode != 0
    assert json.loads(done.stdout)["success"] is False


def test_a_token_that_may_only_read_fails_the_job(team: TeamStack, shop: Path) -> None:
    write(shop, "junit.xml", junit(OK.format("t", 1)))
    done = hand_in(shop, as_user(team, "ada", "read"))
    assert done.returncode != 0
    assert team.token("ada", "read") not in done.stdout + done.stderr


# --- a gateway for three people -----------------------------------------------------------------


@pytest.mark.containers
async def test_three_people_share_a_gateway_and_not_their_memories(tmp_path: Path) -> None:
    files = f"{ROOT / 'compose.yaml'}:{EXAMPLES / 'team/compose.yaml'}"
    with ComposeStack(settings={"COMPOSE_FILE": files}) as stack:
        of_compose = {"COMPOSE_FILE": files, "COMPOSE_PROJECT_NAME": stack.name}
        for _ in range(2):
            done = ran([EXAMPLES / "team/make-tokens", "ada", "bob", "eve"], tmp_path, **of_compose)
            assert done.returncode == 0, done.stderr
        assert done.stdout == ""  # who has a token keeps it
        tokens = {path.name: path.read_text().strip() for path in (tmp_path / "tokens").iterdir()}
        assert set(tokens) == {"ada", "bob", "eve"}
        assert {path.stat().st_mode & 0o777 for path in (tmp_path / "tokens").iterdir()} == {0o600}
        async with Client(stack.url, auth=tokens["bob"]) as bob, Client(stack.url, auth=tokens["eve"]) as eve:
            await bob.call_tool("store_reflection", {"content": FACT, "project": "shop"})
            asked = {"query": "which database?", "project": "shop"}
            assert (await bob.call_tool("reflect_on_past", asked)).structured_content["results"]
            assert not (await eve.call_tool("reflect_on_past", asked)).structured_content["results"]
        assert httpx2.post(stack.url).status_code == 401


@pytest.mark.parametrize("name", ["", "-x", "../ada", "a b", "a;b", "a\nb", ".", "a/b", "$(id)"])
def test_a_name_that_is_no_user_makes_no_token(tmp_path: Path, name: str) -> None:
    done = ran([EXAMPLES / "team/make-tokens", "ada", name], tmp_path)
    assert done.returncode == 2
    assert not list(tmp_path.iterdir())


# --- events -------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_events_are_followed_and_go_on_where_the_script_stopped(tmp_path: Path, model_directory: Path) -> None:
    place = tmp_path / "place"
    settings = {"SEGUE_INTEGRATION_STREAM": "true", "SEGUE_INTEGRATION_POLL_S": "0.05"}
    with TeamStack(tmp_path / "data", model_directory, **settings) as stack:
        environment = os.environ | as_user(stack, "ada")
        async with stack.client("ada") as ada, stack.client("bob") as bob:
            await bob.call_tool("store_reflection", {"content": "Not for ada's eyes."})
            shown = []
            for number in range(2):
                await ada.call_tool("store_reflection", {"content": f"Fact number {number} is a fact."})
                command = [sys.executable, str(EXAMPLES / "events/follow.py"), str(place)]
                with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as following:
                    assert following.stdout
                    shown.append(await asyncio.to_thread(following.stdout.readline))
                    await eventually_so(lambda: place.exists() and place.read_text() != "0")
                    following.kill()
    assert all("dev.segue.memory.stored.v1" in line for line in shown)
    assert shown[0] != shown[1]
