"""What operating systems and their Pythons do differently, each missing part played by a process without it."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import platform
import shlex
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from services.cli.__main__ import main
from services.cli.bridge import exchange
from services.cli.bridge.messages import Undelivered
from services.cli.checkup.client import client
from services.cli.checkup.machine import machine
from services.cli.hooks import spool
from services.kit import systems
from services.workspace import developer_tools
from tests.hooked import DELIVERY, HOOK, Hooked

ROOT = Path(__file__).parents[3]

REFUSES_SETSID = """
spawn = os.posix_spawn
def without(*arguments, setsid=False, **options):
    if setsid:
        raise NotImplementedError("The setsid parameter is not supported by this system.")
    return spawn(*arguments, **options)
os.posix_spawn = without
"""
WITHOUT_SPAWN = "del os.posix_spawn, os.POSIX_SPAWN_OPEN\n"
SPAWN_FAILS = "def fails(*_, **__): raise OSError(11, 'try again')\nos.posix_spawn = fails\n"
NO_PROCESS = SPAWN_FAILS + "import subprocess\nsubprocess.Popen = fails\n"
NO_SESSION = "def refused(): raise PermissionError(1, 'not permitted')\nos.setsid = refused\n"


def changed(program: tuple[str, ...], change: str) -> list[str]:
    """Runs the program with Python changed so."""
    *python, script = program
    start = f"import os, runpy, sys\nsys.argv = sys.argv[1:]\n{change}runpy.run_path(sys.argv[0], run_name='__main__')"
    return [*python, "-c", start, script]


class Gateway:
    """Takes every event; `received` is what came, in order."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self.received: list[bytes] = []
        self._came = threading.Semaphore(0)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection:
                self.received.append(connection.makefile("rb").read1())
                connection.sendall(b"HTTP/1.0 204 No Content\r\n\r\n")
            self._came.release()

    def wait(self) -> bytes:
        assert self._came.acquire(timeout=60)
        return self.received[-1]

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    gateway = Gateway()
    yield gateway
    gateway.close()


@pytest.fixture
def hooked(tmp_path: Path, gateway: Gateway) -> Hooked:
    return Hooked(tmp_path, SEGUE_URL=gateway.url, SEGUE_HOOK_CAPTURE="off")


def stop(hooked: Hooked, change: str) -> None:
    told = {"session_id": hooked.transcript.session_id, "cwd": str(hooked.project), "hook_event_name": "Stop"}
    command = [*changed(HOOK, change), "Stop"]
    done = subprocess.run(
        command, input=json.dumps(told).encode(), env=hooked.environment, capture_output=True, timeout=60, check=True
    )
    assert done.stderr == b""


@pytest.mark.slow
@pytest.mark.parametrize("change", ["", REFUSES_SETSID, WITHOUT_SPAWN, SPAWN_FAILS])
def test_a_hook_s_event_is_delivered_whatever_its_python_can_spawn(
    hooked: Hooked, gateway: Gateway, change: str
) -> None:
    stop(hooked, change)
    assert hooked.transcript.session_id.encode() in gateway.wait()
    hooked.settle()
    assert hooked.log == ""


STARTS = """
import os, sys
sys.path.insert(0, {root!r})
{change}
from services.kit.systems import start_detached
start_detached([sys.executable, "-c", {child!r}, sys.argv[1]])
"""
CHILD = """
import os, sys
with open(sys.argv[1], "w") as fifo:
    files = [os.path.samestat(os.fstat(each), os.stat(os.devnull)) for each in range(3)]
    fifo.write(f"{os.getpgrp() == os.getpid()} {files}")
"""


@pytest.mark.parametrize("change", ["", REFUSES_SETSID, WITHOUT_SPAWN, SPAWN_FAILS])
def test_what_is_started_apart_is_in_no_group_of_its_starter_from_the_first(tmp_path: Path, change: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    program = STARTS.format(root=str(ROOT), change=change, child=CHILD)
    with subprocess.Popen([sys.executable, "-c", program, tmp_path / "fifo"]) as starter:
        told = (tmp_path / "fifo").read_text()
        assert starter.wait(60) == 0
    assert told == f"True {[True] * 3}"


DETACHED = """
import os, sys
sys.path.insert(0, {root!r})
from services.kit.systems import detach
is_detached = detach()
os.write({pipe}, f"{{is_detached}} {{os.getsid(0) == os.getpid()}}".encode())
"""


@pytest.mark.parametrize("own", [False, True])
def test_a_process_leaves_the_session_of_who_started_it(own: bool) -> None:
    """One that is in a session of its own already is none the worse."""
    program = DETACHED.format(root=str(ROOT), pipe=1)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, start_new_session=own)
    assert done.stdout == b"True True"


def test_a_delivery_that_cannot_detach_delivers_and_says_so(hooked: Hooked, gateway: Gateway) -> None:
    stop(hooked, NO_PROCESS)
    assert len(hooked.waiting) == 1
    subprocess.run(changed(DELIVERY, NO_SESSION), env=hooked.environment, check=True, timeout=60)
    assert hooked.waiting == []
    assert gateway.received
    assert spool.NOT_DETACHED in hooked.log


def test_where_no_process_can_be_started_doctor_names_the_command_that_delivers(
    hooked: Hooked, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop(hooked, NO_PROCESS)
    assert spool.NOT_STARTED in hooked.log
    os.utime(hooked.waiting[0], (0, time.time() - 7_200))
    for name, value in hooked.environment.items():
        monkeypatch.setenv(name, value)
    findings = {each.name: each for each in client(hooked.data)}
    assert spool.NOT_STARTED in findings["delivery"].detail
    assert findings["waiting"].remedy == findings["delivery"].remedy
    subprocess.run(shlex.split(findings["delivery"].remedy), env=hooked.environment, check=True, timeout=60)
    assert hooked.waiting == []
    assert gateway.received


def test_what_cannot_be_started_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        systems.start_detached([str(tmp_path / "nothing")])


# --- locks ------------------------------------------------------------------------------------------


def test_a_lock_is_one_s_or_is_shared(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("a") as one, (tmp_path / "lock").open("a") as other:
        assert systems.lock(one.fileno(), shared=True)
        assert systems.lock(other.fileno(), shared=True)
        assert not systems.lock(one.fileno())
        other.close()
        assert systems.lock(one.fileno(), wait=True)


@pytest.fixture
def network_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk whose file system has no locks."""

    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(fcntl, "flock", flock)


@pytest.mark.usefixtures("network_disk")
def test_a_disk_without_locks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setenv("SEGUE_DATA_DIR", str(tmp_path))
    assert main(["serve"]) == 1
    told = capsys.readouterr().err
    assert "must be on a local disk" in told
    assert "SEGUE_DATA_DIR" in told
    data = next(each for each in machine(tmp_path) if each.name == "data")
    assert data.status == "broken"
    assert "must be on a local disk" in data.detail
    (tmp_path / "server.lock").touch()
    assert main(["stop"]) == 1
    assert "must be on a local disk" in capsys.readouterr().err


# --- limits, memory, the boot ------------------------------------------------------------------------

SERVES = """
import asyncio, resource, sys
from contextlib import asynccontextmanager
from services.kit.lifecycle import run_until_signalled

@asynccontextmanager
async def app():
    print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    stop.set()
    class App:
        async def stop_accepting(self): pass
    yield App()

async def main():
    global stop
    stop = asyncio.Event()
    await run_until_signalled(app(), stop)

resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
asyncio.run(main())
"""


@pytest.mark.parametrize(("soft", "hard", "after"), [(256, 12_000, 8192), (256, 1_000, 1_000), (9_000, 12_000, 9_000)])
def test_a_server_may_have_many_connections_wherever_it_is_started(soft: int, hard: int, after: int) -> None:
    command = [sys.executable, "-c", SERVES, str(soft), str(hard)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) == after


def test_memory_is_the_present_or_the_peak() -> None:
    now, peak = systems.resident_bytes(), systems.resident_bytes("/nowhere")
    assert 0.5 * now < peak < 100 * now  # bytes both


@pytest.mark.linux
def test_a_boot_is_known_by_the_kernel_else_by_a_program_else_by_the_name(tmp_path: Path) -> None:
    assert systems.boot_identity() == Path(systems.BOOT_ID).read_text()
    assert systems.boot_identity("/nowhere", ("/bin/echo", "2C1F")) == "2C1F"
    for command in (("/nowhere",), ("/bin/false",), ("/bin/cat", "/nowhere")):
        assert systems.boot_identity("/nowhere", command) == os.uname().nodename


def test_a_program_that_hangs_is_not_waited_for() -> None:
    assert systems.output_of(("/bin/sleep", "600")) == ""


# --- programs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "is_there"), [("exit 2", False), ("echo /gone/Developer", False), ("echo /usr", True)]
)
def test_a_program_that_would_only_ask_its_user_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, is_there: bool
) -> None:
    asks, own = tmp_path / "usr", tmp_path / "homebrew"
    for place in (asks, own):
        place.mkdir()
        for name in ("git", "segue-tool"):
            (place / name).write_text("#!/bin/sh\n")
            (place / name).chmod(0o755)
    command = tmp_path / "xcode-select"
    command.write_text(f"#!/bin/sh\n{answer}\n")
    command.chmod(0o755)
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(developer_tools, "STUBS_DIRECTORY", asks)
    monkeypatch.setattr(systems, "DEVELOPER_TOOLS_COMMAND", (str(command),))
    developer_tools._has_developer_tools.cache_clear()
    try:
        assert developer_tools.find_tool("git", [asks], tmp_path / "shop") == (asks / "git" if is_there else None)
        assert developer_tools.find_tool("git", [asks, own], tmp_path / "shop") == (asks if is_there else own) / "git"
        assert developer_tools.find_tool("segue-tool", [asks], tmp_path / "shop") == asks / "segue-tool"
    finally:
        developer_tools._has_developer_tools.cache_clear()


class GoneAgain(HTTPConnection):
    """A connection whose other end has gone by when it is set up, as macOS tells it."""

    def connect(self) -> None:
        one, other = socket.socketpair()
        other.close()
        self.sock = Refusing(fileno=one.detach())


class Refusing(socket.socket):
    def setsockopt(self, *_: object) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")


def test_a_connection_that_is_gone_at_once_was_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(exchange.SCHEMES, "http", GoneAgain)
    with pytest.raises(Undelivered):
        exchange.Exchange("http://127.0.0.1:9/mcp", 1.0)


def test_the_time_of_birth_stays_what_it_was(tmp_path: Path) -> None:
    made = tmp_path / "notes"
    before = time.time_ns()
    made.mkdir()
    born = systems.birth_ns(str(made))
    if not born:
        pytest.skip("this file system does not tell it")
    assert abs(born - before) < 60 * 1_000_000_000
    (made / "page").write_text("words")
    os.utime(made, (0, 0))
    assert systems.birth_ns(str(made.rename(tmp_path / "moved"))) == born
    with pytest.raises(FileNotFoundError):
        systems.birth_ns(str(made))


HEAPS = """
import ctypes, sys, threading
sys.path.insert(0, {root!r})
from services.kit.systems import bound_heaps
if {bounded}:
    bound_heaps()
c = ctypes.CDLL(None)
c.malloc.restype = c.fopen.restype = ctypes.c_void_p
together = threading.Barrier(8)
def take():
    together.wait()
    c.malloc(ctypes.c_size_t(1000))
    together.wait()
threads = [threading.Thread(target=take) for _ in range(8)]
[each.start() for each in threads]
[each.join() for each in threads]
c.malloc_info(0, ctypes.c_void_p(c.fopen(b"/dev/stdout", b"w")))
c.fflush(None)
"""


@pytest.mark.linux
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library has other heaps")
@pytest.mark.parametrize("bounded", [False, True])
def test_threads_share_heaps_where_that_was_asked_for(bounded: bool) -> None:
    program = HEAPS.format(root=str(ROOT), bounded=bounded)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout.count("<heap nr=") > 2) is not bounded
