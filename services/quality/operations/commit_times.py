"""When the commits were made of which CI handed in reports, and whether the sources of now have them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.kit.errors import ServiceError
from services.quality.domain.handed_in import Present
from services.workspace.git.repository import Repository, find_repository

cached_max = 1_000
Times = Mapping[str, datetime | None]


class CommitTimes:
    """Asks git once for each commit and HEAD. Blocking."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = roots
        self._known: OrderedDict[tuple[Path, str, str], datetime | None] = OrderedDict()

    def of(self, root: Path, git: Mapping[str, Any], commits: Collection[str]) -> Times:
        """The time of each commit that HEAD has; None for the others."""
        head = str(git.get("head") or "")
        unknown = [each for each in commits if (root, head, each) not in self._known]
        repository = _repository(root, self._roots) if unknown and head else None
        for each in unknown:
            self._known[root, head, each] = _committed_at(repository, each) if repository else None
        found = {each: self._known[root, head, each] for each in commits}
        while len(self._known) > cached_max:
            self._known.popitem(last=False)
        return found


def _repository(root: Path, roots: Sequence[Path]) -> Repository | None:
    try:
        return find_repository(root, roots)
    except ServiceError:
        return None


def _committed_at(repository: Repository, commit: str) -> datetime | None:
    """When the commit was made, if it is HEAD or before it."""
    try:
        if not repository.git("merge-base", "--is-ancestor", commit, "HEAD").ok:
            return None
        finished = repository.git("log", "-1", "--no-show-signature", "--format=%ct", "--end-of-options", commit, "--")
    except ServiceError:
        return None
    stamp = finished.output.strip()
    return datetime.fromtimestamp(min(int(stamp), 2**33), UTC) if finished.ok and stamp.isdigit() else None


def present_state(git: Mapping[str, Any], times: Times, newest: float, now: datetime) -> Present:
    """The state of a directory that is seen; `newest` is when a source file was changed last."""
    edited_at = datetime.fromtimestamp(newest, UTC) if _is_edited(git) else None
    return Present(str(git.get("head") or ""), _head_at(git), times.get, edited_at, now)


def reported_state(git: Mapping[str, Any], now: datetime) -> Present:
    """The state of a directory that only a client sees: whose commits it has is not known, nor when it was edited."""
    return Present(str(git.get("head") or ""), None, lambda _: None, now if _is_edited(git) else None, now)


def _is_edited(git: Mapping[str, Any]) -> bool:
    return any(git.get(name) for name in ("staged", "unstaged", "conflicted"))


def _head_at(git: Mapping[str, Any]) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(git.get("committed_at") or ""))
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else None
