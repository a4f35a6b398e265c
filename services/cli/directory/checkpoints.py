"""`segue checkpoint`: the checkpoints of this directory's repository, what one changed, and putting its files back."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from services.kit import redaction
from services.kit.errors import ServiceError, Unavailable
from services.workspace.allowed_roots import resolve_directory
from services.workspace.git.checkpoint import CheckpointRequest, create_checkpoint
from services.workspace.git.repository import Repository, find_repository
from services.workspace.git.restoration import changed_since, checkpoints, description, restore
from services.workspace.serialization import readable

ROOTS = (Path("/"),)
SESSION = "before-restore"


def run(options: argparse.Namespace) -> int:
    """Lists, shows or restores checkpoints; 1 if that is not possible."""
    try:
        repository = find_repository(resolve_directory(Path.cwd(), ROOTS), ROOTS)
        if repository is None:
            return _fail("there is no git repository here")
        if options.action == "list":
            return _list(repository, options.limit)
        if not options.name:
            return _fail(f"name the checkpoint: segue checkpoint {options.action} COMMIT")
        if options.action == "show":
            print(description(repository, options.name))
            return 0
        return _restore(repository, options.name, is_agreed=options.yes)
    except ServiceError as problem:
        return _fail(problem.message)


def _list(repository: Repository, limit: int) -> int:
    listed = list(checkpoints(repository, limit))
    if not listed:
        print("There is no checkpoint here.", file=sys.stderr)
    for each in listed:
        place = f"  ({each.ref})" if each.ref else ""
        print(f"{each.commit[:12]}  {each.committed_at:%Y-%m-%d %H:%M}  {each.subject}{place}")
    return 0


def _restore(repository: Repository, name: str, *, is_agreed: bool) -> int:
    """Shows what would change, or with `--yes` records the state of now and puts the files back."""
    paths = changed_since(repository, name)
    if not paths:
        print("The working tree has these files as they are in the checkpoint.")
        return 0
    if not is_agreed:
        print(*(f"  {readable(path)}" for path in paths[:50]), sep="\n")
        print(f"{len(paths)} files would be put back; newer files stay. Repeat it with --yes to do so.")
        return 0
    print(_record_now(repository))
    restored = restore(repository, name)
    print(f"{len(restored.paths)} files are as they were.")
    for path, reason in restored.left_out:
        print(f"left as it is: {path} ({reason})")
    return 0


def _record_now(repository: Repository) -> str:
    """Records the state of now on a ref of its own, so that nothing is lost. Raises what makes that impossible."""
    request = CheckpointRequest(repository.root.name, SESSION, policy="all", ref=True, note="before a restore")
    made = create_checkpoint(repository.root, ROOTS, request, redaction.find, datetime.now(UTC))
    if made.created:
        return f"The state of now is checkpoint {(made.commit_hash or '')[:12]}."
    if made.reason == "nothing_changed":
        return "Nothing had changed since the last commit."
    raise Unavailable(f"the state of now cannot be recorded first: {made.message}")


def _fail(message: str) -> int:
    print(f"segue checkpoint: {message}", file=sys.stderr)
    return 1
