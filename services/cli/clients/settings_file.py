"""A settings file of another program: read as it is, and written whole or not at all.

Links and modes are kept, and the earlier content stays beside it as `NAME.before-segue`.
"""

from __future__ import annotations

import difflib
import os
import stat
import tomllib
from contextlib import suppress
from pathlib import Path

from services.cli.clients.json_text import parse
from services.kit.durable_files import sync_open
from services.kit.systems import PLAIN

BACKUP_SUFFIX = ".before-segue"
FILE_MAX_BYTES = 64 * 1024 * 1024


class NotOurs(Exception):
    """The file cannot be changed, and stays as it is; the message says why."""


class SettingsFile:
    """The file at `path` at the time of creation; empty if there is none. Raises NotOurs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._target = path.resolve()  # through links, even dangling ones
        try:
            self._status: os.stat_result | None = self._target.stat()
        except FileNotFoundError:
            self._status = None
        except OSError as problem:
            raise NotOurs(f"it cannot be read: {problem.strerror}") from problem
        self.text = self._read_text(self._status) if self._status else ""

    def _read_text(self, status: os.stat_result) -> str:
        if not stat.S_ISREG(status.st_mode) or status.st_size > FILE_MAX_BYTES:
            raise NotOurs("it is no file of settings")
        try:
            text = self._target.read_bytes().decode()
        except OSError as problem:
            raise NotOurs(f"it cannot be read: {problem.strerror}") from problem
        except UnicodeDecodeError:
            raise NotOurs("it is not UTF-8") from None
        is_toml = self.path.name.removesuffix(BACKUP_SUFFIX).endswith(".toml")
        try:
            if text.strip():
                (tomllib.loads if is_toml else parse)(text)
        except ValueError as problem:
            raise NotOurs(f"it is not plain {'TOML' if is_toml else 'JSON'} ({problem})") from problem
        return text

    def diff(self, text: str) -> str:
        """The changes that writing `text` would make, as a unified diff."""
        before, after = (each.splitlines(keepends=True) for each in (self.text, text))
        return "".join(difflib.unified_diff(before, after, str(self.path), str(self.path), n=2))

    def write(self, text: str) -> None:
        """Writes `text`; if it is empty, and the file was too, removes the file. Raises NotOurs."""
        if self._status and not self._status.st_mode & 0o222:
            raise NotOurs("it is read-only")
        try:
            self._write(text)
        except OSError as problem:
            raise NotOurs(f"it cannot be written: {problem.strerror}") from problem

    def _write(self, text: str) -> None:
        self._target.parent.mkdir(parents=True, exist_ok=True)
        if self._moment() != (self._status.st_mtime_ns if self._status else None):
            raise NotOurs("it was changed meanwhile; repeat the command")
        if self._status:
            self._replace(self._target.with_name(self._target.name + BACKUP_SUFFIX), self.text)
        if text:
            self._replace(self._target, text)
        else:
            self._target.unlink()

    def _moment(self) -> int | None:
        try:
            return self._target.stat().st_mtime_ns
        except FileNotFoundError:
            return None

    def _replace(self, path: Path, text: str) -> None:
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        mode = stat.S_IMODE(self._status.st_mode) if self._status else 0o600
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | PLAIN, mode), "wb") as file:
                draft.chmod(mode)
                file.write(text.encode())
                file.flush()
                sync_open(file.fileno())
            draft.replace(path)
        except OSError:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise
