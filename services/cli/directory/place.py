"""What a command tells a gateway of the directory it runs in, so that one elsewhere knows the project."""

from __future__ import annotations

from typing import Any

from services.kit.systems import canonical_path
from services.workspace.directory_identity import directory_identity
from services.workspace.git.first_commit import first_commit
from services.workspace.project_identity import sighting_here


def place_here() -> dict[str, Any]:
    """The directory, its identity, and what tells its project."""
    directory = canonical_path(".")
    identity = directory_identity(directory) or "none"
    return {"directory": directory, "identity": identity, "place": sighting_here(directory, first_commit)}
