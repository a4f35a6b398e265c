"""Dependencies: whether each package's manifest has a lock that agrees with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from services.quality.collectors.change_times import last_commit_s
from services.quality.collectors.directory import Place
from services.quality.domain.evidence import Evidence, no_measurement, not_applicable
from services.workspace.dependencies.lock_status import LIBRARY, dependency_files
from services.workspace.dependencies.manifests import DependencyFile
from services.workspace.dependencies.workspaces import packages

AGES_SHOWN = 3
WITHOUT_LOCKS = (
    *("pom.xml", "build.gradle", "build.gradle.kts", "environment.yml", "environment.yaml", "CMakeLists.txt"),
    *("deno.json", "deno.jsonc", "pixi.toml", "WORKSPACE", "MODULE.bazel", "flake.nix"),
)
"""Manifests of tools that have no lock, or none that is known here."""


def dependencies(place: Place) -> list[Evidence]:
    """The share of manifests whose lock agrees; manifests of unknown status are left out."""
    files = _that_count(place.root, dependency_files(place.root, place.roots, place.packages))
    files = [file for file in files if file.lock or file.status != "agrees"] or files
    known = [file for file in files if file.status != "unknown"]
    if known and all(file.lock is None and file.status == "agrees" for file in known):
        return [not_applicable("dependencies", "the manifests require nothing")]
    if not known:
        return [_unknown(place, files)]
    good = sum(file.status == "agrees" for file in known)
    ages = [_age(place, file) for file in files[:AGES_SHOWN]]
    described = zip(files, [*ages, *[""] * len(files)], strict=False)
    detail = "; ".join(f"{file.manifest}: {file.reason or file.status}{age}" for file, age in described)
    source = ", ".join(dict.fromkeys(file.lock or file.manifest for file in known))
    share = round(good / len(known), 4)
    return [Evidence("dependencies", share, True, source[:300], place.now, detail=detail[:300])]


def _unknown(place: Place, files: Sequence[DependencyFile]) -> Evidence:
    others = [name for name in WITHOUT_LOCKS if name in place.by_name]
    if files and all(file.reason == LIBRARY for file in files):
        return not_applicable("dependencies", LIBRARY)
    if not files and others:
        return not_applicable("dependencies", f"{others[0]} has no lock that could be compared")
    reasons = "; ".join(file.reason or file.manifest for file in files)
    return no_measurement("dependencies", reasons or "no manifest")


def _age(place: Place, file: DependencyFile) -> str:
    """The age of the lock, by what git knows of it, else by its own time."""
    lock = next((each for each in place.files if each.path == file.lock), None)
    if lock is None:
        return ""
    changed_s = min(lock.modified, last_commit_s(place, lock) or lock.modified)
    return f", locked {max(0.0, place.now.timestamp() - changed_s) / 86_400:.0f} days ago"


def _that_count(root: Path, files: Sequence[DependencyFile]) -> list[DependencyFile]:
    """The files that count: a pyproject.toml without a lock does not if pinned requirements beside it agree, and beside
    a workspace the packages that are not its members only with a lock of their own."""
    members = set(packages(root))
    if len(members) > 1:
        files = [file for file in files if _directory(file) in members or file.status != "missing lock"]
    pinned = {_directory(file) for file in files if "requirements" in file.manifest and file.status == "agrees"}
    return [
        file
        for file in files
        if not (
            file.manifest.endswith("pyproject.toml") and file.status == "missing lock" and _directory(file) in pinned
        )
    ]


def _directory(file: DependencyFile) -> str:
    return file.manifest.rpartition("/")[0]
