"""The person at the machine, who decides what may be done without asking."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen


def decide(url: str, action: str, **fields: Any) -> dict[str, Any]:
    """Through the endpoint that the command line uses; what it answers, also where it refuses."""
    body = json.dumps({"action": action, **fields}).encode()
    request = Request(f"{url.removesuffix('/mcp')}/v1/permissions", body, {"Content-Type": "application/json"})
    try:
        with urlopen(request) as response:
            answer: dict[str, Any] = json.load(response)
    except HTTPError as refusal:
        answer = json.load(refusal)
    return answer


_IN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(int(sys.argv[1]), termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


def segue(
    *arguments: str, environment: Mapping[str, str], cwd: Path, terminal: bool = True, agrees: bool = True
) -> subprocess.CompletedProcess[str]:
    """`segue` in a terminal of a person, who types the number that is asked for or something else; or in none."""
    where = {**environment, "PYTHONPATH": str(Path(__file__).parents[2])}
    ours, theirs = pty.openpty()
    command = ["-m", "services.cli", *arguments]
    if terminal:
        command = ["-c", _IN_TERMINAL, str(theirs), *command]
    process = subprocess.Popen(
        [sys.executable, *command],
        env=where,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        pass_fds=[theirs],
    )
    typist = Thread(target=_type_number, args=(ours, agrees), daemon=True)
    typist.start()
    try:
        stdout, stderr = process.communicate(timeout=120)
    finally:
        process.kill()
        os.close(theirs)  # and so the typist reads to the end
        typist.join()
        os.close(ours)
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


def _type_number(terminal: int, agrees: bool) -> None:
    seen = ""
    with suppress(OSError):
        while data := os.read(terminal, 1024):
            seen += data.decode("utf-8", "replace")
            if asked := re.search(r"Type (\d+) to do so: ", seen):
                os.write(terminal, f"{asked[1] if agrees else 'y'}\n".encode())
                seen = ""
