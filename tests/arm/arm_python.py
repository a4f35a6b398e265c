"""A Python for 64-bit ARM with the locked packages, in `.venv/arm`: Debian's own, unpacked and not installed.

It needs Debian's apt and no rights.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.arm.debian import LIMIT_S, run

ROOT = Path(__file__).parents[2]
HOME = Path(sys.prefix) / "arm"
LOCK = ROOT / "deploy" / "requirements" / "dev.txt"
QEMU_RELEASE = "trixie"
"""The earlier release's, 7.2, crashes on importing onnxruntime."""
OWN_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
PYTHON_RELEASES = {"3.11": "bookworm", "3.13": "trixie"}
VERSION = OWN_VERSION if OWN_VERSION in PYTHON_RELEASES else "3.13"
"""This Python's version where Debian has it: then this one compiles for both, which takes an emulated one minutes."""
RELEASES = sorted({QEMU_RELEASE, PYTHON_RELEASES[VERSION]})
PACKAGES = (f"python{VERSION}", "libstdc++6", "qemu-user:amd64")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
PLATFORM = "aarch64-manylinux_2_28"

EXTRACT = 'mkdir -p "$1" && dpkg-deb --fsys-tarfile "$0" | tar --extract --keep-directory-symlink --directory "$1"'
"""Packages that have a directory `/lib` leave it the link that it is."""
NOT_IMPORTED = r"/(mypy|mypyc|testcontainers|docker|onnx/(backend|reference|test)|grpc_tools|tests?|idlelib|lib2to3)/"

SYSTEM = HOME / "system"
PYTHON = HOME / "python" / "bin" / "python"
MARK = HOME / "made-of"

APT = """\
Dir::State "{at}/state";
Dir::State::status "{at}/status";
Dir::Cache "{at}/cache";
Dir::Etc::sourcelist "{at}/sources.list";
Dir::Etc::sourceparts "/dev/null";
APT::Architecture "arm64";
APT::Architectures {{ "arm64"; "amd64"; }};
APT::Sandbox::User "root";
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::http::Timeout "30";
"""


def make() -> None:
    """Brings it to the state of the lock; does nothing when it is there already. Exits with a message if it cannot."""
    recipe = hashlib.sha256(Path(__file__).read_bytes() + LOCK.read_bytes()).hexdigest()
    if MARK.exists() and MARK.read_text() == recipe:
        return
    _check_tools()
    print("Fetching a Python for 64-bit ARM and its packages (a minute)", file=sys.stderr)
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    _unpack_system()
    _install_packages()
    MARK.write_text(recipe)


def _check_tools() -> None:
    for tool in ("apt-get", "dpkg-deb", "unshare"):
        if not shutil.which(tool):
            sys.exit(f"make test-arm needs Debian's {tool}, and an x86-64 machine with Linux 6.7 or later")


def _unpack_system() -> None:
    apt = HOME / "apt"
    for directory in ("state/lists/partial", "cache/archives/partial"):
        (apt / directory).mkdir(parents=True)
    (apt / "status").touch()
    (apt / "apt.conf").write_text(APT.format(at=apt))
    signed = f" [signed-by={KEYRING}]" if KEYRING.exists() else ""
    mirror = _mirror()
    (apt / "sources.list").write_text("".join(f"deb{signed} {mirror} {release} main\n" for release in RELEASES))
    environment = os.environ | {"APT_CONFIG": str(apt / "apt.conf")}
    for command in (("update",), ("install", "--yes", "--download-only", *PACKAGES)):
        run(["apt-get", "--quiet", *command], environment)
    (SYSTEM / "usr" / "lib").mkdir(parents=True)
    (SYSTEM / "lib").symlink_to("usr/lib")
    for package in sorted((apt / "cache" / "archives").glob("*.deb")):
        run(["sh", "-c", EXTRACT, str(package), str(HOME / "qemu" if "qemu" in package.name else SYSTEM)])
    (HOME / "qemu" / "usr" / "bin" / "qemu-x86_64").rename(HOME / "qemu-x86_64")
    (HOME / "qemu" / "usr" / "bin" / "qemu-aarch64").rename(HOME / "qemu-aarch64")
    for done in (HOME / "qemu", apt):
        shutil.rmtree(done)


def _mirror() -> str:
    """Where this machine has Debian's packages from."""
    named = run(["apt-get", "update", "--print-uris"])
    mirrors: list[str] = re.findall(r"'(\S+/debian/?)/dists/", named)
    if not mirrors:
        sys.exit("make test-arm fetches Debian's packages for ARM, and this machine's apt names no mirror of Debian")
    return mirrors[0]


def _install_packages() -> None:
    site = HOME / "python" / "lib" / f"python{VERSION}" / "site-packages"
    PYTHON.parent.mkdir(parents=True)
    PYTHON.symlink_to(SYSTEM / "usr" / "bin" / f"python{VERSION}")
    (HOME / "python" / "pyvenv.cfg").write_text(f"home = {SYSTEM / 'usr' / 'bin'}\nversion = {VERSION}\n")
    options = ["--python-platform", PLATFORM, "--python-version", VERSION, "--only-binary", ":all:", "--no-deps"]
    uv = str(Path(sys.executable).with_name("uv"))
    run([uv, "pip", "install", "--quiet", *options, "--require-hashes", "--target", str(site), "-r", str(LOCK)])
    (site / "segue.pth").write_text(f"{ROOT}\n")
    if VERSION == OWN_VERSION:
        compiles = [sys.executable, "-m", "compileall", "-q", "-j", "0", "-x", NOT_IMPORTED]
        places = [str(site), str(SYSTEM / "usr" / "lib" / f"python{VERSION}")]
        with suppress(subprocess.TimeoutExpired):  # the rest is compiled when it is imported
            subprocess.run([*compiles, *places], capture_output=True, timeout=LIMIT_S, check=False)
