"""Two Windowses, each of which lacks what the other has: a faked one, and Wine with a real Python for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Protocol

from tests.integration.windows.fake_windows import COMMAND, SCRIPT, WINDOWS
from tests.integration.windows.wine import ENVIRONMENT, PYTHON, wine
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[3]
HOOKS = ROOT / "services" / "cli" / "hooks"


class Windows(Protocol):
    """Runs Segue's programs with a home at `home`, which has the client's files in `.claude`."""

    home: Path

    def command(self, *arguments: str) -> list[str]:
        """The command line, `segue`."""
        ...

    def script(self, path: Path, *arguments: str) -> list[str]:
        """A program by itself, as hooks run."""
        ...

    def environment(self) -> dict[str, str]:
        """What they need."""
        ...

    def path(self, path: Path) -> str:
        """What it calls that file."""
        ...


class FakeWindows:
    """This Python, without what Windows has not."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-c", WINDOWS + COMMAND, *arguments]

    def script(self, path: Path, *arguments: str) -> list[str]:
        return [sys.executable, "-c", WINDOWS + SCRIPT, str(path), *arguments]

    def environment(self) -> dict[str, str]:
        return {"HOME": str(self.home)}

    def path(self, path: Path) -> str:
        return str(path)


class Wine:
    """A real Python for Windows, in a process of Wine's."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def command(self, *arguments: str) -> list[str]:
        return [wine(), str(PYTHON), "-m", "services.cli", *arguments]

    def script(self, path: Path, *arguments: str) -> list[str]:
        return [wine(), str(PYTHON), "-I", "-S", self.path(path), *arguments]

    def environment(self) -> dict[str, str]:
        return ENVIRONMENT | {"PYTHONPATH": self.path(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}

    def path(self, path: Path) -> str:
        return f"Z:{path}".replace("/", "\\")


def environment(windows: Windows, **settings: str) -> dict[str, str]:
    """Of a process there: none of this process's own settings, and a home of its own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SEGUE_", "CLAUDE_"))}
    claude = windows.home / ".claude"
    places = {"SEGUE_DATA_DIR": windows.path(claude / "segue"), "CLAUDE_CONFIG_DIR": windows.path(claude)}
    return inherited | windows.environment() | places | {"SEGUE_HOOK_WITHIN_MS": "60000"} | settings


def run(
    windows: Windows, command: list[str], stdin: bytes = b"\n", **settings: str
) -> subprocess.CompletedProcess[bytes]:
    """Runs it to its end. Wine's programs want pipes."""
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment(windows, **settings),
        input=stdin,
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
