"""Segue from its wheels, on a Python with nothing else and without a checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from services import __version__
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[3]
_never = ("torch", "onnx==", "safetensors", "nvidia")
"""What builds a model, and is not needed where there is one."""


def run(*command: str | Path, **settings: str) -> str:
    """What a command prints; it must succeed."""
    environment = {**os.environ, "SEGUE_URL": "", "PYTHONPATH": "", **settings}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env=environment, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory, model_directory: Path) -> Path:
    """A directory with both, built as `make wheels` does."""
    directory = tmp_path_factory.mktemp("wheels")
    source = directory / "source"
    shutil.copytree(ROOT / "services", source / "services", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "deploy/wheel", source / "deploy/wheel", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, source / name)
    shutil.copytree(ROOT / "deploy/model", directory / "model")
    shutil.copytree(model_directory, directory / "model/segue_model/model")
    for package in (source, directory / "model"):
        build = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", directory)
        run(*build, package)
    return directory


@pytest.mark.slow
def test_what_the_wheels_install_remembers_and_finds(wheels: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=True)
    python, segue = tmp_path / "bare/bin/python", tmp_path / "bare/bin/segue"
    (wheel,), (model,) = wheels.glob("segue-*.whl"), wheels.glob("segue_model-*.whl")
    run(python, "-m", "pip", "install", "--quiet", f"{wheel}[server]", model)
    installed = run(python, "-m", "pip", "list", "--format", "freeze")
    assert not [name for name in _never if name in installed]
    home = {"HOME": str(tmp_path), "SEGUE_DATA_DIR": str(tmp_path / "data")}
    has_ours = "import importlib.util; print(importlib.util.find_spec('services'))"
    assert run(python, "-P", "-c", has_ours).strip() == "None"
    (stranger,) = (tmp_path / "bare").glob("lib/python3*/site-packages")
    (stranger / "services").mkdir()
    (stranger / "services/__init__.py").write_text("raise ImportError('a package of another')\n")
    assert run(python, "-m", "segue", "--version") == run(segue, "--version")
    assert run(segue, "--version", **home).split() == ["segue", __version__]
    server = subprocess.Popen(
        [segue, "serve", "--port", "0"], env={**os.environ, "PYTHONPATH": "", **home}, stdout=subprocess.PIPE, cwd="/"
    )
    try:
        assert server.stdout
        assert server.stdout.readline().startswith(b"Segue is ready")
        said = run(segue, "doctor", **home)
        assert "probe: stored, found" in said
        assert "(hybrid)" in said
    finally:
        server.terminate()
        server.wait(PATIENCE_S)
        server.communicate()
    said = run(segue, "doctor", **home)  # which starts a server itself
    assert "probe: stored, found" in said
    run(segue, "stop", **home)
