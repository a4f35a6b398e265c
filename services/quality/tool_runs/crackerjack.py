"""Crackerjack, if installed: detects the options of its version, and parses its output.

Releases differ in their options and none writes JSON, so the options are read from its help and the results from its
output. It rewrites the files it checks, so it runs on a copy.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from services.quality.collectors.directory import Place, Unmeasured
from services.quality.collectors.reports import Parsed

OPTIONS = (
    "--fast",
    "--no-config-updates",
    "--no-zuban-lsp",
    "--disable-global-locks",
    "--skip-version-check",
)
"""Used if the installed version has them: quick checks, without changes, servers and waiting."""
NEEDED = frozenset({"--fast", "--no-config-updates"})
copied_max_bytes = 200 * 1024 * 1024

AGAIN = b"Retry 2/"
"""Printed before a second attempt, which only repeats the first."""

_option = re.compile(r"--[a-z][a-z-]+")
_hook = re.compile(r"^(?P<name>[\w-]+)\.{3,}\s*(?P<mark>✅|❌)\s*$", re.MULTILINE)
_failed = re.compile(r"^\s*-?\s*(?P<name>[\w-]+) :: FAILED \|[^|\n]*\| issues=(?P<issues>\d{1,6})\s*$", re.MULTILINE)
_lint_hook = "ruff-check"


@dataclass(frozen=True, slots=True)
class Hooks:
    """The checks that Crackerjack ran: those that passed, those that failed, and the issues of the latter."""

    passed: tuple[str, ...]
    failed: tuple[str, ...]
    issues: dict[str, int]

    def detail(self) -> str:
        """A summary in one line."""
        total = len(self.passed) + len(self.failed)
        failed = f"; failed: {', '.join(self.failed)}" if self.failed else ""
        return f"{len(self.passed)} of {total} checks passed{failed}"


def known_options(help_text: str) -> list[str]:
    """Those of `OPTIONS` that the installed version has; Unmeasured if a required one is missing."""
    has = set(_option.findall(help_text))
    if not has >= NEEDED:
        raise Unmeasured(f"this version of crackerjack lacks {', '.join(sorted(NEEDED - has))}")
    return [option for option in OPTIONS if option in has]


def parse_hooks(output: bytes) -> Hooks:
    """The results of the last attempt in the output."""
    text = output.decode("utf-8", "replace")
    marks = {match["name"]: match["mark"] for match in _hook.finditer(text)}
    if not marks:
        raise Unmeasured("crackerjack printed no results")
    issues = {match["name"]: int(match["issues"]) for match in _failed.finditer(text)}
    passed = tuple(sorted(name for name, mark in marks.items() if mark == "✅"))
    return Hooks(passed, tuple(sorted(marks.keys() - set(passed))), issues)


def as_lint(hooks: Hooks) -> Parsed:
    """The linter's findings. A hook that failed without an issue could not run, and is not evidence."""
    if _lint_hook in hooks.passed:
        count = 0
    elif hooks.issues.get(_lint_hook):
        count = hooks.issues[_lint_hook]
    else:
        raise Unmeasured(f"crackerjack did not run {_lint_hook}")
    return Parsed(count, languages=("python",), detail=hooks.detail())


def copy_for(place: Place, target: Path) -> None:
    """Copies the place's files, without generated and installed ones; Unmeasured if they are too large."""
    if sum(file.size for file in place.files) > copied_max_bytes or place.truncated:
        raise Unmeasured("the project is too large to copy")
    for file in place.files:
        copy = target / file.path
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(place.root / file.path, copy, follow_symlinks=False)
