"""The real Crackerjack, as it is on the registry: its options are found and its output is read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.crackerjack_trial import trial

ROOT = Path(__file__).parents[3]
IMAGE = "python:3.13-slim-trixie"
install_timeout_s = 600


@pytest.fixture(scope="module")
def crackerjack() -> Path:
    """The program: the one on the PATH, else installed once on this machine under Python 3.13, which it needs."""
    if found := shutil.which("crackerjack"):
        return Path(found)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "segue" / "crackerjack"
    program = cache / "bin" / "crackerjack"
    if not program.exists():
        install(cache)
    return program


def install(target: Path) -> None:
    python = next((path for path in pythons() if is_new_enough(path)), None)
    if python is None:
        pytest.skip("Crackerjack needs Python 3.13, which is not here")
    uv = Path(sys.executable).with_name("uv")  # pip tries version after version of what its dependencies ask for
    commands: tuple[list[str | Path], ...] = (
        [python, "-m", "venv", "--clear", target],
        [uv, "pip", "install", "--quiet", "--python", target, "crackerjack"],
    )
    for command in commands:
        done = subprocess.run(command, capture_output=True, timeout=install_timeout_s, check=False)
        if done.returncode != 0:
            pytest.skip(f"Crackerjack cannot be installed: {done.stderr[-200:].decode('utf-8', 'replace')}")


def pythons() -> Iterator[str]:
    """What may be Python 3.13: on the PATH, or where pyenv keeps the versions that are not chosen here."""
    yield from filter(None, map(shutil.which, ("python3.13", "python3")))
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from map(str, sorted(pyenv.glob("versions/3.13*/bin/python3.13"), reverse=True))


def is_new_enough(python: str) -> bool:
    code = "import sys; sys.exit(sys.version_info < (3, 13))"
    return subprocess.run([python, "-c", code], capture_output=True, check=False).returncode == 0


@pytest.mark.slow
async def test_the_real_crackerjack_is_run_on_a_copy_and_read(crackerjack: Path, tmp_path: Path) -> None:
    it_was_read(await trial(crackerjack, tmp_path))


IN_A_CONTAINER = """
pip install --quiet --root-user-action=ignore uv >&2
python3 -m venv /opt/crackerjack && uv pip install --quiet --python /opt/crackerjack crackerjack >&2
PYTHONPATH=/segue exec python3 -m tests.integration.crackerjack_trial /opt/crackerjack/bin/crackerjack /srv
"""


@pytest.mark.containers
def test_it_is_read_on_a_machine_without_its_python_too() -> None:
    """In the image that the services run on, which has Python 3.13; where this machine has it, once is enough."""
    if shutil.which("crackerjack") or any(map(is_new_enough, pythons())):
        pytest.skip("the test above runs it on this machine")
    mounts = [f"--volume={ROOT / name}:/segue/{name}:ro" for name in ("services", "tests")]
    # The network is not taken away from tools inside: a container's root may not make a namespace.
    command = ["docker", "run", "--rm", *mounts, "--workdir=/segue", IMAGE, "sh", "-euc", IN_A_CONTAINER]
    done = subprocess.run(command, capture_output=True, timeout=install_timeout_s, check=False)
    assert done.returncode == 0, done.stderr[-2000:].decode("utf-8", "replace")
    it_was_read(json.loads(done.stdout))


def it_was_read(found: dict[str, Any]) -> None:
    assert "checks passed" in found["detail"], found
    source, findings = found["lint"]
    assert source == "crackerjack, run now"
    assert findings > 0  # os is imported and not used
    assert found["untouched"]
