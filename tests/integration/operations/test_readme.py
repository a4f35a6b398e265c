"""From a Debian with nothing but Python to a remembered fact, by the lines of the README alone."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.claude_transcripts import Transcript, said
from tests.documents.code_blocks import ROOT, blocks
from tests.integration.faults import docker

pytestmark = pytest.mark.containers

IMAGE = "python:3.13-slim-trixie"
NOT_HERE = {
    "claude ": "the client is not in the container; tests/integration/claude_code types this where there is one",
    "docker ": "there is no Docker in the container; tests/integration/compose types this",
    "SEGUE_URL=": "asks the containers of the line before",
}
"""What begins so is not typed, and why."""
FACT = "The retry policy of the checkout is three attempts, a second apart."
_setup_max_s = 900
"""It installs packages from a registry, on a machine that may be busy."""


def typed_lines() -> list[str]:
    """The lines of the README's blocks, but for those that cannot be typed in the container."""
    shell = [each for each in blocks((ROOT / "README.md").read_text(), "README.md") if not each.reason]
    return [line for block in shell for line in block.text.splitlines() if not line.startswith(tuple(NOT_HERE))]


@pytest.fixture
def container(tmp_path: Path) -> Iterator[str]:
    """A bare one with a clone of this checkout, and with what the client wrote of one conversation."""
    name = f"segue-test-{secrets.token_hex(3)}"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, tmp_path / "segue"], check=True)
    transcript = Transcript(cwd="/root/shop").user("How often do we try again?", permissionMode="default")
    transcript.assistant(said(FACT)).save(tmp_path / "projects/-root-shop/1.jsonl")
    docker("run", "--detach", "--init", "--name", name, IMAGE, "sleep", str(2 * _setup_max_s))
    try:
        docker("exec", name, "mkdir", "/root/.claude")
        docker("cp", str(tmp_path / "segue"), f"{name}:/segue")
        docker("cp", str(tmp_path / "projects"), f"{name}:/root/.claude/projects")
        docker("exec", name, "chown", "--recursive", "root:root", "/segue", "/root/.claude")
        yield name
    finally:
        docker("rm", "--force", name)


def type_in(container: str, line: str) -> str:
    """What the line prints in a shell of the container; it must succeed."""
    command = ["docker", "exec", "--workdir", "/segue", container, "bash", "-c", line]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_setup_max_s)
    assert done.returncode == 0, f"{line}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout + done.stderr


def test_a_newcomer_is_told_what_was_said_before(container: str) -> None:
    printed = {line.partition("#")[0].strip(): type_in(container, line) for line in typed_lines()}
    assert "probe: stored, found" in printed[".venv/bin/segue doctor"]
    assert "(hybrid)" in printed[".venv/bin/segue doctor"]
    assert FACT in printed['.venv/bin/segue explain "retry policy"']
    assert "/page/enter?code=" in printed[".venv/bin/segue dashboard"]


def test_each_line_that_is_not_typed_is_one_of_the_readme() -> None:
    text = (ROOT / "README.md").read_text()
    assert all(f"\n{beginning}" in text for beginning in NOT_HERE)
    assert {".venv/bin/segue doctor", ".venv/bin/segue import ~/.claude/projects"} <= set(typed_lines())
