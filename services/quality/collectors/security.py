"""Secrets in tracked files, found by a detector that the caller provides; what it finds is never shown."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from services.quality.collectors.directory import File, Place, Unmeasured
from services.quality.collectors.languages import is_test
from services.quality.collectors.source import spread
from services.quality.domain.evidence import Evidence, no_measurement

FindSecrets: TypeAlias = Callable[[str], Sequence[object]]
"""Finds the secrets in a text; one item per secret."""

read_max_bytes = 1_000_000
file_max_bytes = 100_000
_likely_suffixes = frozenset(
    [
        ".env",
        ".pem",
        ".key",
        ".p12",
        ".json",
        ".yaml",
        ".yml",
        ".toml",
        ".ini",
        ".cfg",
        ".conf",
        ".properties",
        ".xml",
        ".tf",
        ".tfvars",
        ".sh",
    ]
)
_locks = frozenset(
    ["package-lock.json", "pnpm-lock.yaml", "yarn.lock", "uv.lock", "poetry.lock", "Cargo.lock", "go.sum"]
)
_prose_suffixes = frozenset([".md", ".rst", ".txt", ".adoc", ".mdx"])
_dummy = re.compile(r"dummy|example|sample|fake|placeholder", re.IGNORECASE)
_text_suffixes = _likely_suffixes | frozenset(
    [".py", ".js", ".ts", ".jsx", ".tsx", ".go", ".rs", ".java", ".rb", ".php", ".md", ".txt", ".sql", ".cs", ".kt"]
)


def secrets(place: Place, tracked: Sequence[str] | None, find: FindSecrets | None) -> Evidence:
    """The number of secrets in tracked files except tests. Checks likely files first, then an even sample."""
    if find is None:
        return no_measurement("secrets", "no secret detector")
    if not tracked:
        return no_measurement("secrets", "no tracked files")
    known = set(tracked)
    files = [file for file in place.files if file.path in known and _may_hold(file)]
    likely = [file for file in files if _is_likely(file)]
    rest = [file for file in files if not _is_likely(file)]
    chosen = spread(likely, read_max_bytes // 2, file_max_bytes) + spread(rest, read_max_bytes // 2, file_max_bytes)
    counts = {file: place.once("secrets", file, partial(_count, place, file, find)) for file in chosen}
    found = [(file.path, count) for file, count in counts.items() if count]
    total = sum(count for _, count in found)
    where = "; in " + ", ".join(path for path, _ in found[:5]) if found else ""
    detail = f"{len(chosen)} of {len(files)} files read{where}"
    return Evidence("secrets", float(total), True, "tracked files", place.now, detail=detail[:300])


def _may_hold(file: File) -> bool:
    """Whether a file may contain real secrets: lock files and tests are full of made-up ones and hashes."""
    name, suffix = _name(file)
    is_text = suffix in _text_suffixes or name.startswith(".env") or not suffix
    return is_text and name not in _locks and not is_test(file.path)


def _is_likely(file: File) -> bool:
    name, suffix = _name(file)
    return suffix in _likely_suffixes or name.startswith((".", "id_"))


def _name(file: File) -> tuple[str, str]:
    """The file's name and suffix, faster than pathlib."""
    name = file.path.rpartition("/")[2]
    return name, os.path.splitext(name)[1].lower()  # noqa: PTH122


def _count(place: Place, file: File, find: FindSecrets) -> int:
    place.check_time()
    try:
        text = place.text(file.path, file_max_bytes)
    except Unmeasured:
        return 0
    is_prose = _name(file)[1] in _prose_suffixes
    return 0 if "\0" in text else sum(not _is_example(text, each, is_prose) for each in find(text))


def _is_example(text: str, secret: object, is_prose: bool) -> bool:
    """Whether it is a password that a document shows, or that its line calls a dummy. A token or a key never is: they
    are told by their form, whatever is written around them."""
    kind, start = getattr(secret, "kind", ""), getattr(secret, "start", None)
    if not isinstance(kind, str) or not kind.startswith("password") or not isinstance(start, int):
        return False
    begin, end = text.rfind("\n", 0, start) + 1, text.find("\n", start)
    return is_prose or bool(_dummy.search(text[begin : end if end >= 0 else len(text)]))
