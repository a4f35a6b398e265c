"""`make release` in a clone: what it builds has the version, and is what a registry and a machine can be given."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest

from deploy.release import Checkout, build_image
from tests.integration.faults import docker

ROOT = Path(__file__).parents[3]
IDENTITY = {f"GIT_{who}_{what}": "ada@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@pytest.mark.slow
def test_a_release_of_a_clone_is_whole(tmp_path: Path) -> None:
    clone = tmp_path / "segue"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    (clone / ".venv").mkdir()
    for path in Path(sys.prefix).iterdir():
        if path.name not in {"release", "locked-dev.txt"}:
            (clone / ".venv" / path.name).symlink_to(path)
    shutil.copy(clone / "deploy/requirements/dev.txt", clone / ".venv/locked-dev.txt")  # nothing is installed there
    asked = ["make", "--no-print-directory", "release", "VERSION=97.0.0", "IMAGES="]
    environment = {**os.environ, **IDENTITY, "PYTHONPATH": ""}
    done = subprocess.run(asked, cwd=clone, env=environment, capture_output=True, text=True, check=False, timeout=560)
    assert done.returncode == 0, done.stdout + done.stderr
    built = {path.name: path for path in (clone / "dist").iterdir()}
    assert set(built) == {
        "SHA256SUMS",
        "segue-97.0.0-py3-none-any.whl",
        "segue-97.0.0.tgz",
        "segue-laptop-97.0.0.cdx.json",
        "segue_model-1.0.0-py3-none-any.whl",
    }
    with ZipFile(built["segue-97.0.0-py3-none-any.whl"]) as wheel:
        assert b'__version__ = "97.0.0"' in wheel.read("segue/services/__init__.py")
    with tarfile.open(built["segue-97.0.0.tgz"]) as chart:
        assert all(member.isfile() for member in chart)  # no link that leads out of it
        described, alerts = (chart.extractfile(f"segue/{name}") for name in ("Chart.yaml", "files/alerts.yaml"))
        assert described
        assert b"\nversion: 97.0.0" in described.read()
        assert alerts
        assert alerts.read() == (clone / "deploy/observability/alerts.yaml").read_bytes()
    parts = json.loads(built["segue-laptop-97.0.0.cdx.json"].read_text())
    assert parts["bomFormat"] == "CycloneDX"
    named = {each["name"] for each in parts["components"]}
    assert {"duckdb", "fastmcp", "grpcio", "onnxruntime"} <= named
    assert all(each["purl"].startswith("pkg:pypi/") for each in parts["components"])
    assert subprocess.check_output(["git", "describe"], cwd=clone, text=True).strip() == "v97.0.0"


@pytest.mark.containers
def test_an_image_says_of_what_it_was_made() -> None:
    checkout = Checkout(ROOT)
    build_image(checkout, "0.0.0-test", "entry")
    try:
        labels = json.loads(docker("inspect", "--format", "{{json .Config.Labels}}", "segue-entry:0.0.0-test"))
    finally:
        docker("image", "rm", "segue-entry:0.0.0-test")
    said = {key.rpartition(".")[2]: value for key, value in labels.items()}
    assert said["version"] == "0.0.0-test"
    assert said["revision"] == checkout.git("rev-parse", "HEAD")
    assert said["licenses"] == "MIT"
