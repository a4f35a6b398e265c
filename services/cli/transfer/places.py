"""What tells the gateway the projects of the directories in transcripts, each looked at once. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from services.memory.imports.json_lines import ImportedMemory
from services.workspace.git.first_commit import FirstCommits
from services.workspace.project_identity import sight_path

ROOTS = (Path("/"),)
"""The user's own machine."""


class Places:
    """The places of one import."""

    def __init__(self) -> None:
        self._first_commits = FirstCommits()
        self._known: dict[str, Mapping[str, Any] | None] = {}

    def with_place(self, memory: ImportedMemory) -> ImportedMemory:
        """The memory with the place it was said in; without a project where that is a home directory."""
        if not memory.directory:
            return memory
        if memory.directory not in self._known:
            seen = sight_path(memory.directory, ROOTS, self._first_commits)
            self._known[memory.directory] = seen.to_dict() if seen else None
        place = self._known[memory.directory]
        return replace(memory, place=place) if place else replace(memory, project="")
