"""What can be asked of a project of this language and kind, and how to have the rest measured here.

What cannot apply leaves the weights and is not advised: nobody can leave a type checker's report of Go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from services.quality.collectors.directory import File, Place, Unmeasured
from services.quality.collectors.languages import (
    LANGUAGES,
    is_aside,
    is_test,
    other_language_of,
    says_it_is_generated,
)
from services.quality.collectors.report_files.advice import advice
from services.quality.domain.evidence import CODE, NO_CODE, WITHOUT_CODE, Evidence, no_measurement, not_applicable

LIBRARY_BYTES_MIN = 8_000
"""A program of about 200 lines; less beside a lot of text is a helper of a document."""
LITTLE_TEXT_BYTES = 20_000
main_share = 0.05
notebooks_min = 3
looked_into_max = 20
generated_max_bytes = 2_000_000
_text = re.compile(r"\.(txt|md|rst|adoc|csv|tsv|json|ya?ml|gitignore|html|tex|base64)$", re.IGNORECASE)
_no_text = re.compile(
    r"(^|/)(readme|license|licence|changelog|changes|contributing|code_of_conduct)|lock|^\.|/\.", re.IGNORECASE
)
_manifest = re.compile(r"(^|/)(package\.json|tsconfig[^/]*\.json|composer\.json|docker-compose[^/]*|compose\.ya?ml)$")
NEEDS_CODE = frozenset(
    "test_coverage lint types annotations complexity tests_passed tests_present docstrings".split()  # noqa: SIM905
)
OF_CODE = frozenset({"dependencies", "vulnerabilities", "security_lint"})
"""What nobody advises where there is no code."""
OF_NOTEBOOKS = NEEDS_CODE - {"lint"}
"""What a book or an analysis in notebooks is not asked for."""
OF_KNOWN_LANGUAGES = NEEDS_CODE - {"test_coverage", "lint", "tests_passed"} | {"dependencies", "security_lint"}
"""What cannot be told of a language that is not known here; reports of any language are read."""
OF_INFRASTRUCTURE = NEEDS_CODE - {"lint"} | {"dependencies"}
LANGUAGES_OF: Mapping[str, frozenset[str]] = {
    "types": frozenset({"python", "typescript"}),
    "security_lint": frozenset({"python"}),
    "vulnerabilities": frozenset(LANGUAGES.values()) - {"c", "cpp", "swift", "scala"},
    "dependencies": frozenset({"python", "javascript", "typescript", "go", "rust"}),
}
"""Evidence of which only tools of these languages leave a report of their own."""


def main_languages(place: Place) -> tuple[str, ...]:
    """The languages that the project is written in, the one with most source first. Tests, scripts and documents count
    only where there is nothing else."""
    sizes = (
        _sizes(place, lambda path: not is_test(path) and not is_aside(path))
        or _sizes(place, lambda path: not is_test(path))
        or _sizes(place, lambda _: True)
    )
    total = sum(sizes.values())
    return tuple(sorted((each for each in sizes if sizes[each] >= main_share * total), key=lambda each: -sizes[each]))


def _sizes(place: Place, counts: Callable[[str], bool]) -> dict[str, int]:
    """The bytes of each language in the files whose paths count."""
    sizes = {
        language: sum(file.size for file in files if counts(file.path)) for language, files in place.by_language.items()
    }
    return {language: size for language, size in sizes.items() if size}


def kind(place: Place) -> str:
    """`code`, `notebooks`, `infrastructure` or `documents`."""
    code_bytes = _written_bytes(place) + sum(file.size for file in place.other_sources)
    if code_bytes >= LIBRARY_BYTES_MIN * 4:
        return CODE
    names = [file.path for file in place.files]
    if sum(name.endswith(".ipynb") for name in names) >= notebooks_min:
        return "notebooks"
    if code_bytes < LIBRARY_BYTES_MIN and any(name.endswith((".tf", ".bicep", ".tfvars")) for name in names):
        return "infrastructure"
    text_bytes = sum(file.size for file in place.files if _is_text(file.path))
    is_helper = code_bytes < LIBRARY_BYTES_MIN and text_bytes > 10 * code_bytes and text_bytes > LITTLE_TEXT_BYTES
    return NO_CODE if not code_bytes or is_helper else CODE


def other_language(place: Place) -> str:
    """The language that most is written in, if it is one of which reports alone are read."""
    sizes: dict[str, int] = {}
    for file in place.other_sources:
        name = other_language_of(file.path)
        sizes[name] = sizes.get(name, 0) + file.size
    return max(sizes, key=lambda name: sizes[name], default="")


def _written_bytes(place: Place) -> int:
    """The bytes of source that somebody wrote; of many files their sizes tell enough."""
    files = place.sources()
    total = sum(file.size for file in files)
    if len(files) > looked_into_max:
        return total
    return total - sum(
        file.size for file in files if place.once("generated", file, partial(_is_generated, place, file))
    )


def _is_generated(place: Place, file: File) -> bool:
    try:
        return says_it_is_generated(place.read(file.path, generated_max_bytes))
    except Unmeasured:
        return file.size > generated_max_bytes


def _is_text(path: str) -> bool:
    return bool(_text.search(path)) and not _no_text.search(path) and not _manifest.search(path)


def with_applicability(place: Place, evidence: Mapping[str, Evidence]) -> tuple[dict[str, Evidence], str]:
    """The evidence with what does not apply marked as such, the rest with advice; and the project's kind."""
    found, languages, other = kind(place), main_languages(place), other_language(place)
    if not place.files:
        return dict(evidence), CODE
    if other and found == CODE:
        languages = ()
        evidence = {name: _of_other(each, other) for name, each in evidence.items()}
    adjusted = {name: _for_project(place, each, found, languages) for name, each in evidence.items()}
    return adjusted, NO_CODE if found == NO_CODE else CODE


def _of_other(each: Evidence, language: str) -> Evidence:
    return _as_unasked(each, f"not known for {language}") if each.name in OF_KNOWN_LANGUAGES else each


def _for_project(place: Place, each: Evidence, kind_: str, languages: tuple[str, ...]) -> Evidence:
    name = each.name
    left_out = {"notebooks": OF_NOTEBOOKS, "infrastructure": OF_INFRASTRUCTURE}.get(kind_, frozenset())
    if name in left_out:
        return _as_unasked(each, f"the project is made of {kind_}")
    if kind_ == NO_CODE:
        return no_measurement(name, WITHOUT_CODE) if _is_of_code(each) else each
    if not each.applies:
        return each
    if name in LANGUAGES_OF and languages and not LANGUAGES_OF[name] & set(languages):
        return _as_unasked(each, f"not for {', '.join(languages[:3])}")
    if each.measured:
        return each
    return replace(each, advice=advice(place, name, languages))


def _is_of_code(each: Evidence) -> bool:
    """Whether evidence of a project without code says something of code, or waits for some."""
    if each.name in NEEDS_CODE:
        return each.measured or each.detail.startswith("no ")
    return each.name in OF_CODE and each.applies and not each.measured


def _as_unasked(each: Evidence, reason: str) -> Evidence:
    """What nobody asks of such a project; if it is measured all the same, it may raise the score."""
    return replace(each, applies=False) if each.measured else not_applicable(each.name, reason)
