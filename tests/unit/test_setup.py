"""`make setup`: what fails leaves no mark that it succeeded; which systems have packages, and what others are told."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.system_check import System, obstacle, this_system

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "deploy" / "requirements" / "laptop.txt"

PYTHON = """#!/bin/sh
echo "$*" >>"{log}"
case "$*" in
  *pip*{fails}*) exit 1 ;;
  *system_check*) [ -z "{obstacle}" ] || {{ echo "{obstacle}" >&2; exit 1; }} ;;
  "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
esac
"""


class Checkout:
    """The Makefile and the locks, with a Python that does as it is told."""

    def __init__(self, at: Path, fails: str = "nothing", obstacle: str = "") -> None:
        self.at = at
        shutil.copy(ROOT / "Makefile", at)
        shutil.copytree(ROOT / "deploy" / "requirements", at / "deploy" / "requirements")
        self.python = at / "python"
        self.log = at / "log"
        self.python.write_text(PYTHON.format(log=self.log, fails=fails, obstacle=obstacle))
        self.python.chmod(0o755)

    def setup(self, *flags: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"]}
        command = ["make", "--no-print-directory", *flags, f"PYTHON={self.python}", "setup"]
        return subprocess.run(command, cwd=self.at, env=environment, capture_output=True, text=True, check=False)

    @property
    def is_marked(self) -> bool:
        return (self.at / ".venv" / "locked-laptop.txt").exists()


AS_OLD_MAKE = ".SHELLFLAGS=-c"
"""Make 3.81 does not know .SHELLFLAGS and calls the shell so."""
every_make = pytest.mark.parametrize("flags", [(), (AS_OLD_MAKE,)], ids=["make", "make 3.81"])


@every_make
@pytest.mark.parametrize("fails", ["require-hashes", "editable"])
def test_a_failed_install_is_no_install(tmp_path: Path, flags: tuple[str, ...], fails: str) -> None:
    checkout = Checkout(tmp_path, fails)
    for _ in range(2):
        assert checkout.setup(*flags).returncode != 0
        assert not checkout.is_marked


@every_make
def test_what_is_installed_is_not_installed_again(tmp_path: Path, flags: tuple[str, ...]) -> None:
    checkout = Checkout(tmp_path)
    for _ in range(2):
        assert checkout.setup(*flags).returncode == 0
        assert checkout.is_marked
    installs = [line for line in checkout.log.read_text().splitlines() if "pip install" in line]
    assert len(installs) == 2
    assert "--only-binary=:all:" in installs[0]
    assert "--only-binary" not in installs[1]  # our own package is built


@every_make
def test_where_there_are_no_packages_nothing_is_installed(tmp_path: Path, flags: tuple[str, ...]) -> None:
    checkout = Checkout(tmp_path, obstacle="no packages here")
    done = checkout.setup(*flags)
    assert done.returncode != 0
    assert "no packages here" in done.stderr
    assert "pip" not in checkout.log.read_text()
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize(
    "system",
    [
        System("darwin", "arm64", 64, (14, 0)),
        System("darwin", "arm64", 64, (26, 1)),
        System("linux", "x86_64", 64, (2, 28)),
        System("linux", "aarch64", 64, (2, 41)),
    ],
)
def test_these_systems_have_all_packages(system: System) -> None:
    assert obstacle(system) == ""


@pytest.mark.parametrize(
    ("system", "said"),
    [
        (System("darwin", "x86_64", 64, (15, 2)), "Intel"),
        (System("darwin", "arm64", 64, (13, 6)), "macOS is 13.6"),
        (System("linux", "x86_64", 64, ()), "Alpine"),
        (System("linux", "aarch64", 64, ()), "Alpine"),
        (System("linux", "x86_64", 64, (2, 17)), "2.17"),
        (System("linux", "armv7l", 32, (2, 36)), "32-bit"),
        (System("linux", "x86_64", 32, (2, 36)), "32-bit"),
        (System("linux", "riscv64", 64, (2, 39)), "riscv64"),
        (System("win32", "AMD64", 64, ()), "WSL 2"),
        (System("cygwin", "x86_64", 64, ()), "WSL 2"),
        (System("freebsd14", "amd64", 64, ()), "freebsd14"),
    ],
)
def test_these_have_not_and_are_told_what_to_do(system: System, said: str) -> None:
    assert said in obstacle(system)
    assert "Docker" in obstacle(system) or "needed" in obstacle(system)


def test_this_system_is_known() -> None:
    assert obstacle(this_system()) == ""
    script = ROOT / "deploy" / "system_check.py"
    assert subprocess.run([sys.executable, "-I", "-S", script], check=True, capture_output=True).stderr == b""


UNREACHABLE = ("Failed to fetch", "dns error", "Could not connect", "error sending request", "not found in the cache")


@pytest.mark.slow
@pytest.mark.parametrize(
    "platform",
    ["aarch64-apple-darwin", "aarch64-manylinux_2_28", "x86_64-manylinux_2_28", "x86_64-pc-windows-msvc"],
)
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_every_locked_package_has_a_wheel(tmp_path: Path, platform: str, version: str) -> None:
    uv = Path(sys.executable).with_name("uv")
    options = ["--dry-run", "--only-binary", ":all:", "--require-hashes", "--no-deps", "--python-version", version]
    done = subprocess.run(
        [uv, "pip", "install", *options, "--python-platform", platform, "--target", tmp_path / "none", "-r", LOCK],
        env={**os.environ, "MACOSX_DEPLOYMENT_TARGET": "14.0", "UV_HTTP_TIMEOUT": "10", "UV_HTTP_RETRIES": "0"},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    if any(each in done.stderr for each in UNREACHABLE):
        pytest.skip("no package registry answers")
    assert done.returncode == 0, done.stderr


IMPORTED = """
import importlib, json, sys
importlib.import_module("services.{service}.app")
from importlib.metadata import packages_distributions
of = packages_distributions()
print(json.dumps(sorted({{name for module in list(sys.modules) for name in of.get(module, ())}})))
"""


@pytest.mark.parametrize("service", ["gateway", "session", "memory", "quality", "integration"])
def test_a_service_s_image_has_what_the_service_imports(service: str) -> None:
    lock = (ROOT / "deploy" / "requirements" / f"{service}.txt").read_text()
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    command = [sys.executable, "-c", IMPORTED.format(service=service)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    imported = {re.sub(r"[-_.]+", "-", name).lower() for name in json.loads(done.stdout)}
    assert imported - locked <= {"segue", *BESIDES}


BESIDES = ("grpcio-tools", "pip", "psutil", "setuptools", "typing-extensions")
"""What others import if it is there."""
