"""Better evidence never lowers a score: whoever follows the advice of a component, in any language, gains by it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.quality.collectors import collect
from services.quality.collectors.scan import look
from services.quality.domain.scoring import score
from tests.fuzz.budget import tried
from tests.unit.quality.collectors.test_collectors import write

LINES = 40
SOURCES = {
    "python": "shop/cart.py", "javascript": "src/cart.js", "typescript": "src/cart.ts", "go": "cart.go",
    "rust": "src/cart.rs", "java": "src/main/java/shop/Cart.java", "ruby": "lib/cart.rb", "php": "src/Cart.php",
    "csharp": "Shop/Cart.cs", "cpp": "src/cart.cpp", "kotlin": "src/main/kotlin/Cart.kt",
}  # fmt: skip


@dataclass(frozen=True)
class Report:
    """A report of a component: its file, and its content by how much of it is good, 0 to 10."""

    component: str
    path: str
    content: Callable[[str, int], str]


def lcov(source: str, level: int) -> str:
    lines = (f"DA:{line},{int(line * 10 <= level * LINES)}\n" for line in range(1, LINES + 1))
    return f"SF:{source}\n{''.join(lines)}end_of_record\n"


def junit(source: str, level: int) -> str:
    bad = "<failure/>"
    cases = (f'<testcase file="{source}" name="t{n}">{bad * (n >= level)}</testcase>' for n in range(10))
    return f"<testsuite>{''.join(cases)}</testsuite>"


def sarif(source: str, level: int) -> str:
    place = {"physicalLocation": {"artifactLocation": {"uri": source}}}
    results = [{"level": "warning", "locations": [place]}] * (10 - level)
    return json.dumps({"runs": [{"tool": {"driver": {"name": "any"}}, "results": results}]})


def mypy(source: str, level: int) -> str:
    return "".join(json.dumps({"file": source, "severity": "error"}) + "\n" for _ in range(10 - level))


def tsc(source: str, level: int) -> str:
    return "".join(f"{source}({line},1): error TS2322: no\n" for line in range(1, 11 - level))


def bandit(source: str, level: int) -> str:
    return json.dumps({"results": [{"filename": source, "issue_severity": "HIGH"}] * (10 - level)})


def audit(_: str, level: int) -> str:
    return json.dumps({"results": [{"packages": [{"vulnerabilities": [{}] * (10 - level)}]}]})


EVERYWHERE = (
    Report("test_coverage", "lcov.info", lcov),
    Report("tests_passed", "junit.xml", junit),
    Report("lint", "lint.sarif", sarif),
    Report("vulnerabilities", "osv-scanner.json", audit),
)
OF_ONE: dict[str, tuple[Report, ...]] = {
    "python": (Report("types", "mypy.json", mypy), Report("security_lint", "bandit.json", bandit))
}
OF_ONE |= {"typescript": (Report("types", "tsc.txt", tsc),)}
CASES = [(language, each) for language in SOURCES for each in (*EVERYWHERE, *OF_ONE.get(language, ()))]


def overall(root: Path, report: Report, source: str, level: int | None) -> float:
    """The score with the report at that level; with None, without it."""
    (root / report.path).unlink(missing_ok=True)
    if level is not None:
        write(root, report.path, report.content(source, level))
    found = collect(look(root, [root.parent]))
    assert level is None or found.evidence[report.component].measured, found.evidence[report.component].detail
    return score(found.evidence, found.kind).overall


@pytest.mark.parametrize(
    ("language", "report"), CASES, ids=lambda each: each if isinstance(each, str) else each.component
)
def test_a_better_report_never_lowers_the_score(tmp_path: Path, language: str, report: Report) -> None:
    source = SOURCES[language]
    write(tmp_path / "shop", source, "x = 1  // a line of source, as long as most are\n" * LINES, age_s=60)
    scores = [overall(tmp_path / "shop", report, source, level) for level in (None, 0, 3, 7, 10)]
    if report.component != "vulnerabilities" or language != "cpp":
        assert scores == sorted(scores)
        assert scores[-1] > scores[0]
    else:  # what cannot be asked for has a weight once it is there
        assert scores[1:] == sorted(scores[1:])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("better") / "shop"
    for source in SOURCES.values():
        write(root, source, "x = 1  // a line of source, as long as most are\n" * LINES, age_s=60)
    return root


@tried(10)
@given(
    levels=some.lists(some.integers(0, 10), min_size=1, max_size=4), better=some.integers(0, 3), by=some.integers(0, 10)
)
def test_a_shard_that_gets_better_never_lowers_the_score(shop: Path, levels: list[int], better: int, by: int) -> None:
    def measure(shards: list[int]) -> float:
        for old in shop.glob("junit-*.xml"):
            old.unlink()
        for number, level in enumerate(shards):
            write(shop, f"junit-{number}.xml", junit("shop/cart.py", level).replace('name="', f'name="{number} '))
        found = collect(look(shop, [shop.parent]))
        return score(found.evidence, found.kind).overall

    at = better % len(levels)
    improved = [*levels[:at], min(10, levels[at] + by), *levels[at + 1 :]]
    assert measure(improved) >= measure(levels)
