"""Real repositories for tests, with a home directory of their own: the machine's configuration does not count."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import pytest

NOW = datetime(2030, 5, 17, 12, 30, 15, tzinfo=UTC)


class RepositoryOnDisk:
    """A repository in a directory, and what a user does in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str, check: bool = True) -> str:
        """What git prints; dates are those of NOW."""
        dates = {f"GIT_{person}_DATE": NOW.isoformat() for person in ("AUTHOR", "COMMITTER")}
        done = subprocess.run(
            ["git", *arguments], cwd=self.root, env={**os.environ, **dates}, check=check, capture_output=True, text=True
        )
        return done.stdout.strip()

    def git_with(self, *arguments: str, given: IO[str]) -> None:
        """Runs git with an input."""
        subprocess.run(["git", *arguments], cwd=self.root, stdin=given, check=True, capture_output=True)

    def write(self, name: str | bytes, content: str = "content\n") -> Path:
        """A file of that name and content."""
        path = self.root / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return path

    def commit(self, **files: str) -> str:
        """A commit of everything, with these files written before (`a__py` is `a.py`); its hash."""
        for name, content in files.items():
            self.write(name.replace("__", "."), content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "work")
        return self.git("rev-parse", "HEAD")

    @property
    def index(self) -> bytes:
        """The index as it is on disk."""
        return (self.root / ".git" / "index").read_bytes()


def home_of_its_own(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with a name and an address, and nothing else configured."""
    home = directory / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return home
