"""`segue export`: all memories, and the project links, as JSON Lines for `segue import`."""

from __future__ import annotations

import argparse
import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from services.cli.gateway.http_call import Endpoint
from services.cli.gateway.mcp_call import CallFailed
from services.kit.durable_files import sync_open

page_timeout_s = 60.0
attempts_max = 4
pause_s = 0.5
progress_interval_s = 0.5
NEXT = "Segue-Next"


def run(options: argparse.Namespace) -> int:
    """Writes them to `options.file`, which appears only when it is complete; `-` is standard output."""
    began = time.monotonic()
    try:
        with _target(options.file) as file:
            count = _write(Endpoint(), file)
    except CallFailed as problem:
        print(f"segue export: {problem}", file=sys.stderr)
        return 1
    except OSError as problem:
        print(f"segue export: {options.file}: {problem.strerror}", file=sys.stderr)
        return 1
    print(f"Exported {count:,} lines in {time.monotonic() - began:.1f} s", file=sys.stderr)
    return 0


@contextmanager
def _target(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(file).expanduser()
    if not path.name or path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as output:
            yield output
            output.flush()
            sync_open(output.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _write(gateway: Endpoint, file: BinaryIO) -> int:
    count, after, shown = 0, "0", time.monotonic()
    while after:
        lines, after = _page(gateway, after)
        file.write(lines)
        count += lines.count(b"\n")
        if sys.stderr.isatty() and time.monotonic() - shown > progress_interval_s:
            shown = time.monotonic()
            print(f"\r{count:,} lines\033[K", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    return count


def _page(gateway: Endpoint, after: str) -> tuple[bytes, str]:
    """A page, retried if that may help, and the start of the next one."""
    for attempt in range(attempts_max):
        try:
            lines, headers = gateway.call(f"/v1/memories?after={after}", None, page_timeout_s)
            return lines, headers.get(NEXT, "")
        except CallFailed:
            if attempt == attempts_max - 1:
                raise
            time.sleep(pause_s * 2**attempt)
    raise AssertionError("unreachable")
