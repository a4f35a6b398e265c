"""Under `make test-mac` programs find what they would on a Mac; elsewhere there is nothing to look at."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(Path("/proc/self").exists(), reason="not in the profile of macOS")


def test_what_linux_has_is_missing() -> None:
    assert not hasattr(os, "O_PATH")
    assert not hasattr(socket, "TCP_USER_TIMEOUT")
    assert [path.name for path in Path("/proc").iterdir()] == ["cpuinfo"]
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 256


def test_the_home_has_a_space_and_an_accent_of_its_own() -> None:
    home = str(Path.home())
    assert " " in home
    assert unicodedata.normalize("NFC", home) != home


@pytest.mark.parametrize(("length", "fits"), [(103, True), (104, False)])
def test_a_socket_has_a_short_name(length: int, fits: bool) -> None:
    directory = Path("/tmp") / f"m{os.getpid()}"
    directory.mkdir()
    path = f"{directory}/{'a' * (length - len(str(directory)) - 1)}"
    try:
        with socket.socket(socket.AF_UNIX) as made:
            if fits:
                made.bind(path)
                Path(path).unlink()
            else:
                with pytest.raises(OSError, match="Invalid"):
                    made.bind(path)
    finally:
        directory.rmdir()


@pytest.mark.parametrize(
    "command", ["sed -i s/a/b/ x", "sed -r s/a/b/", "date -d now", "ls --color", "stat -c %s .", "timeout 1 true"]
)
def test_gnu_s_options_are_refused(command: str) -> None:
    assert subprocess.run(command.split(), capture_output=True, check=False).returncode in {64, 127}


def test_every_program_is_in_the_profile() -> None:
    """Also one that is started without any environment."""
    command = [sys.executable, "-I", "-S", "-c", "import ctypes; print(ctypes.CDLL(None).inotify_init1(0))"]
    done = subprocess.run(command, env={}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "-1"
