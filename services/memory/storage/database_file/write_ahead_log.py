"""What DuckDB has not yet taken into its file: whether a write-ahead log is whole, and keeping aside one that is not.

DuckDB replays a log up to where it ends too early, says nothing, and removes it; one whose checksums are wrong it
does not open at all. Both are found here, reported, and the log as it was is kept.
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
_flush = b"\x64\x00\x64\xff\xff"  # kind 100: all before it is committed
_identity_fields = (b"\x66\x00", b"\x67\x00")  # the database's identifier, the number of its checkpoint
_end = b"\xff\xff"
_refused_at = re.compile(r"entry at byte position (\d+)")
_damage_signs = ("Corrupt WAL file", "WAL does not match database file", "Invalid WAL entry")


def wal_of(database: Path) -> Path:
    """Where the database's log is."""
    return database.with_name(f"{database.name}.wal")


def committed_bytes(wal: Path) -> int:
    """How much of the log is whole transactions, by the entries' sizes; checksums are DuckDB's to verify."""
    size = wal.stat().st_size
    with wal.open("rb") as file:
        at = _first_entry(file.read(256))
        committed = at if at == size else 0  # a log that has only begun is whole
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
    """Where the entries begin, 0 where this is no log: its head holds numbers of seven bits a byte."""
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
    """A durable copy of a damaged log, beside it, that nothing of ours ever removes."""
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%S.%fZ")
    kept = wal.with_name(f"{wal.name}.damaged-{stamp}")
    shutil.copyfile(wal, kept)
    kept.chmod(0o600)
    for path in (kept, kept.parent):
        sync(path)
    return kept


def is_damage(error: str) -> bool:
    """Whether DuckDB says so of a log that it will not replay; a full disk, say, is none."""
    return "replaying WAL" in error and any(sign in error for sign in _damage_signs)


def drop_refused(wal: Path, error: str) -> int | None:
    """Cuts the log before the entry that DuckDB refuses, or whole where it names none: the bytes left.

    None where the error is of something else, or nothing is left to cut.
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
