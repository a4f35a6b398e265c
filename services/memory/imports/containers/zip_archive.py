"""The conversations in an export's zip archive, read as streams: nothing of it is ever written to a disk."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from services.memory.imports.containers.unreadable import Unreadable

MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
members_max = 200
member_max_bytes = 4 * 1024**3
# Text of conversations shrinks to a tenth; what shrinks to less than this is a bomb.
ratio_max = 200
directory_max_bytes = 64 * 1024 * 1024

_conversations = re.compile(r"(?:[^/\\]+[/\\]){0,2}conversations(?:-\d{1,4})?\.json", re.IGNORECASE)


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive at `path`. Raises Unreadable."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zipfile.LargeZipFile) as problem:
        raise Unreadable(f"{path}: a damaged zip archive ({type(problem).__name__})") from None


def conversation_members(path: Path, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The members that hold conversations, by their names. Raises Unreadable for what cannot be one."""
    members = sorted((each for each in archive.infolist() if _conversations.fullmatch(each.filename)), key=_order)
    if len(members) > members_max:
        raise Unreadable(f"{path}: over {members_max} files of conversations")
    for member in members:
        if member.flag_bits & 1:
            raise Unreadable(f"{path}: {member.filename} is encrypted: unpack it first")
        if member.file_size > member_max_bytes or member.file_size > ratio_max * max(member.compress_size, 1024):
            raise Unreadable(f"{path}: {member.filename} would become {member.file_size:,} bytes: not unpacked")
    return members


def open_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> BinaryIO:
    """The member as a stream; it ends where the archive says that it does."""
    return cast("BinaryIO", archive.open(member))


def _order(member: zipfile.ZipInfo) -> tuple[int, str]:
    return len(member.filename), member.filename
