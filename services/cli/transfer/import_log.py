"""The log of imports: the ids of what each stored, in the data directory, so that one import can be undone.

It holds no content. What an import found stored already is not in it, and stays when the import is undone.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from services.cli.gateway.failures import plain
from services.cli.gateway.mcp_call import CallFailed, Gateway, gateway_url

FOLDER, SUFFIX = "imports", ".jsonl"
LAST = "last"
ids_per_call_max = 1_000
imports_max = 200
paths_max = 50

_name = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")


class PastImport(NamedTuple):
    """One import: when it began, what was imported, how many memories it stored, and whether it was undone."""

    id: str
    began: str
    paths: list[str]
    stored: int
    is_undone: bool


class NewImport:
    """An import under way. Its file appears with the first memory that is stored."""

    def __init__(self, folder: Path, gateway: str, paths: Sequence[Path]) -> None:
        now = datetime.now(UTC)
        self.id = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        self._path = folder / f"{self.id}{SUFFIX}"
        named = [str(path.absolute()) for path in paths[:paths_max]]
        self._begin = {"began": now.isoformat(timespec="seconds"), "gateway": gateway, "paths": named}
        self._count = 0
        self._is_lost = False

    def note(self, ids: Sequence[str]) -> None:
        """Notes what was stored; if that fails, the import goes on and cannot be undone."""
        if not ids or self._is_lost:
            return
        try:
            _append(self._path, *([] if self._count else [self._begin]), {"ids": list(ids)})
        except OSError:
            self._is_lost = True
        self._count += len(ids)

    def end(self) -> str:
        """What to tell the user; empty if nothing was stored."""
        if self._is_lost:
            return "This import cannot be undone as a whole: its log could not be written."
        return f"`segue import --undo {self.id}` takes it back." if self._count else ""


class ImportLog:
    """The imports into one gateway."""

    def __init__(self, data_dir: Path, gateway: str) -> None:
        self._folder = data_dir / FOLDER
        self._gateway = gateway

    def begin(self, paths: Sequence[Path]) -> NewImport:
        """A new import; the oldest are forgotten when there are too many."""
        for path in self._paths()[imports_max:]:
            with suppress(OSError):
                path.unlink()
        return NewImport(self._folder, self._gateway, paths)

    def imports(self) -> list[PastImport]:
        """The latest first."""
        return [found for path in self._paths() if (found := self._read(path))]

    def ids(self, name: str) -> list[str]:
        """The ids of what an import stored."""
        found = [fields.get("ids") for fields in _lines(self._folder / f"{name}{SUFFIX}")]
        return [each for ids in found if isinstance(ids, list) for each in ids if isinstance(each, str)]

    def note_undone(self, name: str) -> None:
        """Notes that an import was undone."""
        _append(self._folder / f"{name}{SUFFIX}", {"undone": datetime.now(UTC).isoformat(timespec="seconds")})

    def _paths(self) -> list[Path]:
        try:
            paths = sorted(self._folder.iterdir(), reverse=True)
        except OSError:
            return []
        return [path for path in paths if _name.fullmatch(path.name.removesuffix(SUFFIX))]

    def _read(self, path: Path) -> PastImport | None:
        lines = list(_lines(path))
        if not lines or lines[0].get("gateway") != self._gateway:
            return None
        count = sum(len(fields["ids"]) for fields in lines if isinstance(fields.get("ids"), list))
        given = lines[0].get("paths")
        paths = [str(each) for each in given] if isinstance(given, list) else []
        is_undone = any("undone" in fields for fields in lines)
        return PastImport(path.name.removesuffix(SUFFIX), str(lines[0].get("began")), paths, count, is_undone)


def list_imports(log: ImportLog) -> int:
    """Prints the imports."""
    found = log.imports()
    if not found:
        print("Nothing was imported, or nothing new.", file=sys.stderr)
        return 0
    print(f"{'ID':<22}{'STORED':>9}  FROM")
    for each in found:
        note = "  (undone)" if each.is_undone else ""
        print(f"{each.id:<22}{each.stored:>9,}  {plain(', '.join(each.paths))}{note}")
    return 0


def undo_import(log: ImportLog, name: str) -> int:
    """Deletes what an import stored: 1 if there is no such import, or the gateway did not delete."""
    known = [each for each in log.imports() if not each.is_undone]
    found = next((each for each in known if name in (each.id, LAST)), None)
    if found is None:
        print("segue import: no such import that could be undone; `segue import --list` shows them.", file=sys.stderr)
        return 1
    ids = log.ids(found.id)
    try:
        gateway = Gateway(gateway_url())
        gateway.open()
        deleted = sum(_delete(gateway, ids[at : at + ids_per_call_max]) for at in range(0, len(ids), ids_per_call_max))
    except CallFailed as problem:
        print(f"segue import: {problem}", file=sys.stderr)
        return 1
    log.note_undone(found.id)
    gone = len(ids) - deleted
    print(f"Deleted {deleted:,} of {len(ids):,} memories" + (f"; {gone:,} were gone already." if gone > 0 else "."))
    print("It stays deleted: `segue import --deleted-too PATH` brings it again.", file=sys.stderr)
    return 0


def _delete(gateway: Gateway, ids: Sequence[str]) -> int:
    asked = gateway.call("delete_conversations", ids=ids)
    if not asked["would_delete"]:
        return 0
    token = asked["confirmation_token"]
    done = gateway.call("delete_conversations", ids=ids, confirm=True, confirmation_token=token)
    return int(done["deleted"])


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    fields = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(fields, dict):
                    yield fields
    except OSError:
        return


def _append(path: Path, *lines: dict[str, Any]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("".join(json.dumps(line) + "\n" for line in lines))
