"""What cannot be served or used is said in a line, with its name and the way out, and without values that may be
secrets."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

SEGUE = (sys.executable, "-m", "services.cli")


def run(home: Path, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "SEGUE_DATA_DIR": str(home / "data"), **settings}
    return subprocess.run([*SEGUE, *command], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "settings", "said"),
    [
        (("--port", "99999"), {}, "SEGUE_GATEWAY_PORT: Input should be less than or equal to 65535"),
        (("--port", "-1"), {}, "SEGUE_GATEWAY_PORT: Input should be greater than or equal to 0"),
        ((), {"SEGUE_GATEWAY_TIME_ZONE": "Mars/Olympus"}, "SEGUE_GATEWAY_TIME_ZONE: there is no time zone"),
        ((), {"SEGUE_MEMORY_RETENTION_DAYS": "hunter2"}, "SEGUE_MEMORY_RETENTION_DAYS: Input should be"),
        ((), {"SEGUE_SESSION_LEARN_AFTER": "hunter2"}, "SEGUE_SESSION_LEARN_AFTER: Input should be"),
        ((), {"SEGUE_QUALITY_RECOMMENDATIONS": "hunter2"}, "SEGUE_QUALITY_RECOMMENDATIONS: "),
    ],
)
def test_a_setting_that_cannot_be_is_named(
    arguments: tuple[str, ...], settings: dict[str, str], said: str, tmp_path: Path
) -> None:
    done = run(tmp_path, "serve", "--port", "0", *arguments, **settings)
    assert done.returncode == 1
    assert done.stderr.startswith(f"segue: {said}")
    assert done.stderr.count("\n") == 1
    assert "hunter2" not in done.stderr
    assert "pydantic" not in done.stderr


@pytest.mark.parametrize("command", ["explain x", "removals", "export -", "undelete --last", "import said.jsonl"])
def test_a_data_directory_that_cannot_be_one_is_named_with_the_way_out(command: str, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    (tmp_path / "said.jsonl").write_text('{"content": "We chose gRPC."}\n')
    words = [str(tmp_path / each) if each.endswith(".jsonl") else each for each in command.split()]
    done = run(tmp_path, *words)
    assert done.returncode == 1
    reason = f"the data directory {tmp_path / 'data'} cannot be used: {os.strerror(errno.EEXIST)}"
    assert f"{reason}; set SEGUE_DATA_DIR to another" in done.stderr
    status = run(tmp_path, "status")
    assert (status.returncode, status.stderr) == (0, "")
    assert "none runs" in status.stdout


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["--help", "status", "doctor", "install claude-code --print"])
def test_nobody_is_told_that_they_read_no_further(command: str, unbuffered: str, tmp_path: Path) -> None:
    piped = f'"{sys.executable}" -m services.cli {command} | true'
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SEGUE_URL": "http://127.0.0.1:1/mcp"}
    environment["PYTHONUNBUFFERED"] = unbuffered
    done = subprocess.run(piped, shell=True, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
