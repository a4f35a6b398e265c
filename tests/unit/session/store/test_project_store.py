"""The contract of `ProjectStore`, the same for SQLite, sealed or not, and for a real Redis."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from services.session.domain.handoff import Handoff
from services.session.domain.operation_risk import Level
from services.session.domain.permissions import Audited, Ledger, Place, Recorded, Scope, Verdict, judge_request
from services.session.domain.projects import Project, RegistryChange, Relabelling, Root, alias_key, name_key, root_key
from services.session.domain.rule_learning import record
from services.session.domain.sessions import State
from services.session.store import Change, Listing, SessionStore, Stale
from tests.unit.session.store.test_session_store import BEGAN, ODD, new, store  # noqa: F401  # the fixture


def project(id: str = "1", label: str = "api", user: str = "ada", minutes: int = 0, **more: object) -> Project:
    seen_at = BEGAN + timedelta(minutes=minutes)
    made = Project(id, user, label, label, BEGAN, seen_at, roots=(Root("m", f"/w/{label}", seen_at),))
    return replace(made, **more)  # type: ignore[arg-type]


async def put(store: SessionStore, *projects: Project, user: str = "ada") -> None:  # noqa: F811
    version = (await store.projects.find(user, [])).version
    await store.projects.commit(RegistryChange(user, version, projects))


async def test_a_project_is_found_by_its_keys_as_it_was_written(store: SessionStore) -> None:  # noqa: F811
    odd = project("1", ODD, remotes=("h/a/b",), aliases=("other",), unmoved=("before",))
    await put(store, odd)
    assert await store.projects.project("ada", "1") == odd
    keys = ["remote:h/a/b", name_key(ODD), alias_key("other"), root_key("m", f"/w/{ODD}"), "remote:none"]
    found = await store.projects.find("ada", keys)
    assert found.version == 1
    assert {key: [each.id for each in its] for key, its in found.by_key.items()} == {key: ["1"] for key in keys[:4]}
    assert (await store.projects.find("bob", keys)).by_key == {}
    assert await store.projects.project("bob", "1") is None


async def test_keys_that_a_project_no_longer_has_find_it_no_longer(store: SessionStore) -> None:  # noqa: F811
    await put(store, project(aliases=("old",)), project("2", "web"))
    await put(store, project(label="billing", minutes=1))
    found = await store.projects.find("ada", [alias_key(each) for each in ("old", "api", "billing", "web")])
    assert set(found.by_key) == {alias_key("billing"), alias_key("web")}
    version = found.version
    await store.projects.commit(RegistryChange("ada", version, [], ["1"]))
    assert (await store.projects.find("ada", [alias_key("billing")])).by_key == {}
    assert [each.id for each in (await store.projects.page("ada", 10)).projects] == ["2"]


async def test_of_many_changes_of_one_version_one_gets_through(store: SessionStore) -> None:  # noqa: F811
    changes = [store.projects.commit(RegistryChange("ada", 0, [project(str(n), f"p{n}")])) for n in range(10)]
    outcomes = await asyncio.gather(*changes, return_exceptions=True)
    assert sum(outcome is None for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Stale) for outcome in outcomes) == 9
    assert (await store.projects.page("ada", 20)).total == 1


async def test_what_is_found_is_as_new_as_the_last_change(store: SessionStore) -> None:  # noqa: F811
    """Also of reads and changes that overlap, and of a change whose caller gave up."""
    for number in range(30):
        looks = [asyncio.create_task(store.projects.find("ada", [alias_key("api")])) for _ in range(3)]
        change = RegistryChange("ada", number, [project(minutes=number)])
        making = asyncio.create_task(store.projects.commit(change))
        looks.append(asyncio.create_task(store.projects.find("ada", [alias_key("api")])))
        if number % 3 == 2:
            await asyncio.sleep(0)
            making.cancel()
        await asyncio.gather(making, *looks, return_exceptions=True)
        stored = await store.projects.project("ada", "1")
        found = await store.projects.find("ada", [alias_key("api")])
        if found.version == number:  # it was not begun, as its caller was gone before
            await store.projects.commit(change)
            stored, found = change.put[0], await store.projects.find("ada", [alias_key("api")])
        assert (found.version, [*found.at(alias_key("api"))]) == (number + 1, [stored])


async def test_pages_are_in_the_order_of_use(store: SessionStore) -> None:  # noqa: F811
    await put(store, *(project(str(n), f"p{n}", minutes=n // 2) for n in range(9)))
    listed: list[str] = []
    after = None
    while page := (await store.projects.page("ada", 4, after)).projects:
        listed += [each.id for each in page]
        after = (page[-1].seen_at, page[-1].id)
    assert listed == ["8", "7", "6", "5", "4", "3", "2", "1", "0"]
    assert (await store.projects.page("ada", 1)).total == 9


async def test_a_registry_of_thousands_answers_for_one(store: SessionStore) -> None:  # noqa: F811
    await put(store, *(project(str(n), f"p{n}") for n in range(5_000)))
    found = await store.projects.find("ada", [alias_key("p4321"), *(root_key("m", f"/w/p{n}") for n in range(300))])
    assert found.at(alias_key("p4321"))[0].id == "4321"
    assert len(found.by_key) == 301
    assert (await store.projects.page("ada", 1_000)).total == 5_000


async def test_what_is_stored_of_a_project_is_filed_under_another_label(store: SessionStore) -> None:  # noqa: F811
    for name, user, label, directory in (
        ("s1", "ada", "api", "/w/a"),
        ("s2", "ada", "web", "/w/b"),
        ("s3", "bob", "api", "/w/a"),
    ):
        await store.commit(Change(session=new(name, directory, user=user, project=label)))
    session = await store.session("s1")
    assert session
    ended = replace(session, state=State.ENDED, has_handoff=True)
    handoff = Handoff("s1", "ada", "api", BEGAN, State.ENDED, ODD, (), (), "#", "x.md")
    place = Place("api", "/w/a")
    asked = judge_request("bash", "make", place)
    ledger, rule, _ = record(Ledger("ada"), asked, Recorded(Verdict.ALLOW, Scope.PROJECT, by_person=True), BEGAN, 3)
    line = Audited(BEGAN, "ada", "record", "bash", "make", place, Verdict.ALLOW, Level.LOW, "why", rule.id)
    await store.commit(Change(session=ended, handoff=handoff, ledger=ledger, audited=[line]))
    assert await store.projects.session_roots("ada", "api") == {"/w/a": 1}
    for expected in (1, 0):
        assert await store.projects.relabel(Relabelling("ada", "api", "billing")) == expected
    moved = await store.session("s1")
    assert moved
    assert (moved.project, moved.state, moved.version) == ("billing", State.ENDED, 3)
    assert [each.id for each in await store.session_page("ada", Listing("billing"))] == ["s1"]
    assert [each.id for each in await store.session_page("ada", Listing("billing", State.ENDED))] == ["s1"]
    assert await store.session_page("ada", Listing("api")) == []
    assert [each.id for each in await store.session_page("bob", Listing("api"))] == ["s3"]
    assert await store.latest_handoff("ada", "api") is None
    left = await store.latest_handoff("ada", "billing")
    assert left is not None
    assert replace(left, place=0) == replace(handoff, project="billing")
    assert [each.place.project for each in (await store.ledger("ada")).rules] == ["billing"]
    assert [each.place.project for each in await store.audit("ada", "billing", 9)] == ["billing"]
    assert await store.audit("ada", "api", 9) == []


@pytest.mark.parametrize("label", ["", "api"])
async def test_nothing_is_there_before_anything_was_registered(store: SessionStore, label: str) -> None:  # noqa: F811
    assert (await store.projects.find("ada", [alias_key(label)])).version == 0
    assert (await store.projects.page("ada", 5)).projects == []
    assert await store.projects.session_roots("ada", label) == {}
    assert await store.projects.relabel(Relabelling("ada", label, "x")) == 0
