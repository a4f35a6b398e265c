"""`make release`: one version everywhere, from a clean tree and a changelog that says something; what it refuses."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.release import CHANGELOG, VERSIONED, CannotRelease, changelog_with, main, write_checksums

ROOT = Path(__file__).parents[2]
NOTES = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A bell.\n\n## [0.1.0] - 2026-01-01\n\n- A bicycle.\n"
MAKE = "wheels:\n\tmkdir -p dist && echo wheel >dist/segue.whl\n"


def git(at: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    return subprocess.run(["git", *identity, *arguments], cwd=at, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What names the version, the locks, and a Makefile that builds nothing much; committed."""
    for name in (*(name for name, _ in VERSIONED), "deploy/requirements/laptop.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / CHANGELOG).write_text(NOTES)
    (tmp_path / "Makefile").write_text(MAKE)
    (tmp_path / ".gitignore").write_text("dist\n")
    tool = tmp_path / "parts"
    tool.write_text('#!/bin/sh\nwhile [ "$1" != --output-file ]; do shift; done\necho {} >"$2"\n')
    helm = tmp_path / "helm"
    helm.write_text('#!/bin/sh\n[ "$1 $2" = "package deploy/helm/segue" ] && echo chart >"$4/segue-of-helm.tgz"\n')
    for each in (tool, helm):
        each.chmod(0o755)
    git(tmp_path, "init", "--quiet")
    for name, value in {"user.name": "Ada", "user.email": "ada@example.org"}.items():
        git(tmp_path, "config", name, value)
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "Begin")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def released(version: str, *options: str) -> int:
    return main([version, "--images", "--parts-tool", "./parts", "--helm", "./helm", *options])


def test_one_version_is_everywhere_and_the_tag_is_on_it(checkout: Path) -> None:
    assert released("0.2.0") == 0
    for name, pattern in VERSIONED:
        assert "0.2.0" in (checkout / name).read_text(), pattern
        assert "0.1.0" not in (checkout / name).read_text()
    assert json.loads((checkout / "clients/claude-code/.claude-plugin/plugin.json").read_text())["version"] == "0.2.0"
    notes = (checkout / CHANGELOG).read_text()
    assert notes.index("## [Unreleased]") < notes.index("## [0.2.0] - 20") < notes.index("- A bell.")
    assert git(checkout, "status", "--porcelain") == ""
    assert git(checkout, "describe").strip() == "v0.2.0"
    built = checkout / "dist"
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=built, check=True)
    assert {path.name for path in built.iterdir()} == {
        "SHA256SUMS",
        "segue-laptop-0.2.0.cdx.json",
        "segue-of-helm.tgz",
        "segue.whl",
    }


def test_a_dry_run_says_what_would_be_done_and_does_nothing(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = git(checkout, "rev-parse", "HEAD")
    assert released("0.2.0", "--dry-run") == 0
    said = capsys.readouterr().out
    assert "commit the version 0.2.0 (now 0.1.0)" in said
    assert "tag v0.2.0" in said
    assert "Nothing was done." in said
    assert git(checkout, "rev-parse", "HEAD") == before
    assert git(checkout, "tag") == git(checkout, "status", "--porcelain") == ""
    assert not (checkout / "dist").exists()


def test_what_failed_goes_on_where_it_stopped(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tool = checkout / "parts"
    works = tool.read_text()
    tool.write_text("#!/bin/sh\nexit 3\n")
    git(checkout, "commit", "--quiet", "--all", "--message", "A tool that fails")
    assert released("0.2.0") == 1
    assert "goes on from here" in capsys.readouterr().err
    assert git(checkout, "tag") == ""
    git(checkout, "update-index", "--assume-unchanged", "parts")
    tool.write_text(works)
    assert released("0.2.0") == 0
    assert git(checkout, "log", "--format=%s").splitlines().count("Release 0.2.0") == 1
    assert git(checkout, "describe").strip() == "v0.2.0"


@pytest.mark.parametrize(
    "version", ["", "1", "1.2", "v1.2.3", "1.2.3-rc1", "01.2.3", "1.2.3\n", "1.2.3; true", "1\u0661.2.3"]
)
def test_what_is_no_version_is_refused(checkout: Path, version: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert released(version) == 1
    assert "three numbers" in capsys.readouterr().err
    assert git(checkout, "tag") == ""


@pytest.mark.parametrize("version", ["0.1.0", "0.0.9"])
def test_a_version_that_is_not_later_is_refused(
    checkout: Path, version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert released(version) == 1
    assert "not later than 0.1.0" in capsys.readouterr().err


def test_a_version_that_is_tagged_is_refused(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git(checkout, "tag", "v0.2.0")
    assert released("0.2.0") == 1
    assert "tagged already" in capsys.readouterr().err


@pytest.mark.parametrize("name", [CHANGELOG, "left over.txt"])
def test_a_tree_that_is_not_clean_is_refused(checkout: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / name).write_text("something else")
    assert released("0.2.0") == 1
    assert name.partition(" ")[0] in capsys.readouterr().err
    assert git(checkout, "tag") == ""


@pytest.mark.parametrize("notes", ["", "# Changelog\n", "## [Unreleased]\n\n### Added\n\n## [0.1.0]\n\n- A bicycle.\n"])
def test_a_changelog_that_says_nothing_is_refused(notes: str) -> None:
    with pytest.raises(CannotRelease, match="nothing under"):
        changelog_with(notes, "0.2.0", "2026-03-01")


def test_the_checksums_do_not_count_themselves(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    for _ in range(2):
        write_checksums(tmp_path)
    assert (tmp_path / "SHA256SUMS").read_text().splitlines() == [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a"
    ]


def test_this_checkout_has_what_a_release_changes() -> None:
    command = [sys.executable, "-m", "deploy.release", "x", "--parts-tool", "none", "--helm", "none"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "three numbers" in done.stderr
    for name, pattern in VERSIONED:
        assert re.search(pattern, (ROOT / name).read_text()), name


def test_the_chart_watches_what_compose_watches() -> None:
    """A chart can hold no link to what lies outside of it."""
    files, observability = ROOT / "deploy/helm/segue/files", ROOT / "deploy/observability"
    pairs = {
        files / "alerts.yaml": observability / "alerts.yaml",
        **{files / "dashboards" / each.name: each for each in observability.rglob("dashboards/*.json")},
    }
    assert {path for path in files.rglob("*") if path.is_file()} == set(pairs)
    for copy, original in pairs.items():
        assert copy.read_bytes() == original.read_bytes(), f"cp {original} {copy}"
