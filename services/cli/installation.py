"""Segue's installation on this machine: the hooks' command, and the file by which the plugin finds it.

The plugin's copy in the client's own folder does not know the virtual environment or the checkout.
"""

from __future__ import annotations

import sys
from pathlib import Path

from services.cli.local_server import default_data_dir
from services.kit.systems import CAN_SERVE

NOTE = "program"
ROOT = Path(__file__).resolve().parents[2]
HOOK = ROOT / "services" / "cli" / "hook.py"


def hook_program() -> tuple[str, ...]:
    """What runs before an event's name: `segue hook` without the startup costs of Python and a command line."""
    if not CAN_SERVE:  # Windows: so that any of its shells takes it
        return (Path(sys.executable).as_posix(), "-I", "-S", HOOK.as_posix())
    return (sys.executable, "-I", "-S", str(HOOK))


def note(data_dir: Path) -> None:
    """Writes the paths of Python and of the package's directory, for `clients/claude-code/bin/segue`."""
    content, path = f"{sys.executable}\n{ROOT}\n", data_dir / NOTE
    if path.exists() and path.read_text(encoding="utf-8", errors="replace") == content:
        return
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{NOTE}")
    draft.touch(mode=0o600)
    draft.write_text(content, encoding="utf-8")
    draft.replace(path)


if __name__ == "__main__":
    note(default_data_dir())
