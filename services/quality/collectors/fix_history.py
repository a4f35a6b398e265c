"""The changes of a project's sources, by git's log, and which of them were fixes, by their subjects."""

from __future__ import annotations

import re

from services.kit.errors import ServiceError
from services.quality.collectors.change_times import is_shallow
from services.quality.collectors.directory import Place
from services.quality.collectors.languages import is_aside, is_generated, is_support, is_test, language_of
from services.quality.domain.fix_prone import Change, FixForecast, forecast_fixes
from services.workspace.git.commit_log import OPTIONS, commits, prefix_of
from services.workspace.git.repository import Repository

commits_max = 1000
_fix = re.compile(r"\b(fix(e[sd]|ing)?|bug(s|fix(es)?)?|regressions?|crash(es|ed)?|hotfix)\b", re.IGNORECASE)
_of_no_behaviour = re.compile(
    r"\b(typos?|spelling|docs?|documentation|readme|changelog|comments?|lint(er|ing)?|tests?|ci|flake8?|mypy|typing"
    r"|format(ting)?|whitespace|style|warnings?|ruff|clippy|bump)\b",
    re.IGNORECASE,
)


def fix_forecast(place: Place) -> FixForecast | None:
    """The files most likely to need a fix next; None where git, or its history, does not tell."""
    repository = place.repository
    if repository is None or not place.tracked or is_shallow(repository):
        return None
    try:
        changes = source_changes(repository, "HEAD", prefix_of(place.root, repository), commits_max)
    except ServiceError:
        return None
    return forecast_fixes(changes, place.tracked)


def source_changes(repository: Repository, revision: str, prefix: str, most: int) -> list[Change]:
    """The last commits but merges, oldest first, with the sources below the prefix that each of them changed."""
    chosen = (f"--max-count={most}", "--no-merges")
    finished = repository.git("log", *chosen, *OPTIONS, "--end-of-options", revision, "--")
    if not finished.ok:
        return []
    found = [
        Change(each.time, says_it_fixes(each.subject), tuple(filter(_is_source, each.paths)))
        for each in commits(finished.output, prefix)
    ]
    return found[::-1]


def says_it_fixes(subject: str) -> bool:
    """Whether a commit's subject says that it mends what the program does."""
    return _fix.search(subject) is not None and _of_no_behaviour.search(subject) is None


def _is_source(path: str) -> bool:
    if not language_of(path):
        return False
    return not (is_test(path) or is_support(path) or is_aside(path) or is_generated(path))
