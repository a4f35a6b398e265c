"""Compares manifests with their locks: npm, yarn, pnpm, cargo, go."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

from services.workspace.dependencies.manifests import Verdict

NPM_KINDS = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
CARGO_KINDS = ("dependencies", "dev-dependencies", "build-dependencies")


def npm(manifest: dict[str, Any], lock: str) -> Verdict:
    """package-lock.json repeats the manifest's requirements in the package named ""; version 1 has names only."""
    content = json.loads(lock)
    if "packages" not in content:
        missing = sorted(set(_npm_requirements(manifest)) - set(content.get("dependencies", {})))
        return Verdict("stale", f"{missing[0]} is not in the lock") if missing else Verdict("agrees")
    root = content["packages"][""]
    for kind in NPM_KINDS:
        wanted, locked = manifest.get(kind, {}), root.get(kind, {})
        different = sorted(name for name in {*wanted, *locked} if wanted.get(name) != locked.get(name))
        if different:
            return Verdict("stale", f"{different[0]} differs")
    return Verdict("agrees")


def yarn(manifest: dict[str, Any], lock: str) -> Verdict:
    """yarn.lock has an entry for each name with each requested range; superfluous entries are not detected."""
    for name, wanted in sorted(_npm_requirements(manifest).items()):
        if f"{name}@{wanted}" not in lock and f"{name}@npm:{wanted}" not in lock:
            return Verdict("stale", f"{name} is not in yarn.lock with its range")
    return Verdict("agrees")


def pnpm(manifest: dict[str, Any], lock: str) -> Verdict:
    """pnpm-lock.yaml repeats the requested range as `specifier` under its importer `.`."""
    importer = re.search(r"^ {2}\.:\n((?: {4}.*\n|\n)*)", lock, re.MULTILINE)
    if not importer:
        return Verdict("unknown", "pnpm-lock.yaml does not have the project itself")
    pairs = re.findall(r"^ {6}'?([^\s':]+)'?:\n {8}specifier: '?([^'\n]*)'?$", importer[1], re.MULTILINE)
    locked, wanted = dict(pairs), _npm_requirements(manifest)
    different = sorted(name for name in {*wanted, *locked} if wanted.get(name) != locked.get(name))
    return Verdict("stale", f"{different[0]} differs") if different else Verdict("agrees")


def cargo(manifest: dict[str, Any], lock: str) -> Verdict:
    """Cargo.lock lists the dependencies of the project's own package by name; version ranges are not compared."""
    if "package" not in manifest:
        return Verdict("unknown", "a workspace; its members are not compared")
    sections = (tomllib.loads(part) for part in lock.split("[[package]]")[1:] if "\nsource = " not in part)
    own = next((each for each in sections if each.get("name") == manifest["package"]["name"]), None)
    if own is None:
        return Verdict("stale", "Cargo.lock does not have the project itself")
    tables = [manifest, *manifest.get("target", {}).values()]
    wanted = {_cargo_name(*item) for table in tables for kind in CARGO_KINDS for item in table.get(kind, {}).items()}
    different = sorted(wanted ^ {each.partition(" ")[0] for each in own.get("dependencies", [])})
    return Verdict("stale", f"{different[0]} differs") if different else Verdict("agrees")


def go(manifest: dict[str, Any], lock: str) -> Verdict:
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


def _cargo_name(name: str, wanted: object) -> str:
    return str(wanted.get("package", name)) if isinstance(wanted, dict) else name
