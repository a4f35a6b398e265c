"""From an earlier version's images to this one's, on the same volumes, by one `docker compose up`."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.calls import call
from tests.integration.faults import docker
from tests.integration.stack import IMAGES, ROOT, ComposeStack

pytestmark = pytest.mark.containers

PREVIOUS = "7283fe847fb3"
"""The commit before there was an entry, a history of its own, or a secret between services."""
SUBJECTS = (
    "the lighthouse keeper's log",
    "why the queue is bounded",
    "naïve café — 日本語",
    "how the invoice is rounded",
)


@pytest.fixture
def previous(tmp_path: Path) -> Iterator[ComposeStack]:
    """The earlier version, built from this repository's history, and running."""
    archive = subprocess.run(["git", "archive", PREVIOUS], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "--extract"], cwd=tmp_path, input=archive.stdout, check=True)
    version = f"{IMAGES}-previous"
    with ComposeStack(settings={"SEGUE_VERSION": version}, root=tmp_path) as stack:
        yield stack
    docker("image", "rm", *(f"segue-{name}:{version}" for name in ("gateway", "session", "quality", "memory")))


async def test_an_upgrade_in_place_keeps_memories_sessions_and_history(previous: ComposeStack, project: str) -> None:
    directory = f"/elsewhere/{project}"
    stored = [await call(previous, "store_reflection", content=each, project=project) for each in SUBJECTS]
    ended = await call(previous, "init", working_directory=directory)
    await call(previous, "checkpoint", session_id=ended["session_id"], note="before the upgrade")
    await call(previous, "end", session_id=ended["session_id"], summary="All is stored.", next_steps=["Upgrade"])
    open_one = await call(previous, "init", working_directory=f"{directory}-open")
    await call(previous, "quality_check", working_directory="/opt/segue")
    before = await call(previous, "reflection_stats")

    previous.upgrade()

    for content, each in zip(SUBJECTS, stored, strict=True):
        memory = (await call(previous, "get_memory", id=each["reflection_id"]))["memory"]
        assert memory["content"] == content
        found = await call(previous, "reflect_on_past", query=content, project=project, limit=1)
        assert [result["id"] for result in found["results"]] == [each["reflection_id"]]
    after = await call(previous, "reflection_stats")
    assert {name: after[name] for name in COUNTS} == {name: before[name] for name in COUNTS}
    begun = await call(previous, "init", working_directory=directory)
    assert begun["previous_handoff"]["next_steps"] == ["Upgrade"]
    assert (await call(previous, "init", working_directory=f"{directory}-open"))["session_id"] == open_one["session_id"]
    sessions = await call(previous, "list_sessions", project=project)
    assert ended["session_id"] in {each["session_id"] for each in sessions["sessions"]}
    assert len((await call(previous, "quality_history", project="segue"))["points"]) == 1
    assert (await call(previous, "health_check"))["status"] == "healthy"


COUNTS = ("total_conversations", "total_reflections", "projects_tracked", "embedding_coverage")
