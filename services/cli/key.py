"""`segue key`: makes the key that memories are encrypted with, and encrypts, decrypts or moves them under another.

It works on the files themselves, and only while no server does.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from services.cli import local_server
from services.kit.errors import InvalidInput, NotReady, ServiceError

if TYPE_CHECKING:
    from services.kit.encryption.key_file import Key
    from services.kit.encryption.keyring import Keyring
    from services.memory.config import MemorySettings

_held_status = 3


def run(options: argparse.Namespace) -> int:
    """Does what `options.action` says: 1, and nothing changed, where that cannot be done; 3 while a server runs."""
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
        settings = _settings(options)
        if _finished(settings):
            return 0
        key = _key(key_file)
        if _keyring(settings):
            raise NotReady(f"{settings.home} is encrypted already.", "`segue key rotate FILE` changes the key.")
        _change(settings, None, key)
    print(f"Everything in {settings.home} is encrypted with the key {key.id}.\nStart with {_setting()}={key_file}")
    return 0


def _decrypt(options: argparse.Namespace) -> int:
    with _alone(options):
        settings = _settings(options)
        if _finished(settings):
            return 0
        _change(settings, _present(settings), None)
    print(f"Nothing in {settings.home} is encrypted any more.\nStart without {_setting()}.")
    return 0


def _rotate(options: argparse.Namespace) -> int:
    from services.memory.encrypting import rewrap

    key_file = _file(options)
    with _alone(options):
        settings = _settings(options)
        if _finished(settings):
            return 0
        key, new = _present(settings), _key(key_file)
        if options.anew:
            _change(settings, key, new)
        elif keyring := _keyring(settings):
            rewrap(settings.home, keyring, key, new)
    print(
        f"{settings.home} needs the key {new.id} now. Start with {_setting()}={key_file}\n"
        f"Backups made before need the key {key.id}: keep it as long as you keep them."
    )
    return 0


def _status(options: argparse.Namespace) -> int:
    settings = _settings(options)
    keyring = _keyring(settings)
    if keyring is None:
        print(f"Nothing in {settings.home} is encrypted.")
        return 0
    print(f"{settings.home} is encrypted with the key {keyring.key_id}.")
    _present(settings)
    print(f"{settings.encryption_key_file} is that key.")
    return 0


_ACTIONS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "generate": _generate,
    "encrypt": _encrypt,
    "rotate": _rotate,
    "decrypt": _decrypt,
    "status": _status,
}


# --- what they share ----------------------------------------------------------------------------


def _setting() -> str:
    from services.memory.config import KEY_FILE_SETTING

    return KEY_FILE_SETTING


def _file(options: argparse.Namespace) -> Path:
    """The file that is named, or the setting's."""
    from services.memory.config import MemorySettings

    named: Path | None = options.file
    if named is None and options.action == "encrypt":
        named = MemorySettings().encryption_key_file
    if named is None:
        raise InvalidInput("No key file is named.", f"segue key {options.action} FILE")
    if (file := named.expanduser().absolute()).is_relative_to(local_server.default_data_dir().absolute()):
        raise InvalidInput("A key beside what it locks protects nothing.", "Name a file outside the data directory.")
    return file


def _settings(options: argparse.Namespace) -> MemorySettings:
    """The memory service's, of the data directory or of the directory that is named."""
    from services.memory.config import MemorySettings

    home = options.directory or local_server.default_data_dir() / "memory"
    settings = MemorySettings(directory=home.expanduser().absolute())
    if not settings.place.has_data:
        raise InvalidInput(
            f"There are no memories in {settings.home}.",
            f"Set SEGUE_DATA_DIR. A new data directory is encrypted from the start where {_setting()} is set.",
        )
    return settings


def _alone(options: argparse.Namespace) -> AbstractContextManager[None]:
    """Until it is left, no server of the data directory starts; a database that a service has open says so itself."""
    return nullcontext() if options.directory else local_server.hold(local_server.default_data_dir())


def _keyring(settings: MemorySettings) -> Keyring | None:
    from services.kit.encryption.keyring import read_keyring

    return read_keyring(settings.home)


def _key(path: Path) -> Key:
    from services.kit.encryption.key_file import read_key

    return read_key(path)


def _present(settings: MemorySettings) -> Key:
    """The key that is in use, once it has been seen to open what is there."""
    keyring = _keyring(settings)
    if keyring is None:
        raise NotReady(f"{settings.home} is not encrypted.", "`segue key encrypt FILE` does that.")
    settings.place.vault(settings.encryption_key_file)
    if settings.encryption_key_file is None:
        raise InvalidInput(f"{_setting()} is not set.", f"Set it to the file of the key {keyring.key_id}.")
    return _key(settings.encryption_key_file)


def _finished(settings: MemorySettings) -> bool:
    """Whether there was an interrupted change, which is then done."""
    from services.memory.encrypting import finish_interrupted

    if not finish_interrupted(settings.home):
        return False
    keyring = _keyring(settings)
    print(f"The change that was interrupted is done: {settings.home} is {'encrypted' if keyring else 'not encrypted'}.")
    print("If you wanted something else, repeat that.")
    return True


def _change(settings: MemorySettings, key: Key | None, new: Key | None) -> None:
    from services.memory.encrypting import change, damaged_logs

    progress = Progress()
    change(settings.home, key, new, progress.told)
    progress.end()
    if logs := damaged_logs(settings.home):
        print(
            "These logs could not be read once, and are as they were. Remove what you do not need:\n  "
            + "\n  ".join(str(path) for path in logs)
        )


class Progress:
    """A line on a terminal that says how far it is; nothing elsewhere."""

    every_s = 0.1

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._next_s = 0.0

    def told(self, what: str, done: int, total: int) -> None:
        """So many of so many rows."""
        if self._shown and (done == total or time.monotonic() >= self._next_s):
            print(f"\r\033[K{what}: {done:,} of {total:,}", end="", file=sys.stderr, flush=True)
            self._next_s = time.monotonic() + self.every_s

    def end(self) -> None:
        """Leaves an empty line."""
        if self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
