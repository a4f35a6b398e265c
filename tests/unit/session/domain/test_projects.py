"""What a registry may be told: sightings and names within bounds, in one spelling."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.kit.errors import InvalidInput, TooLarge
from services.session.domain.projects import Project, Root, Sighting, alias_key, check_label, check_sighting, root_key

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_sighting_has_one_spelling() -> None:
    told = Sighting(" cafe\u0301 ", "m", "/work//api/", inside="/packages/web/", package=" web ")
    assert check_sighting(told) == Sighting(
        "caf\u00e9", "m", "/work/api", "/work/api", inside="packages/web", package="web"
    )
    assert check_sighting(Sighting(" ", "m", "/work/api")).name == "unnamed"


@pytest.mark.parametrize(
    ("told", "error"),
    [
        (Sighting("api"), InvalidInput),
        (Sighting("api", root="/work/\0"), InvalidInput),
        (Sighting("x" * 201, root="/work"), TooLarge),
        (Sighting("api", root="/" + "x" * 5000), TooLarge),
        (Sighting("api", root="/work", remote="h/" + "x" * 600), TooLarge),
        (Sighting("api", root="/work", first_commit="a" * 65), TooLarge),
    ],
)
def test_what_cannot_be_a_sighting_is_refused(told: Sighting, error: type[Exception]) -> None:
    with pytest.raises(error):
        check_sighting(told)


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "bell\x07", "\u202eipa"])
def test_a_name_is_one_line_of_printable_text(name: str) -> None:
    with pytest.raises(InvalidInput):
        check_label(name)


def test_a_project_is_found_by_all_that_tells_it() -> None:
    project = Project(
        "1", "ann", "acme/api", "Api", NOW, NOW, ("h/acme/api",), ("c1",), (Root("m", "/work/api", NOW),), ("billing",)
    )
    places = {root_key("m", "/work/api"), "path:/work/api"}
    expected = {"remote:h/acme/api", "commit:c1", *places, "name:api", "name:acme/api"}
    assert project.keys == expected | {alias_key("billing"), alias_key("acme/api")}
