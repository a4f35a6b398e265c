"""A label is the project's name where that is free, and else what tells it apart."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

import pytest

from services.session.domain.project_labels import possible_labels, telling_labels
from services.session.domain.projects import Project, Sighting

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sighting", "labels"),
    [
        (Sighting("api", "m", "/c/client-b/api"), ["api", "client-b/api", "c/client-b/api", "api-2", "api-3"]),
        (Sighting("web", "m", "/w/web", remote="github.com/globex/web"), ["web", "globex/web", "w/web"]),
        (Sighting("web", "m", "/w/x/web", remote="h/a/b/web"), ["web", "b/web", "x/web", "h/a/b/web"]),
        (Sighting("api", "m", "D:\\work\\api"), ["api", "work/api", "D:/work/api", "api-2"]),
        (Sighting("api", "m", "/api"), ["api", "api-2"]),
        (Sighting("api", "m", "/w/api", given_name="billing"), ["billing", "w/billing"]),
    ],
)
def test_the_name_comes_first_and_then_what_stands_before_it(sighting: Sighting, labels: list[str]) -> None:
    assert list(islice(possible_labels(sighting), len(labels))) == labels


def test_a_package_has_the_name_of_its_repository_before_its_own() -> None:
    shop = Project("1", "ann", "acme/shop", "shop", NOW, NOW)
    package = Sighting("shop", "m", "/w/shop", inside="apps/web", package="web")
    assert list(islice(possible_labels(package, shop), 3)) == ["acme/shop/web", "acme/shop/apps/web", "acme/shop/web-2"]


def test_labels_are_short_enough_to_be_stored() -> None:
    long = Sighting("x" * 200, "m", "/" + "y" * 250 + "/" + "x" * 200)
    assert all(len(each) <= 200 for each in islice(possible_labels(long), 12))


def test_a_digest_of_a_remote_tells_nobody_anything() -> None:
    assert "sha256/api" not in telling_labels("api", "sha256/" + "0" * 64, "/w/api")
