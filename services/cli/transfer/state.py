"""The state of earlier imports: the position up to which each file is stored, so that unchanged files are skipped.

It only saves time: a memory's id makes sure that nothing is stored twice. So a lost, corrupt or outdated state costs a
second reading and nothing else.
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
# How many bytes at either end of the part already read distinguish a file that grew from one that was rewritten.
print_max_bytes = 4096


class Progress(NamedTuple):
    """The position up to which a file is stored. `size` and `mtime_ns` are set once it is stored to its end, else 0."""

    offset: int
    lines: int
    fingerprint: str
    size: int = 0
    mtime_ns: int = 0


class ImportState:
    """The progress of one gateway's files, stored in the data directory beside that of other gateways."""

    def __init__(self, data_dir: Path, gateway: str, *, anew: bool = False) -> None:
        """`anew`: every file is read from its beginning, whatever was stored of it."""
        self._anew = anew
        self._path = data_dir / STATE_FILE
        self._gateway = gateway
        self._files = {path: known for path, value in self._read_files().items() if (known := _progress(value))}
        self._heads: dict[str, bytes] = {}
        self._changed = False

    def is_unchanged(self, file: SourceFile) -> bool:
        """Whether all of the file was stored, and it has not changed since."""
        known = self._files.get(_key(file.path))
        is_same = known is not None and (known.size, known.mtime_ns) == (file.size, file.mtime_ns)
        return is_same and not self._anew

    def start(self, file: SourceFile) -> Position:
        """Where to continue reading: at the beginning, unless the part already read is unchanged."""
        self._heads[_key(file.path)] = _head(file.path)
        known = self._files.get(_key(file.path))
        if (
            self._anew
            or not known
            or known.offset > file.size
            or _fingerprint(file.path, known.offset) != known.fingerprint
        ):
            return START
        return Position(known.offset, known.lines)

    def record_position(self, file: SourceFile, position: Position, *, whole: bool) -> None:
        """Everything before `position` is stored; `whole`: the file ended there when it was listed.

        Of a file that was replaced or cut meanwhile nothing is known: it is read from its beginning the next time.
        """
        if not self._is_still(file, position):
            self._changed = self._files.pop(_key(file.path), None) is not None or self._changed
            return
        known = Progress(position.offset, position.lines, _fingerprint(file.path, position.offset))
        if whole:
            known = known._replace(size=file.size, mtime_ns=file.mtime_ns)
        self._files[_key(file.path)] = known
        self._changed = True

    def _is_still(self, file: SourceFile, position: Position) -> bool:
        """Whether the file is the one whose reading began, and has only grown since."""
        try:
            status = file.path.stat()
        except OSError:
            return False
        head = self._heads.get(_key(file.path), b"")
        is_same = file.inode in (0, status.st_ino) and _head(file.path).startswith(head)
        return is_same and status.st_size >= position.offset

    def save(self) -> None:
        """Writes the changes, all or nothing. Raises OSError."""
        if not self._changed:
            return
        gateways = gateways_of(load_json(self._path))
        gateways[self._gateway] = {path: list(known) for path, known in self._files.items() if Path(path).exists()}
        write_atomically(self._path, json.dumps({"version": VERSION, "gateways": gateways}).encode())
        self._changed = False

    def _read_files(self) -> dict[str, Any]:
        files = gateways_of(load_json(self._path)).get(self._gateway)
        return files if isinstance(files, dict) else {}


def _key(path: Path) -> str:
    """A name that JSON can carry, even for a path that is not UTF-8."""
    return str(path.absolute())


def load_json(path: Path) -> Any:
    """What a state file says; None if it says nothing."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def gateways_of(state: Any) -> dict[str, Any]:
    """What a state file says of each gateway."""
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


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(print_max_bytes)
    except OSError:
        return b""


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


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file of the data directory whole or not at all. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
