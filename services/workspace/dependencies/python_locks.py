"""Compares Python manifests with their locks: uv, poetry, pdm, pipenv, pylock.toml, and requirements files."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from services.workspace.dependencies.manifests import (
    BESIDE,
    LOCK_MAX_BYTES,
    MANIFEST_MAX_BYTES,
    NOT_A_MEMBER,
    DependencyFile,
    Verdict,
    Where,
    read_text,
)
from services.workspace.serialization import readable

REQUIREMENTS_MAX = 8
COMPILED = ("requirements", "*/requirements")
"""Directories that hold locks compiled from pyproject.toml."""
REQUIREMENT = re.compile(
    r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?=$|[\s\[(;@<>=!~#,])\s*(?:\[[^\]]*\])?\s*\(?(@|[^;@)#]*)"
)
"""A name and its versions, or `@` before an address; what else begins so is a path or an address alone."""
# The fields of a requirement in uv.lock that does not come from an index by its version.
OTHER_SOURCES = {"editable", "virtual", "directory", "path", "git", "url"}


def uv(manifest: dict[str, Any], lock: str, where: Where = BESIDE) -> Verdict:
    """uv.lock repeats the manifest's requirements in the project's own package, the only part that is parsed."""
    project = manifest.get("project", {})
    if {"dependencies", "optional-dependencies"} & set(project.get("dynamic", [])):
        return Verdict("unknown", "the dependencies are dynamic")
    place = re.escape(where.member or ".")
    source = re.compile(rf'^source = \{{ (?:virtual|editable|directory) = "{place}" \}}$', re.MULTILINE)
    section = next((part for part in lock.split("[[package]]")[1:] if source.search(part)), None)
    if section is None:
        return NOT_A_MEMBER if where.member else Verdict("unknown", "uv.lock does not have the project itself")
    metadata = tomllib.loads("[package]" + section)["package"].get("metadata", {})
    locked = list(metadata.get("requires-dist", []))
    groups = metadata.get("requires-dev", {})
    locked += [each for group in groups.values() for each in group]
    wanted = [*project.get("dependencies", []), *_flatten_groups(project.get("optional-dependencies", {}))]
    wanted += _flatten_groups(manifest.get("dependency-groups", {}))
    wanted += manifest.get("tool", {}).get("uv", {}).get("dev-dependencies", [])
    return _match(_ranges(_names(wanted)), locked)


def poetry(manifest: dict[str, Any], lock: str, where: Where = BESIDE) -> Verdict:  # noqa: ARG001 - as the others
    """poetry.lock holds a hash of the manifest's relevant parts (`content-hash`, computed as in poetry's locker)."""
    found = re.search(r'^content-hash = "([0-9a-f]+)"', lock, re.MULTILINE)
    if found and found[1] in _content_hashes(manifest):
        return Verdict("agrees")
    wanted = set(_poetry_table(manifest).get("dependencies", {})) - {"python"}
    wanted |= {name for name, _ in _names(manifest.get("project", {}).get("dependencies", []))}
    locked = {_normal(name) for name in re.findall(r'^name = "([^"]+)"', lock, re.MULTILINE)}
    missing = sorted({_normal(name) for name in wanted} - locked)
    if missing:
        return Verdict("stale", f"{missing[0]} is not in poetry.lock")
    return Verdict("unknown", "poetry.lock was made from another pyproject.toml, or by another version of poetry")


def _poetry_table(manifest: dict[str, Any]) -> dict[str, Any]:
    """Poetry's own table; since its version 2 `[project]` alone is enough."""
    found: dict[str, Any] = manifest.get("tool", {}).get("poetry", {})
    return found


def by_names(manifest: dict[str, Any], lock: str, where: Where = BESIDE) -> Verdict:  # noqa: ARG001 - as the others
    """pdm.lock and pylock.toml list packages by name; version ranges are not compared.

    A lock may be of one environment, and of some groups alone: pdm's says which, pylock.toml of the default at least.
    """
    content = tomllib.loads(lock)
    locked = {_normal(str(each["name"])) for each in content.get("package", content.get("packages", []))}
    groups = manifest.get("dependency-groups", {})
    listed = content.get("metadata", {}).get("groups", list(groups)) if "package" in content else ()
    wanted = [*manifest.get("project", {}).get("dependencies", [])]
    wanted += _flatten_groups({name: each for name, each in groups.items() if name in listed})
    everywhere = (each for each in wanted if isinstance(each, str) and ";" not in each)
    missing = sorted({name for name, _ in _names(everywhere)} - locked)
    return Verdict("stale", f"{missing[0]} is not in the lock") if missing else Verdict("agrees")


def pipenv(manifest: dict[str, Any], lock: str, where: Where = BESIDE) -> Verdict:  # noqa: ARG001 - as the others
    """Pipfile.lock has the packages of each section by name."""
    content = json.loads(lock)
    for section, locked_section in (("packages", "default"), ("dev-packages", "develop")):
        locked = {_normal(name) for name in content.get(locked_section, {})}
        missing = sorted({_normal(name) for name in manifest.get(section, {})} - locked)
        if missing:
            return Verdict("stale", f"{missing[0]} is not in Pipfile.lock")
    return Verdict("agrees")


def requirements(root: Path) -> Iterator[DependencyFile]:
    """requirements*.txt: compared with the .in file it was compiled from; without one it is a lock if all is pinned."""
    for file in sorted(root.glob("requirements*.txt"))[:REQUIREMENTS_MAX]:
        text = read_text(file, MANIFEST_MAX_BYTES)
        source = file.with_suffix(".in")
        wanted = read_text(source, MANIFEST_MAX_BYTES)
        pinned = dict(_names((text or "").splitlines()))
        if text is None:
            verdict = Verdict("unknown", "the file is too large or not a file")
        elif loose := next((name for name, version in pinned.items() if not _is_pinned(version)), None):
            verdict = Verdict("missing lock" if wanted is None else "stale", f"{loose} is not pinned to a version")
        else:
            missing = sorted({name for name, _ in _names((wanted or "").splitlines())} - set(pinned))
            verdict = Verdict("stale", f"{missing[0]} is not in it") if missing else Verdict("agrees")
        manifest = source if wanted is not None else file
        reason = readable(verdict.reason) if verdict.reason else None
        yield DependencyFile("pip", readable(manifest.name), readable(file.name), verdict.status, reason)


def compiled_requirements(root: Path, manifest: dict[str, Any]) -> tuple[str, Verdict] | None:
    """The directory with requirements that pin everything pyproject.toml requires; None if there is none."""
    wanted = [*manifest.get("project", {}).get("dependencies", [])]
    wanted += _flatten_groups(manifest.get("project", {}).get("optional-dependencies", {}))
    own = _normal(str(manifest.get("project", {}).get("name", "")))
    for directory in (found for pattern in COMPILED for found in sorted(root.glob(pattern)) if not found.is_symlink()):
        texts = [read_text(file, LOCK_MAX_BYTES) or "" for file in sorted(directory.glob("*.txt"))[:REQUIREMENTS_MAX]]
        pinned = {name for text in texts for name, version in _names(text.splitlines()) if _is_pinned(version)}
        if pinned:
            missing = sorted({name for name, _ in _names(wanted)} - pinned - {own})
            name = directory.relative_to(root).as_posix()
            return name, Verdict("stale", f"{missing[0]} is not in {name}") if missing else Verdict("agrees")
    return None


Ranges = dict[str, set[frozenset[str]]]
"""The version ranges of each name: another one by environment, by extra or by group."""


def _match(wanted: Ranges, entries: list[dict[str, Any]]) -> Verdict:
    locked = _ranges((_normal(each["name"]), each.get("specifier", "")) for each in entries)
    for name in sorted(set(wanted) ^ set(locked)):
        where = "not in uv.lock" if name in wanted else "in uv.lock, but no longer in pyproject.toml"
        return Verdict("stale", f"{name} is {where}")
    elsewhere = {_normal(each["name"]) for each in entries if OTHER_SOURCES & set(each)}
    different = sorted(name for name in wanted if name not in elsewhere and wanted[name] != locked[name])
    return Verdict("stale", f"{different[0]} is locked for another version range") if different else Verdict("agrees")


def _ranges(pairs: Iterable[tuple[str, str]]) -> Ranges:
    found: Ranges = {}
    for name, version in pairs:
        found.setdefault(name, set()).add(frozenset(_parts(version)))
    return found


def _content_hashes(manifest: dict[str, Any]) -> set[str]:
    """Poetry's content hash, in the forms of version 1 and 2."""
    project, tool = manifest.get("project", {}), _poetry_table(manifest)
    legacy = ("dependencies", "source", "extras", "dev-dependencies")
    relevant = ("requires-python", "dependencies", "optional-dependencies")
    of_project = {key: project[key] for key in relevant if key in project}
    of_tool = {key: tool[key] for key in (*legacy, "group") if key in tool}
    contents: list[dict[str, Any]] = [{**dict.fromkeys(legacy), **of_tool}, of_tool]
    if of_project:
        contents = [{"project": of_project, "tool": {"poetry": of_tool}}]
        if groups := manifest.get("dependency-groups"):
            contents.append({**contents[0], "dependency-groups": groups})
    return {hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest() for content in contents}


def _names(requirements_: Iterable[object]) -> Iterator[tuple[str, str]]:
    """Name and version range of each requirement; options, comments and URLs are skipped."""
    for each in requirements_:
        if isinstance(each, str) and (found := REQUIREMENT.match(each)):
            yield _normal(found[1]), found[2].replace("\\", "").partition("--hash")[0].strip()


def _is_pinned(version: str) -> bool:
    """Whether only one version fits: it is named whole, or by an address."""
    return version == "@" or (version.startswith("==") and "*" not in version)


def _flatten_groups(groups: dict[str, list[object]]) -> list[object]:
    return [each for group in groups.values() for each in group]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _parts(version: str) -> set[str]:
    """The clauses of a version range, as uv writes them: `>= 2024.07.04RC1` is `>=2024.7.4rc1`."""
    plain = (re.sub(r"\s", "", part).lower() for part in version.split(","))
    plain = (re.sub(r"[-_.]?(alpha|beta|preview|pre|rc|a|b|c)[-_.]?(?=\d)", _pre_release, part) for part in plain)
    return {re.sub(r"(?<![\da-z+])v?0*(?=\d)", "", part) for part in plain if part}


def _pre_release(found: re.Match[str]) -> str:
    return {"alpha": "a", "beta": "b"}.get(found[1], found[1] if len(found[1]) == 1 and found[1] != "c" else "rc")
