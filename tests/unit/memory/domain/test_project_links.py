"""Which projects are related by links, and which links there may be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.kit.errors import InvalidInput, TooLarge
from services.memory.domain.project_links import Link, LinkType, checked_link, related_max, related_projects


def link(source: str, target: str) -> Link:
    return Link(source, target, LinkType.RELATED, "", datetime(2026, 3, 1, tzinfo=UTC))


def test_projects_within_two_links_are_related_nearest_first_whichever_way_they_point() -> None:
    links = [link("c", "b"), link("a", "b"), link("c", "d"), link("x", "y")]
    assert related_projects("a", links) == ["b", "c"]
    assert related_projects("b", links) == ["c", "a", "d"]
    assert related_projects("nobody", links) == []


def test_a_circle_names_each_project_once_and_never_the_one_that_asks() -> None:
    assert related_projects("a", [link("a", "b"), link("b", "c"), link("c", "a"), link("b", "a")]) == ["b", "c"]


def test_only_the_nearest_are_named() -> None:
    links = [link("a", f"p{number}") for number in range(related_max + 5)]
    assert len(related_projects("a", links)) == related_max


@pytest.mark.parametrize(("source", "target"), [("", "b"), ("a", ""), ("a", "a")])
def test_a_link_is_between_two_projects(source: str, target: str) -> None:
    with pytest.raises(InvalidInput):
        checked_link(link(source, target))


def test_names_and_descriptions_have_a_limit() -> None:
    longest = replace(link("a" * 200, "b" * 200), description="d" * 1000)
    assert checked_link(longest) == longest
    for over in (replace(longest, source="a" * 201), replace(longest, description="d" * 1001)):
        with pytest.raises(TooLarge):
            checked_link(over)
