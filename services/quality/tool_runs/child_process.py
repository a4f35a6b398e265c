"""One tool as a child process: limited in time and output, and ended with its whole process group."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from services.quality.tool_runs import confinement
from services.workspace.process import observe_child

output_max_bytes = 16 * 1024 * 1024
read_bytes = 1 << 16

Outcome = Literal["finished", "timed out", "too much output", "killed", "not started"]

KEPT = frozenset(
    [
        "PATH",
        "LANG",
        "LC_ALL",
        "TZ",
        "TERM",
        "PYENV_ROOT",
        "PYENV_VERSION",
        "RUSTUP_HOME",
        "RUSTUP_TOOLCHAIN",
        "GOROOT",
        "JAVA_HOME",
        "NVM_DIR",
    ]
)
"""The environment variables passed to a tool: where programs are, and how to write. Any other could hold a
secret."""


@dataclass(frozen=True, slots=True)
class Child:
    """A command and its surroundings; `home` is a private directory for scratch files.

    It has no network if it `is_confined`, see `can_confine`. `path` comes before the PATH; `with_errors` also captures
    standard error; the process ends once it prints `until`, as nothing new follows.
    """

    command: Sequence[str]
    directory: Path
    home: Path
    timeout_s: float
    is_confined: bool
    path: Sequence[Path] = ()
    with_errors: bool = False
    until: bytes = b""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended, and its output up to the limit; `code` is valid if it finished."""

    outcome: Outcome
    code: int
    output: bytes
    took_s: float


async def can_confine() -> bool:
    """Whether this system allows us to remove network access."""
    command = _wrapped_command(confinement.CONFINED, ["true"])
    quiet = asyncio.subprocess.DEVNULL
    probe = await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet, start_new_session=True)
    return await probe.wait() == 0


async def run_child(child: Child) -> Ended:
    """Runs the command to its end or its limit; if cancelled, kills it first."""
    with observe_child(Path(child.command[0]).name, ""):
        return await _run(child)


async def _run(child: Child) -> Ended:
    began = time.monotonic()
    try:
        process = await asyncio.create_subprocess_exec(
            *_wrapped_command(confinement.CONFINED if child.is_confined else confinement.LIMITED, child.command),
            cwd=child.directory,
            env=_environment(child),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT if child.with_errors else asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return Ended("not started", confinement.NOT_RUN, b"", 0.0)
    output = bytearray()
    try:
        async with asyncio.timeout(child.timeout_s):
            outcome = await _read_output(process, output, child.until)
    except TimeoutError:
        outcome = "timed out"
    finally:
        await _end(process)
    code = process.returncode or 0
    if outcome == "finished":
        outcome = _ending(code)
    return Ended(outcome, code, bytes(output), time.monotonic() - began)


def _ending(code: int) -> Outcome:
    """What the status of one that ended by itself means; a confined one's signal comes as 128 and its number."""
    if code in {confinement.NOT_RUN, confinement.NO_COMMAND}:
        return "not started"
    return "killed" if code < 0 or code > 128 else "finished"


def _wrapped_command(mode: str, command: Sequence[str]) -> list[str]:
    return [sys.executable, "-I", "-S", str(Path(confinement.__file__)), mode, *command]


def _environment(child: Child) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in KEPT}
    own = os.pathsep.join(map(str, child.path))
    home = str(child.home)
    kept["PATH"] = os.pathsep.join(filter(None, (own, kept.get("PATH", os.defpath))))
    ours = {"HOME": home, "TMPDIR": home, "XDG_CACHE_HOME": f"{home}/.cache", "PYTHONDONTWRITEBYTECODE": "1"}
    return {**kept, **ours, "NO_COLOR": "1", "COLUMNS": "200", "CI": "true"}


async def _read_output(process: asyncio.subprocess.Process, output: bytearray, until: bytes) -> Outcome:
    assert process.stdout  # noqa: S101  # given by PIPE
    while chunk := await process.stdout.read(read_bytes):
        output += chunk
        if len(output) > output_max_bytes:
            return "too much output"
        if until and until in output:
            return "finished"
    await process.wait()
    return "finished"


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kills the process group, even if the child has finished, to end what it left behind."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
