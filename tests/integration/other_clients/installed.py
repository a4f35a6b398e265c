"""Real clients from npm, at the versions that Segue was tried with; installed once on this machine."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

VERSIONS = {"@openai/codex": "0.171.0", "@google/gemini-cli": "0.61.0"}

needs_npm = [pytest.mark.client, pytest.mark.skipif(not shutil.which("npm"), reason="needs npm")]


def program(package: str, name: str) -> Path:
    """The path of a package's program. Whoever comes second waits, for an installation has no lock."""
    cached = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "segue" / "npm"
    place = cached / f"{package.replace('/', '+')}@{VERSIONS[package]}"
    found = place / "node_modules" / ".bin" / name
    with (Path(tempfile.gettempdir()) / f"segue-npm-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not found.exists():
            place.mkdir(parents=True, exist_ok=True)
            (place / "package.json").write_text('{"private": true}')
            command = ["npm", "install", "--silent", "--no-fund", "--no-audit", f"{package}@{VERSIONS[package]}"]
            subprocess.run(command, cwd=place, capture_output=True, timeout=600, check=True)
    return found
