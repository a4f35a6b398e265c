"""Runs another program within limits, and without network in a process namespace that ends with it.

`python -I -S confinement.py (--confined | --limited) COMMAND…`. `--confined` needs Linux and a kernel that allows it;
`--limited` keeps the network, for systems where it cannot be removed. It exits with 125 if it could not run the
command, and with 127 if there is no such command. Standard library only: it is started by its path, by a bare
interpreter.

Killing this process kills the first process of the namespace, and with it the kernel ends all others, including those
that left the process group.
"""

from __future__ import annotations

import os
import signal
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ctypes

NOT_RUN, NO_COMMAND = 125, 127
CONFINED, LIMITED = "--confined", "--limited"
_NEW_USER, _NEW_PID, _NEW_NET = 0x10000000, 0x20000000, 0x40000000
_PARENT_DEATH_SIGNAL = 1
_file_max_bytes = 1 << 30


def main(arguments: list[str]) -> int:
    """Runs the command; returns its exit status, or 128 plus the signal's number if a signal ended it."""
    mode, command = arguments[0], arguments[1:]
    try:
        if mode == CONFINED:
            return _run_confined(command)
        _limit()
        return _execute(command)
    except Exception as problem:  # whose own status would be taken for the command's
        print(f"not run: {type(problem).__name__}", file=sys.stderr)  # noqa: T201
        return NOT_RUN


def _run_confined(command: list[str]) -> int:
    libc = _libc()
    if libc is None or not _confine(libc):
        return NOT_RUN
    _limit()
    first = os.fork()
    if first == 0:
        try:
            libc.prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
            os._exit(_as_first_process(command))
        finally:
            os._exit(NOT_RUN)
    return _status(os.waitpid(first, 0)[1])


def _libc() -> ctypes.CDLL | None:
    """The C library, where it knows namespaces; None on other systems."""
    try:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
    except (ImportError, OSError, TypeError):
        return None
    return libc if hasattr(libc, "unshare") and hasattr(libc, "prctl") else None


def _confine(libc: ctypes.CDLL) -> bool:
    """Enters a network namespace, and a process namespace for children; returns whether that succeeded."""
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_NEW_NET | _NEW_PID) != 0:  # without root, this requires a user namespace
        if libc.unshare(_NEW_USER | _NEW_NET | _NEW_PID) != 0:
            return False
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
    _raise_loopback()
    return True


def _raise_loopback() -> None:
    """Enables loopback, which is down in a new namespace: tests connect to themselves."""
    import fcntl
    import socket

    set_flags, up = 0x8914, 0x1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sh14x", b"lo", up))


def _limit() -> None:
    """Disables core dumps, and limits files to 1 GiB."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = _file_max_bytes if most == resource.RLIM_INFINITY else min(most, _file_max_bytes)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def _as_first_process(command: list[str]) -> int:
    """Runs the command as a child and reaps orphans, as the first process of a namespace must."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(_execute(command))
        finally:
            os._exit(NOT_RUN)
    while True:
        ended, status = os.wait()
        if ended == child:
            return _status(status)


def _execute(command: list[str]) -> int:
    """Becomes the command; returns only where there is none."""
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
    except OSError:
        return NO_COMMAND


def _status(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
