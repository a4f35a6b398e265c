"""Whether there are packages of what Segue is built on for this system; one line and exit status 1 where not.

`make setup` asks before it installs anything. Run by itself, by the Python that is to run Segue.
"""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
from typing import NamedTuple

DOCKER = "Docker runs it here: see deploy/README.md"
MACOS_MIN, GLIBC_MIN = (14, 0), (2, 28)
MACHINES = frozenset({"x86_64", "amd64", "aarch64", "arm64"})


class System(NamedTuple):
    """`kind` is sys.platform's; `release` is that of macOS or of the GNU C library, empty for another library."""

    kind: str
    machine: str
    bits: int
    release: tuple[int, ...]


def obstacle(system: System) -> str:
    """Why Segue cannot be installed there, and the way out; empty where it can."""
    kind, machine, bits, release = system
    if kind in {"win32", "cygwin", "msys"}:
        return f"Segue does not run on Windows itself. WSL 2 does: run `make setup` in it. Or {DOCKER}"
    if kind not in {"darwin", "linux"}:
        return f"Segue runs on Linux and macOS, and this is {kind}. {DOCKER}"
    if machine.lower() not in MACHINES or bits != 64:
        return f"There are no packages for {bits}-bit Python on {machine}: x86-64 and 64-bit ARM are needed"
    return _obstacle_on_macos(machine, release) if kind == "darwin" else _obstacle_on_linux(release)


def _obstacle_on_linux(release: tuple[int, ...]) -> str:
    if not release:
        return f"There are no packages for musl, as on Alpine: Segue needs the GNU C library. {DOCKER}"
    if release < GLIBC_MIN:
        return f"The GNU C library is {_dotted(release)}, and the packages need {_dotted(GLIBC_MIN)}. {DOCKER}"
    return ""


def _obstacle_on_macos(machine: str, release: tuple[int, ...]) -> str:
    if machine != "arm64":
        return (
            "There are no packages for a Python of Intel Macs. With Apple silicon, name a native Python: "
            f"make PYTHON=/opt/homebrew/bin/python3 setup. On an Intel Mac, {DOCKER}"
        )
    if release < MACOS_MIN:
        return f"macOS is {_dotted(release)}, and the packages need {MACOS_MIN[0]}. {DOCKER}"
    return ""


def this_system() -> System:
    """The one that this Python runs on."""
    release = platform.mac_ver()[0] if sys.platform == "darwin" else _glibc()
    numbers = tuple(int(each) for each in release.split(".")[:2] if each.isdecimal())
    return System(sys.platform, platform.machine(), 64 if sys.maxsize > 2**32 else 32, numbers)


def _glibc() -> str:
    if "musl" in str(sysconfig.get_config_var("SOABI")):
        return ""
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")[2]
    except (AttributeError, ValueError, OSError):
        return ""


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers)) or "unknown"


if __name__ == "__main__":
    if found := obstacle(this_system()):
        sys.exit(f"{found}.")
