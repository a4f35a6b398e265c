"""The registry as the gateway uses it: what is registered, adopted, told apart, renamed and merged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.kit.errors import AlreadyExists, InvalidInput, NotFound, OverQuota
from services.session.domain.projects import Project, Sighting
from services.session.operations.project_changes import ProjectChanges
from services.session.operations.project_registry import Checked, ProjectRegistry
from services.session.store import Change, SessionStore
from services.session.store.sqlite import open_sqlite
from tests.unit.session.store.test_session_store import new

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ACME = Sighting("api", "m", "/w/acme/api", "/w/acme/api", True, "h/acme/api", "c1")
BOLT = Sighting("api", "m", "/w/bolt/api", "/w/bolt/api", True, "h/bolt/api", "c2")


class Registry:
    """One user's registry, and what the gateway would find when it is asked to look."""

    def __init__(self, store: SessionStore) -> None:
        self.store = store
        self.registry = ProjectRegistry(store.projects, lambda: NOW)
        self.changes = ProjectChanges(store, self.registry, lambda: NOW)
        self.there: dict[str, Sighting] = {}
        self.stored: set[str] = set()
        self.standing: set[str] = set()
        self.clones: set[str] = set()
        self.same: set[str] = set()

    async def project(self, sighting: Sighting, user: str = "ada") -> Project:
        checked = Checked()
        for _ in range(5):
            resolved = await self.registry.resolve(user, sighting, checked)
            if resolved.project:
                return resolved.project
            if resolved.roots:
                standing = self.standing & set(resolved.roots)
                origins = frozenset(standing - self.clones)
                same = frozenset(self.same & set(resolved.roots))
                checked = replace(checked, standing_roots=frozenset(standing), origins=origins, same_roots=same)
                continue
            others = [self.there[each] for each in resolved.directories if each in self.there]
            checked = replace(checked, name=resolved.name, others=others, is_stored=resolved.name in self.stored)
        raise AssertionError("it asks for ever")

    async def label(self, sighting: Sighting, user: str = "ada") -> str:
        return (await self.project(sighting, user)).label

    async def worked_in(self, *directories: str, label: str = "api") -> None:
        """Sessions of before there was a registry."""
        for directory in directories:
            await self.store.commit(Change(session=new(f"s {directory}", directory, project=label)))


@pytest.fixture
async def known(tmp_path: Path) -> AsyncIterator[Registry]:
    async with open_sqlite(tmp_path / "session.sqlite", queue_max=1000) as store:
        yield Registry(store)


async def test_the_first_of_a_name_has_it_as_its_label_and_the_next_are_distinct_label(known: Registry) -> None:
    assert [await known.label(each) for each in (ACME, BOLT, ACME, BOLT)] == ["api", "bolt/api"] * 2
    plain = Sighting("api", "m", "/v/zeta/api", "/v/zeta/api")
    assert await known.label(plain) == "zeta/api"
    resolved = await known.registry.resolve("ada", ACME, Checked())
    assert sorted(each.label for each in resolved.namesakes) == ["bolt/api", "zeta/api"]
    assert await known.label(BOLT, "bob") == "api"


async def test_many_at_once_register_one_project(known: Registry) -> None:
    labels = await asyncio.gather(*(known.label(each) for each in (ACME, BOLT) * 10))
    assert set(labels) == {"api", "bolt/api"} or set(labels) == {"api", "acme/api"}
    assert (await known.registry.page("ada", "", 10, None)).total == 2


async def test_a_name_that_several_have_is_refused_with_what_tells_them_apart(known: Registry) -> None:
    await known.label(ACME)
    assert (await known.registry.find("ada", "api")).label == "api"
    await known.label(BOLT)
    with pytest.raises(InvalidInput, match=r"acme/api, bolt/api") as refused:
        await known.registry.find("ada", "API")
    assert refused.value.suggestions == ("project=acme/api", "project=bolt/api")
    assert (await known.registry.find("ada", "acme/api")).label == "api"
    assert (await known.registry.find("ada", "api", here="bolt/api")).label == "bolt/api"
    assert (await known.registry.find("ada", "api", exact=True)).label == "api"
    for odd in ("web", "", "two\nlines", "x" * 5000):
        with pytest.raises(NotFound):
            await known.registry.find("ada", odd)
    with pytest.raises(NotFound):
        await known.registry.find("bob", "api")


async def test_what_was_stored_before_goes_to_the_one_project_that_fits(known: Registry) -> None:
    await known.worked_in("/w/acme/api", "/w/acme/api-fix", "/w/gone/api")
    known.there = {each: replace(ACME, directory=each) for each in ("/w/acme/api", "/w/acme/api-fix")}
    assert await known.label(ACME) == "api"


async def test_what_several_fit_is_nobodys_until_a_person_says_whose(known: Registry) -> None:
    await known.worked_in("/w/acme/api", "/w/bolt/api")
    known.there = {"/w/acme/api": ACME, "/w/bolt/api": BOLT}
    assert [await known.label(each) for each in (ACME, BOLT)] == ["acme/api", "bolt/api"]
    third = replace(ACME, root="/w/zeta/api", directory="/w/zeta/api", remote="h/zeta/api", first_commit="c3")
    assert await known.label(third) == "zeta/api"
    contested = await known.registry.find("ada", "api", exact=True)
    assert contested.is_contested
    page = await known.registry.page("ada", "api", 10, None)
    assert [each.label for each in page.projects if each.is_contested] == ["api"]
    done = await known.changes.merge("ada", "earlier/api", "bolt/api", dry_run=False)
    assert (done.project.label, done.sessions) == ("bolt/api", 2)
    assert not done.project.is_contested


async def test_a_repository_names_itself_but_takes_nothing_that_is_anothers(known: Registry) -> None:
    named = replace(ACME, given_name="billing")
    assert await known.label(named) == "billing"
    assert await known.label(replace(BOLT, given_name="billing")) == "bolt/billing"
    known.stored = {"secret"}
    third = replace(
        BOLT, root="/w/x", directory="/w/x", remote="h/x/x", first_commit="c3", name="x", given_name="secret"
    )
    assert await known.label(third) == "x/secret"
    assert await known.label(replace(ACME, given_name="renamed")) == "billing"
    assert (await known.registry.find("ada", "renamed")).label == "billing"


async def test_a_package_is_a_project_within_its_repository(known: Registry) -> None:
    web = replace(ACME, name="shop", inside="apps/web", package="web")
    shop = replace(ACME, name="shop")
    assert await known.label(web) == "shop/web"
    assert await known.label(shop) == "shop"
    tree = replace(web, directory="/w/acme/api-fix")
    clone = replace(web, root="/v/shop", directory="/v/shop", machine="n")
    assert [await known.label(each) for each in (tree, clone)] == ["shop/web"] * 2
    for name in ("web", "shop/web", "Shop/Web"):
        assert (await known.registry.find("ada", name)).label == "shop/web"
    assert (await known.registry.find("ada", "shop")).label == "shop"
    other = replace(BOLT, name="web")
    assert await known.label(other) == "web"
    assert (await known.registry.find("ada", "web")).label == "web"


async def test_a_package_takes_over_what_was_stored_under_its_own_name(known: Registry) -> None:
    known.stored = {"web"}
    web = replace(ACME, name="shop", inside="apps/web", package="web")
    assert await known.label(web) == "web"
    assert (await known.registry.find("ada", "shop/web")).label == "web"
    await known.worked_in("/w/acme/api/apps/cart", label="cart")
    cart = replace(web, inside="apps/cart", package="cart")
    known.there = {"/w/acme/api/apps/cart": cart}
    assert await known.label(cart) == "cart"
    await known.worked_in("/elsewhere/docs", label="docs")
    known.there = {"/elsewhere/docs": Sighting("docs", "m", "/elsewhere/docs", "/elsewhere/docs")}
    assert await known.label(replace(web, inside="docs", package="docs")) == "shop/docs"


async def test_a_directory_that_is_gone_is_of_the_repository_that_it_was_in(known: Registry) -> None:
    await known.label(ACME)
    await known.label(replace(ACME, directory="/w/trees/fix"))
    gone = Sighting("fix", "m", "/w/trees/fix", "/w/trees/fix", is_gone=True)
    assert await known.label(gone) == "api"
    assert await known.label(replace(gone, root="/w/trees/fix/src", directory="/w/trees/fix/src", name="src")) == "api"
    within = replace(ACME, directory="/w/acme/api/.trees/x", is_gone=True)
    assert await known.label(within) == "api"


async def test_two_that_are_gone_do_not_meet_and_contain_nothing(known: Registry) -> None:
    paths = ("/home/dev", "/home/dev/northwind/api", "/home/dev/contoso/api", "D:\\work\\api")
    gone = [Sighting(each.replace("\\", "/").rpartition("/")[2], "m", each, each, is_gone=True) for each in paths]
    labels = [await known.label(each) for each in gone]
    assert labels == ["dev", "api", "contoso/api", "work/api"]
    assert [await known.label(each) for each in gone] == labels
    back = replace(ACME, root=paths[1], directory=paths[1])
    assert await known.label(back) == "api"  # it is there again, and turns out to be a repository


async def test_a_path_is_the_project_that_is_there_now(known: Registry) -> None:
    assert await known.label(ACME) == "api"
    moved = replace(ACME, root="/w/acme/billing", directory="/w/acme/billing", name="billing")
    assert await known.label(moved) == "api"
    fresh = Sighting("api", "m", "/w/acme/api", "/w/acme/api", True)
    assert await known.label(fresh) == "acme/api"
    assert await known.label(replace(fresh, first_commit="c7")) == "acme/api"
    gone = Sighting("api", "m", "/w/acme/api", "/w/acme/api", is_gone=True)
    assert await known.label(gone) == "acme/api"


async def test_renaming_keeps_the_earlier_name_as_an_alias(known: Registry) -> None:
    await known.worked_in("/w/acme/api")
    known.there = {"/w/acme/api": ACME}
    await known.label(ACME)
    changed = await known.changes.rename("ada", "api", "billing")
    assert (changed.project.label, changed.project.unmoved, changed.sessions) == ("billing", ("api",), 1)
    assert await known.label(ACME) == "billing"
    assert await known.label(BOLT) == "bolt/api"
    assert (await known.registry.find("ada", "billing")).label == "billing"
    assert (await known.registry.find("ada", "api", exact=True)).label == "billing"
    settled = await known.changes.settle("ada", changed.project.id, "api")
    assert settled.project.unmoved == ()
    with pytest.raises(AlreadyExists):
        await known.changes.rename("ada", "billing", "bolt/api")
    assert (await known.changes.rename("ada", "billing", "billing")).sessions == 0


async def test_merging_makes_one_of_two(known: Registry) -> None:
    await known.label(ACME)
    await known.label(BOLT)
    await known.worked_in("/w/bolt/api", label="bolt/api")
    would = await known.changes.merge("ada", "bolt/api", "acme/api", dry_run=True)
    assert (would.project.label, would.project.unmoved, would.sessions) == ("api", ("bolt/api",), 1)
    assert (await known.registry.page("ada", "", 9, None)).total == 2
    done = await known.changes.merge("ada", "bolt/api", "acme/api", dry_run=False)
    assert (done.project.label, done.sessions) == ("api", 1)
    assert [await known.label(each) for each in (ACME, BOLT)] == ["api", "api"]
    assert (await known.registry.find("ada", "bolt/api")).label == "api"
    assert (await known.changes.merge("ada", "bolt/api", "api", dry_run=False)).sessions == 0


async def test_what_was_merged_by_mistake_is_split_again(known: Registry) -> None:
    copy = replace(BOLT, first_commit="c1")
    for sighting in (ACME, copy):
        await known.label(sighting)
    before = [await known.project(each) for each in (ACME, copy)]
    await known.worked_in("/w/bolt/api", label="bolt/api")
    await known.worked_in("/w/acme/api", label="api")
    await known.changes.merge("ada", "bolt/api", "acme/api", dry_run=False)
    await known.worked_in("/w/bolt/api/src", label="api")  # since then
    would = await known.changes.split("ada", "api", "bolt/api", dry_run=True)
    assert ([each.label for each in would.projects], would.sources, would.sessions) == (["bolt/api"], ["api"], 2)
    assert (await known.registry.page("ada", "", 9, None)).total == 1
    done = await known.changes.split("ada", "api", "bolt/api", dry_run=False)
    assert done.sessions == 2
    assert [await known.label(each) for each in (ACME, copy)] == ["api", "bolt/api"]
    assert [replace(await known.project(each), unmoved=()) for each in (ACME, copy)] == before
    assert await known.store.projects.session_roots("ada", "bolt/api") == {"/w/bolt/api": 1, "/w/bolt/api/src": 1}
    assert await known.store.projects.session_roots("ada", "api") == {"/w/acme/api": 1}
    with pytest.raises(NotFound):
        await known.changes.split("ada", "acme/api", "bolt/api", dry_run=False)


async def test_packages_are_split_with_their_repository(known: Registry) -> None:
    def package(whole: Sighting, name: str) -> Sighting:
        return replace(whole, inside=f"apps/{name}", package=name)

    every = [package(ACME, "web"), package(BOLT, "web"), package(BOLT, "cart")]
    before = {each.id: each for each in [await known.project(each) for each in every]}
    await known.worked_in("/w/bolt/api/apps/web", label="bolt/api/web")
    await known.worked_in("/w/acme/api/apps/web", label="api/web")
    merged = await known.changes.merge("ada", "bolt/api", "acme/api", dry_run=False)
    assert [(each.label, each.unmoved) for each in merged.packages] == [("api/web", ("bolt/api/web",))]
    assert await known.store.projects.session_roots("ada", "bolt/api/web") == {}
    done = await known.changes.split("ada", "acme/api", "bolt/api", dry_run=False)
    assert [each.label for each in done.projects] == ["bolt/api", "bolt/api/web"]
    assert done.sources == ["api", "api/web"]
    after = {each.id: replace(each, unmoved=()) for each in [await known.project(each) for each in every]}
    assert after == before
    assert await known.store.projects.session_roots("ada", "bolt/api/web") == {"/w/bolt/api/apps/web": 1}


async def test_the_label_of_what_was_merged_may_be_taken_since(known: Registry) -> None:
    await known.label(ACME)
    await known.label(BOLT)
    await known.changes.merge("ada", "bolt/api", "acme/api", dry_run=False)
    await known.changes.alias("ada", "api", "bolt/api", remove=True)
    assert await known.label(replace(BOLT, name="other", remote="h/x/other", first_commit="c9", root="/o")) == "other"
    await known.changes.rename("ada", "other", "bolt/api")
    with pytest.raises(AlreadyExists):
        await known.changes.split("ada", "acme/api", "bolt/api", dry_run=True)
    with pytest.raises(NotFound):
        await known.changes.split("ada", "acme/api", "nothing", dry_run=True)


async def test_packages_go_with_their_repository(known: Registry) -> None:
    for whole in (ACME, BOLT):
        for name in ("web", "cart") if whole is BOLT else ("web",):
            await known.label(replace(whole, inside=f"apps/{name}", package=name))
    done = await known.changes.merge("ada", "bolt/api", "acme/api", dry_run=False)
    assert done.project.label == "api"
    web, cart = (replace(BOLT, inside=f"apps/{name}", package=name) for name in ("web", "cart"))
    assert await known.label(web) == "api/web"
    assert await known.label(cart) == "bolt/api/cart"
    with pytest.raises(InvalidInput):
        await known.changes.merge("ada", "api/web", "acme/api", dry_run=False)


async def test_aliases_are_one_projects_alone(known: Registry) -> None:
    await known.label(ACME)
    await known.label(BOLT)
    assert (await known.changes.alias("ada", "acme/api", "money", remove=False)).project.label == "api"
    assert (await known.registry.find("ada", "money")).label == "api"
    for taken in ("money", "acme/api", "api"):
        with pytest.raises(AlreadyExists):
            await known.changes.alias("ada", "bolt/api", taken, remove=False)
    await known.changes.alias("ada", "money", "money", remove=True)
    with pytest.raises(NotFound):
        await known.registry.find("ada", "money")
    for number in range(31):
        await known.changes.alias("ada", "acme/api", f"a{number}", remove=False)
    with pytest.raises(OverQuota):
        await known.changes.alias("ada", "acme/api", "one more", remove=False)


async def test_nothing_is_registered_for_who_only_asks(known: Registry) -> None:
    with pytest.raises(NotFound):
        await known.registry.resolve("ada", ACME, Checked(only_known=True))
    assert (await known.registry.page("ada", "", 9, None)).total == 0


async def test_nobodys_name_is_no_projects(known: Registry) -> None:
    assert await known.label(replace(ACME, name="default")) == "acme/default"
    for changing in (
        known.changes.rename("ada", "acme/default", "Default"),
        known.changes.alias("ada", "acme/default", "default", remove=False),
    ):
        with pytest.raises(InvalidInput):
            await changing


async def test_what_is_stored_under_a_name_of_no_project_can_be_given_to_one(known: Registry) -> None:
    await known.label(ACME)
    with pytest.raises(NotFound):
        await known.changes.merge("ada", "notes", "api", dry_run=True)
    done = await known.changes.merge("ada", "notes", "api", dry_run=False, is_stored=True)
    assert (done.project.label, done.project.unmoved) == ("api", ("notes",))
    renamed = await known.changes.rename("ada", "letters", "mail", is_stored=True)
    assert (renamed.project.label, renamed.project.unmoved) == ("mail", ("letters",))


async def test_what_takes_the_place_that_a_project_left_is_not_its(known: Registry) -> None:
    bare = replace(ACME, remote="")
    assert await known.label(bare) == "api"
    moved = replace(bare, root="/w/moved", directory="/w/moved")
    assert await known.label(moved) == "api"
    fork = replace(ACME, remote="h/me/api")
    assert await known.label(fork) == "me/api"
    assert [await known.label(each) for each in (moved, fork)] == ["api", "me/api"]
    gone = Sighting("api", "m", "/w/moved/old", "/w/moved/old", is_gone=True)
    assert await known.label(gone) == "api"
    known.standing = {"/w/moved"}
    clone = replace(bare, root="/w/clone", directory="/w/clone", remote="local/m/w/moved")
    assert await known.label(clone) == "api"
    assert await known.label(replace(moved, remote="h/acme/api")) == "api"


async def test_a_clone_on_this_machine_is_of_its_origin_whichever_was_seen_first(known: Registry) -> None:
    clone = replace(ACME, root="/w/clone", directory="/w/clone", remote="local/m/w/acme/api")
    again = replace(clone, root="/w/again", directory="/w/again", remote="local/m/w/clone")
    known.standing = {"/w/clone", "/w/again", "/w/acme/api"}
    assert [await known.label(each) for each in (clone, again, ACME, clone)] == ["api"] * 4
    fork = replace(clone, root="/w/fork", directory="/w/fork", remote="h/me/api")
    assert await known.label(fork) == "me/api"
    assert [await known.label(each) for each in (again, clone, ACME)] == ["api"] * 3


async def test_a_clone_in_the_place_that_its_origin_left_is_of_it(known: Registry) -> None:
    bare = replace(ACME, remote="")
    moved = replace(bare, root="/w/acme/web", directory="/w/acme/web", name="web")
    assert [await known.label(each) for each in (bare, moved)] == ["api", "api"]
    known.standing = {"/w/acme/web"}
    assert await known.label(replace(bare, remote="local/m/w/acme/web")) == "api"
    known.standing = {"/w/acme/api", "/w/acme/web"}
    assert await known.label(moved) == "api"


def of_path(path: str) -> Sighting:
    """What a client tells that knows nothing but a path."""
    return Sighting(path.rpartition("/")[2], "", path, path)


async def test_a_path_alone_is_of_the_one_project_that_was_seen_there(known: Registry) -> None:
    assert await known.label(ACME) == "api"
    web = replace(ACME, inside="apps/web", package="web")
    assert await known.label(web) == "api/web"
    plain = Sighting("notes", "m", "/w/notes", "/w/notes")
    assert await known.label(plain) == "notes"
    before = (await known.registry.page("ada", "", 9, None)).projects
    for path, label in (("/w/acme/api", "api"), ("/w/acme/api/src", "api"), ("/w/acme/api/apps/web/src", "api/web")):
        assert await known.label(of_path(path)) == label
    assert await known.label(of_path("/w/notes")) == "notes"
    assert (await known.registry.page("ada", "", 9, None)).projects == before
    assert await known.label(of_path("/w/notes/old")) == "old"  # a plain directory has only what is in itself
    assert await known.label(of_path("/w/acme/api"), "bob") == "api"
    assert len((await known.registry.page("bob", "", 9, None)).projects) == 1


async def test_a_path_on_two_machines_is_of_neither(known: Registry) -> None:
    assert await known.label(ACME) == "api"
    assert await known.label(replace(BOLT, machine="n", root="/w/acme/api", directory="/w/acme/api")) == "bolt/api"
    own = await known.label(of_path("/w/acme/api"))
    assert own not in {"api", "bolt/api"}
    assert await known.label(of_path("/w/acme/api")) == own


NOTES = Sighting("notes", "m", "/w/notes", "/w/notes", mark="a")


def at(path: str, sighting: Sighting = NOTES, **more: Any) -> Sighting:
    return replace(sighting, name=path.rpartition("/")[2], root=path, directory=path, **more)


async def test_a_plain_directory_that_was_moved_goes_on(known: Registry) -> None:
    assert await known.label(NOTES) == "notes"
    await known.worked_in("/w/notes", label="notes")
    moved = await known.project(at("/w/Notes-2026"))
    assert (moved.label, moved.moved_from) == ("notes", "/w/notes")
    assert [(each.path, each.is_left) for each in moved.roots] == [("/w/Notes-2026", False), ("/w/notes", True)]
    assert await known.label(at("/v/x")) == "notes"
    assert await known.label(at("/w/Notes-2026")) == "notes"  # it is back
    assert (await known.registry.find("ada", "Notes-2026")).label == "notes"
    gone = Sighting("notes", "m", "/w/notes", "/w/notes", is_gone=True)
    assert await known.label(gone) == "notes"  # of a transcript of before


async def test_a_place_that_a_moved_directory_left_is_anothers(known: Registry) -> None:
    await known.label(NOTES)
    await known.label(at("/w/Notes-2026"))
    assert await known.label(at("/w/notes", mark="b")) == "w/notes"
    assert await known.label(at("/w/Notes-2026")) == "notes"


async def test_two_directories_that_changed_places_keep_what_is_theirs(known: Registry) -> None:
    assert [await known.label(each) for each in (NOTES, at("/w/other", mark="b"))] == ["notes", "other"]
    assert await known.label(at("/w/other")) == "notes"
    assert await known.label(at("/w/notes", mark="b")) == "other"
    assert await known.label(at("/w/third")) == "notes"
    assert await known.label(at("/w/notes", mark="b")) == "other"


async def test_another_directory_at_the_path_of_one_that_is_kept_elsewhere_loses_nothing(known: Registry) -> None:
    await known.label(NOTES)
    assert await known.label(at("/w/notes", mark="b")) == "notes"  # a path is one project's
    assert await known.label(at("/w/archive/2025")) == "notes"  # what was there then
    assert [await known.label(each) for each in (at("/w/notes", mark="b"), at("/w/archive/2025"))] == ["notes"] * 2


async def test_what_is_no_evidence_of_a_move_makes_another_project(known: Registry) -> None:
    await known.label(NOTES)
    assert await known.label(at("/w/copy", mark="b")) == "copy"
    assert await known.label(at("/w/silent", mark="")) == "silent"
    assert await known.label(at("/w/far", machine="n")) == "far"
    known.same = {"/w/notes"}  # in a snapshot of the disk: both are there
    assert await known.label(at("/snapshot/kept")) == "kept"
    known.same = set()
    assert await known.label(at("/w/bobs"), "bob") == "bobs"
    assert await known.label(at("/w/pages", is_repository=True, remote="h/x/pages", first_commit="c9")) == "pages"
    assert (await known.project(NOTES)).moved_from == ""


async def test_a_move_that_was_none_is_split_again(known: Registry) -> None:
    await known.label(NOTES)
    await known.worked_in("/w/notes", label="notes")
    moved = await known.project(at("/w/Notes-2026"))
    await known.worked_in("/w/Notes-2026", label="notes")
    assert [each.project.label for each in moved.merged] == ["Notes-2026"]
    split = await known.changes.split("ada", "notes", "Notes-2026", dry_run=False)
    assert ([each.label for each in split.projects], split.sessions) == (["Notes-2026"], 1)
    assert await known.label(at("/w/Notes-2026")) == "Notes-2026"
    assert await known.label(at("/w/again")) == "Notes-2026"  # the directory itself went with it
    assert await known.label(at("/w/notes", mark="c")) == "w/notes"


async def test_a_directory_becomes_a_repository_while_it_moves(known: Registry) -> None:
    await known.label(NOTES)
    made = at("/w/book", is_repository=True, first_commit="c5")
    assert await known.label(made) == "notes"
    clone = replace(made, machine="n", root="/x/book", directory="/x/book", mark="z")
    assert await known.label(clone) == "notes"


async def test_who_only_asks_moves_nothing(known: Registry) -> None:
    await known.label(NOTES)
    only = Checked(standing_roots=frozenset(), origins=frozenset(), same_roots=frozenset(), only_known=True)
    found = (await known.registry.resolve("ada", at("/w/moved"), only)).project
    assert found
    assert (found.label, found.moved_from) == ("notes", "")
    assert [each.path for each in (await known.registry.find("ada", "notes")).roots] == ["/w/notes"]


async def test_moves_take_no_mergers_place(known: Registry) -> None:
    await known.label(NOTES)
    await known.label(ACME)
    await known.changes.merge("ada", "api", "notes", dry_run=False)
    for number in range(20):
        moved = await known.project(at(f"/w/n{number}"))
        assert [each.project.label for each in moved.merged] == ["api", f"n{number}"]
        assert moved.moved_from == f"/w/n{number - 1}" if number else "/w/notes"
    split = await known.changes.split("ada", "notes", "api", dry_run=False)
    assert [each.label for each in split.projects] == ["api"]


async def test_a_directory_is_what_it_was_whatever_was_merged_into_it_or_is_not_there_any_more(known: Registry) -> None:
    await known.label(NOTES)
    await known.label(ACME)
    await known.changes.merge("ada", "api", "notes", dry_run=False)
    assert await known.label(NOTES) == "notes"
    without_remote = at("/w/lib", mark="b", is_repository=True, first_commit="c7")
    assert await known.label(without_remote) == "lib"
    assert await known.label(at("/w/lib", mark="b")) == "lib"  # its history was thrown away
    assert await known.label(replace(without_remote, first_commit="c8")) == "w/lib"  # another repository


async def test_a_template_with_a_remote_in_the_place_that_a_clones_origin_left_is_not_of_it(known: Registry) -> None:
    origin = replace(ACME, remote="")
    clone = replace(ACME, root="/w/x/api", directory="/w/x/api", remote="local/m/w/acme/api")
    assert [await known.label(each) for each in (origin, clone)] == ["api", "api"]
    moved = replace(origin, root="/w/y/api", directory="/w/y/api")
    known.standing, known.clones = {"/w/x/api"}, {"/w/x/api"}
    assert await known.label(moved) == "api"
    known.standing = {"/w/x/api", "/w/y/api"}
    assert await known.label(replace(origin, remote="h/bolt/api")) == "bolt/api"  # with the template's first commit
    assert [await known.label(each) for each in (clone, moved)] == ["api", "api"]
