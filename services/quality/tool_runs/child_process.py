"""One tool as a child process: limited in time and output, and ended with its whole process group."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from services.quality.tool_runs import confinement
from services.workspace.process import observe_child

output_max_bytes = 16 * 1024 * 1024
read_bytes = 1 << 16
rest_s = 1.0
"""How long the rest of a child's output is read after its end, where something that it left still holds the pipe."""

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
    began, output = time.monotonic(), bytearray()
    async with _pipe() as (reader, write_end):
        try:
            process = await asyncio.create_subprocess_exec(
                *_wrapped_command(confinement.CONFINED if child.is_confined else confinement.LIMITED, child.command),
                cwd=child.directory,
                env=_environment(child),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=asyncio.subprocess.STDOUT if child.with_errors else asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            return Ended("not started", confinement.NOT_RUN, b"", 0.0)
        finally:
            os.close(write_end)
        try:
            async with asyncio.timeout(child.timeout_s):
                outcome = await _outcome(process, reader, output, child.until)
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


@asynccontextmanager
async def _pipe() -> AsyncIterator[tuple[asyncio.StreamReader, int]]:
    """What reads it, and the end to write into. With asyncio's own pipes a child that has ended is waited for until
    all that it left behind have ended, too."""
    read_end, write_end = os.pipe()
    reader = asyncio.StreamReader()
    try:
        file = os.fdopen(read_end, "rb", buffering=0)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, file)
    except BaseException:
        os.close(write_end)
        raise
    try:
        yield reader, write_end
    finally:
        transport.close()


async def _outcome(
    process: asyncio.subprocess.Process, reader: asyncio.StreamReader, output: bytearray, until: bytes
) -> Outcome:
    """Once the child has ended, so has its run, whatever it has left behind that still holds the pipe."""
    reading = asyncio.create_task(_read_output(reader, output, until))
    exiting = asyncio.create_task(process.wait())
    try:
        await asyncio.wait((reading, exiting), return_when=asyncio.FIRST_COMPLETED)
        if not reading.done():
            _kill_group(process)
            await asyncio.wait((reading,), timeout=rest_s)
        outcome = reading.result() if reading.done() else "finished"
        if outcome == "finished" and not (until and until in output):
            await exiting
        return outcome
    finally:
        reading.cancel()
        exiting.cancel()


async def _read_output(reader: asyncio.StreamReader, output: bytearray, until: bytes) -> Outcome:
    while chunk := await reader.read(read_bytes):
        output += chunk
        if len(output) > output_max_bytes:
            return "too much output"
        if until and until in output:
            break
    return "finished"


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kills the process group, even if the child has finished, to end what it left behind."""
    _kill_group(process)
    await process.wait()


def _kill_group(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS refuses where all have ended and none was waited for
        os.killpg(process.pid, signal.SIGKILL)
