"""Programs that the profiles of other systems need, from Debian: installed where this user may, and else named.

Whatever fails or does not end says so in a line and ends this process.
"""

from __future__ import annotations

import os
import subprocess
import sys

LIMIT_S = 300.0
"""For each command: long for a slow network, and an end where nothing answers."""
PATIENCE = (
    *("-o", "DPkg::Lock::Timeout=60", "-o", "Acquire::Retries=3"),
    *("-o", "Acquire::http::Timeout=30", "-o", "Acquire::https::Timeout=30"),
)
"""How long apt waits for another apt, and for a mirror."""


def install(*packages: str) -> None:
    """Installs Debian's packages. Only root may, and only where there is apt."""
    if os.geteuid():
        sys.exit(f"What is missing is in Debian's packages: apt install {' '.join(packages)}")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", *PATIENCE, "--quiet", "update"], environment)
    run(["apt-get", *PATIENCE, "--quiet", "install", "--yes", "--no-install-recommends", *packages], environment)


def run(command: list[str], environment: dict[str, str] | None = None) -> str:
    """What the command prints."""
    try:
        done = subprocess.run(
            command, env=environment, input="", capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except FileNotFoundError:
        sys.exit(f"{command[0]} is not on this machine, and is needed")
    except subprocess.TimeoutExpired:
        sys.exit(f"{' '.join(command)} did not end in {LIMIT_S:.0f} s")
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return done.stdout
