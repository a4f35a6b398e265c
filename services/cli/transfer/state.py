"""What was imported before: how far each file was stored, so that an unchanged one is passed over.

Only speed hangs on it: a memory's id makes sure that nothing is stored twice. So a state that is lost, corrupt or
of another version costs a second reading and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from services.memory.imports.json_lines import START, Position
from services.memory.imports.sources import SourceFile

STATE_FILE = "imports.json"
VERSION = 1
# How much at either end of what was read tells a file that grew from one that was written anew.
print_max_bytes = 4096


class Progress(NamedTuple):
    """How far a file was stored. `size` and `mtime_ns` are those of a file stored to its end, otherwise 0."""

    offset: int
    lines: int
    fingerprint: str
    size: int = 0
    mtime_ns: int = 0


class ImportState:
    """The progress of one gateway's files, kept in the data directory among that of other gateways."""

    def __init__(self, data_dir: Path, gateway: str) -> None:
        self._path = data_dir / STATE_FILE
        self._gateway = gateway
        self._files = {path: known for path, value in self._read_files().items() if (known := _progress(value))}
        self._changed = False

    def is_unchanged(self, file: SourceFile) -> bool:
        """Whether all of the file was stored, and it is as it was then."""
        known = self._files.get(_key(file.path))
        return known is not None and (known.size, known.mtime_ns) == (file.size, file.mtime_ns)

    def start(self, file: SourceFile) -> Position:
        """Where to go on reading: the beginning, unless what was read before is still there."""
        known = self._files.get(_key(file.path))
        if not known or known.offset > file.size or _fingerprint(file.path, known.offset) != known.fingerprint:
            return START
        return Position(known.offset, known.lines)

    def record_position(self, file: SourceFile, position: Position, *, whole: bool) -> None:
        """Everything before `position` is stored; `whole`: and that is all there was when the file was found."""
        known = Progress(position.offset, position.lines, _fingerprint(file.path, position.offset))
        if whole:
            known = known._replace(size=file.size, mtime_ns=file.mtime_ns)
        self._files[_key(file.path)] = known
        self._changed = True

    def save(self) -> None:
        """Write what changed, whole or not at all. Raises OSError."""
        if not self._changed:
            return
        gateways = _gateways(_load(self._path))
        gateways[self._gateway] = {path: list(known) for path, known in self._files.items() if Path(path).exists()}
        _write_atomically(self._path, json.dumps({"version": VERSION, "gateways": gateways}).encode())
        self._changed = False

    def _read_files(self) -> dict[str, Any]:
        files = _gateways(_load(self._path)).get(self._gateway)
        return files if isinstance(files, dict) else {}


def _key(path: Path) -> str:
    """A name that JSON can carry, even of a path that is no UTF-8."""
    return str(path.absolute())


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def _gateways(state: Any) -> dict[str, Any]:
    gateways = state.get("gateways") if isinstance(state, dict) and state.get("version") == VERSION else None
    return gateways if isinstance(gateways, dict) else {}


def _progress(value: Any) -> Progress | None:
    try:
        offset, lines, fingerprint, size, mtime_ns = value
    except (TypeError, ValueError):
        return None
    numbers = (offset, lines, size, mtime_ns)
    if not isinstance(fingerprint, str) or not all(isinstance(number, int) and number >= 0 for number in numbers):
        return None
    return Progress(offset, lines, fingerprint, size, mtime_ns)


def _fingerprint(path: Path, offset: int) -> str:
    """A digest of the first and the last bytes before `offset`; empty if they cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.sha256(_ends(file, offset)).hexdigest()[:32]
    except OSError:
        return ""


def _ends(file: BinaryIO, offset: int) -> bytes:
    first = file.read(min(offset, print_max_bytes))
    file.seek(max(0, offset - print_max_bytes))
    return first + file.read(min(offset, print_max_bytes))


def _write_atomically(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
