"""What is soaked, one process or compose: started, restarted, its calendar moved on, and its figures read."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol, Self

from tests.integration.compose.test_load import _memory_mib
from tests.integration.operations.test_clock_and_limits import Clock
from tests.integration.stack import ComposeStack, Stack
from tests.integration.team import TeamStack, request
from tests.soak.measures import MIB

SETTINGS = {
    "SEGUE_GATEWAY_CALLS_PER_MINUTE": "1000000",  # a day takes seconds
    "SEGUE_GATEWAY_CALLS_AT_ONCE": "1000",
    "SEGUE_MEMORY_ERASE_WITHIN_S": "5",
}
DAYS_OF_MINUTES = {
    "SEGUE_SESSION_ANSWERS_KEEP_S": "60",
    "SEGUE_SESSION_KEEP_DAYS": "0.002",
    "SEGUE_SESSION_ANSWERS_MAX": "100",
    "SEGUE_SESSION_AUDIT_MAX": "100",
}
"""What is kept for days, in a month that takes minutes by the machine's clock."""
LASTING = """
local cursor, count, bytes = '0', 0, 0
repeat
  local page = redis.call('SCAN', cursor, 'COUNT', 1000)
  cursor = page[1]
  for _, key in ipairs(page[2]) do
    local left = redis.call('TTL', key)
    if left < 0 or left > 3600 then
      count, bytes = count + 1, bytes + redis.call('MEMORY', 'USAGE', key)
    end
  end
until cursor == '0'
return {count, bytes}
"""
"""How many of Redis's keys stay for longer than an hour, and their bytes: all others are only cached, and may go."""
Figures = dict[str, dict[str, float]]


class Subject(Protocol):
    """A running Segue that asks for tokens; a context that ends it."""

    retains: bool
    """Whether its retention sees the days pass."""

    @property
    def stack(self) -> Stack: ...

    def today(self, day: int) -> datetime:
        """The moment at which the month's `day` begins, now, by its own clock."""
        ...

    def admin_token(self) -> str: ...

    def back_up(self, token: str) -> None: ...

    def figures(self, idle_s: float) -> Figures:
        """Read while nothing is asked of it, for that long."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class ProcessSubject:
    """`segue serve`, by a clock that goes on by a day at each of them, where a C compiler makes one."""

    def __init__(self, directory: Path, model: Path, keep_days: int) -> None:
        self._clock = _clock(directory)
        self.retains = self._clock is not None
        retention = {"SEGUE_MEMORY_RETENTION_DAYS": str(keep_days), "SEGUE_MEMORY_RETENTION_REFLECTIONS": "true"}
        retention["SEGUE_SESSION_KEEP_DAYS"] = str(keep_days)
        clock = self._clock.environment if self._clock else {}
        self.stack = TeamStack(directory / "data", model, **SETTINGS, **retention, **clock)
        self._backups = directory / "backups"

    def today(self, day: int) -> datetime:
        if self._clock is None:
            return datetime.now(UTC)
        self._clock.shift(day)
        return datetime.now(UTC) + timedelta(days=day)

    def admin_token(self) -> str:
        return self.stack.token("admin", "admin")

    def back_up(self, token: str) -> None:
        shutil.rmtree(self._backups, ignore_errors=True)
        _back_up(self.stack.url, token, str(self._backups))

    def figures(self, idle_s: float) -> Figures:
        assert self.stack.process
        pid = self.stack.process.pid
        before = _processor_s(pid)
        time.sleep(idle_s)
        parts = ("memory", "session", "quality")
        return {
            "idle processor s": {"segue": _processor_s(pid) - before},
            "resident MiB": {"segue": _resident_mib(pid)},
            "files MiB": {part: _files_mib(self.stack.data_dir / part) for part in parts},
        }

    def __enter__(self) -> Self:
        self.stack.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.__exit__()


class ComposeSubject:
    """The team's containers. Their clocks are the machine's: their days are minutes."""

    retains = False

    def __init__(self) -> None:
        self.stack = ComposeStack(settings={**SETTINGS, **DAYS_OF_MINUTES, "SEGUE_GATEWAY_AUTH": "tokens"})

    def today(self, day: int) -> datetime:  # noqa: ARG002  # its clock is the machine's
        return datetime.now(UTC)

    def admin_token(self) -> str:
        made = self._inside("session", "python", "-m", "services.cli", "token", "create", "admin", "--scope", "admin")
        token: str = re.findall(r"segue_\w+", made)[0]
        return token

    def back_up(self, token: str) -> None:
        self._inside("memory", "sh", "-c", "rm -rf /backups/soak")
        _back_up(self.stack.url, token, "/backups/soak")

    def figures(self, idle_s: float) -> Figures:
        before = self._processor_s()
        time.sleep(idle_s)
        after = self._processor_s()
        keys, size = self._lasting()
        return {
            "idle processor s": {name: after[name] - before[name] for name in before},
            "resident MiB": _memory_mib(self.stack),
            "redis MiB": {"lasting": size / MIB},
            "redis keys": {"lasting": keys},
            "redis in all": self._redis(),
            "files MiB": {name: self._files_mib(name) for name in ("memory", "history")},
        }

    def _processor_s(self) -> dict[str, float]:
        """Of each service's containers."""
        services = self.stack.compose("ps", "--services").split()
        return {
            name: _used_s(self._inside(name, "sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null; true"))
            for name in services
        }

    def _redis(self) -> dict[str, float]:
        """With what is only cached: shown, and not judged."""
        told = self._inside("redis", "redis-cli", "info", "memory", "keyspace")
        used = re.findall(r"used_memory:(\d+)", told)[0]
        return {"used MiB": int(used) / MIB, "keys": float(sum(map(int, re.findall(r"keys=(\d+)", told))))}

    def _lasting(self) -> tuple[int, int]:
        """Of both databases, the memory service's and the session service's."""
        told = [self._inside("redis", "redis-cli", "-n", each, "EVAL", LASTING, "0").split() for each in ("0", "1")]
        return sum(int(count) for count, _ in told), sum(int(size) for _, size in told)

    def _files_mib(self, service: str) -> float:
        return int(self._inside(service, "du", "-sb", "/data").split()[0]) / MIB

    def _inside(self, service: str, *command: str) -> str:
        return self.stack.compose("exec", "-T", service, *command)

    def __enter__(self) -> Self:
        self.stack.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.__exit__()


def _used_s(stats: str) -> float:
    """Of the processes of a container, each in a line as the kernel tells it."""
    fields = [line.rpartition(")")[2].split() for line in stats.splitlines()]
    return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")


def _clock(directory: Path) -> Clock | None:
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    library = directory / "shifted_clock.so"
    source = Path(__file__).parents[1] / "integration" / "shifted_clock.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True)
    return Clock(directory, library)


def _back_up(url: str, token: str, directory: str) -> None:
    headers: list[tuple[str, str | bytes]] = [("Authorization", f"Bearer {token}")]
    answer = request(url, "POST", "/v1/backup", headers, json.dumps({"directory": directory}).encode())
    assert answer.status == 200, answer.body


def _processor_s(pid: int) -> float:
    """Of the process, and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _resident_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MIB


def _files_mib(directory: Path) -> float:
    """Without what is linked to, such as the model."""
    files = [path for path in directory.rglob("*") if not path.is_symlink()]
    return sum(path.stat().st_size for path in files if path.is_file()) / MIB
