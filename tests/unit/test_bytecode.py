"""What `make test` compiles before its workers start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.bytecode import stale_modules


def test_a_module_is_stale_until_pytest_compiled_it_and_again_when_it_changes(tmp_path: Path) -> None:
    module = tmp_path / "test_sums.py"
    module.write_text("def test_sums() -> None:\n    assert 1 + 1 == 2\n")
    (tmp_path / "sums.py").write_text("assert True\n")
    assert stale_modules(tmp_path) == [module]

    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "--quiet",
        "--confcutdir",
        ".",
        "--basetemp",
        "within",
        str(module),
    ]
    subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert stale_modules(tmp_path) == []

    later = module.stat().st_mtime + 60
    os.utime(module, (later, later))
    assert stale_modules(tmp_path) == [module]
