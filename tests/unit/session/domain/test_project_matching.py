"""Which sightings are of one project, and which are not, whatever they have in common."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.session.domain.project_matching import (
    earlier_roots,
    grown_project,
    is_same_project,
    matching_project,
    moved_project,
    paths_upwards,
)
from services.session.domain.projects import Project, Registered, Root, Sighting

NOW = datetime(2026, 3, 1, tzinfo=UTC)
REPOSITORY = Sighting("api", "m", "/w/api", "/w/api", True, "h/acme/api", "c1")
WITHOUT_REMOTE = replace(REPOSITORY, remote="")
DIRECTORY = Sighting("api", "m", "/w/api", "/w/api")


def project_of(*sightings: Sighting) -> Project:
    project = Project("1", "ann", "api", "api", NOW, NOW)
    for sighting in sightings:
        project = grown_project(project, sighting, NOW)
    return project


def registered(*projects: Project) -> Registered:
    by_key: dict[str, list[Project]] = {}
    for project in projects:
        for key in project.keys:
            by_key.setdefault(key, []).append(project)
    return Registered(1, by_key)


def belongs(sighting: Sighting, *known: Sighting, standing: frozenset[str] | None = None) -> bool:
    found = registered(project_of(*known))
    return bool(matching_project(sighting, found) or moved_project(sighting, found, standing))


@pytest.mark.parametrize(
    ("sighting", "known"),
    [
        (replace(REPOSITORY, root="/w/other", directory="/w/other"), REPOSITORY),  # a clone
        (replace(REPOSITORY, root="/w/other", machine="n"), REPOSITORY),  # on another machine
        (replace(REPOSITORY, root="/w/s", first_commit="", is_first_commit_unknown=True), REPOSITORY),  # shallow
        (replace(REPOSITORY, remote="h2/acme/api"), REPOSITORY),  # the remote moved
        (REPOSITORY, WITHOUT_REMOTE),  # it got a remote
        (WITHOUT_REMOTE, REPOSITORY),  # its remote was removed
        (WITHOUT_REMOTE, DIRECTORY),  # git init, and a first commit
        (REPOSITORY, DIRECTORY),
        (replace(REPOSITORY, first_commit="c2"), REPOSITORY),  # its history was written anew
        (replace(WITHOUT_REMOTE, machine="n", root="/v/api"), WITHOUT_REMOTE),  # copied to another machine
        (replace(WITHOUT_REMOTE, root="/w/c", remote="local/m/w/api"), WITHOUT_REMOTE),  # a clone on this machine
        (WITHOUT_REMOTE, replace(WITHOUT_REMOTE, root="/w/c", remote="local/m/w/api")),  # whose clone was seen first
    ],
)
def test_one_project_goes_on(sighting: Sighting, known: Sighting) -> None:
    assert belongs(sighting, known)


@pytest.mark.parametrize(
    ("sighting", "known"),
    [
        (replace(REPOSITORY, root="/w/fork", remote="h/me/api"), REPOSITORY),  # a fork
        (replace(REPOSITORY, root="/w/new"), replace(WITHOUT_REMOTE, root="/w/template")),  # made from a template
        (replace(WITHOUT_REMOTE, root="/w/new"), REPOSITORY),
        (replace(REPOSITORY, remote="h/zeta/api", first_commit="c2"), REPOSITORY),  # another one at the same path
        (replace(WITHOUT_REMOTE, first_commit="c2"), WITHOUT_REMOTE),
        (DIRECTORY, REPOSITORY),
        (DIRECTORY, WITHOUT_REMOTE),
        (replace(WITHOUT_REMOTE, first_commit=""), REPOSITORY),  # git init at the path of a clone
        (replace(REPOSITORY, root="/w/evil", first_commit="c9"), REPOSITORY),  # it claims the remote
        (replace(WITHOUT_REMOTE, root="/w/e", first_commit="c9", remote="local/m/w/api"), WITHOUT_REMOTE),
        (replace(WITHOUT_REMOTE, root="/w/e", first_commit="", remote="local/m/w/api"), WITHOUT_REMOTE),
        (replace(DIRECTORY, root="/v/api"), DIRECTORY),
        (replace(DIRECTORY, machine="n"), DIRECTORY),
        (replace(REPOSITORY, remote="h/z/api", first_commit="", is_first_commit_unknown=True), REPOSITORY),
    ],
)
def test_two_projects_stay_two(sighting: Sighting, known: Sighting) -> None:
    assert not belongs(sighting, known)


def test_a_repository_without_a_remote_has_moved_where_its_place_is_empty() -> None:
    moved = replace(WITHOUT_REMOTE, root="/w/renamed", directory="/w/renamed")
    known = registered(project_of(WITHOUT_REMOTE))
    assert earlier_roots(moved, known) == ["/w/api"]
    assert belongs(moved, WITHOUT_REMOTE, standing=frozenset())
    assert not belongs(moved, WITHOUT_REMOTE, standing=frozenset({"/w/api"}))
    assert not belongs(moved, WITHOUT_REMOTE)  # nobody looked


def test_a_project_learns_what_a_sighting_adds_and_nothing_else() -> None:
    project = project_of(DIRECTORY, WITHOUT_REMOTE, REPOSITORY)
    assert (project.remotes, project.first_commits) == (("h/acme/api",), ("c1",))
    assert project.roots == (Root("m", "/w/api", NOW),)
    assert grown_project(project, REPOSITORY, NOW + timedelta(minutes=59)) is project
    later = grown_project(project, REPOSITORY, NOW + timedelta(hours=1))
    assert later.seen_at == NOW + timedelta(hours=1)
    tree = grown_project(project, replace(REPOSITORY, directory="/w/api-fix"), NOW)
    assert {each.path for each in tree.roots} == {"/w/api", "/w/api-fix"}


def test_what_is_kept_of_a_project_is_bounded() -> None:
    project = project_of(*(replace(REPOSITORY, directory=f"/w/{n}", remote=f"h/a/{n}") for n in range(200)))
    assert (len(project.roots), len(project.remotes)) == (64, 8)
    assert project.remotes[-1] == "h/a/199"
    assert "/w/199" in {each.path for each in project.roots}


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (REPOSITORY, replace(REPOSITORY, root="/w/b"), True),
        (WITHOUT_REMOTE, replace(WITHOUT_REMOTE, directory="/w/fix"), True),
        (WITHOUT_REMOTE, replace(WITHOUT_REMOTE, root="/w/b"), False),  # both are there
        (WITHOUT_REMOTE, replace(WITHOUT_REMOTE, root="/w/b", remote="local/m/w/api"), True),
        (REPOSITORY, replace(REPOSITORY, root="/w/b", remote="h/b/api"), False),
        (REPOSITORY, replace(REPOSITORY, inside="web"), False),
    ],
)
def test_of_two_that_are_there_it_is_told_whether_they_are_one(one: Sighting, other: Sighting, is_same: bool) -> None:
    assert is_same_project(one, other) is is_same
    assert is_same_project(other, one) is is_same


def test_paths_lead_upwards_on_every_system() -> None:
    assert paths_upwards("/a/b/c") == ["/a/b/c", "/a/b", "/a"]
    assert paths_upwards("D:\\a\\b") == ["D:\\a\\b", "D:\\a", "D:"]
    assert len(paths_upwards("/x" * 5000)) == 64


ALIAS = replace(REPOSITORY, remote="github-work/acme/api")
RESOLVED = replace(REPOSITORY, remote="github.com/acme/api", written_remote="github-work/acme/api")
ELSEWHERE = replace(RESOLVED, root="/w/clone", directory="/w/clone")
WRITTEN_OUT = replace(ELSEWHERE, written_remote="")


def test_what_was_known_by_the_name_of_a_host_goes_on_by_where_that_leads() -> None:
    assert belongs(RESOLVED, ALIAS)
    assert belongs(ELSEWHERE, ALIAS)
    assert not belongs(WRITTEN_OUT, ALIAS)
    assert belongs(WRITTEN_OUT, ALIAS, RESOLVED)
    assert belongs(ALIAS, RESOLVED)  # the settings are gone again
    assert not belongs(replace(ELSEWHERE, first_commit="c9"), ALIAS)
    grown = project_of(ALIAS, RESOLVED)
    assert grown.remotes == ("github-work/acme/api", "github.com/acme/api")
    assert grown_project(grown, RESOLVED, NOW) is grown


def test_of_two_projects_that_were_one_repository_each_place_goes_on_with_its_own() -> None:
    alias, other = project_of(ALIAS), replace(project_of(WRITTEN_OUT), id="2", label="acme/api")
    known = registered(alias, other)
    assert matching_project(RESOLVED, known) == alias
    assert matching_project(ELSEWHERE, known) == other
    third = replace(ELSEWHERE, root="/w/third", directory="/w/third")
    assert matching_project(third, known) == other
