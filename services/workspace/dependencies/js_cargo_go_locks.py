"""Compares manifests with their locks: npm, yarn, pnpm, bun, cargo, go."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from services.workspace.dependencies.manifests import BESIDE, NOT_A_MEMBER, Verdict, Where

NPM_KINDS = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
LOCAL = frozenset({"workspace", "file", "link", "portal", "patch"})
"""Ranges of packages that are not from the registry."""
_go_replace = re.compile(
    r"^[ \t]*(?:replace[ \t]+)?(\S+)(?:[ \t]+(v\S+))?[ \t]+=>[ \t]+(\S+)(?:[ \t]+(v\S+))?", re.MULTILINE
)
"""A module, its version if only that is replaced, and what by; a directory has no version."""
CARGO_KINDS = ("dependencies", "dev-dependencies", "build-dependencies")


def npm(manifest: dict[str, Any], lock: str, where: Where = BESIDE) -> Verdict:
    """package-lock.json repeats the requirements of each package under its directory; version 1 has names only."""
    content = json.loads(lock)
    if "packages" not in content:
        missing = sorted(set(_npm_requirements(manifest)) - set(content.get("dependencies", {})))
        return Verdict("stale", f"{missing[0]} is not in the lock") if missing else Verdict("agrees")
    if where.member not in content["packages"]:
        return NOT_A_MEMBER
    return _same_requirements(manifest, content["packages"][where.member])


def _same_requirements(manifest: dict[str, Any], locked_package: dict[str, Any]) -> Verdict:
    for kind in NPM_KINDS:
        wanted, locked = _of_kind(manifest, kind), _of_kind(locked_package, kind)
        different = sorted(name for name in {*wanted, *locked} if wanted.get(name) != locked.get(name))
        if different:
            return Verdict("stale", f"{different[0]} differs")
    return Verdict("agrees")


def _of_kind(package: dict[str, Any], kind: str) -> dict[str, str]:
    """The requirements of a kind; one that is optional, too, is that alone."""
    optional = package.get("optionalDependencies", {}) if kind == "dependencies" else {}
    return {name: wanted for name, wanted in package.get(kind, {}).items() if name not in optional}


def bun(manifest: dict[str, Any], lock: str, where: Where = BESIDE) -> Verdict:
    """bun.lock is JSON with trailing commas; `workspaces` repeats the requirements of each package."""
    content = json.loads(re.sub(r",(\s*[}\]])", r"\1", lock))
    package = content["workspaces"].get(where.member)
    return NOT_A_MEMBER if package is None else _same_requirements(manifest, package)


def yarn(manifest: dict[str, Any], lock: str, where: Where = BESIDE) -> Verdict:
    """yarn.lock has an entry for each name with each requested range; superfluous entries are not detected."""
    above = where.root if where.member else manifest
    resolutions = {_resolved_name(name): wanted for name, wanted in above.get("resolutions", {}).items()}
    locked = set(_yarn_descriptors(lock))
    names = {each[: each.find("@", 1)] for each in locked}
    for name, wanted in sorted(_npm_requirements(manifest).items()):
        if name in where.packages or wanted.partition(":")[0] in LOCAL:
            continue
        ranges = [wanted, *([resolutions[name]] if name in resolutions else [])]
        is_there = any(f"{name}@{each}" in locked or f"{name}@npm:{each}" in locked for each in ranges)
        if not is_there and not (wanted.startswith("catalog:") and name in names):  # its range is in another file
            return Verdict("stale", f"{name} is not in yarn.lock with its range")
    return Verdict("agrees")


def _yarn_descriptors(lock: str) -> Iterator[str]:
    """The names with ranges that the entries are of."""
    for line in lock.splitlines():
        if line.endswith(":") and not line.startswith((" ", "#")):
            yield from (each.strip() for each in line[:-1].replace('"', "").split(", "))


def _resolved_name(pattern: str) -> str:
    """The package that a resolution is for: `**/a`, `b/a`, `a@npm:^1` and `@c/a` are for `a`, or `@c/a`."""
    found = re.search(r"(@[^/@]+/)?[^/@]+(?=(@[^/]*)?$)", pattern)
    return found[0] if found else pattern


def pnpm(manifest: dict[str, Any], lock: str, where: Where = BESIDE) -> Verdict:
    """pnpm-lock.yaml repeats the requested range as `specifier` under an importer for each package.

    A document before it is of pnpm's own configuration. An override replaces a range, and peers may be installed.
    """
    lock = re.split(r"^---\s*$", lock, flags=re.MULTILINE)[-1]
    name = re.escape(where.member or ".")
    importer = re.search(rf"^ {{2}}'?{name}'?:(?: \{{\}})?\n((?: {{4}}.*\n|\n)*)", lock, re.MULTILINE)
    if not importer:
        return NOT_A_MEMBER if where.member else Verdict("unknown", "pnpm-lock.yaml does not have the project itself")
    pairs = re.findall(r"^ {6}'?([^\s':]+)'?:\n {8}specifier: '?([^'\n]*)'?$", importer[1], re.MULTILINE)
    locked, wanted = dict(pairs), _npm_requirements(manifest)
    peers, overrides = manifest.get("peerDependencies", {}), _pnpm_overrides(lock)
    for each in sorted({*wanted, *locked}):
        allowed = [wanted.get(each), *overrides.get(each, ()), *([] if each in wanted else [peers.get(each)])]
        if locked.get(each) not in allowed:
            return Verdict("stale", f"{each} differs")
    return Verdict("agrees")


def _pnpm_overrides(lock: str) -> dict[str, list[str | None]]:
    """What may be locked instead of a package's range; None where an override removes it."""
    section = re.search(r"^overrides:\n((?: {2}.*\n)+)", lock, re.MULTILINE)
    found: dict[str, list[str | None]] = {}
    for selector, wanted in re.findall(
        r"^ {2}'?([^'\n]+?)'?: '?([^'\n]*)'?$", section[1] if section else "", re.MULTILINE
    ):
        found.setdefault(_resolved_name(selector), []).append(None if wanted == "-" else wanted)
    return found


def cargo(manifest: dict[str, Any], lock: str, where: Where = BESIDE) -> Verdict:
    """Cargo.lock lists the dependencies of the workspace's packages by name; version ranges are not compared."""
    if "package" not in manifest:
        return Verdict("unknown", "a workspace; its members are compared each")
    sections = (tomllib.loads(part) for part in lock.split("[[package]]")[1:] if "\nsource = " not in part)
    own = next((each for each in sections if each.get("name") == manifest["package"]["name"]), None)
    if own is None:
        return NOT_A_MEMBER if where.member else Verdict("stale", "Cargo.lock does not have the project itself")
    above = (where.root if where.member else manifest).get("workspace", {}).get("dependencies", {})
    tables = [manifest, *manifest.get("target", {}).values()]
    items = [item for table in tables for kind in CARGO_KINDS for item in table.get(kind, {}).items()]
    wanted = {_cargo_name(name, each, above) for name, each in items}
    different = sorted(wanted ^ {each.partition(" ")[0] for each in own.get("dependencies", [])})
    return Verdict("stale", f"{different[0]} differs") if different else Verdict("agrees")


def go(manifest: dict[str, Any], lock: str, where: Where = BESIDE) -> Verdict:  # noqa: ARG001 - as the others
    """go.sum has a line for the go.mod of each required module, or of what replaces it; a directory has none."""
    text = re.sub(r"//.*", "", manifest["text"])
    replaced = {(name, version): (new, to) for name, version, new, to in _go_replace.findall(text)}
    summed = {(fields[0], fields[1]) for line in lock.splitlines() if len(fields := line.split()) == 3}
    blocks = re.findall(r"^require\s*\(([^)]*)\)", text, re.MULTILINE)
    blocks += re.findall(r"^require\s+([^(\n]+)$", text, re.MULTILINE)
    for name, version in re.findall(r"^\s*(\S+)\s+(v\S+)", "\n".join(blocks), re.MULTILINE):
        other = replaced.get((name, version)) or replaced.get((name, "")) or (name, version)
        if other[1] and (other[0], f"{other[1]}/go.mod") not in summed:
            return Verdict("stale", f"{' '.join(other)} is not in go.sum")
    return Verdict("agrees")


def _npm_requirements(manifest: dict[str, Any]) -> dict[str, str]:
    kinds = NPM_KINDS[:3]
    return {name: wanted for kind in kinds for name, wanted in manifest.get(kind, {}).items()}


def _cargo_name(name: str, wanted: object, above: Mapping[str, object]) -> str:
    """The package's own name; that of an inherited one is in the workspace's table."""
    if isinstance(wanted, dict) and wanted.get("workspace") is True:
        wanted = above.get(name, wanted)
    return str(wanted.get("package", name)) if isinstance(wanted, dict) else name
