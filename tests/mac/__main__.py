"""Runs pytest as on a Mac, with its own arguments or what `make test-mac` runs: `python -m tests.mac`.

In a namespace of its own without /proc, but for what onnxruntime reads on Linux alone, where every program is loaded
with `macos.c`. Needs Linux 5.11 or later, a C compiler and no rights.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.debian import install, run
from tests.mac.programs import write_programs

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
OPEN_FILES = 256
HOME = "Users/Ada Me\u0301ndez"
"""With a space, and an accent as a sign of its own."""
TMPDIR = "var/folders/zz/zyxvpxvq6csfxvn_n0000000000000/T"
UNIT = (
    *("cli", "gateway", "kit", "quality", "workspace"),
    *("memory/embedder", "memory/operations", "memory/storage", "session/operations", "session/store"),
)
TESTS = (
    "tests/mac",
    *(f"tests/unit/{name}" for name in UNIT),
    "tests/integration/hooks",
    "tests/integration/connect",
    "tests/integration/operations/test_one_process.py",
    "tests/integration/operations/test_idle_exit.py",
)
MARKS = "not linux and not containers and not conformance and not client and not slow"

NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount", "--")
ENTER = """
mkdir "$1/proc" "$1/etc"
cp /proc/cpuinfo "$1/proc"
mount -t tmpfs tmpfs "$1/etc" && mkdir "$1/etc/upper" "$1/etc/work"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/etc/upper,workdir=$1/etc/work" /etc
echo "$1/macos.so" >/etc/ld.so.preload
mount --bind "$1/proc" /proc
ulimit -S -n {open_files}
shift
exec "$@"
"""


def main() -> int:
    """The tests' exit status."""
    if not (shutil.which("cc") and shutil.which("unshare")):
        install("gcc", "libc6-dev", "util-linux")
    run([*NAMESPACE, "true"])
    with tempfile.TemporaryDirectory(prefix="mac-") as name:
        at = Path(name)
        for directory in (HOME, TMPDIR):
            (at / directory).mkdir(parents=True)
        write_programs(at / "bin")
        library = ["-shared", "-fPIC", "-O1", "-o", str(at / "macos.so"), str(HERE / "macos.c")]
        run(["cc", *library, "-ldl"])
        shell = ["sh", "-e", "-c", ENTER.format(open_files=OPEN_FILES), "mac", name]
        done = subprocess.run([*NAMESPACE, *shell, *_pytest(at)], cwd=ROOT, env=_environment(at), check=False)
    return done.returncode


def _pytest(at: Path) -> list[str]:
    given = sys.argv[1:] or [
        "-m",
        MARKS,
        "--numprocesses",
        "auto",
        "--maxprocesses",
        "4",
        "--dist",
        "worksteal",
        *TESTS,
    ]
    # Short, as whoever tests on a Mac has to choose it: a socket of a test's own must fit.
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--basetemp", str(at / "t"), *given]


def _environment(at: Path) -> dict[str, str]:
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return os.environ | {
        "HOME": str(at / HOME),
        "TMPDIR": str(at / TMPDIR),
        "XDG_CACHE_HOME": cache,  # with the model in it
        "PATH": f"{at / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(HERE / "site"),
    }


if __name__ == "__main__":
    sys.exit(main())
