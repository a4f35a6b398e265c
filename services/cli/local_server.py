"""The local server of a data directory: finding it, starting it, and being it.

Whoever serves a data directory holds a lock on `server.lock` for as long as it lives and says where it listens in
`server.json`. The lock is the truth: it goes with the process, even one that is killed, while the file may be stale.
Standard library only, and light: `segue connect` looks here before every message.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from services.kit.systems import is_held, lock

if TYPE_CHECKING:
    import subprocess

DEFAULT_DATA_DIR = "~/.claude/segue"
SERVER_LOCK = "server.lock"
START_LOCK = "start.lock"
SERVER_FILE = "server.json"
LOG_FILE = "server.log"
SERVE_COMMAND = (sys.executable, str(Path(__file__).with_name("__main__.py").absolute()), "serve", "--background")

POLL_INTERVAL_S = 0.02
# Whoever looks whether a server lives holds the lock for a moment itself; a server outlasts that.
HOLD_TIMEOUT_S = 0.5
LOG_MAX_BYTES = 1 << 20
LOG_TAIL_LINES = 10
ROOM_MIN_BYTES = 1 << 20


class ServerInfo(NamedTuple):
    """What a server publishes once it is ready; `started_at` is ISO 8601."""

    pid: int
    url: str
    version: str
    started_at: str


class AlreadyServing(Exception):
    """Another process serves this data directory; it has no `url` yet while it starts."""

    def __init__(self, pid: int | None, url: str | None) -> None:
        super().__init__(f"process {pid or '?'} already serves this data directory at {url or 'an address to come'}")
        self.pid = pid
        self.url = url


class NotStarted(Exception):
    """The local server did not become ready; the message ends with the last lines of its log, or the way out."""


def default_data_dir() -> Path:
    """`SEGUE_DATA_DIR`, or the directory beside Claude Code's own data."""
    return Path(os.environ.get("SEGUE_DATA_DIR") or DEFAULT_DATA_DIR).expanduser()


def read_server(data_dir: Path) -> ServerInfo | None:
    """The server that is ready, if one lives; a file that a killed one left behind does not count."""
    return _server_info(data_dir) if is_held(data_dir / SERVER_LOCK) else None


def serving_pid(data_dir: Path) -> int | None:
    """The process that serves the directory, or is about to; None where none does."""
    if not is_held(data_dir / SERVER_LOCK):
        return None
    holder = (data_dir / SERVER_LOCK).read_bytes()[:20].decode("ascii", "replace")
    return int(holder) if holder.isdecimal() else None


@contextmanager
def hold(data_dir: Path) -> Iterator[None]:
    """Be the one server of the directory until the block ends.

    The lock file stays on disk: removing it would let two servers lock two files of the same name.
    Raises AlreadyServing.
    """
    with _open_file(data_dir, SERVER_LOCK) as held:
        if not _acquire(held, time.monotonic() + HOLD_TIMEOUT_S):
            raise _already_serving(data_dir, held)
        _unpublish(data_dir)
        os.ftruncate(held, 0)
        os.pwrite(held, str(os.getpid()).encode(), 0)
        try:
            yield
        finally:
            _unpublish(data_dir)


def publish(data_dir: Path, info: ServerInfo) -> None:
    """Say that the server is ready and where; for the one who holds the directory."""
    draft = data_dir / f"{SERVER_FILE}.{os.getpid()}"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(info._asdict(), file)
    draft.replace(data_dir / SERVER_FILE)


def ensure_server(data_dir: Path, timeout_s: float, command: Sequence[str] = SERVE_COMMAND) -> ServerInfo:
    """The server of the directory, started by `command` if none runs; however many ask at once, one is started.

    Raises NotStarted.
    """
    deadline = time.monotonic() + timeout_s
    if info := read_server(data_dir):
        return info
    try:
        with _open_file(data_dir, START_LOCK) as held:
            while not _acquire(held, time.monotonic()):
                if info := read_server(data_dir):
                    return info
                _wait(data_dir, deadline)
            return _start(data_dir, deadline, command)
    except OSError as problem:
        reason = f"the data directory {data_dir} cannot be used: {problem.strerror}"
        raise NotStarted(f"{reason}; set SEGUE_DATA_DIR to another") from problem


def _start(data_dir: Path, deadline: float, command: Sequence[str]) -> ServerInfo:
    """Start the server and see it become ready. One that holds the lock, to start or to leave, is waited for."""
    process: subprocess.Popen[bytes] | None = None
    while True:
        if info := read_server(data_dir):
            return info
        if not is_held(data_dir / SERVER_LOCK):
            if process is None:
                process = _spawn(data_dir, command)
            elif (status := process.poll()) is not None:
                raise NotStarted(f"the local server ended with status {status}{_log_tail(data_dir)}")
        elif process is not None and process.poll() is not None:
            process = None
        _wait(data_dir, deadline)


def _spawn(data_dir: Path, command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start the server in a session of its own, so that no signal meant for its first client reaches it."""
    import subprocess
    import threading

    log = data_dir / LOG_FILE
    if log.exists() and log.stat().st_size > LOG_MAX_BYTES:
        log.replace(data_dir / f"{LOG_FILE}.1")
    with _open_file(data_dir, LOG_FILE, os.O_APPEND) as output:
        process = subprocess.Popen(  # noqa: S603 - our own command, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=data_dir,
            env={**os.environ, "SEGUE_DATA_DIR": str(data_dir.absolute())},
            start_new_session=True,
        )
    # A server that leaves before its first client must not stay behind as a zombie.
    threading.Thread(target=process.wait, daemon=True).start()
    return process


def _server_info(data_dir: Path) -> ServerInfo | None:
    try:
        info = json.loads((data_dir / SERVER_FILE).read_bytes())
        return ServerInfo(int(info["pid"]), str(info["url"]), str(info["version"]), str(info["started_at"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _unpublish(data_dir: Path) -> None:
    (data_dir / SERVER_FILE).unlink(missing_ok=True)


def _already_serving(data_dir: Path, held: int) -> AlreadyServing:
    holder = os.pread(held, 20, 0).decode("ascii", "replace")
    info = _server_info(data_dir)
    return AlreadyServing(int(holder) if holder.isdecimal() else None, info.url if info else None)


@contextmanager
def _open_file(data_dir: Path, name: str, flags: int = 0) -> Iterator[int]:
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(data_dir / name, os.O_RDWR | os.O_CREAT | flags, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, deadline: float) -> bool:
    while not lock(descriptor):
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_INTERVAL_S)
    return True


def _wait(data_dir: Path, deadline: float) -> None:
    if time.monotonic() >= deadline:
        raise NotStarted(f"the local server is not ready yet{_log_tail(data_dir)}")
    time.sleep(POLL_INTERVAL_S)


def lack_of_room(data_dir: Path) -> str:
    """That the disk of the directory is full, if it is: then many a thing fails, and a log does not say so."""
    import shutil

    try:
        free = shutil.disk_usage(data_dir).free
    except OSError:
        return ""
    return f"the disk of {data_dir} is full: make room on it" if free < ROOM_MIN_BYTES else ""


def _log_tail(data_dir: Path) -> str:
    if problem := lack_of_room(data_dir):
        return f"; {problem}"
    log = data_dir / LOG_FILE
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL_LINES:]
    except FileNotFoundError:
        lines = []
    return "\n".join([f"; {log} ends with:", *lines]) if lines else f"; see {log}"
