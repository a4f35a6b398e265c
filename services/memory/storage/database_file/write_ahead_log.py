"""DuckDB's write-ahead log: checks whether it is complete, and keeps a copy of a damaged one.

DuckDB replays a truncated log as far as it goes, silently, and removes it; it does not open one with wrong checksums
at all. Both cases are detected here and reported, and the original log is kept.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
from datetime import UTC, datetime
from pathlib import Path

from services.kit.durable_files import sync

_header = struct.Struct("<QQ")  # an entry's size and checksum
_version = b"\x64\x00\x62\x65\x00"  # field 100 is the kind of entry, 98; field 101, the format's version
_flush = b"\x64\x00\x64\xff\xff"  # kind 100: everything before it is committed
_identity_fields = (b"\x66\x00", b"\x67\x00")  # the database's identifier, and the number of its checkpoint
_end = b"\xff\xff"
_refused_at = re.compile(r"entry at byte position (\d+)")
_damage_signs = ("Corrupt WAL file", "WAL does not match database file", "Invalid WAL entry")


def wal_of(database: Path) -> Path:
    """The path of the database's log."""
    return database.with_name(f"{database.name}.wal")


def committed_bytes(wal: Path) -> int:
    """The length of the log's complete transactions, by the sizes of entries; DuckDB verifies the checksums."""
    size = wal.stat().st_size
    with wal.open("rb") as file:
        at = _first_entry(file.read(256))
        committed = at if at == size else 0  # a log with only a header is complete
        while at and at + _header.size <= size:
            file.seek(at)
            length, _ = _header.unpack(file.read(_header.size))
            entry = file.read(min(length, len(_flush)))
            at += _header.size + length
            if at > size:
                break
            if entry == _flush and length == len(_flush):
                committed = at
    return committed


def _first_entry(begin: bytes) -> int:
    """The offset of the first entry, 0 if this is no log: the header has numbers of seven bits per byte."""
    if not begin.startswith(_version):
        return 0
    try:
        at = _after_number(begin, len(_version))
        for field in _identity_fields:
            if begin[at : at + len(field)] != field:
                return 0
            count = begin[at + 2] if field == _identity_fields[0] else 0
            at += len(field)
            for _ in range(count + 1):
                at = _after_number(begin, at)
    except IndexError:
        return 0
    return at + len(_end) if begin[at : at + len(_end)] == _end else 0


def _after_number(data: bytes, at: int) -> int:
    while data[at] & 0x80:
        at += 1
    return at + 1


def keep_aside(wal: Path, now: datetime | None = None) -> Path:
    """Makes a durable copy of a damaged log beside it; Segue never removes it."""
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%S.%fZ")
    kept = wal.with_name(f"{wal.name}.damaged-{stamp}")
    shutil.copyfile(wal, kept)
    kept.chmod(0o600)
    for path in (kept, kept.parent):
        sync(path)
    return kept


def is_damage(error: str) -> bool:
    """Whether the error means a damaged log; a full disk, for example, does not."""
    return "replaying WAL" in error and any(sign in error for sign in _damage_signs)


def drop_refused(wal: Path, error: str) -> int | None:
    """Cuts the log before the entry that DuckDB rejects, or completely if it names none; returns the bytes left.

    None if the error is a different one, or nothing is left to cut.
    """
    if not is_damage(error) or not wal.exists():
        return None
    size = wal.stat().st_size
    refused = _refused_at.search(error)
    left = int(refused[1]) if refused else 0
    if left >= size:
        return None
    if left:
        os.truncate(wal, left)
    else:
        wal.unlink()
    return left
