"""The commits of a repository as `git log` lists them, with the files that each of them changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from services.workspace.git.repository import Repository

OPTIONS = ("-z", "--no-show-signature", "--no-mailmap", "--no-renames", "--name-only", "--format=%x01%ct %s")
"""What makes `git log` list commits as `commits` reads them."""
_time_max = 2**33


class Commit(NamedTuple):
    """Seconds since the epoch, the subject, and the paths below the prefix, relative to it."""

    time: float
    subject: str
    paths: list[str]


def prefix_of(directory: Path, repository: Repository) -> str:
    """What the repository's paths below the directory begin with."""
    below = os.path.relpath(directory, repository.root)
    return "" if below == "." else f"{below}/"


def latest_commits(repository: Repository, prefix: str, most: int) -> list[Commit]:
    """The last commits but merges, oldest first, with the paths below the prefix; none where git fails. Raises Denied
    and Unavailable."""
    finished = repository.git("log", f"--max-count={most}", "--no-merges", *OPTIONS, "--end-of-options", "HEAD", "--")
    return list(commits(finished.output, prefix))[::-1] if finished.ok else []


def commits(output: bytes, prefix: str) -> Iterator[Commit]:
    """The commits of the output, in its order; one whose time is no number has that of the one before."""
    found: Commit | None = None
    for part in output.split(b"\0"):
        field = part.lstrip(b"\n")
        if field.startswith(b"\x01"):
            if found:
                yield found
            stamp, _, subject = field[1:].decode("utf-8", "replace").partition(" ")
            earlier = found.time if found else 0.0
            found = Commit(float(min(int(stamp), _time_max)) if stamp.isdigit() else earlier, subject, [])
        elif field and found and (path := os.fsdecode(field)).startswith(prefix):
            found.paths.append(path[len(prefix) :])
    if found:
        yield found
