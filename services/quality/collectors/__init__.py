"""Collectors: measure a directory without running anything it contains. Standard library only.

Each collector is a function from a place to evidence, bounded in files, in bytes, and by the place's deadline.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from services.quality.collectors.applicability import with_applicability
from services.quality.collectors.coverage import coverage
from services.quality.collectors.dependencies import dependencies
from services.quality.collectors.directory import Place, Unmeasured
from services.quality.collectors.documentation import continuous_integration, documentation
from services.quality.collectors.fix_history import fix_forecast
from services.quality.collectors.git import GitFound, git
from services.quality.collectors.lint import lint, security_reports
from services.quality.collectors.security import FindSecrets, secrets
from services.quality.collectors.source import source
from services.quality.collectors.tests import tests
from services.quality.collectors.tools import tools
from services.quality.domain.evidence import Collected, Evidence, merge, no_measurement
from services.quality.domain.fix_prone import FixForecast

logger = logging.getLogger(__name__)
Collector = Callable[[Place], Sequence[Evidence]]

COLLECTORS: tuple[tuple[Collector, tuple[str, ...]], ...] = (
    (source, ("complexity", "annotations", "docstrings")),
    (coverage, ("test_coverage",)),
    (lint, ("lint", "types")),
    (tests, ("tests_present", "tests_passed")),
    (documentation, ("readme",)),
    (continuous_integration, ("continuous_integration",)),
    (dependencies, ("dependencies",)),
    (security_reports, ("security_lint", "vulnerabilities")),
    (tools, ("tools",)),
)
"""The collectors, with the names of their evidence."""


def collect(place: Place, find_secrets: FindSecrets | None = None) -> Collected:
    """All evidence of a place, one per name, collected in parallel; never raises."""
    with ThreadPoolExecutor(max_workers=4, thread_name_prefix="collector") as threads:
        of_git = threads.submit(copy_context().run, _guarded_git, place)  # child processes are observed by the caller
        waiting = [threads.submit(_collect_or_report, collector, names, place) for collector, names in COLLECTORS]
        of_fixes = threads.submit(copy_context().run, _guarded_forecast, place)
        found = of_git.result()
        waiting.append(
            threads.submit(
                _collect_or_report, lambda each: [secrets(each, found.tracked, find_secrets)], ("secrets",), place
            )
        )
        evidence = [*found.evidence, *(one for each in waiting for one in each.result())]
    collected, kind = with_applicability(place, merge(evidence))
    return Collected(collected, found.facts, _dependency_facts(collected["dependencies"]), kind, of_fixes.result())


def _collect_or_report(collector: Collector, names: Sequence[str], place: Place) -> Sequence[Evidence]:
    """The collector's evidence, or none if it fails: an unforeseen report does not affect other collectors."""
    try:
        return collector(place)
    except Unmeasured as reason:
        return [no_measurement(name, str(reason)) for name in names]
    except Exception as error:
        logger.exception("a collector failed")
        return [no_measurement(name, f"the collector failed: {type(error).__name__}") for name in names]


def _guarded_git(place: Place) -> GitFound:
    try:
        return git(place)
    except Exception as error:
        logger.exception("the git collector failed")
        return GitFound([], {"state": "unreadable", "problem": type(error).__name__})


def _guarded_forecast(place: Place) -> FixForecast | None:
    try:
        return fix_forecast(place)
    except Exception:
        logger.exception("the forecast of fixes failed")
        return None


def _dependency_facts(evidence: Evidence) -> dict[str, str]:
    state = "unmeasured" if not evidence.measured else "agrees" if evidence.value == 1 else "disagrees"
    return {"state": state, "detail": evidence.detail}
