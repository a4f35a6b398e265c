"""`segue key`: makes the key for encryption at rest; encrypts, decrypts, or changes the key.

It works on the files themselves, and only while no server runs.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from services.cli import local_server
from services.kit.errors import InvalidInput, NotReady, ServiceError

if TYPE_CHECKING:
    from services.kit.encryption.key_file import Key
    from services.kit.encryption.keyring import Keyring
    from services.kit.encryption.reencryption import Changeable

_held_status = 3


def run(options: argparse.Namespace) -> int:
    """Runs `options.action`: 1, with nothing changed, if that is impossible; 3 while a server runs."""
    os.umask(0o077)
    try:
        return _ACTIONS[options.action](options)
    except ServiceError as problem:
        print(" ".join((f"segue key {options.action}: {problem.message}", *problem.suggestions)), file=sys.stderr)
        return 1
    except local_server.AlreadyServing as problem:
        print(f"segue key {options.action}: {problem}. End it first.", file=sys.stderr)
        return _held_status


def _generate(options: argparse.Namespace) -> int:
    from services.kit.encryption.key_file import generate_key

    path = _file(options)
    key = generate_key(path)
    print(
        f"{path} holds the key {key.id}.\n"
        "Keep a copy somewhere else, in a password manager or on paper: it is one line.\n"
        "If the key is lost, nobody can read what is encrypted with it.\n"
        f"Then set {_setting()}={path}"
    )
    return 0


def _encrypt(options: argparse.Namespace) -> int:
    key_file = _file(options)
    with _alone(options):
        key, parts = _key(key_file), _parts(options)
        for part in parts:
            if (keyring := _keyring(part)) and keyring.key_id != key.id:
                raise NotReady(
                    f"{part.home} is encrypted already, with the key {keyring.key_id}.",
                    "`segue key rotate FILE` changes the key.",
                )
        _change([part for part in parts if _keyring(part) is None], {}, key)
    print(f"Everything in {_home(options)} is encrypted with the key {key.id}.\nStart with {_setting()}={key_file}")
    return 0


def _decrypt(options: argparse.Namespace) -> int:
    with _alone(options):
        keys = _present(_parts(options))
        _change(list(keys), keys, None)
    print(f"Nothing in {_home(options)} is encrypted any more.\nStart without {_setting()}.")
    return 0


def _rotate(options: argparse.Namespace) -> int:
    from services.kit.encryption.reencryption import rewrap

    key_file = _file(options)
    with _alone(options):
        new, parts = _key(key_file), _parts(options)
        keys = _present([part for part in parts if not _has_key(part, new)])
        if options.anew:
            _change(list(keys), keys, new)
        else:
            for part, key in keys.items():
                rewrap(part.home, key, new)
    earlier = ", ".join({key.id for key in keys.values()})
    print(
        f"{_home(options)} needs the key {new.id} now. Start with {_setting()}={key_file}\n"
        f"Backups made before need the key {earlier}: keep it as long as you keep them."
    )
    return 0


def _status(options: argparse.Namespace) -> int:
    parts = _parts(options)
    for part in parts:
        keyring = _keyring(part)
        print(f"{part.home} is {f'encrypted with the key {keyring.key_id}' if keyring else 'not encrypted'}.")
    if any(_keyring(part) for part in parts):
        _present(parts)
        print("The key that is set opens it.")
    return 0


_ACTIONS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "generate": _generate,
    "encrypt": _encrypt,
    "rotate": _rotate,
    "decrypt": _decrypt,
    "status": _status,
}


# --- shared helpers -----------------------------------------------------------------------------


def _setting() -> str:
    from services.memory.config import KEY_FILE_SETTING

    return KEY_FILE_SETTING


def _file(options: argparse.Namespace) -> Path:
    """The named file, or the setting's."""
    from services.memory.config import MemorySettings

    named: Path | None = options.file
    if named is None and options.action == "encrypt":
        named = MemorySettings().encryption_key_file
    if named is None:
        raise InvalidInput("No key file is named.", f"segue key {options.action} FILE")
    if (file := named.expanduser().absolute()).is_relative_to(local_server.default_data_dir().absolute()):
        raise InvalidInput("A key stored beside the data protects nothing.", "Name a file outside the data directory.")
    return file


def _home(options: argparse.Namespace) -> Path:
    named: Path = options.directory or local_server.default_data_dir()
    return named.expanduser().absolute()


def _parts(options: argparse.Namespace) -> list[Part]:
    """The parts of the directory that have data; finishes an interrupted change first."""
    from services.kit.encryption.reencryption import finish_interrupted
    from services.memory.config import MemorySettings
    from services.memory.encryption.reencryption import changeable_memory
    from services.session.config import SessionSettings
    from services.session.store.reencryption import changeable_sessions

    home = _home(options)
    memory = MemorySettings(directory=home if options.directory else home / "memory")
    session = SessionSettings(directory=home if options.directory else home / "session")
    parts = [
        Part(changeable_memory(memory.place), memory.encryption_key_file),
        Part(changeable_sessions(session.place), session.encryption_key_file),
    ]
    found = [part for part in parts if part.changeable.place.has_data]
    for part in found:
        finish_interrupted(part.changeable)
    if not found:
        raise InvalidInput(
            f"There is nothing to encrypt or decrypt in {home}.",
            f"Set SEGUE_DATA_DIR. A new data directory is encrypted from the start where {_setting()} is set.",
        )
    return found


def _alone(options: argparse.Namespace) -> AbstractContextManager[None]:
    """During the block, no server of the data directory can start; a database open elsewhere raises an error itself."""
    return nullcontext() if options.directory else local_server.hold(local_server.default_data_dir())


def _keyring(part: Part) -> Keyring | None:
    from services.kit.encryption.keyring import read_keyring

    return read_keyring(part.home)


def _key(path: Path) -> Key:
    from services.kit.encryption.key_file import read_key

    return read_key(path)


def _has_key(part: Part, key: Key) -> bool:
    keyring = _keyring(part)
    return keyring is not None and keyring.key_id == key.id


def _present(parts: Sequence[Part]) -> dict[Part, Key]:
    """The key of each encrypted part, once it has opened the data."""
    encrypted = [part for part in parts if _keyring(part)]
    if not encrypted:
        raise NotReady("Nothing there is encrypted, or not with another key.", "`segue key status` says what is.")
    keys = {}
    for part in encrypted:
        part.changeable.place.vault(part.key_file)  # raises an error if the key is wrong
        if part.key_file:
            keys[part] = _key(part.key_file)
    return keys


def _change(parts: Sequence[Part], keys: Mapping[Part, Key], new: Key | None) -> None:
    from services.kit.encryption.reencryption import change
    from services.memory.encryption.reencryption import damaged_logs

    progress = Progress()
    try:
        for part in parts:
            change(part.changeable, keys.get(part), new, progress.print_line)
    finally:
        progress.end()
    if logs := [path for part in parts for path in damaged_logs(part.home)]:
        print("These logs could not be read once, and are as they were. Remove what you do not need:")
        print("\n".join(f"  {path}" for path in logs))


@dataclass(frozen=True, slots=True)
class Part:
    """Memories or sessions, and the key file that the settings name for them."""

    changeable: Changeable
    key_file: Path | None

    @property
    def home(self) -> Path:
        """The directory of their data."""
        return self.changeable.home


class Progress:
    """A progress line on a terminal; nothing elsewhere."""

    every_s = 0.1

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._next_s = 0.0

    def print_line(self, what: str, done: int, total: int) -> None:
        """Shows the step and its rows done."""
        if self._shown and (done == total or time.monotonic() >= self._next_s):
            print(f"\r\033[K{what}: {done:,} of {total:,}", end="", file=sys.stderr, flush=True)
            self._next_s = time.monotonic() + self.every_s

    def end(self) -> None:
        """Clears the line."""
        if self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
