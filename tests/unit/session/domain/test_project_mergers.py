"""Two projects made one have what both had, and what was one is two again with what each brought."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.kit.errors import NotFound
from services.session.domain.project_mergers import merged_project, merger_of, separation
from services.session.domain.projects import Marked, Project, Root

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def project(name: str, minutes: int = 0, **more: Any) -> Project:
    root = Root("m", f"/w/{name}", NOW + timedelta(minutes=minutes))
    marked = (Marked("m", f"mark of {name}", root.path),)
    return Project(name, "ada", name, name, NOW, root.seen_at, roots=(root,), marked=marked, **more)


def test_a_merged_project_is_found_by_all_that_either_was() -> None:
    one, other = project("api", remotes=("h/a/api",)), project("web", 5, aliases=("site",))
    merged = merged_project(one, other)
    assert one.keys | other.keys <= merged.keys
    assert (merged.id, merged.label, merged.unmoved, merged.seen_at) == ("web", "web", ("api",), other.seen_at)
    assert [each.path for each in merged.roots] == ["/w/web", "/w/api"]


def test_what_was_merged_is_split_with_what_it_brought() -> None:
    one, other = project("api", remotes=("h/a/api", "h/both")), project("web", remotes=("h/both",))
    merged = merged_project(one, other)
    for name in ("api", "API"):
        apart = separation(merged, merger_of(merged, name))
        assert (apart.one, apart.rest.keys, apart.rest.marked) == (one, other.keys, other.marked)
    with pytest.raises(NotFound, match="No shop can be split"):
        merger_of(merged, "shop")
