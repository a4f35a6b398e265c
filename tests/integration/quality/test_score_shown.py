"""A score is shown with what it is of, and what would be next, wherever it is; a checkpoint says what it left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hooked import Hooked
from tests.integration.calls import call
from tests.integration.stack import ProcessStack
from tests.integration.team import request
from tests.unit.quality.collectors.test_collectors import write
from tests.unit.quality.collectors.test_public_projects import PY, commit, git

pytestmark = pytest.mark.slow

OF = "points that were measured"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessStack]:
    with ProcessStack(tmp_path_factory.mktemp("shown")) as stack:
        yield stack


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    root = tmp_path / "lanterns"
    write(root, "shop/cart.py", PY)
    write(root, "x.bin", "large\n")
    commit(root)
    git(root, "config", "user.name", "Ada")
    git(root, "config", "user.email", "ada@example.org")
    git(root, "config", "filter.lfs.clean", "sed s/a/b/")
    write(root, ".gitattributes", "*.bin filter=lfs\n")
    commit(root, "Filter what is large")
    return root


async def test_every_answer_says_of_how_much_the_score_is(here: ProcessStack, shop: Path) -> None:
    directory = str(shop)
    begun = await call(here, "init", working_directory=directory)
    assert OF in begun["project_context"]["health_summary"]
    assert "Next: " in begun["project_context"]["health_summary"]
    checked = (await call(here, "quality_check", working_directory=directory))["report"]
    assert OF in checked["summary"]
    assert checked["measured_score"] >= checked["overall_score"]
    state = await call(here, "status", working_directory=directory)
    assert OF in state["project_context"]["health_summary"]

    write(shop, "shop/cart.py", PY + "\n")
    write(shop, "x.bin", "larger and larger\n")
    recorded = await call(here, "checkpoint", session_id=begun["session_id"], on_ref=True)
    assert recorded["left_out"] == [{"path": "x.bin", "reason": "changed by a git filter, which is not run"}]
    assert recorded["git_checkpoint"]["ref"] == f"refs/segue/checkpoints/{begun['session_id']}"
    assert "% measured)" in recorded["git_checkpoint"]["message"]
    assert OF in recorded["quality_score"]["summary"]
    assert recorded["git_checkpoint"]["commit_hash"] == git(shop, "rev-parse", recorded["git_checkpoint"]["ref"])

    ended = await call(here, "end", session_id=begun["session_id"], summary="The cart adds up.")
    assert OF in ended["final_quality_summary"]
    assert "% measured)" in ended["handoff"]
    points = (await call(here, "quality_history", project=begun["project_context"]["name"]))["points"]
    assert all(0 < each["evidence_coverage"] < 1 for each in points)
    shown = json.loads(request(here.url, "GET", f"/v1/overview?project={shop.name}", []).body)
    assert OF in shown["quality"]["summary"]


async def test_the_briefing_says_it_too(here: ProcessStack, tmp_path: Path) -> None:
    hooked = Hooked(tmp_path, "lanterns-briefed", **here.environment)
    write(hooked.project, "shop/cart.py", PY)
    commit(hooked.project)
    assert OF not in hooked.context("SessionStart", source="startup"), "nothing was recorded yet"
    await call(here, "quality_check", working_directory=str(hooked.project))
    another = Hooked(tmp_path, "lanterns-briefed", **here.environment)
    context = another.context("SessionStart", source="startup")
    assert "The project's quality, by its evidence:\n> " in context
    assert OF in context
    assert "Next: " in context


async def test_where_nothing_was_measured_nobody_is_told_a_score(here: ProcessStack, tmp_path: Path) -> None:
    hooked = Hooked(tmp_path, "lanterns-unmeasured", **here.environment)
    hooked.converse("Write the poem about lanterns.", "It has three verses now.")
    another = Hooked(tmp_path, "lanterns-unmeasured", **here.environment)
    context = another.context("SessionStart", source="startup")
    assert "three verses" in context
    assert "quality" not in context
    (handoff,) = (hooked.project / ".claude" / "handoffs").iterdir()
    written = handoff.read_text()
    assert "three verses" in written
    assert "## Quality" not in written
    assert "ahead" not in written, "there is no other branch"


async def test_a_directory_of_a_project_has_its_score_and_its_history(here: ProcessStack, shop: Path) -> None:
    write(shop, "README.md", "Lanterns. " * 100)
    whole = (await call(here, "quality_check", working_directory=str(shop)))["report"]
    part = (await call(here, "quality_check", working_directory=str(shop / "shop")))["report"]
    assert part["overall_score"] == whole["overall_score"]
    name = (await call(here, "init", working_directory=str(shop / "shop")))["project_context"]["name"]
    points = (await call(here, "quality_history", project=name))["points"]
    assert [each["overall_score"] for each in points[-2:]] == [whole["overall_score"]] * 2
