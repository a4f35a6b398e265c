"""Runs pytest as on a Mac, with its own arguments or what `make test-mac` runs: `python -m tests.mac`.

With `--last-failed` what failed there runs once more, alone.

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

from tests.arm.debian import install, run
from tests.mac.programs import write_programs

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
OPEN_FILES = 256
LIMIT_S = 1800.0
"""A machine that is busy with others needs some of it."""
HOME = "Users/Ada Me\u0301ndez"
"""With a space, and an accent as a sign of its own."""
TMPDIR = "var/folders/zz/zyxvpxvq6csfxvn_n0000000000000/T"
UNIT = (
    *("test_setup", "kit/test_systems", "kit/test_canonical_path", "kit/test_durable_files"),
    *("cli/test_local_server", "cli/checkup/test_checkup", "cli/clients/test_install", "cli/hooks/test_hook_input"),
    *("quality/operations/test_directory_scan", "quality/tool_runs/test_tool_runs"),
    *("workspace/test_allowed_roots", "workspace/test_handoff_files", "workspace/test_project_identity"),
    *("workspace/git/test_checkpoint", "workspace/git/test_state"),
)
INTEGRATION = (
    *("connect/test_ends", "connect/test_restarts", "hooks/test_hooks"),
    *("operations/test_one_process", "operations/test_idle_exit"),
)
TESTS = (
    "tests/mac",
    *(f"tests/unit/{name}.py" for name in UNIT),
    *(f"tests/integration/{name}.py" for name in INTEGRATION),
    "--deselect=tests/unit/test_setup.py::test_every_locked_package_has_a_wheel",
)
"""What the profile can change: processes, locks, sockets, watching, names and homes, and the programs of a shell."""
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
        command = [*NAMESPACE, *shell, *_pytest(at)]
        try:
            done = subprocess.run(command, cwd=ROOT, env=_environment(at), timeout=LIMIT_S, check=False)
        except subprocess.TimeoutExpired:
            sys.exit(f"make test-mac did not end in {LIMIT_S:.0f} s")
    return done.returncode


def _pytest(at: Path) -> list[str]:
    beside = ("--numprocesses", "auto", "--maxprocesses", "4", "--dist", "loadfile")  # a file shares its server
    given = sys.argv[1:] or ["-m", MARKS, *beside, *TESTS]
    if given == ["--last-failed"]:
        given = ["-m", MARKS, *given, "--last-failed-no-failures", "none", *TESTS]
    # Short, as whoever tests on a Mac has to choose it: a socket of a test's own must fit.
    own = ["-o", f"cache_dir={ROOT}/.pytest_cache/mac", "--basetemp", str(at / "t")]
    return [sys.executable, "-m", "pytest", *own, *given]


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
