"""From a data directory that an earlier version's own code wrote to this one's: what was stored is found, in place."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Self

import pytest

from services.memory.storage.database_file import schema as of_memory
from services.quality.storage import schema as of_quality
from services.session.store import schema as of_sessions
from tests.integration.calls import call
from tests.integration.stack import ROOT, ProcessStack, segue
from tests.unit.quality.collectors.test_collectors import write
from tests.unit.quality.collectors.test_public_projects import commit

FORMATS = {
    "14f399b": (7, 4, 2),
    "97dba66": (6, 4, 2),
}
"""Commits of earlier versions, by the numbers of their schemas: of memories, of sessions, of the quality history."""
COUNTS = ("total_conversations", "total_reflections", "projects_tracked", "embedding_coverage")
SUBJECTS = (
    "the lighthouse keeper's log",
    "why the queue is bounded",
    "naïve café — 日本語",
    "how the invoice is rounded",
)


class EarlierStack(ProcessStack):
    """`segue serve` of the code in `root`, by this environment's packages."""

    def __init__(self, data_dir: Path, root: Path) -> None:
        super().__init__(data_dir)
        self.root = root

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "services.cli", "serve", "--port", "0"]
        environment = {**os.environ, "PYTHONPATH": "", **self.environment, **self._model()}
        self.process = subprocess.Popen(command, cwd=self.root, env=environment, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line.startswith("Segue is ready"), line
        return self


def schemas(root: Path) -> tuple[int, ...]:
    """The numbers of the schemas that the code in `root` writes."""
    modules = (each.__name__ for each in (of_memory, of_sessions, of_quality))
    script = "; ".join(f"import {name}; print(len({name}.MIGRATIONS))" for name in modules)
    told = subprocess.check_output([sys.executable, "-c", script], cwd=root, env={**os.environ, "PYTHONPATH": ""})
    return tuple(map(int, told.split()))


@pytest.fixture
def earlier(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The code of the commit, out of this repository's history."""
    is_there = subprocess.run(["git", "cat-file", "-e", request.param], cwd=ROOT, capture_output=True, check=False)
    if is_there.returncode:
        pytest.skip("this checkout has no history: git fetch --unshallow")
    root = tmp_path / "earlier"
    root.mkdir()
    archive = subprocess.run(["git", "archive", request.param, "services"], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "--extract"], cwd=root, input=archive.stdout, check=True)
    assert schemas(root) == FORMATS[request.param]
    return root


def test_the_earlier_formats_are_the_last_two() -> None:
    now = schemas(ROOT)
    assert now not in FORMATS.values()
    assert all(all(was <= number for was, number in zip(each, now, strict=True)) for each in FORMATS.values())


@pytest.mark.slow
@pytest.mark.parametrize("earlier", FORMATS, indirect=True)
async def test_what_an_earlier_version_stored_is_found(earlier: Path, tmp_path: Path) -> None:
    shop, other = tmp_path / "shop", tmp_path / "other"
    for directory in (shop, other):
        write(directory, "cart.py", "def total() -> int:\n    return 1\n")
        commit(directory, days_ago=2)
    data_dir = tmp_path / "data"
    with EarlierStack(data_dir, earlier) as before:
        stored = [await call(before, "store_reflection", content=each, project="shop") for each in SUBJECTS]
        ended = await call(before, "init", working_directory=str(shop))
        await call(before, "checkpoint", session_id=ended["session_id"], note="before the upgrade")
        await call(before, "end", session_id=ended["session_id"], summary="All is stored.", next_steps=["Upgrade"])
        left_open = await call(before, "init", working_directory=str(other))
        await call(before, "quality_check", working_directory=str(other))
        points = len((await call(before, "quality_history", project="other"))["points"])
        counted = await call(before, "reflection_stats")

    with ProcessStack(data_dir) as after:
        for content, each in zip(SUBJECTS, stored, strict=True):
            memory = (await call(after, "get_memory", id=each["reflection_id"]))["memory"]
            assert memory["content"] == content
            found = await call(after, "reflect_on_past", query=content, project="shop", limit=1)
            assert [result["id"] for result in found["results"]] == [each["reflection_id"]]
        again = await call(after, "store_reflection", content=SUBJECTS[0], project="shop")
        assert again["reflection_id"] == stored[0]["reflection_id"]
        counts = await call(after, "reflection_stats")
        assert {name: counts[name] for name in COUNTS} == {name: counted[name] for name in COUNTS}
        begun = await call(after, "init", working_directory=str(shop))
        assert begun["previous_handoff"]["next_steps"] == ["Upgrade"]
        assert (await call(after, "init", working_directory=str(other)))["session_id"] == left_open["session_id"]
        assert len((await call(after, "quality_history", project="other"))["points"]) == points > 0
        assert (await call(after, "health_check"))["status"] == "healthy"
        assert SUBJECTS[1] in segue(after, "explain", SUBJECTS[1], "--project", "shop").stdout

    with pytest.raises(AssertionError):  # it refuses what a later version wrote, and changes nothing of it
        EarlierStack(data_dir, earlier).__enter__()
    with ProcessStack(data_dir) as still:
        assert (await call(still, "get_memory", id=stored[0]["reflection_id"]))["memory"]["content"] == SUBJECTS[0]
