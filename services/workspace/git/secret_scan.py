"""Scans a checkpoint's contents for secrets; contents that HEAD already has are skipped."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from services.workspace.git.blobs import blobs
from services.workspace.git.repository import Repository
from services.workspace.git.snapshot import Candidate, content
from services.workspace.serialization import readable

FILE_MAX_BYTES = 1 << 20
TOTAL_MAX_BYTES = 32 << 20

FindSecrets = Callable[[str], Sequence[object]]


def scan(repository: Repository, taken: Sequence[Candidate], find_secrets: FindSecrets) -> tuple[list[str], list[str]]:
    """The files with a secret in a line that HEAD does not have, and the files that were too large to scan."""
    found, not_scanned, left_bytes = [], [], TOTAL_MAX_BYTES
    staged = blobs(repository, (each.staged_id for each in taken if each.staged_id and each.size is not None))
    for candidate in taken:
        if candidate.size is None:
            continue
        data = staged.get(candidate.staged_id) if candidate.staged_id else _read_candidate(repository, candidate)
        if data is None or len(data) > min(FILE_MAX_BYTES, left_bytes):
            not_scanned.append(readable(candidate.path))
            continue
        left_bytes -= len(data)
        if _has_new_secret(repository, candidate, data, find_secrets):
            found.append(readable(candidate.path))
    return found, not_scanned


def _read_candidate(repository: Repository, candidate: Candidate) -> bytes | None:
    is_small = candidate.size is not None and candidate.size <= FILE_MAX_BYTES
    return content(repository, candidate.path, FILE_MAX_BYTES + 1) if is_small else None


def _has_new_secret(repository: Repository, candidate: Candidate, data: bytes, find_secrets: FindSecrets) -> bool:
    text = _text(data)
    if not find_secrets(text):
        return False
    old = blobs(repository, [candidate.head_id] if candidate.head_id else [])
    known = {line for blob in old.values() for line in _text(blob).splitlines()}
    return bool(find_secrets("\n".join(line for line in text.splitlines() if line not in known)))


def _text(data: bytes) -> str:
    """The text in some bytes, without zeros, so that UTF-16 and binary files are scanned as well."""
    return data.replace(b"\0", b"").decode("utf-8", "replace")
