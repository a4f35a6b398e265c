"""The tutorial, as it is written: its lines are typed into a shell, one after the other."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TUTORIAL = (ROOT / "docs/tutorial.md").read_text()
_not_here = ("make setup", "segue install claude-code", "segue uninstall claude-code")
"""What the tests' own environment has, and what asks a person."""


def lines() -> str:
    blocks = re.findall(r"^```\n(.*?)^```", TUTORIAL, re.MULTILINE | re.DOTALL)
    return "\n".join(line for block in blocks for line in block.splitlines() if line not in _not_here)


@pytest.mark.slow
def test_what_the_tutorial_says_happens(tmp_path: Path, model_directory: Path) -> None:
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    script = lines().replace("$(mktemp -d)", str(tmp_path / "data")).replace("serve --background", "serve --port 0")
    (tmp_path / "data/memory").mkdir(mode=0o700, parents=True)
    (tmp_path / "data/memory/model").symlink_to(model_directory)
    environment = {**os.environ, "HOME": str(tmp_path), "SEGUE_URL": ""}
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "We use Postgres, not MySQL" in said
    assert not (tmp_path / "data").exists()
