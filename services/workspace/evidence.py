"""Everything known about a working directory in one value, for the wire: at most 64 KiB of JSON, checked when read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from services.kit.errors import InvalidInput, TooLarge
from services.workspace import serialization
from services.workspace.allowed_roots import resolve_directory
from services.workspace.dependencies.lock_status import dependency_files
from services.workspace.dependencies.manifests import DependencyFile
from services.workspace.developer_tools import find_tools
from services.workspace.git.state import GitFacts, git_facts
from services.workspace.project import Project, find_project, project_root

WORKSPACE_MAX_BYTES = 64 << 10


@dataclass(frozen=True)
class Workspace:
    """The facts about a working directory, their time and their source."""

    directory: str
    measured_at: datetime
    source: Literal["measured", "reported by client"]
    project: Project
    git: GitFacts
    dependencies: tuple[DependencyFile, ...]
    tools: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """As a JSON object."""
        content: dict[str, Any] = serialization.to_dict(self)
        return content

    @classmethod
    def from_dict(cls, content: object) -> Workspace:
        """Parses a client's report; sets its source, whatever it claims. Raises InvalidInput, LimitExceeded."""
        made = serialization.from_dict(cls, content)
        if len(made.to_json()) > WORKSPACE_MAX_BYTES:
            raise TooLarge("The report of the working directory is larger than 64 KiB")
        return replace(made, source="reported by client")

    def to_json(self) -> bytes:
        """As JSON text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Workspace:
        """Parses the JSON text of a client. Raises InvalidInput, LimitExceeded."""
        if len(text) > WORKSPACE_MAX_BYTES:
            raise TooLarge("The report of the working directory is larger than 64 KiB")
        try:
            return cls.from_dict(json.loads(text))
        except (ValueError, RecursionError):
            raise InvalidInput("The report of the working directory is not JSON") from None


def measure(directory: str | Path, roots: Sequence[Path], now: datetime) -> Workspace:
    """Inspects the directory with three git processes. Raises what `resolve_directory` raises."""
    real = resolve_directory(directory, roots)
    return Workspace(
        directory=serialization.readable(str(real)),
        measured_at=now,
        source="measured",
        project=find_project(real, roots),
        git=git_facts(real, roots, now),
        dependencies=dependency_files(project_root(real, roots), roots),
        tools={name: serialization.readable(path) for name, path in find_tools(real).items()},
    )
