"""What a clone does not have is not known: no age of reports, no days; and what it has is counted to its end."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.repositories import RepositoryOnDisk, home_of_its_own
from tests.unit.quality.collectors.test_report_forms import evidence

DAY_S = 86_400
OLD, NEW = "2025-01-01T00:00:00Z", "2026-11-01T00:00:00Z"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RepositoryOnDisk:
    home_of_its_own(tmp_path, monkeypatch)
    return RepositoryOnDisk(tmp_path / "project")


def commit_at(repository: RepositoryOnDisk, time: str, path: str, text: str) -> None:
    repository.write(path, text)
    repository.git("add", "--all")
    given = ["git", "commit", "--quiet", "--no-gpg-sign", "--message", f"Write {path} anew"]
    people = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    dates = {"GIT_COMMITTER_DATE": time, "GIT_AUTHOR_DATE": time}
    subprocess.run(given, cwd=repository.root, env={**os.environ, **people, **dates}, check=True)


@pytest.mark.parametrize("omitted", ["blob:none", "tree:0"])
def test_a_committed_report_is_as_old_as_its_commit_or_of_no_known_age(
    repository: RepositoryOnDisk, tmp_path: Path, omitted: str
) -> None:
    commit_at(repository, OLD, "junit.xml", '<testsuite><testcase name="a"/></testsuite>')
    commit_at(repository, NEW, "src/a.py", "x = 1\n" * 100)
    repository.git("config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    given = ["git", "clone", "--quiet", f"--filter={omitted}", f"file://{repository.root}", str(clone)]
    subprocess.run(given, check=True)
    found = evidence(clone, "tests_passed")
    if found.measured:
        assert found.age_s > 600 * DAY_S
    else:
        assert omitted == "tree:0"
        assert "does not say since when" in found.detail


def test_days_are_counted_among_any_number_of_commits(repository: RepositoryOnDisk) -> None:
    now, stream = int(time.time()), []
    for day in range(20, -1, -1):
        for number in range(60):
            moment = now - day * DAY_S - number
            stream.append(f"commit refs/heads/main\ncommitter a <a@b> {moment} +0000\ndata 15\nAdd the parser\n\n")
    stream.append("M 100644 inline a.py\ndata 4\nx=1\n\n")
    subprocess.run(
        ["git", "fast-import", "--quiet", "--force"], input="".join(stream).encode(), cwd=repository.root, check=True
    )
    repository.git("symbolic-ref", "HEAD", "refs/heads/main")
    repository.git("reset", "--quiet", "--hard", "main")
    assert evidence(repository.root, "active_days").value == len(
        {(now - day * DAY_S - number) // DAY_S for day in range(21) for number in range(60)}
    )
