"""The user's key in a file: written once, and read only if nobody else can read it."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from services.kit.durable_files import sync
from services.kit.errors import AlreadyExists, InvalidInput

key_bytes = 32
_check_chars = 8
_form = re.compile(rf"segue-key-1:([0-9a-f]{{{2 * key_bytes}}}):([0-9a-f]{{{_check_chars}}})\s*")
_file_max_bytes = 1024


@dataclass(frozen=True, slots=True)
class Key:
    """A user's key; `id` identifies it without revealing it."""

    secret: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """Eight characters that identify the key in messages."""
        return hashlib.sha256(b"segue key id\0" + self.secret).hexdigest()[:8]


def generate_key(path: Path) -> Key:
    """Writes a new key to a new file that only its owner can read; AlreadyExists if the file exists."""
    key = Key(secrets.token_bytes(key_bytes))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise AlreadyExists(f"{path} is there already and stays as it is.", "Name another file.") from error
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"segue-key-1:{key.secret.hex()}:{_check(key.secret)}\n")
    for each in (path, path.parent):
        sync(each)
    return key


def read_key(path: Path) -> Key:
    """The key in a file; InvalidInput if the file is missing, accessible to others, or not a key."""
    path = path.expanduser()
    try:
        with path.open("rb") as file:
            _require_private(path, os.fstat(file.fileno()))
            text = file.read(_file_max_bytes).decode("ascii", "replace")
    except OSError as error:
        raise InvalidInput(
            f"The key file {path} cannot be read: {error.strerror}.",
            "Restore it from your copy, or name the right file.",
        ) from error
    found = _form.fullmatch(text)
    secret = bytes.fromhex(found[1]) if found else b""
    if found is None or found[2] != _check(secret):
        raise InvalidInput(
            f"{path} holds no key, or not all of it.",
            "It has one line, segue-key-1:…, as `segue key generate` wrote it; copy it again from your backup.",
        )
    return Key(secret)


def _require_private(path: Path, status: os.stat_result) -> None:
    """A group may read a file that another user owns: clusters distribute secrets like that."""
    mode = status.st_mode
    if mode & 0o007 or (mode & 0o070 and status.st_uid == os.geteuid()):
        raise InvalidInput(f"Others than its owner can use the key file {path}.", f"chmod 600 {path}")


def _check(secret: bytes) -> str:
    """A checksum: distinguishes a mistyped key from a wrong one."""
    return hashlib.sha256(b"segue key check\0" + secret).hexdigest()[:_check_chars]
