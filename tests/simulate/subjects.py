"""What is simulated on: PostgreSQL and the services, processes of this machine, killed and started again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Self
from urllib.request import urlopen

from services.session.domain.tokens import Tokens
from services.session.store.sqlite import open_sqlite
from tests.integration.stack import ROOT, free_port
from tests.integration.team import request
from tests.patience import PATIENCE_S, until
from tests.servers.postgres import TEMPLATE, PostgresServer, make_schema
from tests.simulate.day import Kill
from tests.soak.measures import MIB

SERVICES = ("session", "quality", "memory", "gateway")
POSTGRES = ("autovacuum=on", "shared_buffers=256MB", "max_wal_size=4GB")
SETTINGS = {"SEGUE_GATEWAY_AUTH": "tokens", "SEGUE_GATEWAY_CALLS_PER_MINUTE": "1000000"}


class Subject(Protocol):
    """A running Segue that asks for tokens; a context that ends it."""

    @property
    def url(self) -> str: ...

    @property
    def kills(self) -> Sequence[Kill]: ...

    def admin_token(self) -> str: ...

    def memory_mib(self) -> Mapping[str, float]:
        """Resident memory by process."""
        ...

    def processor_s(self) -> Mapping[str, float]:
        """Processor time by process."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Processes:
    """The services of this checkout. `database` may be filled before they start."""

    def __init__(self, directory: Path, model: Path, **settings: str) -> None:
        self._directory = directory
        self._port = free_port()
        self.postgres = PostgresServer(*POSTGRES)
        self.postgres.start()
        self.postgres.run(f"CREATE DATABASE {TEMPLATE}")
        make_schema(self.postgres.url(TEMPLATE))
        self.database = self.postgres.url(TEMPLATE)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._beside: dict[str, subprocess.Popen[bytes]] = {}
        address = {name: f"unix:{directory / name}.sock" for name in SERVICES}
        self._settings = {
            **{f"SEGUE_{name.upper()}_ADDRESS": address[name] for name in SERVICES[:3]},
            **{f"SEGUE_{name.upper()}_DIRECTORY": str(directory / name) for name in SERVICES[:3]},
            **{f"SEGUE_GATEWAY_{name.upper()}_TARGET": address[name] for name in SERVICES[:3]},
            "SEGUE_GATEWAY_PORT": str(self._port),
            "SEGUE_MEMORY_DATABASE_URL": self.database,
            "SEGUE_MEMORY_DATABASE_PREPARE": "true",
            "SEGUE_MEMORY_MODEL_DIRECTORY": str(model),
            "SEGUE_SERVICE_SECRET_FILE": str(directory / "secret"),
            **SETTINGS,
            **settings,
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/mcp"

    @property
    def kills(self) -> Sequence[Kill]:
        return [Kill("memory", 0.4, self._kill_memory), Kill("postgres", 0.6, self._kill_postgres)]

    def admin_token(self) -> str:
        return asyncio.run(self._token())

    async def _token(self) -> str:
        async with open_sqlite(self._directory / "session" / "session.sqlite", queue_max=10) as store:
            _, shown = await Tokens(store.tokens).create("admin", "admin", 0)
        return shown

    def ask(self, statement: str) -> Any:
        """The one value that PostgreSQL answers with."""
        return self.postgres.run(statement, TEMPLATE)[0][0]

    def change(self, statement: str) -> None:
        """Something that Segue does not know of."""
        self.postgres.run(statement, TEMPLATE)

    def memory_mib(self) -> Mapping[str, float]:
        services = {name: _resident_mib(process.pid)[0] for name, process in self._running.items()}
        return {**services, "postgres": _of_all_mib(self.postgres.pid)}

    def processor_s(self) -> Mapping[str, float]:
        """By process, since each began; of the one that asks, too."""
        services = {name: _used_s(process.pid) for name, process in self._running.items()}
        postgres = sum(_used_s(pid) for pid in (self.postgres.pid, *_children(self.postgres.pid)))
        return {**services, "postgres": postgres, "clients": _used_s(os.getpid())}

    def _start(self, name: str, root: Path = ROOT, **settings: str) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", f"services.{name}"]
        environment = os.environ | self._settings | {"PYTHONPATH": ""} | settings
        with (self._directory / f"{name}.log").open("ab") as log:
            return subprocess.Popen(words, cwd=root, env=environment, stdout=log, stderr=log)

    def replace(self, name: str, root: Path) -> None:
        """Ends a service, and starts the version in that directory in its place."""
        self._end(name)
        self._running[name] = self._start(name, root)
        until(self._is_ready)

    def stand_by(self, name: str, root: Path, **settings: str) -> None:
        """Starts that version beside the running one."""
        self._beside[name] = self._start(name, root, **settings)

    def hand_over(self, name: str) -> None:
        """Ends the running one, so that the other takes its place."""
        self._end(name)
        self._running[name] = self._beside.pop(name)
        until(self._is_ready)

    def _end(self, name: str) -> None:
        self._running[name].terminate()
        self._running[name].wait(PATIENCE_S)

    def _kill_memory(self) -> None:
        process = self._running["memory"]
        process.send_signal(signal.SIGKILL)
        process.wait()
        self._running["memory"] = self._start("memory")
        until(self._is_memory_back)

    def _is_memory_back(self) -> bool:
        """Started again where it ended, as whatever looks after a service does."""
        if self._running["memory"].poll() is not None:
            self._running["memory"] = self._start("memory")
        return self._is_ready()

    def _kill_postgres(self) -> None:
        self.postgres.kill()
        self.postgres.start()

    def _is_ready(self) -> bool:
        return is_ready(self.url)

    def __enter__(self) -> Self:
        self._running |= {name: self._start(name) for name in SERVICES}
        until(self._is_ready)
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed([*self._running.values(), *self._beside.values()]):
            process.terminate()
            process.wait()
        self.postgres.remove()


def is_ready(url: str) -> bool:
    """Whether a gateway takes calls, and so do the services behind it."""
    with contextlib.suppress(OSError), urlopen(url.removesuffix("mcp") + "ready", timeout=5) as answered:
        return bool(answered.status == 200)
    return False


def user_tokens(url: str, admin: str, users: int) -> list[str]:
    """A token for each of so many users, by the administrator's."""
    headers: list[tuple[str, str | bytes]] = [("Authorization", f"Bearer {admin}")]
    bodies = (json.dumps({"user": f"user-{user}", "scope": "write"}).encode() for user in range(users))
    return [request(url, "POST", "/v1/tokens", headers, body).content["token"] for body in bodies]


def _resident_mib(pid: int) -> tuple[float, float]:
    """All of a process's, and what of it is shared with others."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
    except OSError:  # it ended just now
        return 0.0, 0.0
    page = os.sysconf("SC_PAGE_SIZE") / MIB
    return int(fields[1]) * page, int(fields[2]) * page


def _of_all_mib(pid: int) -> float:
    """Of a process and its children, what they share once."""
    each = [_resident_mib(one) for one in (pid, *_children(pid))]
    return sum(resident - shared for resident, shared in each) + max(shared for _, shared in each)


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def _used_s(pid: int) -> float:
    """Of a process, and of its children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:  # it ended just now
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
