"""Documentation and continuous integration of a project."""

from __future__ import annotations

import re

from services.quality.collectors.directory import WORKFLOWS, Place, Unmeasured
from services.quality.domain.evidence import Evidence, no_measurement

readme_max_bytes = 1024 * 1024
_readme = re.compile(r"readme(\.(md|rst|txt|adoc|markdown))?", re.IGNORECASE)
_word = re.compile(r"\w+")

CONTINUOUS_INTEGRATION = {
    "GitLab": (".gitlab-ci.yml", ".gitlab-ci.yaml"),
    "CircleCI": (".circleci/config.yml",),
    "Travis": (".travis.yml",),
    "Jenkins": ("Jenkinsfile",),
    "Azure": ("azure-pipelines.yml",),
    "Bitbucket": ("bitbucket-pipelines.yml",),
    "Drone": (".drone.yml",),
    "Cirrus": (".cirrus.yml",),
    "Buildkite": (".buildkite/pipeline.yml",),
    "Woodpecker": (".woodpecker.yml", ".woodpecker.yaml"),
    "a script": (".ci/run", "ci/run"),
}


def documentation(place: Place) -> list[Evidence]:
    """The number of words in the README, and of other documents."""
    found = sorted(file.path for file in place.files if _readme.fullmatch(file.path))
    if not found:
        if not place.files:
            return [no_measurement("readme", "no files")]
        return [Evidence("readme", 0.0, True, "names of files", place.now, detail="no README")]
    try:
        words = len(_word.findall(place.text(found[0], readme_max_bytes)))
    except Unmeasured as reason:
        return [no_measurement("readme", str(reason), found[0])]
    others = sum(file.path.startswith(("docs/", "doc/")) for file in place.files)
    return [Evidence("readme", float(words), True, found[0], place.now, detail=f"{others} files in docs")]


def continuous_integration(place: Place) -> list[Evidence]:
    """Whether a continuous integration service is configured."""
    if not place.files:
        return [no_measurement("continuous_integration", "no files")]
    found = [name for name, paths in CONTINUOUS_INTEGRATION.items() if place.has(*paths)]
    found += [name for name, directory in WORKFLOWS.items() if any((place.root / directory).glob("*.y*ml"))]
    detail = ", ".join(found) or "no configuration found"
    return [Evidence("continuous_integration", float(bool(found)), True, "names of files", place.now, detail=detail)]
