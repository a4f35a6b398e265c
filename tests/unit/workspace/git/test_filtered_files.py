"""Files with a git filter that were only touched are no changes, and those that changed are; no filter is run."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from services.quality.collectors import collect
from services.quality.collectors.scan import look
from services.workspace.git.checkpoint import CheckpointRequest, create_checkpoint
from services.workspace.git.state import git_facts
from tests.repositories import NOW, RepositoryOnDisk, home_of_its_own

LFS = """#!/bin/sh
content=$(mktemp); cat > "$content"
printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:%s\\nsize %s\\n' \
  "$(sha256sum "$content" | cut -d' ' -f1)" "$(wc -c < "$content")"
rm "$content"
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RepositoryOnDisk:
    home_of_its_own(tmp_path, monkeypatch)
    return RepositoryOnDisk(tmp_path / "project")


def with_filter(repository: RepositoryOnDisk, script: str) -> None:
    """A repository with `x.bin`, which git has as what the script makes of it."""
    clean = repository.root.parent / "clean.sh"
    clean.write_text(script)
    clean.chmod(0o755)
    repository.git("config", "filter.lfs.clean", str(clean))
    repository.git("config", "filter.lfs.smudge", "cat")
    repository.git("config", "filter.lfs.required", "true")
    repository.write(".gitattributes", "*.bin filter=lfs\n")
    repository.write("x.bin", "large content\n" * 100)
    repository.commit(a__py="x = 1\n")


def touch(file: Path, seconds: int = 100) -> None:
    os.utime(file, (time.time() + seconds,) * 2)


def uncommitted(repository: RepositoryOnDisk) -> tuple[float, int]:
    """As quality counts it, and as a session's status does."""
    roots = [repository.root.parent]
    evidence = collect(look(repository.root, roots)).evidence["uncommitted"]
    assert evidence.measured, evidence.detail
    return evidence.value, git_facts(repository.root, roots, NOW).unstaged.count


@pytest.mark.parametrize("script", [LFS, "#!/bin/sh\necho POINTER\n"], ids=["Git LFS", "another filter"])
def test_what_was_only_touched_is_no_change(repository: RepositoryOnDisk, script: str) -> None:
    with_filter(repository, script)
    touch(repository.root / "x.bin")
    assert repository.git("status", "--porcelain") == ""
    touch(repository.root / "x.bin", 200)
    assert uncommitted(repository) == (0, 0)


def test_content_of_the_same_size_is_a_change_of_a_file_in_lfs(repository: RepositoryOnDisk) -> None:
    with_filter(repository, LFS)
    repository.write("x.bin", "LARGE content\n" * 100)
    touch(repository.root / "x.bin")
    assert uncommitted(repository) == (1, 1)


def test_content_of_another_size_is_a_change_of_any_file(repository: RepositoryOnDisk) -> None:
    with_filter(repository, "#!/bin/sh\ntr a-z A-Z\n")
    repository.write("x.bin", "more\n" * 1000)
    touch(repository.root / "x.bin")
    assert uncommitted(repository) == (1, 1)


@pytest.mark.parametrize(
    "pointer",
    [
        "version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize 99999999999999999999\n",
        "version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\n",
        "oid sha256:{digest}\nsize 1400\n",
        "",
    ],
)
def test_what_is_no_pointer_is_not_believed(repository: RepositoryOnDisk, pointer: str) -> None:
    digest = hashlib.sha256(b"other content, longer than before\n").hexdigest()
    with_filter(repository, f"#!/bin/sh\ncat > /dev/null; printf '{pointer.format(digest=digest)}'\n")
    repository.write("x.bin", "other content, longer than before\n")
    touch(repository.root / "x.bin")
    assert uncommitted(repository) == (1, 1)


def test_a_pointer_to_another_file_reads_none(repository: RepositoryOnDisk, tmp_path: Path) -> None:
    with_filter(repository, LFS)
    (tmp_path / "outside").write_text("large content\n" * 100)
    (repository.root / "x.bin").unlink()
    (repository.root / "x.bin").symlink_to(tmp_path / "outside")
    assert uncommitted(repository)[0] == 1


def checkpoint(repository: RepositoryOnDisk) -> tuple[bool, list[tuple[str, str]]]:
    request = CheckpointRequest("segue", "session-1", 84.4)
    made = create_checkpoint(repository.root, [repository.root.parent], request, lambda _: [], NOW)
    return made.created, [(each.path, each.reason) for each in made.left_out]


def test_a_checkpoint_names_only_what_it_may_have_left_out(repository: RepositoryOnDisk) -> None:
    with_filter(repository, LFS)
    touch(repository.root / "x.bin")
    repository.write("a.py", "x = 2\n")
    assert checkpoint(repository) == (True, [])
    repository.write("x.bin", "changed\n")
    repository.write("a.py", "x = 3\n")
    assert checkpoint(repository) == (True, [("x.bin", "changed by a git filter, which is not run")])


def test_a_file_of_another_filter_may_have_changed_and_that_is_said(repository: RepositoryOnDisk) -> None:
    with_filter(repository, "#!/bin/sh\ntr a-z A-Z\n")
    repository.write("x.bin", "LARGE content\n" * 100)
    touch(repository.root / "x.bin")
    repository.write("a.py", "x = 2\n")
    created, left_out = checkpoint(repository)
    assert created
    assert left_out[0][0] == "x.bin"
    assert left_out[0][1].startswith("perhaps changed")
