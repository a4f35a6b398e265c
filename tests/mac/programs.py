"""Programs as macOS has them: without GNU's options, and without what only Linux has."""

from __future__ import annotations

import shutil
from pathlib import Path

REFUSED = {
    "awk": "", "basename": "", "cat": "", "chmod": "", "cmp": "", "cp": "-t*|-u", "cut": "", "date": "-d*|-I*",
    "df": "-B*", "dirname": "", "du": "-b", "env": "", "find": "", "grep": "-P", "head": "", "ln": "-t*|-r", "ls": "-v",
    "mkdir": "", "mktemp": "", "mv": "-t*", "readlink": "-e|-m", "rm": "", "sed": "-r|-i|-s|-z", "sort": "-V|-z",
    "stat": "-c*", "tail": "", "touch": "-d", "tr": "", "uname": "-o", "wc": "", "xargs": "-d*",
}  # fmt: skip
"""Short options of GNU's alone, as patterns; long ones are all refused."""
ABSENT = (
    *("flock", "free", "getent", "ip", "ldd", "md5sum", "nproc", "setsid"),
    *("sha256sum", "ss", "strace", "systemctl", "tac", "timeout"),
)

WITHOUT = """#!/bin/sh
for word; do
  case $word in
    --) break ;;
    --?*{short}) echo "{name}: illegal option: $word" >&2; exit 64 ;;
  esac
done
exec {real} "$@"
"""
NOT_FOUND = "#!/bin/sh\necho '{name}: command not found' >&2\nexit 127\n"


def write_programs(directory: Path) -> None:
    """Stand-ins for the programs of this machine, to be put before them in PATH."""
    directory.mkdir()
    for name, short in REFUSED.items():
        if real := shutil.which(name):
            _write(directory / name, WITHOUT.format(name=name, real=real, short=f"|{short}" if short else ""))
    for name in ABSENT:
        _write(directory / name, NOT_FOUND.format(name=name))


def _write(program: Path, text: str) -> None:
    program.write_text(text)
    program.chmod(0o755)
