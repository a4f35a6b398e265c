"""The index in a file, so that a start need not rebuild it. Only a complete one of the same version and model is used.

The file has a line that names the format, pieces of bytes, each after its length, and a checksum (BLAKE2b) of all that.
The first piece is a JSON header; the arrays follow one after the other, each in as many pieces as it needs.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.kit.durable_files import sync
from services.kit.encryption.vault import SealBroken, Vault
from services.memory.index.contents import Contents

SNAPSHOT = "index.snapshot"
FORMAT = b"segue index 2\n"
piece_bytes = 8 * 1024 * 1024
_checksum_bytes = 32
_length_bytes = 8

Cipher: TypeAlias = Callable[[bytes], bytes]
"""Encrypts or decrypts a piece; raises SealBroken if that is not possible."""


class SnapshotUnusable(Exception):
    """The snapshot is missing or cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """The snapshot's path, and the vault that seals it."""

    path: Path
    vault: Vault | None = None

    def write(self, contents: Contents, identity: str) -> None:
        """See write_snapshot."""
        write_snapshot(self.path, contents, identity, self.vault.sealing("snapshot") if self.vault else plain)

    def discard(self) -> None:
        """Removes the file durably. OSError if it cannot be removed."""
        self.path.unlink(missing_ok=True)
        sync(self.path.parent)

    def discard_draft(self) -> None:
        """Removes the unfinished file of a killed process."""
        with suppress(OSError):
            _draft(self.path).unlink(missing_ok=True)

    def read(self, identity: str) -> Contents:
        """See read_snapshot."""
        return read_snapshot(self.path, identity, self.vault.opening("snapshot") if self.vault else plain)


def plain(piece: bytes) -> bytes:
    """Returns the piece unchanged, for snapshots that are not encrypted."""
    return piece


def write_snapshot(path: Path, contents: Contents, identity: str, seal: Cipher = plain) -> None:
    """Replaces the file atomically; `identity` names everything that the arrays depend on. Raises OSError."""
    beside = _draft(path)
    try:
        _write_draft(beside, contents, identity, seal)
        beside.replace(path)
    except BaseException:
        with suppress(OSError):
            beside.unlink(missing_ok=True)  # it holds text, and takes up disk space
        raise
    sync(path.parent)  # so that the contents of the earlier one cannot return


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")


def _write_draft(beside: Path, contents: Contents, identity: str, seal: Cipher) -> None:
    checksum = hashlib.blake2b(digest_size=_checksum_bytes)
    with open(beside, "wb", opener=_private) as file:  # Path.open takes no opener
        for part in _parts(contents, identity, seal):
            checksum.update(part)
            file.write(part)
        file.write(checksum.digest())
    sync(beside)


def _parts(contents: Contents, identity: str, seal: Cipher) -> Iterator[bytes]:
    header = {
        "identity": identity,
        "arrays": [[name, array.dtype.str, array.shape] for name, array in contents.arrays.items()],
        "names": contents.names,
    }
    yield FORMAT
    for piece in (json.dumps(header).encode(), *_pieces(contents)):
        sealed = seal(piece)
        yield len(sealed).to_bytes(_length_bytes, "little")
        yield sealed


def _pieces(contents: Contents) -> Iterator[bytes]:
    """Copies the pieces, so that a vector set meanwhile cannot differ between the checksum and the file."""
    for array in contents.arrays.values():
        content = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        for begin in range(0, len(content), piece_bytes):
            yield content[begin : begin + piece_bytes].tobytes()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def read_snapshot(path: Path, identity: str, unseal: Cipher = plain) -> Contents:
    """The contents; SnapshotUnusable if the file is missing, damaged, or of another identity."""
    try:
        with path.open("rb") as file:
            _check(file)
            header: dict[str, Any] = json.loads(_piece(file, unseal))
            if header["identity"] != identity:
                raise SnapshotUnusable("it was made by another model or version")
            arrays = {name: _array(file, unseal, np.dtype(kind), shape) for name, kind, shape in header["arrays"]}
    except OSError as error:
        raise SnapshotUnusable("there is none" if isinstance(error, FileNotFoundError) else str(error)) from error
    except (SealBroken, ValueError) as error:
        raise SnapshotUnusable("it is encrypted under another key, or not at all") from error
    return Contents(arrays, header["names"])


def _check(file: BinaryIO) -> None:
    """Verifies the checksum and format, and leaves the file at its first piece."""
    left = file.seek(0, os.SEEK_END) - _checksum_bytes
    file.seek(0)
    checksum = hashlib.blake2b(digest_size=_checksum_bytes)
    while left > 0:
        part = file.read(min(left, piece_bytes))
        checksum.update(part)
        left -= len(part)
    if file.read() != checksum.digest():
        raise SnapshotUnusable("it is damaged")
    file.seek(0)
    if file.read(len(FORMAT)) != FORMAT:
        raise SnapshotUnusable("it is of another format")


def _piece(file: BinaryIO, unseal: Cipher) -> bytes:
    return unseal(file.read(int.from_bytes(file.read(_length_bytes), "little")))


def _array(file: BinaryIO, unseal: Cipher, dtype: np.dtype[Any], shape: list[int]) -> NDArray[Any]:
    content = np.empty(int(np.prod(shape)) * dtype.itemsize, np.uint8)
    for begin in range(0, len(content), piece_bytes):
        content[begin : begin + piece_bytes] = np.frombuffer(_piece(file, unseal), np.uint8)
    return content.view(dtype).reshape(shape)
