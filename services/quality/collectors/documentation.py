"""Documentation and continuous integration of a project."""

from __future__ import annotations

import os
import re

from services.quality.collectors.directory import WORKFLOWS, Place, Unmeasured
from services.quality.domain.evidence import Evidence, no_measurement

readme_max_bytes = 1024 * 1024
_readme = re.compile(r"readme(\.(md|rst|txt|adoc|asciidoc|markdown|mdx|org))?", re.IGNORECASE)
_word = re.compile(r"\w+")

CONTINUOUS_INTEGRATION = {
    "GitLab": (".gitlab-ci.yml", ".gitlab-ci.yaml"),
    "CircleCI": (".circleci/config.yml",),
    "Travis": (".travis.yml",),
    "Jenkins": ("Jenkinsfile",),
    "Azure": ("azure-pipelines.yml", "azure-pipelines.yaml", ".azure-pipelines/azure-pipelines.yml"),
    "Bitbucket": ("bitbucket-pipelines.yml",),
    "Drone": (".drone.yml",),
    "Cirrus": (".cirrus.yml",),
    "Buildkite": (".buildkite/pipeline.yml",),
    "Woodpecker": (".woodpecker.yml", ".woodpecker.yaml"),
    "AppVeyor": ("appveyor.yml", ".appveyor.yml"),
    "Semaphore": (".semaphore/semaphore.yml",),
    "Cloud Build": ("cloudbuild.yaml", "cloudbuild.yml"),
    "sourcehut": (".build.yml",),
    "a script": (".ci/run", "ci/run"),
}


def documentation(place: Place) -> list[Evidence]:
    """The number of words in the README, and of other documents."""
    found = _readmes(place)
    if not found:
        if not place.files:
            return [no_measurement("readme", "no files")]
        return [Evidence("readme", 0.0, True, "names of files", place.now, detail="no README")]
    problems = []
    others = sum(file.path.startswith(("docs/", "doc/")) for file in place.files)
    for name in found:
        try:
            words = len(_word.findall(place.text(_target(place, name), readme_max_bytes)))
        except Unmeasured as reason:
            problems.append(str(reason))
            continue
        return [Evidence("readme", float(words), True, name, place.now, detail=f"{others} files in docs")]
    return [no_measurement("readme", problems[0], found[0])]


def _readmes(place: Place) -> list[str]:
    """The READMEs where hosts look for one, in the order in which they do: beside the code a link counts, too."""
    found = []
    for directory in (".", ".github", "docs"):
        try:
            with os.scandir(place.root / directory) as entries:
                names = sorted(entry.name for entry in entries if _readme.fullmatch(entry.name) and not entry.is_dir())
        except OSError:
            continue
        found += [name if directory == "." else f"{directory}/{name}" for name in names]
    return found


def _target(place: Place, name: str) -> str:
    """The file that a README which is a link leads to. Unmeasured if it leads elsewhere than into the project."""
    path = place.root / name
    if not path.is_symlink():
        return name
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise Unmeasured(f"{name} is a link to nothing") from error
    if not real.is_relative_to(place.root.resolve()):
        raise Unmeasured(f"{name} is a link out of the project")
    return real.relative_to(place.root.resolve()).as_posix()


def continuous_integration(place: Place) -> list[Evidence]:
    """Whether a continuous integration service is configured."""
    if not place.files:
        return [no_measurement("continuous_integration", "no files")]
    found = [name for name, paths in CONTINUOUS_INTEGRATION.items() if place.has(*paths)]
    found += [name for name, directory in WORKFLOWS.items() if any((place.root / directory).glob("*.y*ml"))]
    detail = ", ".join(found) or "no configuration found"
    return [Evidence("continuous_integration", float(bool(found)), True, "names of files", place.now, detail=detail)]
