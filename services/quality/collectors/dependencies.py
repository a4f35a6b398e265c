"""Dependencies: whether each manifest has a lock file that agrees with it."""

from __future__ import annotations

from collections.abc import Sequence

from services.quality.collectors.directory import Place
from services.quality.domain.evidence import Evidence, no_measurement
from services.workspace.dependencies.lock_status import dependency_files
from services.workspace.dependencies.manifests import DependencyFile


def dependencies(place: Place) -> list[Evidence]:
    """The share of manifests whose lock agrees; manifests of unknown status are left out."""
    files = _that_count(dependency_files(place.root))
    known = [file for file in files if file.status != "unknown"]
    if not known:
        reasons = "; ".join(file.reason or file.manifest for file in files)
        return [no_measurement("dependencies", reasons or "no manifest")]
    good = sum(file.status == "agrees" for file in known)
    detail = "; ".join(f"{file.manifest}: {file.reason or file.status}{_age(place, file)}" for file in files)
    source = ", ".join(dict.fromkeys(file.lock or file.manifest for file in known))
    share = round(good / len(known), 4)
    return [Evidence("dependencies", share, True, source, place.now, detail=detail[:300])]


def _age(place: Place, file: DependencyFile) -> str:
    """The age of the lock, by its modification time."""
    lock = next((each for each in place.files if each.path == file.lock), None)
    return f", locked {max(0.0, place.now.timestamp() - lock.modified) / 86_400:.0f} days ago" if lock else ""


def _that_count(files: Sequence[DependencyFile]) -> list[DependencyFile]:
    """The files that count: a pyproject.toml without a lock does not if pinned requirements agree."""
    has_pinned = any(file.manifest.startswith("requirements") and file.status == "agrees" for file in files)
    stands_in = [file for file in files if file.manifest == "pyproject.toml" and file.status == "missing lock"]
    return [file for file in files if not (has_pinned and file in stands_in)]
