"""The spool: one process at a time delivers, and none is started that would have nothing to do."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from services.cli.hooks import spool
from tests.hooked import DELIVERY
from tests.patience import PATIENCE_S

EVENT = b'{"input": {"session_id": "s"}}'


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that were to be started."""
    monkeypatch.setenv("SEGUE_DATA_DIR", str(tmp_path))
    commands: list[list[str]] = []

    def spawn(_: str, command: list[str], *__: Any, **___: Any) -> int:
        commands.append(command)
        return 0

    monkeypatch.setattr(os, "posix_spawn", spawn)
    return commands


def test_a_delivery_is_started_unless_one_is_under_way(started: list[list[str]]) -> None:
    spool.deliver()
    assert started == [spool.DELIVER]  # nobody has made the file of the lock yet
    with (Path(spool.directory()) / spool.LOCK).open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        spool.deliver()
        assert started == [spool.DELIVER]
    spool.deliver()
    assert started == [spool.DELIVER] * 2


def test_hooks_that_look_at_the_same_time_keep_no_delivery_from_starting(started: list[list[str]]) -> None:
    with (Path(spool.directory()) / spool.LOCK).open("a") as looked_at:
        fcntl.flock(looked_at, fcntl.LOCK_SH)
        spool.deliver()
    assert started == [spool.DELIVER]


def test_what_is_left_while_a_process_delivers_is_delivered_by_it(
    started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[bytes] = []
    under_way, may_go_on = threading.Event(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("SEGUE_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        spool.put("PostCompact", EVENT)

        def serve() -> None:
            while len(received) < 3:
                connection, _ = server.accept()
                with connection:
                    received.append(connection.makefile("rb").read1())
                    under_way.set()
                    may_go_on.wait(PATIENCE_S)
                    connection.sendall(b"HTTP/1.0 204 No Content\r\n\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with subprocess.Popen(DELIVERY, env=os.environ | {"SEGUE_HOOK_CAPTURE": "off"}) as process:
            assert under_way.wait(PATIENCE_S)
            for _ in range(2):
                spool.put("PostCompact", EVENT)
                spool.deliver()
            may_go_on.set()
            assert process.wait(PATIENCE_S) == 0
        thread.join(PATIENCE_S)
    assert started == []
    assert len(received) == 3
    assert spool.names(spool.directory()) == []
