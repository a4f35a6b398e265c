"""Checks whether Claude Code can load Segue's plugin: from where it was installed, and with what it was installed."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from services import __version__
from services.cli.checkup.finding import BROKEN, DEGRADED, Finding
from services.cli.clients.claude_code import PLUGIN

MARKETPLACE = PLUGIN.partition("@")[2]
ROOT = Path(__file__).resolve().parents[3]
FILE_MAX_BYTES = 1 << 20


def plugin_finding(config_dir: Path) -> Finding | None:
    """What keeps the plugin from loading; None where nothing does."""
    known = _entry(config_dir / "plugins" / "known_marketplaces.json", MARKETPLACE)
    source = known.get("source")
    source = source if isinstance(source, dict) else {}
    path = source.get("path") if source.get("source") in {"directory", "file"} else None
    if isinstance(path, str) and not Path(path).exists():
        return Finding("hooks", BROKEN, f"the plugin's checkout was moved: {path} is not there", _again())
    installed = _entry(config_dir / "plugins" / "installed_plugins.json", "plugins").get(PLUGIN)
    places = [each for each in installed if isinstance(each, dict)] if isinstance(installed, list) else []
    if known and not places:
        return Finding("hooks", BROKEN, "the plugin is enabled, but not installed", f"claude plugin install {PLUGIN}")
    for each in places:
        copied = each.get("installPath")
        if isinstance(copied, str) and not (Path(copied) / ".claude-plugin" / "plugin.json").is_file():
            return Finding("hooks", BROKEN, f"the plugin does not load: {copied} is not whole", _again())
        if each.get("version") not in {None, __version__}:
            detail = f"the plugin is of version {each['version']}, and Segue {__version__}"
            return Finding("hooks", DEGRADED, detail, f"claude plugin update {PLUGIN}")
    return None


def _again() -> str:
    """Installs the plugin from this checkout."""
    return (
        f"claude plugin marketplace remove {MARKETPLACE}; claude plugin marketplace add {shlex.quote(str(ROOT))} "
        f"&& claude plugin install {PLUGIN}"
    )


def _entry(file: Path, name: str) -> dict[str, Any]:
    """An object in a file of the client's; empty where there is none."""
    try:
        if file.stat().st_size > FILE_MAX_BYTES:
            return {}
        value = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}
