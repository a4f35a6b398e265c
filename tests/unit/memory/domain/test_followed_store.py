"""What a store promises whose users' memories are followed by version; on PostgreSQL, clear and sealed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from services.kit.encryption.vault import Vault
from services.memory.domain.deletion_log import Removing
from services.memory.domain.followed_store import FollowedStore
from services.memory.domain.memories import id_key
from services.memory.domain.rows import NewRow
from services.memory.storage.postgres.store import PostgresStore
from tests.unit.memory.rows import NOW, row
from tests.unit.memory.stores import POSTGRES, open_any

pytestmark = pytest.mark.slow


@pytest.fixture(params=[None, Vault(bytes(range(32)))], ids=["clear", "sealed"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[FollowedStore]:
    async with open_any(tmp_path, POSTGRES, request.param) as opened:
        assert isinstance(opened, PostgresStore)
        yield opened


def said(content: str, project: str = "p", user: str = "ann", session: str = "", *, shared: bool = False) -> NewRow:
    made = row(content, project, user)
    return replace(made, memory=replace(made.memory, session_id=session, shared=shared))


async def stored(store: FollowedStore, *rows: NewRow) -> list[int]:
    return [each.sequence for each in await store.insert(rows, "m")]


async def test_each_change_raises_its_users_version_and_no_others(store: FollowedStore) -> None:
    first = await store.user_versions("ann")
    assert dict(first.of) == {}
    await stored(store, said("one"), said("of bob", user="bob"))
    await stored(store, said("two"))
    assert await store.user_versions("ann") == replace(first, of={"ann": 2})
    assert await store.user_versions("bob") == replace(first, of={"bob": 1})


async def test_who_ever_shared_a_memory_is_named_to_everybody(store: FollowedStore) -> None:
    (one,) = await stored(store, said("one"))
    (two,) = await stored(store, said("of bob", user="bob"))
    await stored(store, said("of eve", user="eve", shared=True))
    assert dict((await store.user_versions("ann")).of) == {"ann": 1, "eve": 1}
    await store.share(two, shared=True)
    await store.share(two, shared=False)
    assert dict((await store.user_versions("ann")).of) == {"ann": 1, "bob": 3, "eve": 1}
    await store.delete([one], Removing("ann"))
    assert dict((await store.user_versions("nobody")).of) == {"bob": 3, "eve": 1}


async def test_the_inventory_and_the_rows_are_of_one_user(store: FollowedStore) -> None:
    one, two = await stored(store, said("one"), said("two", shared=True))
    (of_bob,) = await stored(store, said("of bob", user="bob"))
    inventory = await store.inventory_of("m", "ann")
    assert inventory.sequences.tolist() == [one, two]
    assert inventory.embedded.tolist() == [True, True]
    assert inventory.shared.tolist() == [False, True]
    assert inventory.said_s.tolist() == [NOW.timestamp()] * 2
    assert (await store.inventory_of("other", "ann", [two, of_bob])).sequences.tolist() == [two]
    assert not (await store.inventory_of("other", "ann")).embedded.any()
    assert not len((await store.inventory_of("m", "ann", [])).sequences)
    loaded = [each async for each in store.load_of("ann", "m", inventory.sequences, text=True)]
    assert [list(each.content) for each in loaded] == [["one", "two"]]
    assert [each async for each in store.load_of("bob", "m", inventory.sequences[:0], text=True)] == []
    assert await store.owners([one, of_bob, 99]) == {one: "ann", of_bob: "bob"}


async def test_the_sessions_of_projects_in_which_anything_is_shared(store: FollowedStore) -> None:
    one, two, other = await stored(
        store, said("one", session="s"), said("two", session="s", shared=True), said("three", "q", session="s")
    )
    rows = await store.session_rows("ann")
    assert [(each.sequence, each.project, each.session_id, each.shared) for each in rows] == [
        (one, "p", "s", False),
        (two, "p", "s", True),
    ]
    assert [each.said_s for each in rows] == [NOW.timestamp()] * 2
    assert [each.sequence for each in await store.session_rows("ann", [other, 99])] == [other]
    assert await store.session_rows("bob") == []


async def test_corrections_are_those_of_one_user(store: FollowedStore) -> None:
    older, newer, of_bob = await stored(store, said("older"), said("newer"), said("of bob", user="bob"))
    name = (await store.fetch([older]))[older].id
    await store.set_replaced(newer, name, NOW)
    await store.withdraw(newer, NOW + timedelta(days=1))
    await store.withdraw(of_bob, NOW)
    found = await store.corrections_of("ann")
    assert [(each.user, each.id, each.by) for each in found.corrections.replacements] == [("ann", name, newer)]
    assert dict(found.corrections.withdrawals) == {newer: NOW + timedelta(days=1)}
    assert found.sequences == {str(id_key("ann", name)): older}
    assert list((await store.corrections_of("bob")).corrections.withdrawals) == [of_bob]


async def test_the_last_removal_of_each_user_is_known(store: FollowedStore) -> None:
    one, two, _ = await stored(store, said("one"), said("two"), said("of bob", user="bob"))
    assert await store.removal_versions() == {}
    await store.delete([one], Removing("ann"))
    await store.delete([two], Removing("ann"))
    await stored(store, said("three"))
    assert await store.removal_versions() == {"ann": 3}
