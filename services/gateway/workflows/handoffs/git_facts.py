"""The state of a directory's repository, as the session service is told of it."""

from __future__ import annotations

from services.gateway.directory.working_directory import Place
from services.pb import session_pb2

uncommitted_max = 100


def git_facts(place: Place) -> session_pb2.GitFacts | None:
    """The facts; None if there is no repository, or it cannot be read."""
    git = place.git
    if git is None or git.state not in {"ready", "empty"}:
        return None
    changed = dict.fromkeys(path for paths in (git.staged, git.unstaged, git.untracked) for path in paths.names)
    return session_pb2.GitFacts(
        branch=git.branch or "",
        commit=git.head or "",
        ahead=git.ahead or 0,
        behind=git.behind or 0,
        uncommitted=list(changed)[:uncommitted_max],
    )
