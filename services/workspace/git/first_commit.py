"""The first commit of a repository, by git; remembered for as long as the repository is the same."""

from __future__ import annotations

import time
from collections import OrderedDict
from pathlib import Path

from services.kit.errors import ServiceError
from services.workspace.git.repository import Repository
from services.workspace.process import Limits

LIMITS = Limits(timeout_s=5.0)
QUICK_LIMITS = Limits(timeout_s=0.2)
KEPT_MAX = 2_000
KEPT_S = 6 * 3600.0
UNKNOWN_KEPT_S = 600.0
BRANCHES = ("refs/remotes/origin/HEAD", "refs/heads/main", "refs/heads/master", "refs/heads/trunk")
"""The branch that decides, the same in every working tree; what is checked out where there is none of these."""
WITHOUT_REPLACEMENTS = {"GIT_NO_REPLACE_OBJECTS": "1"}


class FirstCommits:
    """Answers for repositories by their common directory; git is asked again after some hours, or when the repository
    is another one. One that has no commit yet is asked each time."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, object], tuple[str | None, float]] = OrderedDict()

    def __call__(self, common_dir: Path) -> str | None:
        """The first commit on the way back from the main branch along first parents; empty if there is none, None if
        it cannot be known: the history is not all there, or git does not say in time."""
        key = (str(common_dir), _state(common_dir))
        commit, at = self._known.get(key, ("", 0.0))
        if commit == "" or time.monotonic() - at > (KEPT_S if commit else UNKNOWN_KEPT_S):
            commit = first_commit(common_dir)
            self._known[key] = commit, time.monotonic()
            self._known.move_to_end(key)
            while len(self._known) > KEPT_MAX:
                self._known.popitem(last=False)
        return commit


def quick_first_commit(common_dir: Path) -> str | None:
    """The same for who is waited for: not known, where git takes a moment."""
    return first_commit(common_dir, QUICK_LIMITS)


def first_commit(common_dir: Path, limits: Limits = LIMITS) -> str | None:
    """See FirstCommits; runs git a few times."""
    if (common_dir / "shallow").exists():
        return None
    repository = Repository(common_dir, common_dir, common_dir, True, limits)
    try:
        named = repository.git("for-each-ref", "--format=%(refname)", *BRANCHES)
        if not named.ok:
            return None
        branches = named.output.decode("utf-8", "replace").split()
        branch = next((each for each in BRANCHES if each in branches), "HEAD")
        walk = ("rev-list", "--first-parent", "--max-parents=0", "--max-count=1", branch, "--")
        walked = repository.git(*walk, environment=WITHOUT_REPLACEMENTS)
        if walked.ok:
            return walked.output.decode("ascii", "replace").strip() or None
        listed = repository.git("for-each-ref", "--count=1", "--format=%(refname)")
        is_empty = walked.ending == "exited" and listed.ok and not listed.output
    except (ServiceError, OSError):
        return None
    return "" if is_empty else None


def _state(common_dir: Path) -> object:
    """What is another for another repository at the same place."""
    try:
        status = (common_dir / "config").stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size, (common_dir / "shallow").exists()
