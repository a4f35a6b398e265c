"""What `segue connect` does in a directory for a gateway that does not see it, whatever happens in between."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.cli.directory.directory_work import DirectoryWork
from services.cli.directory.reporter import Reporter
from services.quality.domain.evidence import MAXIMUM, Collected, Evidence, from_json, reported_max_bytes, to_json
from services.workspace.directory_identity import COMMITTED_META, REPORT_META
from services.workspace.evidence import WORKSPACE_MAX_BYTES, Workspace
from tests.repositories import RepositoryOnDisk, home_of_its_own
from tests.unit.quality.domain.test_evidence import NOW

Message = dict[str, Any]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RepositoryOnDisk:
    home_of_its_own(tmp_path, monkeypatch)
    made = RepositoryOnDisk(tmp_path / "shop")
    made.commit(cart__py="x = 1\n")
    return made


@pytest.fixture
def shop(repository: RepositoryOnDisk) -> Path:
    return repository.root


def wanted(identifier: str, **changes: object) -> Message:
    request = {"project": "shop", "session_id": "s-1", "quality_score": 61.5, "metrics": {"project_health": 70.0}}
    return request | {"policy": "tracked", "ref": False, "checkpoint_id": identifier, "note": None} | changes


def checkpoint(reporter: Reporter, answers: list[Message]) -> list[Message]:
    """A checkpoint's call with these answers of the gateway, one a message; the messages that it was sent."""
    call: Message = {"id": 1, "method": "tools/call", "params": {"name": "checkpoint"}}
    sent = [reporter.prepare(call)]
    for answer in answers:
        outcome = reporter.outcome(sent[-1], {"id": 1, "result": answer})
        if "method" in outcome:
            sent.append(outcome)
    return sent


def commit_wanted(identifier: str) -> Message:
    return {"isError": True, "_meta": {"segue/wanted": {"commit": wanted(identifier)}}}


def made(message: Message) -> Message:
    told: Message = message["params"]["_meta"][COMMITTED_META]
    return told


def test_a_commit_whose_record_was_lost_counts_for_the_next_checkpoint(
    repository: RepositoryOnDisk, shop: Path
) -> None:
    reporter = Reporter(str(shop))
    (shop / "cart.py").write_text("x = 2\n")
    lost: Message = {"isError": True, "content": []}
    first = made(checkpoint(reporter, [commit_wanted("c-1"), lost])[-1])
    assert first["checkpoint"]["commit_hash"] == repository.git("rev-parse", "HEAD")
    again = made(checkpoint(reporter, [commit_wanted("c-2"), {"content": []}])[-1])
    assert again["checkpoint_id"] == "c-2"
    assert again["checkpoint"]["commit_hash"] == first["checkpoint"]["commit_hash"]
    assert repository.git("rev-list", "--count", "HEAD") == "2"
    # From here on it is recorded, so nothing changed means nothing.
    third = made(checkpoint(reporter, [commit_wanted("c-3")])[-1])
    assert (third["checkpoint"]["created"], third["checkpoint"]["reason"]) == (False, "nothing_changed")


def test_the_same_checkpoint_is_committed_once(repository: RepositoryOnDisk, shop: Path) -> None:
    (shop / "cart.py").write_text("x = 2\n")
    hashes = {DirectoryWork().commit(str(shop), wanted("c-1"))["checkpoint"]["commit_hash"] for _ in range(2)}
    assert hashes == {repository.git("rev-parse", "HEAD")}
    assert repository.git("log", "-1", "--format=%s").startswith("checkpoint: shop (quality: 62/100)")


@pytest.mark.parametrize(
    "asked",
    [
        None,
        "commit",
        {},
        wanted("c-1", policy="everything"),
        wanted("../c"),
        wanted("c-1", session_id="--amend"),
        wanted("c-1", quality_score="high"),
        wanted("c-1", quality_score=float("nan")),
        wanted("c-1", metrics={"a": "b"}),
        wanted("c-1", note=["x"]),
        wanted("c-1", project="x" * 10_000),
    ],
)
def test_a_gateway_that_wants_what_cannot_be_gets_no_commit(
    repository: RepositoryOnDisk, shop: Path, asked: object
) -> None:
    (shop / "cart.py").write_text("x = 2\n")
    told = DirectoryWork().commit(str(shop), asked)
    assert (told["checkpoint"]["created"], told["checkpoint"]["reason"]) == (False, "failed")
    assert repository.git("rev-list", "--count", "HEAD") == "1"


def test_a_directory_that_has_gone_is_told_for_the_checkpoint_that_was_wanted(tmp_path: Path) -> None:
    told = DirectoryWork().commit(str(tmp_path / "gone"), wanted("c-1"))
    assert (told["checkpoint_id"], told["checkpoint"]["reason"]) == ("c-1", "failed")


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ({"handoff_file_name": "../../x.md", "handoff": "h"}, False),
        ({"handoff_file_name": "x.md", "handoff": 5}, False),
        ({"handoff": "h"}, False),
        ({"handoff_file_name": "x.md", "handoff": "h"}, True),
    ],
)
def test_a_handoff_is_written_where_handoffs_are_and_nowhere_else(shop: Path, answer: Message, left: bool) -> None:
    result = {"structuredContent": {"handoff_file_created": False, **answer}}
    told = DirectoryWork().with_handoff(str(shop), result)["structuredContent"]
    assert told["handoff_file_created"] is left
    assert [path.name for path in shop.rglob("*.md")] == (["x.md"] if left else [])
    assert not list(shop.parent.glob("*.md"))


def hostile(shop: Path) -> None:
    """Names in which nothing is as it should be."""
    for number in range(80):
        (shop / f"{number}-\udcff\n日本語{'界' * 60}.py").write_text("def f(): pass\n")
    (shop / "package.json").write_text('{"name": "\\ud800", "dependencies": {"' + "x" * 5_000 + '": "*"}}')


@pytest.mark.parametrize("spoil", [lambda _: None, hostile])
def test_a_report_is_bounded_and_is_read_as_it_was_written(shop: Path, spoil: Callable[[Path], None]) -> None:
    spoil(shop)
    report = DirectoryWork().report(str(shop))
    sent = json.loads(json.dumps(report).encode())
    assert len(json.dumps(sent["workspace"], ensure_ascii=False).encode()) <= WORKSPACE_MAX_BYTES
    found = Workspace.from_dict(sent["workspace"])
    assert (found.project.name, found.source) == ("shop", "reported by client")
    collected = from_json(sent["evidence"], NOW.replace(year=2100))
    assert collected.evidence["uncommitted"].measured


def test_the_most_that_the_collectors_say_fits_the_limit() -> None:
    long = "\N{PILE OF POO}" * 1000
    rows = {name: Evidence(name, 1.0, True, long, NOW, 0.0, long) for name in MAXIMUM}
    git_facts, dependencies = {"branch": long, "head": "a" * 64, "problem": long}, {"detail": long}
    assert len(to_json(Collected(rows, git_facts, dependencies)).encode()) <= reported_max_bytes


def test_a_directory_that_cannot_be_worked_in_is_told_as_the_gateway_would(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    work = DirectoryWork()
    kinds = {name: work.report(name)["problem"]["kind"] for name in ("/", f"{tmp_path}/gone", f"{tmp_path}/file")}
    assert list(kinds.values()) == ["InvalidInput", "NotFound", "InvalidInput"]


def test_an_unchanged_directory_is_collected_once(shop: Path) -> None:
    reporter = Reporter(str(shop))
    call: Message = {"id": 1, "method": "tools/call", "params": {"name": "init"}}
    report = {"isError": True, "_meta": {"segue/wanted": {"report": True}}}
    sent = reporter.outcome(reporter.prepare(call), {"id": 1, "result": report})
    again = reporter.prepare(call)  # from now on it comes at once
    told = [message["params"]["_meta"][REPORT_META]["evidence"] for message in (sent, again)]
    assert told[0] == told[1]  # with the times of the first
