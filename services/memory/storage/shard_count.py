"""The number of databases of a store: recorded once, and compared with the setting at each start."""

from __future__ import annotations

import re
from pathlib import Path

from services.kit.durable_files import write_private
from services.kit.errors import NotReady, Unavailable

shards_max = 64
COUNT_FILE = "shards"
_shard = re.compile(r"memory-(\d+)\.duckdb", re.ASCII)


def claim_shard_count(home: Path, count: int) -> None:
    """Records the number of shards, or compares it with the recorded one; NotReady if they differ."""
    file = home / COUNT_FILE
    try:
        text = file.read_text().strip() if file.exists() else ""  # it may be empty after a power cut
        if not text:
            text = str(_count_on_disk(home) or count)
            write_private(file, f"{text}\n")
        written = int(text)
    except (OSError, ValueError) as error:
        raise Unavailable(f"{file} cannot be read or written: {type(error).__name__}.") from error
    if written != count:
        raise NotReady(
            f"The memories in {home} are in {written} shards, and SEGUE_MEMORY_SHARDS says {count}.",
            f"Start with SEGUE_MEMORY_SHARDS={written}.",
            "To change it: `segue export`, then `segue import` into an empty data directory with the new number.",
        )


def _count_on_disk(home: Path) -> int:
    """The number of shards by their files, 0 if there are none, or if a first start was interrupted.

    Unavailable if one is missing.
    """
    if (home / "memory.duckdb").exists():
        return 1
    numbers = sorted(int(found[1]) for path in home.glob("memory-*.duckdb") if (found := _shard.fullmatch(path.name)))
    missing = sorted(set(range(len(numbers))) - set(numbers))
    if missing:
        raise Unavailable(f"{home / f'memory-{missing[0]}.duckdb'} is missing.", "Restore it from a backup.")
    return len(numbers) if len(numbers) > 1 else 0
