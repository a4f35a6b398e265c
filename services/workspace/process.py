"""Runs a child process with a time limit and an output limit; ends its whole process group."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

ERROR_MAX_BYTES = 4096
READ_BYTES = 1 << 16

Ending = Literal["exited", "timed out", "too much output"]
Watch = Callable[[str, str], AbstractContextManager[Any]]

watch: ContextVar[Watch | None] = ContextVar("watch", default=None)
"""The context manager around each child of the current call, given its program and command; services trace with it."""


def observe_child(program: str, command: str) -> AbstractContextManager[Any]:
    """The context manager around one child."""
    around = watch.get()
    return around(program, command) if around else nullcontext()


@dataclass(frozen=True)
class Finished:
    """The result of a child: `output` is cut at the limit, `error` at 4 KiB. `code` counts only when it `exited`."""

    code: int
    output: bytes
    error: bytes
    ending: Ending

    @property
    def ok(self) -> bool:
        """Whether it exited by itself, successfully."""
        return self.ending == "exited" and self.code == 0


@dataclass(frozen=True)
class Limits:
    """How long a child may run and how much it may print."""

    timeout_s: float = 10.0
    output_max_bytes: int = 16 << 20


def run(
    command: Sequence[str], directory: Path, environment: Mapping[str, str], limits: Limits, given: bytes = b""
) -> Finished:
    """Runs `command` (an absolute path first) with exactly this environment; `given` is its standard input."""
    with tempfile.TemporaryFile() as stdin:
        stdin.write(given)
        stdin.seek(0)
        process = subprocess.Popen(  # noqa: S603 - an argument list, no shell
            command,
            cwd=directory,
            env=environment,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    with process:
        try:
            return _wait_and_collect(process, limits)
        finally:
            # Until it is waited for, its id cannot belong to another process.
            if process.returncode is None:
                _kill_group(process.pid)


def _wait_and_collect(process: subprocess.Popen[bytes], limits: Limits) -> Finished:
    assert process.stdout  # noqa: S101 - given by PIPE
    assert process.stderr  # noqa: S101
    deadline = time.monotonic() + limits.timeout_s
    output, error = bytearray(), bytearray()
    ending = _read_streams(process.stdout, process.stderr, output, error, (deadline, limits.output_max_bytes))
    if ending == "exited":
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            ending = "timed out"
    code = process.returncode if process.returncode is not None else -signal.SIGKILL
    return Finished(code, bytes(output[: limits.output_max_bytes]), bytes(error[:ERROR_MAX_BYTES]), ending)


def _read_streams(
    stdout: IO[bytes], stderr: IO[bytes], output: bytearray, error: bytearray, limit: tuple[float, int]
) -> Ending:
    deadline, output_max_bytes = limit
    with selectors.DefaultSelector() as selector:
        selector.register(stdout, selectors.EVENT_READ, output)
        selector.register(stderr, selectors.EVENT_READ, error)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                return "timed out"
            for key, _ in ready:
                chunk = os.read(key.fd, READ_BYTES)
                if not chunk:
                    selector.unregister(key.fileobj)
                elif key.data is output or len(error) < ERROR_MAX_BYTES:
                    key.data.extend(chunk)
            if len(output) > output_max_bytes:
                return "too much output"
            if time.monotonic() > deadline:
                return "timed out"
    return "exited"


def _kill_group(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS refuses where all of it have ended already
        os.killpg(group, signal.SIGKILL)
