"""The index in a file, so that a start need not build it anew. Whole, of this program and model, or not used at all.

The file is a line that names the format, the length of a JSON header, the header, the arrays one after the other, and a
checksum (BLAKE2b) of all that.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.memory.index.memory_index import Contents

FORMAT = b"segue index 1\n"
_checksum_bytes = 32
_length_bytes = 8


class SnapshotUnusable(Exception):
    """There is none, or it cannot be used; the message says why."""


def write_snapshot(path: Path, contents: Contents, identity: str) -> None:
    """Replaces the file in one step; `identity` names all that the arrays depend on. OSError where it cannot."""
    arrays = {name: np.ascontiguousarray(array) for name, array in contents.arrays.items()}
    header = {
        "identity": identity,
        "arrays": [[name, array.dtype.str, array.shape] for name, array in arrays.items()],
        "names": contents.names,
    }
    content = json.dumps(header).encode()
    parts: list[bytes | memoryview] = [
        FORMAT,
        len(content).to_bytes(_length_bytes, "little"),
        content,
        *map(_bytes, arrays.values()),
    ]
    beside = path.with_name(f".{path.name}.new")
    checksum = hashlib.blake2b(digest_size=_checksum_bytes)
    with open(beside, "wb", opener=_private) as file:  # Path.open takes no opener
        for part in parts:
            checksum.update(part)
            file.write(part)
        file.write(checksum.digest())
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _bytes(array: NDArray[Any]) -> memoryview:
    """Of a contiguous array, without a copy."""
    return array.reshape(-1).view(np.uint8).data


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def read_snapshot(path: Path, identity: str) -> Contents:
    """What was written; SnapshotUnusable where the file is missing, damaged, or of another identity."""
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise SnapshotUnusable("there is none" if isinstance(error, FileNotFoundError) else str(error)) from error
    body, checksum = content[:-_checksum_bytes], content[-_checksum_bytes:]
    if hashlib.blake2b(_bytes(body), digest_size=_checksum_bytes).digest() != checksum.tobytes():
        raise SnapshotUnusable("it is damaged")
    if body[: len(FORMAT)].tobytes() != FORMAT:
        raise SnapshotUnusable("it is of another format")
    begin = len(FORMAT) + _length_bytes
    end = begin + int.from_bytes(body[len(FORMAT) : begin].tobytes(), "little")
    header: dict[str, Any] = json.loads(body[begin:end].tobytes())
    if header["identity"] != identity:
        raise SnapshotUnusable("it was made by another model or version")
    arrays = {}
    for name, kind, shape in header["arrays"]:
        dtype = np.dtype(kind)
        size = int(np.prod(shape)) * dtype.itemsize
        arrays[name] = body[end : end + size].view(dtype).reshape(shape)
        end += size
    return Contents(arrays, header["names"])
