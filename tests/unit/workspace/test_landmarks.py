"""What hosts look for in a project, by the names that people really give it."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.workspace.landmarks import (
    CONTINUOUS_INTEGRATION,
    continuous_integration,
    has_changelog,
    has_licence,
    readmes,
)
from services.workspace.project import find_project


def write(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("x\n")
    return root


@pytest.mark.parametrize(
    "name",
    [
        *(
            "LICENSE",
            "LICENCE.md",
            "License.txt",
            "LICENSE-MIT",
            "LICENSE-APACHE",
            "LICENSE.Apache-2.0",
            "LICENSE_1_0.txt",
        ),
        *("MIT-LICENSE", "MIT-LICENSE.txt", "UNLICENSE", "COPYING", "COPYING.LESSER", "LICENSES", "Apache_LICENSE"),
    ],
)
def test_a_licence_has_many_names(name: str) -> None:
    assert has_licence([name])


@pytest.mark.parametrize(
    "name", ["license.py", "license-checker.js", "licenses.json", "silence.md", "LICENSE_check.go"]
)
def test_what_only_speaks_of_licences_is_none(name: str) -> None:
    assert not has_licence([name])


@pytest.mark.parametrize(
    "name", ["CHANGELOG", "CHANGES.rst", "RELEASES.md", "CHANGELOG-2.0.md", "RELEASE_NOTES.md", "NEWS"]
)
def test_a_changelog_has_many_names(name: str) -> None:
    assert has_changelog([name])
    assert not has_changelog(["history.py", "news.json", "changeset.md"])


def test_a_readme_may_be_in_any_form_and_language_and_the_plain_one_comes_first(tmp_path: Path) -> None:
    write(
        tmp_path,
        "README.zh-CN.md",
        "README.de.md",
        "README.md",
        "README.rdoc",
        "readme_tools.py",
        "READMEs.md",
        ".github/README.md",
    )
    (tmp_path / "readme.txt").mkdir()
    assert readmes(tmp_path) == ["README.md", "README.rdoc", "README.de.md", "README.zh-CN.md", ".github/README.md"]


@pytest.mark.parametrize("service", CONTINUOUS_INTEGRATION)
def test_each_service_is_known_by_each_of_its_files_at_the_top_and_for_a_package(tmp_path: Path, service: str) -> None:
    for number, path in enumerate(CONTINUOUS_INTEGRATION[service]):
        root = tmp_path / str(number)
        write(root, ".git/HEAD", "packages/a/package.json")
        assert continuous_integration(root, [tmp_path]) == []
        write(root, path.replace("*.y*ml", "x.yml").replace("*", "x"))
        assert continuous_integration(root, [tmp_path]) == [service]
        assert continuous_integration(root / "packages/a", [tmp_path]) == [service]
        assert continuous_integration(root / "packages/a", [root / "packages"]) == []


def test_a_repository_within_another_has_not_the_ci_of_that(tmp_path: Path) -> None:
    write(tmp_path, ".git/HEAD", ".travis.yml", "inner/.git/HEAD", "inner/a.py")
    assert continuous_integration(tmp_path / "inner", [tmp_path]) == []
    assert continuous_integration(tmp_path / "no/repository", [tmp_path / "no"]) == []


def test_a_project_has_what_is_there_and_no_more(tmp_path: Path) -> None:
    write(tmp_path, ".github/FUNDING.yml", ".github/README.md", "LICENSE-MIT", "LICENSE-APACHE")
    found = find_project(tmp_path, [tmp_path]).structure
    assert (found.has_ci, found.has_licence, found.has_readme, found.has_changelog) == (False, True, True, False)
    write(tmp_path, ".github/workflows/test.yaml")
    assert find_project(tmp_path, [tmp_path]).structure.has_ci
