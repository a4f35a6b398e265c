"""The spool: a bounded directory of events that are not delivered yet, and the start of the process that delivers.

A hook puts its event here and is done; `services/cli/hooks/delivery.py`, a separate process, delivers it. Whatever
happens to that process, to the server or to the machine, the file stays until the gateway has the event.
"""

from __future__ import annotations

import os
import sys
import time

from services.cli.hooks.state_files import gateway_name, hooks_directory, log
from services.kit.durable_files import sync, sync_open
from services.kit.systems import PLAIN, is_held, start_detached

FILES_MAX = 200
FILE_MAX_BYTES = 1 << 20
SUFFIX = ".json"
LOCK = "delivery.lock"
DELIVER = [sys.executable, "-I", "-S", os.path.join(os.path.dirname(__file__), "delivery.py")]
NOT_STARTED = "no process could be started that delivers"
NOT_DETACHED = "it could not leave the client's session, and may be ended with it"


def directory() -> str:
    """The directory of events for the present gateway."""
    return hooks_directory(os.path.join("spool", gateway_name()))


def names(path: str) -> list[str]:
    """The names of the events there, oldest first."""
    return sorted(name for name in os.listdir(path) if name.endswith(SUFFIX))


def ends_wait() -> bool:
    """Whether the end of a conversation waits there."""
    return any(name.endswith(f"-SessionEnd{SUFFIX}") for name in names(directory()))


def put(event: str, body: bytes) -> None:
    """Stores an event, whole or not at all; the oldest events make room."""
    if len(body) > FILE_MAX_BYTES:
        log(event, f"not kept: {len(body):,} bytes are too many")
        return
    path = directory()
    for name in names(path)[: 1 - FILES_MAX]:
        log(event, "the spool is full: the oldest event is dropped")
        try:
            os.unlink(os.path.join(path, name))
        except FileNotFoundError:  # delivered meanwhile, or dropped by another hook
            continue
    draft = os.path.join(path, f".{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | PLAIN, 0o600)
    try:
        while body:
            body = body[os.write(descriptor, body) :]
        sync_open(descriptor)
    finally:
        os.close(descriptor)
    os.replace(draft, os.path.join(path, f"{time.time_ns():020}-{os.getpid()}-{event}{SUFFIX}"))
    sync(path)


def is_being_delivered() -> bool:
    """Whether a process delivers to the present gateway: it looks for what was put here meanwhile when it is done."""
    return is_held(os.path.join(directory(), LOCK))


def deliver() -> None:
    """Starts the delivery process, unless there is one; if that fails, the events wait and the log says so."""
    try:
        if not is_being_delivered():
            start_detached(DELIVER)
    except OSError as problem:
        log("delivery", f"{NOT_STARTED}: {problem.strerror}")
