"""A run of the real Crackerjack on a small untidy project, by the code that runs it for users: `… PROGRAM DIRECTORY`.

Prints JSON. The standard library and `services` are all it needs, so that it can be run under another Python, too.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from services.quality.collectors.scan import look
from services.quality.tool_runs.runs import Runs

UNTIDY = '"""Shop."""\nimport os\ndef total():\n  return 0\n'
PROJECT = '[project]\nname = "shop"\nversion = "0.1.0"\nrequires-python = ">=3.13"\n'


async def trial(program: Path, directory: Path) -> dict[str, Any]:
    """What became of it, and whether the project stayed as it was."""
    shop = directory / "shop"
    (shop / "shop").mkdir(parents=True)
    (shop / "pyproject.toml").write_text(PROJECT)
    (shop / "shop/__init__.py").write_text(UNTIDY)
    (shop / ".venv/bin").mkdir(parents=True)
    (shop / ".venv/bin/crackerjack").symlink_to(program)
    before = sorted(shop.rglob("*"))
    async with Runs(240.0) as runs:
        ran = await runs.run(look(shop, [directory]), lambda *_: None)
    run = next(each for each in ran.runs if each.tool == "crackerjack")
    lint = next((each for each in ran.evidence if each.name == "lint"), None)
    untouched = sorted(shop.rglob("*")) == before and (shop / "shop/__init__.py").read_text() == UNTIDY
    return {"detail": run.detail, "lint": [lint.source, lint.value] if lint else None, "untouched": untouched}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(trial(Path(sys.argv[1]), Path(sys.argv[2])))))
