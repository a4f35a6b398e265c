"""Keyed digests of deleted memories: of a memory's id, and of its text in its project. Both hold its user."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.kit.encryption.vault import SealBroken
from services.memory.domain.memories import Kind, Memory
from services.memory.domain.rows import NewRow
from services.memory.storage.row_codec import Rows, Texts, Whose

secret_bytes = 32


def is_deleted(
    row: NewRow,
    digests: Sequence[str],
    deleted: Mapping[str, Sequence[tuple[str, datetime]]],
    earlier: Mapping[tuple[str, str], Sequence[str]],
) -> bool:
    """Whether a row was deleted: by its id; or by its text, unless it was said after that.

    `digests` are its own (see `row_digests`), `deleted` has the project and time of deletions by digest, `earlier` the
    names of projects before, by user and project.
    """
    memory, (by_id, *by_text) = row.memory, digests
    names = {"", memory.project, *earlier[row.user, memory.project]}  # not one that has its name since
    said = [at for digest in by_text for whose, at in deleted.get(digest, ()) if whose in names]
    return by_id in deleted or any(memory.timestamp <= at for at in said)


def row_digests(secret: bytes, row: NewRow, earlier: Mapping[tuple[str, str], Sequence[str]]) -> list[str]:
    """The digest of its id, and that of its text in its project, under each name that this had."""
    projects = [row.memory.project, *earlier[row.user, row.memory.project]]
    texts = [_text_digest(secret, row.user, replace(row.memory, project=each)) for each in projects]
    return [id_digest(secret, row.user, row.memory.id), *texts]


def stored_digest(written: Rows, secret: bytes, whose: Whose, kind: str, columns: Sequence[Any]) -> str:
    """Of a stored text; empty if it cannot be read."""
    try:
        texts = written.read(whose, Texts(*columns))
        unsaid = datetime.min  # noqa: DTZ901  # not in the digest
        return _text_digest(secret, whose.user, Memory(texts.content, Kind(kind), texts.project, unsaid))
    except (SealBroken, ValueError, TypeError):
        return ""


def id_digest(secret: bytes, user: str, id: str) -> str:
    """Of the id of one of the user's memories."""
    return _digest(secret, f"id\0{user}\0{id}".encode("utf-8", "replace"))


def _text_digest(secret: bytes, user: str, memory: Memory) -> str:
    """Of the text in its project, in whatever session."""
    return _digest(secret, b"text\0" + replace(memory, session_id="").fingerprint(user).bytes)


def _digest(secret: bytes, content: bytes) -> str:
    return str(UUID(bytes=hmac.digest(secret, content, "sha256")[:16]))
