"""What hosts and people look for in a project: its README, its licence, its changelog, and who builds it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

from services.workspace.allowed_roots import upwards

LEVELS_MAX = 8
ENTRIES_MAX = 1000
_readme = re.compile(
    r"readme([._-][a-z]{2,3}([_-][a-z]{2,4})?)?(\.(md|mkdn?|mdown|markdown|mdx|rst|txt|adoc|asciidoc|asc|org|rdoc|textile|pod"
    r"|creole|wiki|mediawiki|html?|rmd|qmd|typ))?",
    re.IGNORECASE,
)
"""Also in another language, as README.zh-CN.md."""
_licence = re.compile(r"([\w.+]+[-_])?(un)?licen[cs]es?([-_.][\w.+-]*)?|copying([-_.][\w.+-]*)?", re.IGNORECASE)
_changelog = re.compile(
    r"(changelog|changes|history|news|releases|release[-_]notes|whats[-_]?new)([-_.][\w.+-]*)?", re.IGNORECASE
)
_no_text = re.compile(r"\.(?!lesser$|md$|txt$|rst$|adoc$|org$|html?$|markdown$|rdoc$|pdf$)[a-z]{1,6}$", re.IGNORECASE)
"""The end of what is no document: license-checker.js is a program."""

CONTINUOUS_INTEGRATION = {
    "GitHub": (".github/workflows/*.y*ml",),
    "Forgejo": (".forgejo/workflows/*.y*ml",),
    "Gitea": (".gitea/workflows/*.y*ml",),
    "GitLab": (".gitlab-ci.yml", ".gitlab-ci.yaml"),
    "CircleCI": (".circleci/config.yml", ".circleci/config.yaml"),
    "Travis": (".travis.yml",),
    "Jenkins": ("Jenkinsfile", "ci/Jenkinsfile", ".jenkins/Jenkinsfile", "jenkins/Jenkinsfile"),
    "Azure": (
        *("azure-pipelines*.yml", "azure-pipelines*.yaml", ".azure-pipelines/*.y*ml", "azure-pipelines/*.y*ml"),
        *(".azuredevops/*.y*ml", ".azure/pipelines/*.y*ml"),
    ),
    "Bitbucket": ("bitbucket-pipelines.yml",),
    "Drone": (".drone.yml", ".drone.yaml", ".drone.star", ".drone.jsonnet"),
    "Cirrus": (".cirrus.yml", ".cirrus.star"),
    "Buildkite": (".buildkite/*.y*ml",),
    "Woodpecker": (".woodpecker.yml", ".woodpecker.yaml", ".woodpecker/*.y*ml"),
    "AppVeyor": ("appveyor.yml", ".appveyor.yml"),
    "Semaphore": (".semaphore/semaphore.yml",),
    "Cloud Build": ("cloudbuild.yaml", "cloudbuild.yml"),
    "CodeBuild": ("buildspec.yml", "buildspec.yaml"),
    "sourcehut": (".build.yml", ".builds/*.y*ml"),
    "TeamCity": (".teamcity/settings.kts", ".teamcity/pom.xml"),
    "Tekton": (".tekton/*.y*ml",),
    "Zuul": (".zuul.yaml", "zuul.yaml", ".zuul.d/*.yaml", "zuul.d/*.yaml"),
    "Codemagic": ("codemagic.yaml",),
    "Bitrise": ("bitrise.yml",),
    "Xcode Cloud": ("ci_scripts/ci_*.sh",),
    "OneDev": (".onedev-buildspec.yml",),
    "Harness": (".harness/*.y*ml",),
    "a script": (".ci/run", "ci/run"),
}
"""The files of each service, the last part perhaps a pattern."""
_directories = (path.rpartition("/")[0] for each in CONTINUOUS_INTEGRATION.values() for path in each)
HIDDEN = tuple(dict.fromkeys(each for each in _directories if each.startswith(".")))
"""The hidden directories that these are in."""


def readmes(root: Path) -> list[str]:
    """The READMEs where hosts look for one, in the order in which they do: beside the code a link counts, too."""
    found: list[str] = []
    for directory in (".", ".github", "docs"):
        try:
            with os.scandir(root / directory) as entries:
                names = [each.name for each in entries if _readme.fullmatch(each.name) and not each.is_dir()]
        except OSError:
            continue
        names.sort(key=lambda name: (len(name), name))
        found += [name if directory == "." else f"{directory}/{name}" for name in names]
    return found


def has_licence(names: Iterable[str]) -> bool:
    """Whether one of these names is of a licence."""
    return any(_licence.fullmatch(name) and not _no_text.search(name) for name in names)


def has_changelog(names: Iterable[str]) -> bool:
    """Whether one of these names is of a changelog."""
    return any(_changelog.fullmatch(name) and not _no_text.search(name) for name in names)


def continuous_integration(root: Path, roots: Sequence[Path]) -> list[str]:
    """The services that build a project: for a package they are configured at the top of its repository, too, of which
    nothing above `roots` is read."""
    lineage = upwards(root, roots)[:LEVELS_MAX]
    top = next((number for number, place in enumerate(lineage) if os.path.lexists(place / ".git")), 0)
    places = lineage[: top + 1] or (root,)
    return [name for name, paths in CONTINUOUS_INTEGRATION.items() if any(_is_there(each, paths) for each in places)]


def _is_there(place: Path, paths: Sequence[str]) -> bool:
    return any(_has_match(place, path) if "*" in path else (place / path).is_file() for path in paths)


def _has_match(place: Path, pattern: str) -> bool:
    directory, _, last = pattern.rpartition("/")
    expression = re.compile(re.escape(last).replace(r"\*", ".*"))
    try:
        with os.scandir(place / directory) as entries:
            return any(expression.fullmatch(each.name) and each.is_file() for each in islice(entries, ENTRIES_MAX))
    except OSError:
        return False
