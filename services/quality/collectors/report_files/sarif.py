"""SARIF 2.1: which results of a run are findings that stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from services.quality.collectors.directory import Place, Unmeasured
from services.quality.collectors.languages import languages_of
from services.quality.collectors.reports import Parsed, expect, own_time, read_json

Table = Mapping[str, Any]
LEVELS = frozenset({"warning", "error"})
LANGUAGES_OF_TOOL: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("ruff", "pylint", "bandit", "flake8"), ("python",)),
    **dict.fromkeys(("golangci-lint", "gosec", "staticcheck"), ("go",)),
    **dict.fromkeys(("pmd", "spotbugs", "checkstyle"), ("java",)),
    **dict.fromkeys(("phpstan", "psalm"), ("php",)),
    "eslint": ("javascript", "typescript"), "clippy": ("rust",), "rubocop": ("ruby",), "detekt": ("kotlin",),
}  # fmt: skip


def parse_sarif(place: Place, content: bytes) -> Parsed:
    """Results of level warning and above, of any linter. Unmeasured where the tool says that it failed."""
    runs = [_table(run) for run in expect(_table(read_json(content)).get("runs"), list)]
    if not runs:
        raise Unmeasured("contains no run")
    if any(_has_failed(run) for run in runs):
        raise Unmeasured("says that the tool failed")
    standing = [row for run in runs for row in _standing(run)]
    paths = [path for row in standing for path in _paths(row)]
    times = [time for run in runs for time in _times(run, place.now)]
    tools = sorted({str(_table(_table(run.get("tool") or {}).get("driver") or {}).get("name", "")) for run in runs})
    languages = languages_of(paths) or _languages_of_tools(tools) or place.languages
    named = ", ".join(filter(None, tools))[:80]
    detail = f"{len(standing)} findings of {named}"
    return Parsed(len(standing), 0.0, list(dict.fromkeys(paths)), languages, max(times, default=None), detail)


def _table(value: object) -> Table:
    found: Table = expect(value, dict)
    return found


def _tables(value: object) -> list[Table]:
    return [_table(each) for each in expect(value or [], list)]


def _has_failed(run: Table) -> bool:
    """Whether the tool found nothing because it failed."""
    return not run.get("results") and any(
        each.get("executionSuccessful") is False for each in _tables(run.get("invocations"))
    )


def _standing(run: Table) -> Iterator[Table]:
    """The results that are findings now: neither suppressed, nor of an earlier run alone, nor of a lower level."""
    levels = _levels_of_rules(run)
    for row in _tables(run.get("results")):
        if row.get("baselineState") != "absent" and not _is_suppressed(row) and _level(row, levels) in LEVELS:
            yield row


def _is_suppressed(row: Table) -> bool:
    """A suppression that is under review, or was rejected, suppresses nothing."""
    suppressions = _tables(row.get("suppressions"))
    return bool(suppressions) and all(each.get("status", "accepted") == "accepted" for each in suppressions)


def _level(row: Table, levels: Mapping[object, object]) -> object:
    """The level of a result: its own, else its rule's. What is no failure, as a rule that passed, has none."""
    if row.get("kind", "fail") != "fail":
        return "none"
    if isinstance(level := row.get("level"), str):
        return level
    rule = _table(row.get("rule") or {})
    names = (row.get("ruleId"), rule.get("id"), row.get("ruleIndex"), rule.get("index"))
    known = (levels[name] for name in names if isinstance(name, str | int) and name in levels)
    return next(known, "warning")


def _levels_of_rules(run: Table) -> Mapping[object, object]:
    """The level of each rule by its id, and of the tool's own by their index."""
    tool = _table(run.get("tool") or {})
    own = _tables(_table(tool.get("driver") or {}).get("rules"))
    others = [rule for each in _tables(tool.get("extensions")) for rule in _tables(each.get("rules"))]
    levels: dict[object, object] = {number: _level_of_rule(rule) for number, rule in enumerate(own)}
    levels |= {rule["id"]: _level_of_rule(rule) for rule in (*others, *own) if isinstance(rule.get("id"), str)}
    return levels


def _level_of_rule(rule: Table) -> object:
    return _table(rule.get("defaultConfiguration") or {}).get("level", "warning")


def _times(run: Table, now: datetime) -> list[datetime]:
    ends = [each.get("endTimeUtc") for each in _tables(run.get("invocations"))]
    return [time for end in ends if isinstance(end, str) and (time := own_time(end, now))]


def _paths(row: Table) -> list[str]:
    physical = [_table(each.get("physicalLocation") or {}) for each in _tables(row.get("locations"))[:1]]
    uris = [_table(each.get("artifactLocation") or {}).get("uri") for each in physical]
    return [unquote(each) for each in uris if isinstance(each, str)]


def _languages_of_tools(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({each for name in names for each in LANGUAGES_OF_TOOL.get(name.lower(), ())}))
