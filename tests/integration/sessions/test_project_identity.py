"""Projects are told by their repositories, not by their names: through tools, hooks, imports and the command line."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from services.cli.hooks.gateway import parse_address, post
from services.workspace.directory_identity import DIRECTORY_META, IDENTITY_META, PROJECT_META
from services.workspace.git.first_commit import first_commit
from services.workspace.project_identity import sighting_here
from tests.claude_transcripts import Transcript
from tests.hooked import Hooked
from tests.integration.stack import ROOT, ComposeStack, Stack, client, segue


@pytest.fixture
def stack(stack: Stack) -> Stack:
    """One process: it sees the directories."""
    if isinstance(stack, ComposeStack):
        pytest.skip("the gateway does not see the directories")
    return stack


async def call(stack: Stack, tool: str, **arguments: Any) -> dict[str, Any]:
    async with client(stack) as mcp:
        answer = await mcp.call_tool(tool, arguments, raise_on_error=False)
        content: dict[str, Any] = answer.structured_content
        return content


def git(directory: Path, *arguments: str) -> None:
    name = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    subprocess.run(["git", "-C", str(directory), *name, *arguments], check=True, capture_output=True)


def repository(directory: Path, remote: str = "", first: str = "") -> Path:
    """A repository with a commit that is its own, unless `first` says otherwise."""
    directory.mkdir(parents=True)
    git(directory, "init", "-q", "-b", "main")
    (directory / "a.py").write_text(first or secrets.token_hex(8))
    git(directory, "add", ".")
    git(directory, "commit", "-qm", "one", "--date=2026-01-01T00:00:00Z")
    if remote:
        git(directory, "remote", "add", "origin", remote)
    return directory


def briefing(stack: Stack, directory: Path) -> str:
    """What the model is told when a conversation begins there."""
    told = {"session_id": secrets.token_hex(4), "cwd": str(directory), "source": "startup"}
    body = json.dumps({"directory": str(directory), "tokens": 2000, "within_ms": 30000, "input": told}).encode()
    return post(parse_address(stack.url), "/v1/hooks/SessionStart", body, time.monotonic() + 60).body.decode()


def hooked(stack: Stack, directory: Path, home: Path) -> Hooked:
    """A conversation in that directory."""
    (home / "data").mkdir(parents=True, exist_ok=True)
    made = Hooked(home, "unused", **{"SEGUE_DATA_DIR": str(home / "data"), **stack.environment})
    made.project = directory
    made.environment["CLAUDE_PROJECT_DIR"] = str(directory)
    made.transcript = Transcript(cwd=str(directory), session=secrets.randbits(64))
    folder = "".join(each if each.isalnum() else "-" for each in str(directory))
    made.path = made.home / ".claude" / "projects" / folder / f"{made.transcript.session_id}.jsonl"
    return made


async def name_of(stack: Stack, directory: Path) -> str:
    return str((await call(stack, "init", working_directory=str(directory)))["project_context"]["name"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "remotes", [("", ""), ("git@github.com:acme/{0}.git", "https://github.com/bolt/{0}"), ("", "https://h/bolt/{0}")]
)
async def test_two_repositories_of_one_name_never_meet(
    stack: Stack, tmp_path: Path, project: str, remotes: tuple[str, str]
) -> None:
    word = f"rounding{secrets.token_hex(3)}"
    one, other = (
        repository(tmp_path / owner / project, remote.format(project), "the same first commit")
        for owner, remote in zip(("acme", "bolt"), remotes, strict=True)
    )
    begun = await call(stack, "init", working_directory=str(one))
    await call(stack, "store_reflection", content=f"Decision: {word} is down.", tags=["decision"], project=project)
    await call(
        stack, "end", session_id=begun["session_id"], summary=f"acme: {word} is fixed", next_steps=[f"tell {word}"]
    )
    begun = await call(stack, "init", working_directory=str(other))
    assert begun["previous_handoff"] is None
    assert word not in json.dumps(begun)
    assert word not in briefing(stack, other)
    assert begun["project_context"]["name"] == f"bolt/{project}"
    assert word in briefing(stack, one)
    assert await name_of(stack, one) == project
    refused = await call(stack, "reflect_on_past", query=word, project=project)
    assert refused["error_code"] == "INVALID_INPUT"
    assert f"acme/{project}, bolt/{project}" in refused["error"]
    found = await call(stack, "reflect_on_past", query=word, project=f"acme/{project}")
    assert word in json.dumps(found["results"])
    assert not (await call(stack, "reflect_on_past", query=word, project=f"bolt/{project}"))["results"]


@pytest.mark.slow
async def test_a_repository_is_one_project_in_all_its_trees_folders_clones_and_places(
    stack: Stack, tmp_path: Path, project: str
) -> None:
    main = repository(tmp_path / project, f"git@github.com:acme/{project}.git")
    (main / "core" / "deep").mkdir(parents=True)
    git(main, "worktree", "add", "-q", str(tmp_path / f"{project}-hotfix"))
    git(main, "worktree", "add", "-q", str(main / ".claude" / "worktrees" / "spike"))
    git(tmp_path, "clone", "-q", f"file://{main}", "checkout")
    git(tmp_path / "checkout", "remote", "set-url", "origin", f"https://me:tangerine9@github.com/acme/{project}")
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{main}", "shallow")
    git(tmp_path / "shallow", "remote", "set-url", "origin", f"ssh://git@github.com/acme/{project}.git")
    git(tmp_path, "clone", "-q", str(main), "beside")
    places = ("core/deep", ".claude/worktrees/spike")
    trees = [main, *(main / each for each in places), *(tmp_path / each for each in ("checkout", "shallow", "beside"))]
    for place in (*trees, tmp_path / f"{project}-hotfix"):
        assert await name_of(stack, place) == project, place
    main.rename(tmp_path / "renamed")
    assert await name_of(stack, tmp_path / "renamed") == project
    assert "tangerine9" not in "".join(_texts(stack))


def _texts(stack: Stack) -> list[str]:
    directory = Path(stack.environment["SEGUE_DATA_DIR"])
    return [each.read_bytes().decode("latin-1") for each in directory.rglob("session.sqlite*")]


async def test_a_bare_layout_has_the_name_of_the_directory_around_it(
    stack: Stack, tmp_path: Path, project: str
) -> None:
    for name in (f"shop-{project}", f"bank-{project}"):
        source = repository(tmp_path / "sources" / name)
        (tmp_path / name).mkdir()
        git(tmp_path, "clone", "-q", "--bare", str(source), f"{name}/.bare")
        (tmp_path / name / ".git").write_text("gitdir: ./.bare\n")
        git(tmp_path / name, "worktree", "add", "-q", "main")
        assert await name_of(stack, tmp_path / name / "main") == name
        assert await name_of(stack, tmp_path / name) == name


@pytest.mark.slow
async def test_what_is_decided_in_a_worktree_is_told_in_the_repository(
    stack: Stack, tmp_path: Path, project: str
) -> None:
    main = repository(tmp_path / project)
    git(main, "worktree", "add", "-q", str(tmp_path / f"{project}-hotfix"))
    (main / "core").mkdir()
    decisions = {tmp_path / f"{project}-hotfix": "indigo", main / "core": "crimson"}
    for place, colour in decisions.items():
        conversation = hooked(stack, place, tmp_path / "user")
        conversation.converse(f"We decided: the invoice colour is {colour}, from now on.", f"Noted, {colour} it is.")
    told = briefing(stack, main)
    for colour in decisions.values():
        assert colour in told.partition("What was decided:")[2]
        found = await call(stack, "advanced_search", query=colour, project=project, limit=5)
        assert found["results"]
        assert {each["project"] for each in found["results"]} == {project}


async def test_an_import_files_what_was_said_as_hooks_do(stack: Stack, tmp_path: Path, project: str) -> None:
    main = repository(tmp_path / project)
    git(main, "worktree", "add", "-q", str(tmp_path / "wt-login"))
    git(main, "worktree", "add", "-q", str(main / ".claude" / "worktrees" / "gone"))
    (main / "src").mkdir()
    assert await name_of(stack, main) == project
    git(main, "worktree", "remove", "--force", str(main / ".claude" / "worktrees" / "gone"))
    gone = [f"/home/dev/{owner}/{project}-x" for owner in ("northwind", "contoso")]
    places = [
        tmp_path / "wt-login",
        main / "src",
        main / ".claude/worktrees/gone",
        main / "never/there",
        *map(Path, gone),
    ]
    for place in places:
        transcript = Transcript(cwd=str(place), session=secrets.randbits(64))
        transcript.user(f"The word of {place} is pear{places.index(place)}{project[-4:]}.")
        folder = "".join(each if each.isalnum() else "-" for each in str(place))
        transcript.save(tmp_path / "projects" / folder / f"{transcript.session_id}.jsonl")
    done = segue(stack, "import", tmp_path / "projects")
    assert done.returncode == 0, done.stderr
    found = [
        (await call(stack, "advanced_search", query=f"pear{number}{project[-4:]}", limit=1))["results"][0]["project"]
        for number in range(len(places))
    ]
    assert found[:4] == [project] * 4
    assert sorted(found[4:]) == sorted({f"{project}-x", found[4], found[5]})
    assert len(set(found[4:])) == 2


async def test_what_names_no_project_goes_to_the_directorys(stack: Stack, tmp_path: Path, project: str) -> None:
    main = repository(tmp_path / project)
    await call(stack, "init", working_directory=str(main))
    async with client(stack) as mcp:
        for tool, more in (("store_reflection", {"tags": ["decision"]}), ("store_conversation", {"role": "user"})):
            text = f"The staging cluster of {tool} is called heron-{project}."
            stored = await mcp.call_tool(
                tool, {"content": text, **more}, meta={DIRECTORY_META: str(main / "..") + f"/{project}"}
            )
            id_of = next(value for key, value in stored.structured_content.items() if key.endswith("_id"))
            memory = (await mcp.call_tool("get_memory", {"id": id_of})).structured_content["memory"]
            assert memory["project"] == project
        home = {DIRECTORY_META: "/"}
        stored = await mcp.call_tool("store_reflection", {"content": f"Nobody's {project}."}, meta=home)
    assert f"heron-{project}" in briefing(stack, main)


@pytest.mark.parametrize("own", ["home", "/"])
async def test_a_client_started_where_no_project_is_works_in_its_root(
    stack: Stack, tmp_path: Path, project: str, own: str
) -> None:
    main = repository(tmp_path / project)
    home = tmp_path / "home"
    home.mkdir()
    environment = {**os.environ, **stack.environment, "HOME": str(home)}
    command = ["-m", "services.cli", "connect"]
    transport = StdioTransport(
        sys.executable,
        command,
        env=environment | {"PYTHONPATH": str(ROOT)},
        cwd=str(home) if own == "home" else own,
        keep_alive=False,
    )
    async with Client(transport, roots=[main.as_uri()]) as mcp:
        begun = (await mcp.call_tool("init", {})).structured_content
        assert begun["project_context"]["name"] == project
        assert begun["project_context"]["root"] == str(main)
        stored = await mcp.call_tool("store_reflection", {"content": f"The crane of {project} is ready."})
        memory = await mcp.call_tool("get_memory", {"id": stored.structured_content["reflection_id"]})
        assert memory.structured_content["memory"]["project"] == project


async def test_the_project_that_claude_code_names_is_asked_before_the_own_directory(
    stack: Stack, tmp_path: Path, project: str
) -> None:
    main, other = repository(tmp_path / project), repository(tmp_path / f"{project}-other")
    environment = {**os.environ, **stack.environment, "CLAUDE_PROJECT_DIR": str(main), "PYTHONPATH": str(ROOT)}
    transport = StdioTransport(
        sys.executable, ["-m", "services.cli", "connect"], env=environment, cwd=str(other), keep_alive=False
    )
    async with Client(transport) as mcp:
        begun = (await mcp.call_tool("init", {})).structured_content
    assert begun["project_context"]["name"] == project


@pytest.mark.slow
async def test_a_project_is_renamed_merged_and_called_otherwise_by_the_command(
    stack: Stack, tmp_path: Path, project: str
) -> None:
    one, other = (repository(tmp_path / owner / project) for owner in ("acme", "bolt"))
    for place, word in ((one, "heron"), (other, "crane")):
        begun = await call(stack, "init", working_directory=str(place))
        name = begun["project_context"]["name"]
        await call(
            stack,
            "store_reflection",
            content=f"The {word} of {project}.",
            project=f"{place.parent.name}/{project}" if "/" in name else name,
        )
        await call(stack, "end", session_id=begun["session_id"], summary=f"saw the {word}")
    listed = segue(stack, "project", "list", project)
    assert listed.returncode == 0, listed.stderr
    assert f"bolt/{project}" in listed.stdout
    assert f"acme/{project}" in listed.stdout
    done = segue(stack, "project", "rename", f"acme/{project}", f"{project}-new")
    assert f"It is {project}-new now; 2 memories and 1 sessions moved along." in done.stdout, done.stderr
    assert await name_of(stack, one) == f"{project}-new"
    assert "heron" in briefing(stack, one)
    points = (await call(stack, "quality_history", project=f"{project}-new"))["points"]
    assert len(points) == 1
    found = await call(stack, "reflect_on_past", query="heron", project=f"{project}-new")
    assert {each["project"] for each in found["results"]} == {f"{project}-new"}
    unsure = segue(stack, "project", "merge", f"bolt/{project}", f"{project}-new")
    assert (unsure.returncode, "add --yes" in unsure.stderr) == (1, True)
    dry = segue(stack, "project", "merge", f"bolt/{project}", f"{project}-new", "--dry-run")
    assert "2 memories, 1 sessions and 0 permission rules" in dry.stdout
    assert "crane" not in briefing(stack, one)
    done = segue(stack, "project", "merge", f"bolt/{project}", f"{project}-new", "--yes")
    assert "2 memories and 1 sessions moved" in done.stdout, done.stderr
    assert "crane" in briefing(stack, one)
    assert "heron" in briefing(stack, other)
    done = segue(stack, "project", "split", f"{project}-new", f"bolt/{project}")
    assert f"bolt/{project} is a project of its own again, with 2 memories, 2 sessions" in done.stdout, done.stderr
    assert "crane" in briefing(stack, other)
    assert "heron" not in briefing(stack, other)
    assert "crane" not in briefing(stack, one)
    assert segue(stack, "project", "merge", f"bolt/{project}", f"{project}-new", "--yes").returncode == 0
    assert segue(stack, "project", "alias", f"{project}-new", f"{project}-money").returncode == 0
    found = await call(stack, "list_projects", name=f"{project}-money")
    assert [each["label"] for each in found["projects"]] == [f"{project}-new"]
    named = await call(stack, "name_project", project=f"{project}-money", name=f"{project}-last")
    assert named["project"]["label"] == f"{project}-last"
    assert "crane" in briefing(stack, one)


@pytest.mark.slow
async def test_doctor_says_which_names_are_shared(stack: Stack, tmp_path: Path, project: str) -> None:
    for owner in ("acme", "bolt"):
        await name_of(stack, repository(tmp_path / owner / project))
    found = json.loads(segue(stack, "doctor", "--json").stdout)["findings"]
    details = [each["detail"] for each in found if each["name"] == "projects"]
    assert any("of their names are shared" in each for each in details)


async def test_a_packages_memories_are_its_own_and_found_by_both_names(
    stack: Stack, tmp_path: Path, project: str
) -> None:
    main = repository(tmp_path / project)
    for name in ("web", "cart"):
        (main / "apps" / f"{name}-{project}" / "src").mkdir(parents=True)
        (main / "apps" / f"{name}-{project}" / "package.json").write_text("{}")
        (main / "apps" / f"{name}-{project}" / "src" / "a.js").write_text("1")
    git(main, "add", ".")
    git(main, "commit", "-qm", "two")
    git(main, "worktree", "add", "-q", str(tmp_path / "fix"))
    label = f"{project}/web-{project}"
    for place in (main, tmp_path / "fix"):
        assert await name_of(stack, place / "apps" / f"web-{project}" / "src") == label
    await call(stack, "store_reflection", content=f"The web heron of {project}.", project=f"web-{project}")
    for name, count in ((label, 1), (f"web-{project}", 1), (f"{project}/cart-{project}", 0), (project, 0)):
        found = await call(stack, "reflect_on_past", query="web heron", project=name)
        assert len(found["results"]) == count, name


def elsewhere(stack: Stack, place: Path, **more: Any) -> str:
    """The briefing of a gateway that does not see the directory, and is told of its project."""
    meta = {IDENTITY_META: "another machine", PROJECT_META: {**sighting_here(str(place), first_commit), **more}}
    told = {"session_id": secrets.token_hex(4), "cwd": str(place), "source": "startup"}
    sent = {"directory": str(place), "tokens": 2000, "within_ms": 30000, "input": told, "meta": meta}
    address = parse_address(stack.url)
    return post(address, "/v1/hooks/SessionStart", json.dumps(sent).encode(), time.monotonic() + 60).body.decode()


async def test_a_gateway_elsewhere_goes_by_what_the_client_sees(stack: Stack, tmp_path: Path, project: str) -> None:
    one, other = (
        repository(tmp_path / owner / project, f"git@host:{owner}/{project}.git", "the same") for owner in ("a", "b")
    )
    git(one, "worktree", "add", "-q", str(tmp_path / "fix"))
    away = {IDENTITY_META: "another machine", DIRECTORY_META: str(one), PROJECT_META: sighting_here(str(one))}
    async with client(stack) as mcp:
        text = f"Decision: the gate of {project} is green."
        await mcp.call_tool("store_reflection", {"content": text, "tags": ["decision"]}, meta=away)
    assert "is green" in elsewhere(stack, one)
    assert "is green" in elsewhere(stack, tmp_path / "fix")
    assert "is green" in elsewhere(stack, one, machine="a laptop", root="/home/x/y", directory="/home/x/y")
    assert "is green" not in elsewhere(stack, other)
    assert "is green" not in elsewhere(stack, other, name=project, root=str(one), directory=str(one))
    claimed = {"remote": f"host/a/{project}", "first_commit": "0" * 40}
    assert "is green" not in elsewhere(stack, other, **claimed)  # it claims the remote, and has another history
    assert "is green" not in elsewhere(stack, other, remote="https://me:tangerine9@host/x/y")
    assert "tangerine9" not in "".join(_texts(stack))


async def test_a_directory_that_became_another_project_does_not_go_on_with_the_session(
    stack: Stack, tmp_path: Path, project: str
) -> None:
    place = repository(tmp_path / project, f"git@github.com:acme/{project}.git")
    first = await call(stack, "init", working_directory=str(place))
    assert first["project_context"]["name"] == project
    place.rename(tmp_path / "elsewhere")
    repository(place, f"git@github.com:bolt/{project}.git")
    (place / "b.py").write_text("said of another one")
    git(place, "add", ".")
    kept = await call(stack, "checkpoint", session_id=first["session_id"], note="of acme", commit=True)
    assert kept["git_checkpoint_created"] is False
    assert kept["git_skipped_reason"] == f"Another project is in this directory now: bolt/{project}."
    refused = await call(stack, "init", working_directory=str(place), session_id=first["session_id"])
    assert (refused["error_code"], f"is of bolt/{project}" in refused["error"]) == ("CONFLICT", True)
    status = await call(stack, "status", working_directory=str(place))
    assert (status["session_active"], status["project_context"]["name"]) == (False, f"bolt/{project}")
    second = await call(stack, "init", working_directory=str(place))
    assert (second["resumed"], second["project_context"]["name"]) == (False, f"bolt/{project}")
    assert second["session_id"] != first["session_id"]
    again = await call(stack, "init", working_directory=str(place))
    assert (again["resumed"], again["session_id"]) == (True, second["session_id"])
    ended = await call(stack, "end", session_id=first["session_id"], summary="acme is done")
    assert (ended["handoff_file_created"], ended["handoff_file_name"]) == (False, "")
    assert not (place / ".claude" / "handoffs").exists()


async def test_a_conversation_in_which_the_directory_became_another_project_leaves_it_nothing(
    stack: Stack, tmp_path: Path, project: str
) -> None:
    place = repository(tmp_path / project, f"git@github.com:acme/{project}.git")
    talk = hooked(stack, place, tmp_path / "home")
    talk.begin()
    talk.say("Mend the roof of acme's shed, please.", "The roof of acme's shed has new tiles.")
    talk.hook("Stop")
    talk.settle()
    place.rename(tmp_path / "elsewhere")
    repository(place, f"git@github.com:bolt/{project}.git")
    talk.hook("SessionEnd", reason="other")
    talk.settle()
    assert not list(place.glob(".claude/handoffs/*.md"))
    assert "acme's shed" not in briefing(stack, place)
    assert "acme's shed" in briefing(stack, tmp_path / "elsewhere")
