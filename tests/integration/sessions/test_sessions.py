"""A session from init to its handoff, through the gateway of one process."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.calls import call, refused
from tests.integration.person import decide
from tests.integration.stack import ProcessStack, client


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessStack]:
    with ProcessStack(tmp_path_factory.mktemp("sessions")) as stack:
        yield stack


def git(directory: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    done = subprocess.run(["git", *identity, *arguments], cwd=directory, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def repository(tmp_path: Path, project: str) -> Path:
    directory = tmp_path / project
    directory.mkdir()
    git(directory, "init", "-q", "-b", "main")
    git(directory, "config", "user.name", "Ada")
    git(directory, "config", "user.email", "ada@example.org")
    (directory / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "0"\n')
    (directory / "app.py").write_text("print(1)\n")
    git(directory, "add", ".")
    git(directory, "commit", "-q", "-m", "begin")
    return directory


async def test_a_session_goes_from_init_to_a_handoff_that_the_next_init_returns(
    here: ProcessStack, repository: Path
) -> None:
    begun = await call(here, "init", working_directory=str(repository))
    assert begun["resumed"] is False
    assert begun["project_context"]["name"] == repository.name
    assert begun["project_context"]["type"] == "python"
    assert begun["project_context"]["structure_analysis"]["git"]["branch"] == "main"
    assert begun["previous_handoff"] is None
    assert begun["degraded"] == []
    again = await call(here, "init", working_directory=str(repository))
    assert (again["session_id"], again["resumed"]) == (begun["session_id"], True)

    (repository / "app.py").write_text("print(2)\n")
    (repository / "scratch.txt").write_text("not tracked\n")
    recorded = await call(here, "checkpoint", session_id=begun["session_id"], note="print another number")
    assert recorded["git_checkpoint_created"] is True, recorded["git_skipped_reason"]
    assert recorded["git_checkpoint"]["files_changed"] == ["app.py"]
    assert git(repository, "log", "-1", "--format=%s").startswith(f"checkpoint: {repository.name} (quality: ")
    assert 0 <= recorded["quality_score"]["overall"] <= 100
    history = await call(here, "quality_history", project=repository.name)
    assert [point["kind"] for point in history["points"]] == ["checkpoint"]

    await call(
        here,
        "store_reflection",
        content="Print twice when the number matters.",
        tags=["solution"],
        project=repository.name,
    )
    ended = await call(
        here,
        "end",
        session_id=begun["session_id"],
        summary="The number is printed.",
        next_steps=["Print a larger number"],
        open_questions=["How large may it be?"],
    )
    assert ended["learning_captured"]["solutions"] == ["Print twice when the number matters."]
    assert ended["memory_persisted"] is True
    handoff = Path(ended["handoff_file_path"])
    assert handoff.parent == repository / ".claude" / "handoffs"
    assert _text(handoff) == ended["handoff"]
    assert ".claude" not in git(repository, "status", "--porcelain")

    following = await call(here, "init", working_directory=str(repository))
    assert following["session_id"] != begun["session_id"]
    assert following["previous_handoff"]["summary"] == "The number is printed."
    assert following["previous_handoff"]["next_steps"] == ["Print a larger number"]
    assert any("Print twice" in each["content"] for each in following["related_memories"])
    assert "The number is printed." not in str(following["related_memories"])  # the handoff stands above already
    assert await refused(here, "checkpoint", session_id=begun["session_id"]) == "CONFLICT"


async def test_words_of_an_end_are_kept_though_its_worktree_is_gone(
    here: ProcessStack, repository: Path, tmp_path: Path
) -> None:
    tree = tmp_path / "hotfix"
    git(repository, "worktree", "add", "-q", str(tree))
    begun = await call(here, "init", working_directory=str(tree))
    git(repository, "worktree", "remove", "--force", str(tree))
    recorded = await call(here, "checkpoint", session_id=begun["session_id"])
    assert "There is no such working directory" in recorded["git_skipped_reason"]
    ended = await call(here, "end", session_id=begun["session_id"], summary="The hotfix waits for Ada's review.")
    assert (ended["handoff_file_path"], "The hotfix waits" in ended["handoff"]) == (None, True)
    following = await call(here, "init", working_directory=str(repository))
    assert following["previous_handoff"]["summary"] == "The hotfix waits for Ada's review."


async def test_status_and_the_list_know_the_session(here: ProcessStack, repository: Path) -> None:
    before = await call(here, "status", working_directory=str(repository))
    assert before["session_active"] is False
    begun = await call(here, "init", working_directory=str(repository))
    found = await call(here, "status", working_directory=str(repository))
    assert found["session_active"] is True
    assert found["session"]["session_id"] == begun["session_id"]
    assert found["health_checks"]["quality"]["status"] == "healthy"
    assert found["memory_system_status"]["enabled"] is True
    listed = await call(here, "list_sessions", project=repository.name, state="active")
    assert [each["session_id"] for each in listed["sessions"]] == [begun["session_id"]]
    async with client(here) as mcp:
        resource = await mcp.read_resource(f"segue://session/{begun['session_id']}")
        prompts = {prompt.name for prompt in await mcp.list_prompts()}
    assert begun["session_id"] in resource[0].text
    assert prompts == {"init", "checkpoint", "end", "status", "search"}


@pytest.mark.parametrize(
    ("directory", "code"),
    [
        ("", "INVALID_INPUT"),
        ("relative/path", "INVALID_INPUT"),
        ("/", "PERMISSION_DENIED"),
        ("{tmp}/gone", "NOT_FOUND"),
    ],
)
async def test_a_directory_that_cannot_be_worked_in_is_refused(
    here: ProcessStack, tmp_path: Path, directory: str, code: str
) -> None:
    found = await refused(here, "init", working_directory=directory.format(tmp=tmp_path))
    assert found in {code, "INVALID_INPUT"}


async def test_a_file_is_no_working_directory(here: ProcessStack, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert await refused(here, "init", working_directory=str(tmp_path / "file")) == "INVALID_INPUT"


async def test_a_directory_out_of_sight_is_said_to_be(here: ProcessStack) -> None:
    begun = await call(here, "init", working_directory="/nowhere/on/this/machine")
    assert begun["project_context"]["measured"] is False
    assert begun["project_context"]["name"] == "machine"
    assert begun["degraded"]
    recorded = await call(here, "checkpoint", session_id=begun["session_id"])
    assert recorded["git_checkpoint_created"] is False
    assert recorded["git_skipped_reason"]


async def test_a_permission_is_asked_for_until_it_is_given_and_critical_always(
    here: ProcessStack, repository: Path
) -> None:
    await call(here, "init", working_directory=str(repository))
    asked = {"operation": "git_commit", "working_directory": str(repository)}
    assert (await call(here, "check_permission", **asked))["decision"] == "ask"
    rule = decide(here.url, "permit", operation="git_commit", scope="always")["rule"]
    assert (await call(here, "check_permission", **asked))["decision"] == "allow"
    status = await call(here, "permission_status")
    assert rule["id"] in {each["id"] for each in status["rules"]}
    assert (await call(here, "revoke_permission", rule_id=rule["id"]))["revoked"] == 1
    assert (await call(here, "check_permission", **asked))["decision"] == "ask"
    dangerous = await call(here, "check_permission", operation="bash", target="rm -rf /")
    assert (dangerous["decision"], dangerous["security_level"]) == ("ask", "critical")


async def test_what_was_denied_is_not_done(here: ProcessStack, repository: Path) -> None:
    begun = await call(here, "init", working_directory=str(repository))
    rule = (await call(here, "record_permission", operation="checkpoint", decision="deny", scope="always"))["rule"]
    (repository / "app.py").write_text("print(3)\n")
    assert await refused(here, "checkpoint", session_id=begun["session_id"]) == "PERMISSION_DENIED"
    assert git(repository, "log", "--format=%s").splitlines() == ["begin"]
    assert (await call(here, "checkpoint", session_id=begun["session_id"], commit=False))["git_skipped_reason"]
    decide(here.url, "revoke", id=rule["id"])
    assert (await call(here, "checkpoint", session_id=begun["session_id"]))["git_checkpoint_created"] is True


async def test_quality_says_what_it_measured(here: ProcessStack, repository: Path, tmp_path: Path) -> None:
    report = (await call(here, "quality_check", working_directory=str(repository)))["report"]
    assert report["overall_score"] == pytest.approx(sum(each["points"] for each in report["components"]), abs=0.05)
    assert all(each["points"] == 0 for each in report["components"] if not each["measured"])
    (tmp_path / "empty").mkdir()
    empty = (await call(here, "quality_check", working_directory=str(tmp_path / "empty")))["report"]
    assert empty["overall_score"] == 0


async def test_broad_permission_rules_cost_points_and_a_recommendation_names_them(
    here: ProcessStack, repository: Path
) -> None:
    asked = {"working_directory": str(repository)}
    unruled = (await call(here, "quality_check", **asked))["report"]
    assert unruled["permissions_score"] == 100
    assert not any("permission" in each for each in unruled["recommendations"])  # to record rules earns nothing
    operations = ("read_file", "git_push")
    rules = [decide(here.url, "permit", operation=each, scope="always")["rule"] for each in operations]
    ruled = await call(here, "quality_check", **asked)
    broad = sum(each["level"] in {"high", "critical"} for each in rules)
    assert broad
    assert ruled["report"]["permissions_score"] == 100 - 25 * broad
    assert ruled["quality_delta"] == pytest.approx(ruled["report"]["overall_score"] - unruled["overall_score"])
    for rule in rules:
        await call(here, "revoke_permission", rule_id=rule["id"])


async def test_a_history_can_be_drawn_and_names_the_thresholds_that_were_crossed(
    here: ProcessStack, repository: Path
) -> None:
    await call(here, "quality_check", working_directory=str(repository))
    (repository / "README.md").write_text("word " * 200)
    (repository / "test_app.py").write_text("def test_app() -> None:\n    assert True\n")
    (repository / "coverage.json").write_text(
        '{"files": {"app.py": {}}, "totals": {"covered_lines": 9, "num_statements": 10}}'
    )
    (repository / "ruff.json").write_text("[]")
    (repository / "mypy.xml").write_text("<testsuite><testcase/></testsuite>")
    (repository / "junit.xml").write_text('<testsuite><testcase classname="test_app" name="a"/></testsuite>')
    better = await call(here, "quality_check", working_directory=str(repository))
    assert better["quality_delta"] > 0
    history = await call(here, "quality_history", project=repository.name)
    assert [point["overall_score"] for point in history["points"]][-1] == better["report"]["overall_score"]
    assert history["trend"]["direction"] == "unknown"  # two points are no trend
    assert history["events"] == better["events"]
    assert better["events"][0].startswith("above 50")


def _text(path: Path) -> str:
    return path.read_text()
