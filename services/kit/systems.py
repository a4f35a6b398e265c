"""What operating systems do differently: locks, sessions of processes, limits, files and their names, which boot it is.

Standard library only, and light to import: hooks begin here. It is imported on every system, and says which it is for.
"""

from __future__ import annotations

import os
import sys

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

CAN_SERVE = fcntl is not None
NO_SERVER = (
    "Segue's server does not run on Windows itself: run it in WSL 2 or in Docker, and set SEGUE_URL to its address "
    "(http://127.0.0.1:8377/mcp) or to your team's"
)
PLAIN = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
"""How a file is opened that is to be one: never through a link, without waiting for a pipe, each byte as it is."""
LINKED = PLAIN & ~getattr(os, "O_NOFOLLOW", 0)
"""The same for one that may be a link to another."""
LOCKED_BYTE = 1 << 30
LOCK_POLL_S = 0.05
OPEN_FILES = 8192
HEAPS_MAX, M_ARENA_MAX = 2, -8
BOOT_ID = "/proc/sys/kernel/random/boot_id"
BOOT_COMMAND = ("/usr/sbin/sysctl", "-n", "kern.bootsessionuuid")
"""What macOS has instead."""
MACHINE_IDS = ("/etc/machine-id", "/var/lib/dbus/machine-id")
MACHINE_COMMAND = ("/usr/sbin/sysctl", "-n", "kern.uuid")
"""What macOS has instead."""
DEVELOPER_TOOLS_COMMAND = ("/usr/bin/xcode-select", "-p")
"""Never asks its user anything."""
AT_FDCWD = -100
STATX_BIRTH, STATX_BYTES = 0x800, 256
STATX_FIELDS = (("=I", 0), ("=q", 80), ("=I", 88))
"""Of Linux's `struct statx`: which fields are filled in, and the time of birth."""
COMMAND_TIMEOUT_S = 2.0
PATH_BYTES = 1024
"""What macOS writes a path into."""


# --- locks ------------------------------------------------------------------------------------------


class Unlockable(OSError):
    """Files cannot be locked there at all; its `strerror` says so, and what is needed."""

    def __str__(self) -> str:
        return str(self.strerror)


def lock(descriptor: int, *, shared: bool = False, wait: bool = False) -> bool:
    """Whether the open file is locked now, until it is closed; False where another process has it. Raises Unlockable.

    Several processes may have it `shared`; with `wait` it is waited for.
    """
    if fcntl is None:
        return _lock_byte(descriptor, wait=wait)
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as problem:
        where = "a data directory or a working tree must be on a local disk"
        raise Unlockable(problem.errno, f"files cannot be locked there ({problem.strerror}): {where}") from problem
    return True


def is_held(path: str | os.PathLike[str]) -> bool:
    """Whether a process has the file locked; one that is not there is not. Raises Unlockable.

    Whoever looks has a shared lock itself for a moment.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        return not lock(descriptor, shared=True)
    finally:
        os.close(descriptor)


def _lock_byte(descriptor: int, *, wait: bool) -> bool:
    """Windows locks bytes, and for one process alone: here one far behind the end, so that the file can be read."""
    import msvcrt
    import time

    at = os.lseek(descriptor, 0, os.SEEK_CUR)
    while True:
        os.lseek(descriptor, LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            if not wait:
                return False
            time.sleep(LOCK_POLL_S)
        else:
            return True
        finally:
            os.lseek(descriptor, at, os.SEEK_SET)


def is_own(status: os.stat_result) -> bool:
    """Whether the file belongs to this process's user; Windows does not say, where a home is its user's alone."""
    return not hasattr(os, "getuid") or status.st_uid == os.getuid()


# --- processes --------------------------------------------------------------------------------------


def start_detached(command: list[str]) -> None:
    """Starts a process that outlives this one and has none of its files. Raises OSError.

    It is in a session of its own; where this Python cannot spawn it so, as one that was built for an old C library, in
    a process group of its own: what is meant for this process's group does not reach it either.
    """
    try:
        null = (os.devnull, os.O_RDWR, 0)
        files = [(os.POSIX_SPAWN_OPEN, descriptor, *null) for descriptor in (0, 1, 2)]
        try:
            os.posix_spawn(command[0], command, os.environ, file_actions=files, setsid=True)
        except NotImplementedError:
            os.posix_spawn(command[0], command, os.environ, file_actions=files, setpgroup=0)
    except (AttributeError, NotImplementedError, OSError):
        import subprocess  # costs more than all the rest of a hook

        null_file = subprocess.DEVNULL
        flags = sum(getattr(subprocess, name, 0) for name in ("CREATE_NO_WINDOW", "CREATE_NEW_PROCESS_GROUP"))
        subprocess.Popen(  # noqa: S603 - our own command, no shell
            command,
            stdin=null_file,
            stdout=null_file,
            stderr=null_file,
            start_new_session=True,
            creationflags=flags,
        )


def detach() -> bool:
    """Leaves the session of whoever started this process, unless it leads a group or a session of its own already.

    False where signals meant for that one still come here.
    """
    if fcntl is None:  # Windows has none
        return True
    try:
        if os.getpid() not in (os.getsid(0), os.getpgrp()):
            os.setsid()
    except (AttributeError, OSError):
        return False
    return True


def end_after(seconds: int) -> None:
    """Ends this process after so long, whatever hangs in it."""
    import signal

    if hasattr(signal, "alarm"):
        signal.alarm(seconds)
        return
    import threading

    timer = threading.Timer(seconds, os._exit, (1,))  # Windows
    timer.daemon = True
    timer.start()


def give_way(niceness: int) -> None:
    """Lets other processes go first, where that can be said."""
    if hasattr(os, "nice"):
        os.nice(niceness)


def bound_heaps(most: int = HEAPS_MAX) -> None:
    """Has all threads to come share so many heaps of the C library, where it can be told.

    GNU's gives each of them one of its own, in which what is freed is of no use to the others.
    """
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, most)


def return_free_memory() -> None:
    """Gives pages back to the system that the C library keeps for later, where it can be told."""
    import ctypes

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def raise_open_files(wanted: int = OPEN_FILES) -> None:
    """Lets this process have so many files and connections, or as many as it may; a shell on macOS gives it 256."""
    try:
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (ImportError, OSError, ValueError):  # it then goes with what it has
        return


def resident_bytes(statm: str = "/proc/self/statm") -> int:
    """The memory that this process has; on a system that does not tell, macOS, the most that it has had."""
    try:
        with open(statm, encoding="ascii") as file:  # noqa: PTH123 - see above
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


# --- names of files ---------------------------------------------------------------------------------


def canonical_path(path: str) -> str:
    """The real path of what is there, spelled as its disk has it: one for `Shop` and `shop` where that is one name.

    What is not there keeps its spelling. Raises ValueError for what cannot be a path.
    """
    real = there = os.path.realpath(path)  # on Windows that is all
    if os.name == "nt":
        return real
    while not os.path.lexists(there):
        there = os.path.dirname(there)  # noqa: PTH120
    return _disk_spelling(there) + real[len(there) :] if there != "/" else real


def _disk_spelling(real: str) -> str:
    if (number := getattr(fcntl, "F_GETPATH", None)) is not None:
        try:
            descriptor = os.open(real, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_EVTONLY", 0))
            try:
                return os.fsdecode(fcntl.fcntl(descriptor, number, bytes(PATH_BYTES)).rstrip(b"\0"))
            finally:
                os.close(descriptor)
        except OSError:  # it may not be opened, and is looked for in its directory
            pass
    spelled = ""
    for name in real.split("/")[1:]:
        spelled = f"{spelled}/{_entry_name(spelled, name)}"
    return spelled


def _entry_name(directory: str, name: str) -> str:
    """The name as the directory has it; as it is where its disk takes other spellings for other names."""
    if not _is_folded(directory, name):
        return name
    try:
        names = os.listdir(directory or "/")  # noqa: PTH208
    except OSError:
        return name
    return next((each for each in names if _comparable(each) == _comparable(name)), name)


def _is_folded(directory: str, name: str) -> bool:
    """Whether another spelling leads to the same."""
    other = name.swapcase() if name.isascii() else _other_spelling(name)
    try:
        there = os.lstat(f"{directory}/{other}") if other != name else None
        return there is not None and os.path.samestat(there, os.lstat(f"{directory}/{name}"))
    except OSError:
        return False


def _other_spelling(name: str) -> str:
    """In the other case and the other form of Unicode."""
    import unicodedata  # costs a millisecond, and few names need it

    composed = unicodedata.normalize("NFC", name.swapcase())
    return composed if composed != name.swapcase() else unicodedata.normalize("NFD", composed)


def _comparable(name: str) -> str:
    import unicodedata

    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


# --- the machine ------------------------------------------------------------------------------------


def boot_identity(boot_id: str = BOOT_ID, command: tuple[str, ...] = BOOT_COMMAND) -> str:
    """This boot of this kernel; the machine's name where that is not told, and nothing where there is none."""
    try:
        with open(boot_id, encoding="ascii") as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return output_of(command) or (os.uname().nodename if hasattr(os, "uname") else "")


def machine_identity(files: tuple[str, ...] = MACHINE_IDS, command: tuple[str, ...] = MACHINE_COMMAND) -> str:
    """This machine, the same after it starts anew; its name where nothing else is told."""
    for path in files:
        try:
            with open(path, encoding="ascii") as file:  # noqa: PTH123
                if found := file.read().strip():
                    return found
        except (OSError, ValueError):
            continue
    return output_of(command) or (os.uname().nodename if hasattr(os, "uname") else "")


def birth_ns(path: str) -> int:
    """When what is there was made, in nanoseconds; 0 where nothing tells it. Raises OSError.

    With its number (inode) it tells this file or directory from one that got the same number later.
    """
    status = os.stat(path)  # noqa: PTH116 - see above
    exact: int | None = getattr(status, "st_birthtime_ns", None)  # Windows, from Python 3.12 on
    if exact is None and os.name == "nt":
        exact = status.st_ctime_ns  # the time of creation, there
    seconds: float | None = getattr(status, "st_birthtime", None)  # macOS
    if exact is None and seconds is not None:
        exact = round(seconds * 1_000_000_000)
    return max(0, _statx_birth_ns(path) if exact is None else exact)


def _statx_birth_ns(path: str) -> int:
    """Python itself asks Linux for it from 3.15 on."""
    import ctypes  # costs seven milliseconds, and only directories that nothing else tells need it
    import struct

    buffer = ctypes.create_string_buffer(STATX_BYTES)
    try:
        failed = ctypes.CDLL(None).statx(AT_FDCWD, os.fsencode(path), 0, STATX_BIRTH, buffer)
    except (AttributeError, OSError, ValueError):  # a C library without it
        return 0
    mask, seconds, nanoseconds = (struct.unpack_from(form, buffer, at)[0] for form, at in STATX_FIELDS)
    return 0 if failed or not mask & STATX_BIRTH else int(seconds) * 1_000_000_000 + int(nanoseconds)


def has_developer_tools() -> bool:
    """Whether the programs that macOS has in /usr/bin are there, or only ask their user to install them."""
    directory = output_of(DEVELOPER_TOOLS_COMMAND)
    return bool(directory) and os.path.isdir(directory)  # noqa: PTH112 - one that was removed is still named


def output_of(command: tuple[str, ...]) -> str:
    """What a small program of the system prints; empty where it is not there, fails or takes too long."""
    import subprocess

    quiet = subprocess.DEVNULL
    try:
        done = subprocess.run(  # noqa: S603 - absolute paths of the system's own programs
            command, stdin=quiet, stdout=subprocess.PIPE, stderr=quiet, timeout=COMMAND_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace").strip()
