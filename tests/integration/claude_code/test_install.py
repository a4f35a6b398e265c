"""`segue install` with the real client: it reads what was written, connects, and runs the hooks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.claude_code.test_conversation import CLIENT, pytestmark
from tests.integration.stack import ROOT, ProcessStack

__all__ = ["pytestmark"]


@pytest.mark.slow
def test_the_client_connects_and_runs_the_hooks_after_install_and_neither_after_uninstall(tmp_path: Path) -> None:
    home, project = tmp_path / "home", tmp_path / "shop"
    home.mkdir()
    project.mkdir()
    with ProcessStack(tmp_path / "data") as stack:
        environment = {**os.environ, **stack.environment, "HOME": str(home), "IS_SANDBOX": "1"}
        segue = [sys.executable, "-m", "services.cli"]
        subprocess.run(
            [*segue, "install", "claude-code", "--yes"],
            env=environment | {"PYTHONPATH": str(ROOT)},
            cwd=project,
            check=True,
            capture_output=True,
        )
        assert "Connected" in listed(home, project)
        converse(home, project)
        assert (stack.data_dir / "hooks" / "seen" / "SessionStart").exists()
        subprocess.run(
            [*segue, "uninstall", "claude-code", "--yes"],
            env=environment | {"PYTHONPATH": str(ROOT)},
            cwd=project,
            check=True,
            capture_output=True,
        )
        assert "segue:" not in listed(home, project)
        (stack.data_dir / "hooks" / "seen" / "SessionStart").unlink()
        converse(home, project)
        assert not (stack.data_dir / "hooks" / "seen" / "SessionStart").exists()


def listed(home: Path, project: Path) -> str:
    claude = subprocess.run([str(CLIENT / "install")], capture_output=True, text=True, check=True).stdout.strip()
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "IS_SANDBOX": "1"}
    done = subprocess.run(
        [claude, "mcp", "list"], cwd=project, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def converse(home: Path, project: Path) -> None:
    script = home / "script.json"
    script.write_text(json.dumps([{"text": "Hello."}]))
    command = [CLIENT / "run", "--project", project, "--home", home, "--script", script]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
