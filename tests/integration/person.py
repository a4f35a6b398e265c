"""The person at the machine, who decides what may be done without asking."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
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


def segue(
    *arguments: str, environment: Mapping[str, str], cwd: Path, terminal: bool = True, types: str = ""
) -> subprocess.CompletedProcess[str]:
    """`segue` in a terminal in which this is typed, or without one as a program runs it."""
    command = [sys.executable, "-m", "services.cli", *arguments]
    where = {**environment, "PYTHONPATH": str(Path(__file__).parents[2])}
    ours, theirs = pty.openpty()
    try:
        os.write(ours, types.encode())
        stdin = theirs if terminal else subprocess.DEVNULL
        return subprocess.run(
            command, env=where, cwd=cwd, stdin=stdin, capture_output=True, text=True, timeout=120, check=False
        )
    finally:
        os.close(ours)
        os.close(theirs)
