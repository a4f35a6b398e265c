"""On a system without what POSIX brings, Windows itself, commands say where Segue runs, and hooks say nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.cli.clients import claude_code
from tests.hooked import HOOK
from tests.integration.windows.fake_windows import COMMAND, SCRIPT, WINDOWS

ROOT = Path(__file__).parents[3]
LIGHT = (
    "hook",
    "transfer.import_",
    "transfer.export",
    *(f"commands.{name}" for name in ("connect", "doctor", "install", "status", "stop", "serve")),
)


def run(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WINDOWS + script, *arguments]
    known = {name: value for name, value in os.environ.items() if not name.startswith("SEGUE_")}
    return subprocess.run(
        command, cwd=ROOT, env={**known, **environment}, input="{}", capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("module", LIGHT)
def test_light_commands_are_imported(module: str) -> None:
    done = run(f"import services.cli.{module}")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "command", ["serve", "connect", "status", "stop", "import nothing.jsonl", "export -", "install claude-code --yes"]
)
def test_every_command_says_in_a_line_where_segue_runs(tmp_path: Path, command: str) -> None:
    done = run(COMMAND, *command.split(), SEGUE_DATA_DIR=str(tmp_path / "data"))
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert "WSL 2" in done.stderr
    assert not (tmp_path / "data").exists()


def test_doctor_names_the_way_out(tmp_path: Path) -> None:
    done = run(COMMAND, "doctor", "--json", SEGUE_DATA_DIR=str(tmp_path))
    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert [each["mend"] for each in told["findings"] if each["status"] == "broken"] == ["wsl --install"]


@pytest.mark.parametrize("event", ["SessionStart", "Stop", "PreToolUse", "NoSuchEvent"])
def test_hooks_say_nothing(tmp_path: Path, event: str) -> None:
    done = run(SCRIPT, HOOK[-1], event, SEGUE_DATA_DIR=str(tmp_path / "data"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "program", ["segue", "/opt/segue", r"C:\Users\Ada\segue\.venv\Scripts\segue.exe", "C:/segue/segue.exe"]
)
def test_an_entry_of_ours_is_known_by_its_program(program: str) -> None:
    text = claude_code.with_server("", program, {})
    assert claude_code.has_server(text)
    assert claude_code.with_server(text, "/elsewhere/segue", {})  # and may be changed
    quoted = json.dumps(f'"{program}" hook Stop')
    hooks = f'{{"hooks": {{"Stop": [{{"hooks": [{{"type": "command", "command": {quoted}}}]}}]}}}}'
    assert claude_code.has_hooks(hooks)


@pytest.mark.parametrize("program", ["/opt/segued", r"C:\segue.exe\other.exe", "segue.execute", "/opt/nosegue"])
def test_another_s_entry_is_not_ours(program: str) -> None:
    text = json.dumps({"mcpServers": {"segue": {"command": program, "args": ["connect"]}}})
    with pytest.raises(claude_code.Taken):
        claude_code.with_server(text, "segue", {})


@pytest.mark.parametrize(("encoding", "arrow"), [("cp1252", b"->"), ("ascii", b"->"), ("utf-8", "→".encode())])
def test_a_console_without_arrows_is_shown_others(tmp_path: Path, encoding: str, arrow: bytes) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEGUE_")}
    environment |= {"HOME": str(tmp_path), "PYTHONIOENCODING": encoding, "SEGUE_URL": "http://127.0.0.1:9/mcp"}
    command = [sys.executable, "-m", "services.cli", "doctor"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False, timeout=60)
    assert done.stderr == b""
    assert arrow + b" segue install" in done.stdout


def test_a_checkout_with_line_ends_of_windows_runs(tmp_path: Path) -> None:
    """Git for Windows asks for them by default, and a shell takes them for a part of each command."""
    source, copy = tmp_path / "source", tmp_path / "copy"

    def git(*arguments: str) -> None:
        settings = ["-c", "core.autocrlf=true", "-c", "user.name=A", "-c", "user.email=a@b.example"]
        subprocess.run(["git", *settings, *arguments], check=True, capture_output=True)

    (source / "clients").mkdir(parents=True)
    program = Path("clients", "segue")
    (source / ".gitattributes").write_bytes((ROOT / ".gitattributes").read_bytes())
    (source / program).write_bytes((ROOT / "clients" / "claude-code" / "bin" / "segue").read_bytes())
    (source / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n plain\n")
    git("init", "--quiet", str(source))
    git("-C", str(source), "add", ".")
    git("-C", str(source), "commit", "--quiet", "--message", "all")
    git("clone", "--quiet", str(source), str(copy))
    for path in (program, Path("picture.png")):
        assert (copy / path).read_bytes() == (source / path).read_bytes()
    assert b"\r" not in (copy / program).read_bytes()
