"""Selects the files of the memory service to encrypt or decrypt, and rewrites its databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import duckdb

from services.kit.encryption.reencryption import Changeable, Report
from services.kit.encryption.sealed_directory import Place
from services.kit.encryption.vault import Vault
from services.kit.errors import Unavailable
from services.memory.encryption.database_rewrite import convert
from services.memory.index.snapshot import SNAPSHOT
from services.memory.storage.database_file.opening import open_database
from services.memory.storage.row_codec import rows_of

_leftovers = (SNAPSHOT, f".{SNAPSHOT}.new", "*.duckdb.schema-*", "*.duckdb.migrating*", "*.duckdb.compacting*")
"""Files derived from the databases, or left behind by interrupted work on them."""


def changeable_memory(place: Place) -> Changeable:
    """The memory files in a data directory, for re-encryption."""
    return Changeable(place, _written_anew, _leftovers)


@contextmanager
def _written_anew(
    path: Path, target: Path, before: Vault | None, after: Vault | None, report: Report
) -> Iterator[None]:
    try:
        with open_database(path, {}, rows_of(before)).connection as source:
            source.execute("CHECKPOINT")
            convert(source, target, rows_of(before), rows_of(after), partial(_report_progress, report, path.name))
            yield
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise Unavailable(f"{path} is unchanged: {reason}", "Is there room for a copy?") from error


def _report_progress(report: Report, name: str, what: str, done: int, total: int) -> None:
    report(f"{name}: {what}", done, total)


def damaged_logs(home: Path) -> list[Path]:
    """Damaged logs that were kept; they stay unchanged, encrypted or not."""
    return sorted(home.glob("*.wal.damaged-*"))
