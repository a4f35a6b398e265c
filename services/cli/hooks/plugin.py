"""Writes the plugin's `hooks/hooks.json` from the table: `python -m services.cli.hooks.plugin`."""

from __future__ import annotations

import json
from pathlib import Path

from services.cli.hooks.hook_table import HOOKS, settings

FILE = Path(__file__).resolve().parents[3] / "clients" / "claude-code" / "hooks" / "hooks.json"
PROGRAM = ("${CLAUDE_PLUGIN_ROOT}/bin/segue", "hook")


def content() -> str:
    """What the file says."""
    described = {"description": f"Segue's {len(HOOKS)} hooks; each says nothing and gets out of the way in trouble"}
    return json.dumps({**described, "hooks": settings(PROGRAM)}, indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(content(), encoding="utf-8")
