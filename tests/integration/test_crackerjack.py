"""The real Crackerjack, as it is on the registry: its options are found and its output is read."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.quality.collectors.place import look
from services.quality.running.runs import Runs

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
    commands: tuple[list[str | Path], ...] = (
        [python, "-m", "venv", "--clear", target],
        [target / "bin/pip", "install", "--quiet", "crackerjack"],
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


async def test_the_real_crackerjack_is_run_on_a_copy_and_read(crackerjack: Path, tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    (shop / "shop").mkdir(parents=True)
    (shop / "pyproject.toml").write_text('[project]\nname = "shop"\nversion = "0.1.0"\nrequires-python = ">=3.13"\n')
    untidy = '"""Shop."""\nimport os\ndef total():\n  return 0\n'
    (shop / "shop/__init__.py").write_text(untidy)
    (shop / ".venv/bin").mkdir(parents=True)
    (shop / ".venv/bin/crackerjack").symlink_to(crackerjack)
    before = sorted(shop.rglob("*"))
    async with Runs(240.0) as runs:
        ran = await runs.run(look(shop, [tmp_path]), lambda *_: None)
    run = next(each for each in ran.runs if each.tool == "crackerjack")
    assert "checks passed" in run.detail, run
    lint = next(each for each in ran.evidence if each.name == "lint")
    assert lint.source == "crackerjack, run now"
    assert lint.value > 0  # os is imported and not used
    assert sorted(shop.rglob("*")) == before
    assert (shop / "shop/__init__.py").read_text() == untidy
