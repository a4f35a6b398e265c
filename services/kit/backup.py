"""A backup as it lies on a disk: what services write into one, its manifest and checksums, and how many are kept.

`DIR/segue-<UTC time>/` mirrors a data directory, a folder for each part, and has a `manifest.json`. It is written
under another name and renamed when all of it is on the disk, so that what has the name is whole. Standard library only.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from services import __version__
from services.kit.durable_files import sync
from services.kit.errors import InvalidInput, Unavailable

FORMAT = 1
MANIFEST = "manifest.json"
manifest_max_bytes = 1024 * 1024
_prefix, _partial = "segue-", ".partial-"
_time = "%Y%m%dT%H%M%S.%fZ"


@dataclass(frozen=True, slots=True)
class PartContent:
    """What a backup has of one part: the schema of its databases, how many there are, and how much is in them."""

    schema: int
    databases: int
    counts: Mapping[str, int]


class Part(Protocol):
    """A part of the data directory that belongs into a backup."""

    @property
    def name(self) -> str:
        """Its folder in the data directory, and in the backup."""
        ...

    async def copy_to(self, directory: Path) -> PartContent:
        """Writes a consistent copy into the directory, which is there and empty, while the part is in use."""
        ...


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of a backup; `path` is relative to it."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself."""

    created_at: str
    version: str
    parts: Mapping[str, PartContent]
    files: Sequence[FileEntry]
    format: int = FORMAT

    @property
    def bytes(self) -> int:
        """How large its files are."""
        return sum(file.bytes for file in self.files)


async def write_backup(directory: Path, parts: Sequence[Part]) -> tuple[Path, Manifest]:
    """A new backup in the directory, with its manifest; Unavailable where it cannot be written."""
    partial = directory / f"{_partial}{secrets.token_hex(8)}"
    now = datetime.now(UTC)
    try:
        await asyncio.to_thread(_make, partial)
        contents = {}
        for part in parts:
            folder = partial / part.name
            await asyncio.to_thread(folder.mkdir, 0o700)
            contents[part.name] = await part.copy_to(folder)
        return await asyncio.to_thread(_finish, partial, directory / f"{_prefix}{now.strftime(_time)}", now, contents)
    except OSError as error:
        raise Unavailable(
            f"No backup can be written to {directory}: {error.strerror}.", "Name a directory that can be written."
        ) from error
    finally:
        await asyncio.to_thread(shutil.rmtree, partial, ignore_errors=True)


def _make(partial: Path) -> None:
    partial.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left_over in partial.parent.glob(f"{_partial}*"):  # one backup is written at a time
        shutil.rmtree(left_over, ignore_errors=True)
    partial.mkdir(mode=0o700)


def _finish(partial: Path, place: Path, now: datetime, contents: Mapping[str, PartContent]) -> tuple[Path, Manifest]:
    files = [_entry(partial, path) for path in sorted(partial.rglob("*")) if path.is_file()]
    manifest = Manifest(now.isoformat(), __version__, contents, files)
    target = partial / MANIFEST
    target.write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")
    target.chmod(0o600)
    sync(target)
    for folder in [*(path for path in partial.rglob("*") if path.is_dir()), partial]:
        sync(folder)
    partial.rename(place)
    sync(place.parent)
    return place, manifest


def _entry(root: Path, path: Path) -> FileEntry:
    path.chmod(0o600)
    sync(path)
    return FileEntry(path.relative_to(root).as_posix(), path.stat().st_size, _sha256(path))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(backup: Path) -> Manifest:
    """The manifest of a backup; InvalidInput where it has none that this program understands."""
    try:
        with (backup / MANIFEST).open("rb") as file:
            told = json.loads(file.read(manifest_max_bytes))
        if told["format"] != FORMAT:
            raise InvalidInput(f"{backup} has format {told['format']}; this version of Segue knows {FORMAT}.")
        manifest = _manifest(told)
    except OSError as error:
        raise InvalidInput(f"{backup} is no backup: {MANIFEST}: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"{backup} cannot be used: its {MANIFEST} is damaged.") from error
    return manifest


def _manifest(told: Any) -> Manifest:
    files = [FileEntry(_relative(each["path"]), int(each["bytes"]), str(each["sha256"])) for each in told["files"]]
    parts = {
        _relative(name): PartContent(int(part["schema"]), int(part["databases"]), dict(part["counts"]))
        for name, part in told["parts"].items()
    }
    return Manifest(str(told["created_at"]), str(told["version"]), parts, files)


def _relative(path: str) -> str:
    """The path, if it stays where it belongs."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or not pure.parts or ".." in pure.parts:
        raise ValueError("a path leads out of the backup")
    return path


def verify(backup: Path, manifest: Manifest) -> None:
    """InvalidInput, naming the file, where one is missing or not as it was written."""
    for file in manifest.files:
        try:
            found = _sha256(backup / file.path)
        except OSError as error:
            raise InvalidInput(f"{backup} is damaged: {file.path}: {error.strerror}.") from error
        if found != file.sha256:
            raise InvalidInput(f"{backup} is damaged: {file.path} is not as it was written.", "Take another backup.")


def backups_in(directory: Path) -> list[tuple[datetime, Path]]:
    """The backups in a directory, oldest first."""
    return sorted((_written_at(path), path) for path in _named(directory))


def _named(directory: Path) -> Iterator[Path]:
    for path in directory.glob(f"{_prefix}*"):
        if (path / MANIFEST).is_file() and _is_time(path.name.removeprefix(_prefix)):
            yield path


def _is_time(text: str) -> bool:
    try:
        datetime.strptime(text, _time).replace(tzinfo=UTC)
    except ValueError:
        return False
    return True


def _written_at(path: Path) -> datetime:
    return datetime.strptime(path.name.removeprefix(_prefix), _time).replace(tzinfo=UTC)


def prune(directory: Path, keep: int) -> list[Path]:
    """Removes all but the newest `keep` backups; what was removed."""
    surplus = [path for _, path in backups_in(directory)[:-keep]]
    for path in surplus:
        shutil.rmtree(path.rename(path.with_name(f"{_partial}{path.name}")))  # what has the name is whole
    return surplus
