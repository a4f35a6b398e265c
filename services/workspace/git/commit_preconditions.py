"""What prevents a checkpoint: an unfinished operation, and requirements of the user or the repository for commits."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from services.workspace.git.repository import Repository
from services.workspace.git.state import operation_in_progress
from services.workspace.git.status import Status

COMMIT_HOOKS = ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "reference-transaction")
WITH_REF = "; a checkpoint on a ref of its own is possible (on_ref, or SEGUE_GATEWAY_CHECKPOINTS_ON_REF)"

Reason = Literal[
    "policy",
    "no_repository",
    "bare",
    "operation_in_progress",
    "conflicts",
    "detached",
    "staged_changes",
    "hooks",
    "signing",
    "identity",
    "secret",
    "nothing_changed",
    "busy",
    "failed",
]
Obstacle = tuple[Reason, str]


def obstacle(repository: Repository, status: Status, *, on_branch: bool) -> Obstacle | None:
    """Why no checkpoint can be made now, as code and text; None if nothing prevents it."""
    if operation := operation_in_progress(repository):
        return "operation_in_progress", f"A {operation} is in progress"
    if status.conflicted:
        return "conflicts", "There are unresolved conflicts"
    return _on_branch(repository, status) if on_branch else None


def identity_missing(repository: Repository) -> bool:
    """Whether git has no name or address to commit with."""
    config = repository.config
    return not all(
        config.get(f"user.{part}") or (config.get(f"author.{part}") and config.get(f"committer.{part}"))
        for part in ("name", "email")
    )


def _on_branch(repository: Repository, status: Status) -> Obstacle | None:
    if status.branch is None:
        return "detached", f"HEAD is detached, so there is no branch to commit on{WITH_REF}"
    if status.staged_paths:
        return "staged_changes", f"You have staged changes, which a commit would take{WITH_REF}"
    if hooks := _hooks(repository):
        return "hooks", f"Commits here run {', '.join(hooks)}, which Segue does not run{WITH_REF}"
    if _is_true(repository.config.get("commit.gpgsign", "false")):
        return "signing", f"Commits here are signed, which Segue cannot do{WITH_REF}"
    if identity_missing(repository):
        return "identity", f"git knows no name and address of yours (`git config user.email`){WITH_REF}"
    return None


def _hooks(repository: Repository) -> list[str]:
    """The hooks that a commit would run: those in the hooks directory, and those in the configuration."""
    configured = repository.config.get("core.hookspath")
    directory = repository.root / os.path.expanduser(configured) if configured else repository.common_dir / "hooks"  # noqa: PTH111 - a home that is not known stays as it is
    found = [name for name in COMMIT_HOOKS if _is_program(directory / name)]
    named = any(key.startswith("hook.") and key.endswith(".command") for key in repository.config)
    return [*found, *(["configured hooks"] if named else [])]


def _is_program(file: Path) -> bool:
    return os.access(file, os.X_OK) and file.is_file()


def _is_true(value: str) -> bool:
    return value.lower() not in {"false", "no", "off", "0", ""}
