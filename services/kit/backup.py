"""Backups on disk: what services write into one, its manifest and checksums, and how many are kept.

`DIR/segue-<UTC time>-<id>/` mirrors the data directory with that id: a folder for each part, and a `manifest.json`. It
is written under another name and renamed once all of it is on the disk, so that a backup under its final name is
complete. Several servers may share DIR: none touches backups with another id. Standard library only.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import secrets
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from services import __version__
from services.kit.durable_files import sync, write_private
from services.kit.errors import InvalidInput, Unavailable

FORMAT = 1
MANIFEST = "manifest.json"
manifest_max_bytes = 1024 * 1024
ID_FILE = "server-id"
_partial = ".partial-"
_time = "%Y%m%dT%H%M%S.%fZ"
_name = re.compile(r"segue-(\d{8}T\d{6}\.\d{6}Z)(?:-([0-9a-f]{8}))?", re.ASCII)
_nameless_partial = re.compile(r"\.partial-[0-9a-f]{16}", re.ASCII)  # written by versions without ids
_given_up_after_s = 86_400.0


@dataclass(frozen=True, slots=True)
class PartContent:
    """The contents of one part: the schema of its databases, their number, and their counts of records."""

    schema: int
    databases: int
    counts: Mapping[str, int]


class Part(Protocol):
    """A part of the data directory that is backed up."""

    @property
    def name(self) -> str:
        """The name of its folder in the data directory and in the backup."""
        ...

    async def copy_to(self, directory: Path) -> PartContent:
        """Writes a consistent copy into the existing, empty directory, while the part is in use."""
        ...


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of a backup; `path` is relative to it."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A backup's manifest."""

    created_at: str
    version: str
    parts: Mapping[str, PartContent]
    files: Sequence[FileEntry]
    format: int = FORMAT

    @property
    def bytes(self) -> int:
        """The total size of its files."""
        return sum(file.bytes for file in self.files)


def server_id(home: Path) -> str:
    """The id of the data directory `home`, created if missing: eight hexadecimal digits, never part of a backup."""
    file = home / ID_FILE
    with suppress(OSError, UnicodeDecodeError):
        known = file.read_text(encoding="ascii").strip()
        if _id.fullmatch(known):
            return known
    made = secrets.token_hex(4)
    write_private(file, f"{made}\n")
    return made


_id = re.compile(r"[0-9a-f]{8}", re.ASCII)


async def write_backup(directory: Path, parts: Sequence[Part], server: str, now: datetime) -> tuple[Path, Manifest]:
    """Writes a new backup of `server` with its manifest; Unavailable if it cannot be written."""
    partial = directory / f"{_partial}{server}-{secrets.token_hex(8)}"
    place = directory / f"segue-{now.strftime(_time)}-{server}"
    try:
        await asyncio.to_thread(_make, partial, server)
        contents = {}
        for part in parts:
            folder = partial / part.name
            await asyncio.to_thread(folder.mkdir, 0o700)
            contents[part.name] = await part.copy_to(folder)
        return await asyncio.to_thread(_finish, partial, place, now, contents)
    except OSError as error:
        raise Unavailable(
            f"No backup can be written to {directory}: {error.strerror}.", "Name a directory that can be written."
        ) from error
    finally:
        await asyncio.to_thread(shutil.rmtree, partial, ignore_errors=True)


def _make(partial: Path, server: str) -> None:
    partial.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left_over in partial.parent.glob(f"{_partial}*"):
        if left_over.name.startswith(f"{_partial}{server}-") or _is_given_up(left_over):
            shutil.rmtree(left_over, ignore_errors=True)  # a server writes one backup at a time
    partial.mkdir(mode=0o700)


def _is_given_up(partial: Path) -> bool:
    """Whether a partial backup without an id is abandoned, judged by its age."""
    if not _nameless_partial.fullmatch(partial.name):
        return False
    with suppress(OSError):
        return time.time() - partial.stat().st_mtime > _given_up_after_s
    return False


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
    """The manifest of a backup; InvalidInput if it has none that this program understands."""
    try:
        with (backup / MANIFEST).open("rb") as file:
            document = json.loads(file.read(manifest_max_bytes))
        if document["format"] != FORMAT:
            raise InvalidInput(f"{backup} has format {document['format']}; this version of Segue knows {FORMAT}.")
        manifest = _manifest(document)
    except OSError as error:
        ways = (f"The latest below it is {latest}.",) if (latest := _latest_below(backup)) else ()
        raise InvalidInput(f"{backup} is not a backup: {MANIFEST}: {error.strerror}.", *ways) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"{backup} cannot be used: its {MANIFEST} is damaged.") from error
    return manifest


def _latest_below(directory: Path) -> Path | None:
    """The latest backup in a directory of backups, whose names begin with their times; None where it has none."""
    return max((each.parent for each in directory.glob(f"segue-*/{MANIFEST}")), default=None)


def _manifest(document: Any) -> Manifest:
    files = [FileEntry(_relative(each["path"]), int(each["bytes"]), str(each["sha256"])) for each in document["files"]]
    parts = {
        _relative(name): PartContent(int(part["schema"]), int(part["databases"]), dict(part["counts"]))
        for name, part in document["parts"].items()
    }
    return Manifest(str(document["created_at"]), str(document["version"]), parts, files)


def _relative(path: str) -> str:
    """The path; ValueError if it leads out of the backup."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or not pure.parts or ".." in pure.parts:
        raise ValueError("a path leads out of the backup")
    return path


def verify(backup: Path, manifest: Manifest) -> None:
    """Raises InvalidInput, naming the file, if one is missing or has changed."""
    for file in manifest.files:
        try:
            found = _sha256(backup / file.path)
        except OSError as error:
            raise InvalidInput(f"{backup} is damaged: {file.path}: {error.strerror}.") from error
        if found != file.sha256:
            raise InvalidInput(f"{backup} is damaged: {file.path} is not as it was written.", "Take another backup.")


@dataclass(frozen=True, slots=True, order=True)
class WrittenBackup:
    """A complete backup; `server` is empty if its name has no id."""

    written_at: datetime
    path: Path
    server: str


def backups_in(directory: Path) -> list[WrittenBackup]:
    """The backups in a directory, of all servers, oldest first."""
    found = ((path, _name.fullmatch(path.name)) for path in directory.glob("segue-*"))
    named = ((path, _time_of(match[1]), match[2] or "") for path, match in found if match)
    return sorted(
        WrittenBackup(at, path, server) for path, at, server in named if at is not None and (path / MANIFEST).is_file()
    )


def _time_of(text: str) -> datetime | None:
    with suppress(ValueError):
        return datetime.strptime(text, _time).replace(tzinfo=UTC)
    return None


def newest_of(directory: Path, server: str, now: datetime) -> datetime | None:
    """The time of the server's last backup there; times in the future come from a wrong clock and are ignored."""
    return max((each.written_at for each in _backups_until(directory, now) if each.server == server), default=None)


def prune(directory: Path, server: str, keep: int, now: datetime) -> list[Path]:
    """Removes all but the newest `keep` backups of the server; returns the removed ones.

    Backups without an id count as the server's own unless another server's backups are there.

    """
    written = _backups_until(directory, now)
    owners = {each.server for each in backups_in(directory)}
    own = {server} if owners - {server, ""} else {server, ""}
    surplus = [each.path for each in written if each.server in own][:-keep]
    for path in surplus:
        partial = path.with_name(f"{_partial}{server}-{path.name}")
        shutil.rmtree(path.rename(partial))  # a backup under its final name is complete
    return surplus


def _backups_until(directory: Path, now: datetime) -> list[WrittenBackup]:
    return [each for each in backups_in(directory) if each.written_at <= now]
