"""Compares manifests with their locks: npm, yarn, pnpm, bun, cargo, go."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from services.workspace.dependencies.manifests import BESIDE, NOT_A_MEMBER, Verdict, Where

NPM_KINDS = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
LOCAL = frozenset({"workspace", "file", "link", "portal", "patch"})
"""Ranges of packages that are not from the registry."""
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
        wanted, locked = manifest.get(kind, {}), locked_package.get(kind, {})
        different = sorted(name for name in {*wanted, *locked} if wanted.get(name) != locked.get(name))
        if different:
            return Verdict("stale", f"{different[0]} differs")
    return Verdict("agrees")


def bun(manifest: dict[str, Any], lock: str, where: Where = BESIDE) -> Verdict:
    """bun.lock is JSON with trailing commas; `workspaces` repeats the requirements of each package."""
    content = json.loads(re.sub(r",(\s*[}\]])", r"\1", lock))
    package = content["workspaces"].get(where.member)
    return NOT_A_MEMBER if package is None else _same_requirements(manifest, package)


def yarn(manifest: dict[str, Any], lock: str, where: Where = BESIDE) -> Verdict:
    """yarn.lock has an entry for each name with each requested range; superfluous entries are not detected."""
    above = where.root if where.member else manifest
    resolutions = {_resolved_name(name): wanted for name, wanted in above.get("resolutions", {}).items()}
    for name, wanted in sorted(_npm_requirements(manifest).items()):
        if name in where.packages or wanted.partition(":")[0] in LOCAL:
            continue
        ranges = [wanted, *([resolutions[name]] if name in resolutions else [])]
        if not any(f"{name}@{each}" in lock or f"{name}@npm:{each}" in lock for each in ranges):
            return Verdict("stale", f"{name} is not in yarn.lock with its range")
    return Verdict("agrees")


def _resolved_name(pattern: str) -> str:
    """The package that a resolution is for: `**/a`, `b/a`, `a@npm:^1` and `@c/a` are for `a`, or `@c/a`."""
    found = re.search(r"(@[^/@]+/)?[^/@]+(?=(@[^/]*)?$)", pattern)
    return found[0] if found else pattern


def pnpm(manifest: dict[str, Any], lock: str, where: Where = BESIDE) -> Verdict:
    """pnpm-lock.yaml repeats the requested range as `specifier` under an importer for each package."""
    name = re.escape(where.member or ".")
    importer = re.search(rf"^ {{2}}'?{name}'?:(?: \{{\}})?\n((?: {{4}}.*\n|\n)*)", lock, re.MULTILINE)
    if not importer:
        return NOT_A_MEMBER if where.member else Verdict("unknown", "pnpm-lock.yaml does not have the project itself")
    pairs = re.findall(r"^ {6}'?([^\s':]+)'?:\n {8}specifier: '?([^'\n]*)'?$", importer[1], re.MULTILINE)
    locked, wanted = dict(pairs), _npm_requirements(manifest)
    different = sorted(name for name in {*wanted, *locked} if wanted.get(name) != locked.get(name))
    return Verdict("stale", f"{different[0]} differs") if different else Verdict("agrees")


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
    """go.sum has a line for the go.mod of each required module, unless a directory replaces it."""
    text = re.sub(r"//.*", "", manifest["text"])
    replaced = set(re.findall(r"^\s*(?:replace\s+)?(\S+)(?:\s+v\S+)?\s+=>\s+\.{0,2}/", text, re.MULTILINE))
    summed = {(fields[0], fields[1]) for line in lock.splitlines() if len(fields := line.split()) == 3}
    blocks = re.findall(r"^require\s*\(([^)]*)\)", text, re.MULTILINE)
    blocks += re.findall(r"^require\s+([^(\n]+)$", text, re.MULTILINE)
    for name, version in re.findall(r"^\s*(\S+)\s+(v\S+)", "\n".join(blocks), re.MULTILINE):
        if name not in replaced and (name, f"{version}/go.mod") not in summed:
            return Verdict("stale", f"{name} {version} is not in go.sum")
    return Verdict("agrees")


def _npm_requirements(manifest: dict[str, Any]) -> dict[str, str]:
    kinds = NPM_KINDS[:3]
    return {name: wanted for kind in kinds for name, wanted in manifest.get(kind, {}).items()}


def _cargo_name(name: str, wanted: object, above: Mapping[str, object]) -> str:
    """The package's own name; that of an inherited one is in the workspace's table."""
    if isinstance(wanted, dict) and wanted.get("workspace") is True:
        wanted = above.get(name, wanted)
    return str(wanted.get("package", name)) if isinstance(wanted, dict) else name
