"""The map of the code in ARCHITECTURE.md leads where it says, and the documents use one word for one thing."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
SERVICES = ROOT / "services"
DOCUMENTS = {
    **{name: (ROOT / name).read_text() for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", ".env.example")},
    "ARCHITECTURE.md": ARCHITECTURE,
    "CHANGELOG.md": CHANGELOG.partition("## [Unreleased]")[2].partition("\n## [")[0],
    **{
        str(path.relative_to(ROOT)): path.read_text()
        for path in sorted([*(ROOT / "deploy").rglob("*.md"), *(ROOT / "docs").rglob("*.md")])
    },
}
FORBIDDEN = {
    r"mend(s|ed|ing)?": "fix",
    r"owe[sd]?|owing": "pending, deferred",
    r"bears?|borne": "has, carries",
    r"patience": "timeout",
}
"""Words that the glossary does not have, and what is said instead."""


def section(title: str) -> str:
    return ARCHITECTURE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


FINDINGS = re.findall(r"^\| (.+\?) \| `(\S+)` \|$", section("Where to find what"), re.MULTILINE)


def words(text: str) -> set[str]:
    return {word for word in re.findall(r"[a-z]+", text.lower()) if len(word) > 2}


def are_alike(one: str, other: str) -> bool:
    """Whether two words differ in their ending alone: `erases` and `erasure`, `scored` and `scoring`."""
    shared = max(3, min(len(one), len(other)) - 3)
    return one[:shared] == other[:shared] and max(len(one), len(other)) - shared <= 5


@pytest.mark.parametrize(("question", "path"), FINDINGS)
def test_a_newcomer_finds_a_behaviour_by_the_words_of_the_question(question: str, path: str) -> None:
    assert (ROOT / path).is_file()
    _, _, inside = path.removeprefix("services/").partition("/")
    named = words(inside.removesuffix(".py"))
    assert any(are_alike(word, name) for word in words(question) for name in named)


def test_the_map_has_many_behaviours_each_once() -> None:
    table = section("Where to find what")
    assert len(FINDINGS) == table.count("\n| ") - 2
    assert len({path for _, path in FINDINGS}) == len(FINDINGS) >= 30


def folders_of_the_layout() -> set[str]:
    """The folders below services/ that the layout lists, by their indentation."""
    found, above = set[str](), list[str]()
    for indent, name in re.findall(r"^( +)([a-z_]+)/ ", section("Layout"), re.MULTILINE):
        above[len(indent) // 2 - 1 :] = [name]
        found.add("/".join(above))
    return found


def test_the_layout_lists_every_folder() -> None:
    packages = {path.parent.relative_to(SERVICES).as_posix() for path in SERVICES.rglob("__init__.py")}
    assert folders_of_the_layout() == packages - {"."}


@cache
def modules() -> list[str]:
    """The path of every module, below the repository."""
    paths = [path for folder in ("services", "tests", "deploy") for path in (ROOT / folder).rglob("*.py")]
    return [f"/{path.relative_to(ROOT).as_posix()}" for path in paths]


@pytest.mark.parametrize(
    "name", sorted({*re.findall(r"`((?:[\w-]+/)*\w+\.py)`", ARCHITECTURE + CONTRIBUTING + DOCUMENTS["SECURITY.md"])})
)
def test_every_module_that_the_documents_name_exists(name: str) -> None:
    assert any(path.endswith(f"/{name}") for path in modules())


@pytest.mark.parametrize("name", sorted({*re.findall(r"`((?:[\w-]+/)+)`", ARCHITECTURE + CONTRIBUTING)}))
def test_every_folder_that_the_documents_name_exists(name: str) -> None:
    assert any(
        f"/{path.relative_to(ROOT).as_posix()}/".endswith(f"/{name}")
        for path in folders_below("services", "deploy", "proto", "tests")
    )


def folders_below(*tops: str) -> list[Path]:
    """These folders of the repository, and all within them."""
    return [path for top in tops for path in (ROOT / top, *(ROOT / top).rglob("*")) if path.is_dir()]


def anchors(document: str) -> set[str]:
    """The anchors of a document's headings, as a page that shows it makes them."""
    headings = re.findall(r"^#+ (.+)$", document, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name.endswith(".md")])
def test_every_link_leads_to_a_file_and_a_heading(name: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", DOCUMENTS[name]):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        path = (ROOT / name).parent / file if file else ROOT / name
        assert path.exists(), target
        assert not anchor or anchor in anchors(path.read_text()), target


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_target_of_make_that_the_documents_name_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {target for line in re.findall(r"`make ([a-z -]+)`", DOCUMENTS[name]) for target in line.split()}
    assert named <= targets


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("forbidden", FORBIDDEN)
def test_documents_use_the_words_of_the_glossary(name: str, forbidden: str) -> None:
    assert not re.findall(rf"\b(?:{forbidden})\b", DOCUMENTS[name], re.IGNORECASE), f"say {FORBIDDEN[forbidden]}"
