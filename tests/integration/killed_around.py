"""A hook whose server is killed around it: what a client is given to run in place of `segue hook`.

`killed_around.py ROUND RECORD EVENT` runs the hook in one of four ways, so that in four rounds each event has had each:
the server of `SEGUE_DATA_DIR` is killed before it, or while it waits for an answer (one that waits for none ends beside
a server that is stopped), or is stopped for as long as it takes, or killed after it, which is what the next one finds.
Stdin and stdout pass through, and what the hook did is appended to RECORD, a line of JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
if not __package__:
    sys.path.insert(0, str(ROOT))

from services.cli import local_server  # noqa: E402  # the client knows no package
from services.cli.hooks.state_files import HOOK_LOG, HOOKS_DIRECTORY  # noqa: E402

COMMAND = ("sh", str(ROOT / "clients" / "claude-code" / "bin" / "segue"), "hook")
EVENTS = ("SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop", "SessionEnd")
BY_HAND = ("PermissionRequest", "PostToolUseFailure", "SubagentStart", "PreCompact", "PostCompact")
"""What does not come in a conversation without a terminal."""
TIMES = ("before", "during", "hung", "after")
START_TIMEOUT_S = 60.0
PATIENT = {"SEGUE_HOOK_WITHIN_MS": "30000"}
"""A server that lives answers, however busy the machine is; for one that does not, the hook's own limit holds."""


def main(shift: int, record: Path, event: str) -> int:
    told = sys.stdin.buffer.read()
    position = (*EVENTS, *BY_HAND).index(event)
    when, following = (TIMES[(position + shift + ahead) % len(TIMES)] for ahead in (0, 1))
    data = local_server.default_data_dir()
    did, said = _run(event, when, data, told)
    with record.open("a") as lines:
        lines.write(json.dumps({"event": event, "when": when, **did}) + "\n")
    sys.stdout.buffer.write(said)
    if following != "before" and event in EVENTS[:-1]:
        local_server.ensure_server(data, START_TIMEOUT_S)
    return 0


def _run(event: str, when: str, data: Path, told: bytes) -> tuple[dict[str, object], bytes]:
    server = local_server.serving_pid(data) if when == "before" else _living(data)
    if server and when != "after":
        _send(server, signal.SIGKILL if when == "before" else signal.SIGSTOP)
    shutil.rmtree(data / HOOKS_DIRECTORY / "beat", ignore_errors=True)  # a tool's use has something to tell again
    before, began = _lines(data, event), time.monotonic()
    environment = os.environ | (PATIENT if when == "after" else {})
    with subprocess.Popen([*COMMAND, event], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as hook:
        assert hook.stdin
        assert hook.stdout
        hook.stdin.write(told)
        hook.stdin.close()
        if server and when == "during":
            _await(lambda: hook.poll() is not None or _is_connected(hook.pid))
            _send(server, signal.SIGKILL if hook.poll() is None else signal.SIGCONT)
        said = hook.stdout.read()
        status = hook.wait()
    delay_ms = round((time.monotonic() - began) * 1e3)
    if server and when == "after":
        _send(server, signal.SIGKILL)
    elif server and when == "hung":
        _send(server, signal.SIGCONT)
    log = _lines(data, event)[len(before) :]
    return {"status": status, "said": len(said), "delay_ms": delay_ms, "log": log}, said


def _living(data: Path) -> int:
    return local_server.ensure_server(data, START_TIMEOUT_S).pid


def _send(server: int, what: signal.Signals) -> None:
    """Sends the signal to the process, and waits until it has taken effect."""
    os.kill(server, what)
    _await(lambda: (_state(server) in "TZX") != (what is signal.SIGCONT))


def _state(process: int) -> str:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def _is_connected(process: int) -> bool:
    """Whether the process has a connection of TCP."""
    established = {line.split()[9] for line in Path("/proc/net/tcp").read_text().splitlines() if " 01 " in line}
    try:
        opened = [str(path.readlink()) for path in Path(f"/proc/{process}/fd").iterdir()]
    except OSError:
        return False
    return any(f"socket:[{each}]" in opened for each in established)


def _await(happened: Callable[[], bool]) -> None:
    while not happened():
        time.sleep(0.002)


def _lines(data: Path, event: str) -> list[str]:
    """What the hook log says of the event."""
    path = data / HOOK_LOG
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.partition(" ")[2] for line in lines if line.partition(" ")[2].startswith(f"{event}:")]


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
