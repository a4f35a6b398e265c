"""One server for a data directory: found while it lives, started once, and named when it cannot start."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cli.local_server import (
    AlreadyServing,
    NotStarted,
    ServerInfo,
    default_data_dir,
    ensure_server,
    hold,
    publish,
    read_server,
)
from tests.patience import PATIENCE_S, until

STAND_IN = """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
from pathlib import Path
from services.cli.local_server import AlreadyServing, ServerInfo, hold, publish
data_dir = Path(os.environ["SEGUE_DATA_DIR"])
with (data_dir / "starts").open("a") as starts:
    starts.write(f"{os.getpid()}\\n")
try:
    with hold(data_dir):
        publish(data_dir, ServerInfo(os.getpid(), "http://127.0.0.1:1/mcp", "1", "2026-01-01T00:00:00+00:00"))
        signal.sigwait([signal.SIGTERM])
except AlreadyServing:
    sys.exit(3)
"""
SERVE = (sys.executable, "-c", STAND_IN)
ENSURE = f"""
import sys
from pathlib import Path
from services.cli.local_server import ensure_server
print(ensure_server(Path(sys.argv[1]), {PATIENCE_S}, {SERVE!r}).pid)
"""
INFO = ServerInfo(os.getpid(), "http://127.0.0.1:8377/mcp", "0.1.0", "2026-01-01T00:00:00+00:00")


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "home" / "segue"
    yield directory
    if (server := read_server(directory)) and server.pid != os.getpid():
        os.kill(server.pid, signal.SIGKILL)
        until(lambda: read_server(directory) is None)


def modes(directory: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}


def test_a_server_is_found_from_when_it_is_ready_until_it_ends(data_dir: Path) -> None:
    assert read_server(data_dir) is None
    with hold(data_dir):
        assert read_server(data_dir) is None
        publish(data_dir, INFO)
        assert read_server(data_dir) == INFO
    assert read_server(data_dir) is None
    assert modes(data_dir) == {"server.lock": 0o600}


def test_what_is_kept_is_its_owners_alone(data_dir: Path) -> None:
    ensure_server(data_dir, PATIENCE_S, SERVE)
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
    kept = {name: mode for name, mode in modes(data_dir).items() if name != "starts"}
    assert kept == dict.fromkeys(("server.json", "server.lock", "server.log", "start.lock"), 0o600)


def test_a_second_server_is_told_who_serves(data_dir: Path) -> None:
    with hold(data_dir):
        with pytest.raises(AlreadyServing) as starting, hold(data_dir):
            pass
        assert (starting.value.pid, starting.value.url) == (os.getpid(), None)
        publish(data_dir, INFO)
        with pytest.raises(AlreadyServing, match="8377") as ready, hold(data_dir):
            pass
        assert (ready.value.pid, ready.value.url) == (os.getpid(), INFO.url)


def test_what_a_killed_server_left_behind_does_not_count(data_dir: Path) -> None:
    killed = ensure_server(data_dir, PATIENCE_S, SERVE)
    os.kill(killed.pid, signal.SIGKILL)
    until(lambda: read_server(data_dir) is None)
    assert (data_dir / "server.json").exists()
    with hold(data_dir):
        assert read_server(data_dir) is None
    assert ensure_server(data_dir, PATIENCE_S, SERVE).pid != killed.pid


def test_a_server_file_that_is_garbage_is_no_server(data_dir: Path) -> None:
    with hold(data_dir):
        for garbage in ("", "[]", "{}", '{"pid": "x", "url": 1, "version": 1, "started_at": 1}'):
            (data_dir / "server.json").write_text(garbage)
            assert read_server(data_dir) is None


def test_looking_for_a_server_does_not_keep_one_from_starting(data_dir: Path) -> None:
    with hold(data_dir):
        pass
    look = "import sys; from pathlib import Path; from services.cli.local_server import read_server\n"
    look += "print(flush=True)\nwhile True: read_server(Path(sys.argv[1]))"
    with subprocess.Popen([sys.executable, "-c", look, str(data_dir)], stdout=subprocess.PIPE) as looking:
        assert looking.stdout
        looking.stdout.readline()
        for _ in range(20):
            with hold(data_dir):
                pass
        looking.kill()


def test_a_running_server_is_used_and_none_started(data_dir: Path) -> None:
    with hold(data_dir):
        publish(data_dir, INFO)
        assert ensure_server(data_dir, PATIENCE_S, ("/does/not/exist",)) == INFO


def test_many_starts_at_once_make_one_server(data_dir: Path) -> None:
    starters = [
        subprocess.Popen([sys.executable, "-c", ENSURE, str(data_dir)], stdout=subprocess.PIPE) for _ in range(20)
    ]
    pids = [int(starter.communicate(timeout=PATIENCE_S)[0]) for starter in starters]
    assert len(set(pids)) == 1
    assert (data_dir / "starts").read_text().split() == [str(pids[0])]


def test_a_server_is_in_a_session_of_its_own_in_its_directory(data_dir: Path) -> None:
    server = ensure_server(data_dir, PATIENCE_S, SERVE)
    assert os.getsid(server.pid) == server.pid
    assert os.getsid(server.pid) != os.getsid(0)


def test_a_server_that_is_told_to_end_is_reaped_and_gone(data_dir: Path) -> None:
    server = ensure_server(data_dir, PATIENCE_S, SERVE)
    os.kill(server.pid, signal.SIGTERM)
    until(lambda: read_server(data_dir) is None)
    until(lambda: not alive(server.pid))
    assert not (data_dir / "server.json").exists()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_server_that_fails_is_reported_with_its_last_words(data_dir: Path) -> None:
    with pytest.raises(NotStarted, match=r"status 7(.|\n)*out of paper"):
        ensure_server(data_dir, PATIENCE_S, (sys.executable, "-c", "print('out of paper'); raise SystemExit(7)"))


def test_where_the_disk_is_full_that_is_said(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(NotStarted) as told:
        ensure_server(data_dir, PATIENCE_S, (sys.executable, "-c", "print('no idea why'); raise SystemExit(1)"))
    assert str(told.value).endswith(f"with status 1; the disk of {data_dir} is full: make room on it")


def test_a_server_that_is_not_ready_in_time_is_reported(data_dir: Path) -> None:
    with hold(data_dir), pytest.raises(NotStarted, match="not ready yet"):
        ensure_server(data_dir, 0.1, SERVE)
    assert not (data_dir / "starts").exists()


def test_a_log_that_grew_too_long_is_put_aside(data_dir: Path) -> None:
    data_dir.mkdir(parents=True)
    (data_dir / "server.log").write_bytes(b"x" * (1 << 21))
    ensure_server(data_dir, PATIENCE_S, SERVE)
    assert (data_dir / "server.log.1").stat().st_size == 1 << 21
    assert (data_dir / "server.log").stat().st_size == 0


def test_the_data_directory_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SEGUE_DATA_DIR", raising=False)
    assert default_data_dir() == tmp_path / ".claude" / "segue"
    monkeypatch.setenv("SEGUE_DATA_DIR", "~/elsewhere")
    assert default_data_dir() == tmp_path / "elsewhere"
