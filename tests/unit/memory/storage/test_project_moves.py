"""A project's memories filed under another one: nothing is lost, doubled or findable under the earlier name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from services.kit.errors import InvalidInput
from services.memory.domain.deletion_log import Removing
from services.memory.domain.memories import Chosen
from services.memory.domain.project_links import Link, LinkType
from services.memory.domain.queries import EVERYTHING
from services.memory.domain.retention_policy import Rule
from services.memory.domain.rows import ProjectMove
from services.memory.domain.store import MemoryStore
from services.memory.index.asked import Asked
from services.memory.index.memory_index import MemoryIndex
from services.memory.operations.link_projects import Linking
from services.memory.operations.move_project import MovingProject
from services.memory.operations.store_memories import Storing
from services.memory.search.result_cache import Generations
from services.memory.storage.shards import shard_of
from tests.unit.memory.domain.test_store import store  # noqa: F401  # the fixture
from tests.unit.memory.rows import NOW, row

OTHER = next(f"q{n}" for n in range(99) if shard_of("ann", f"q{n}", 3) != shard_of("ann", "p", 3))
MOVE = ProjectMove("ann", "p", OTHER)
MERGE, SPLIT = replace(MOVE, merges=True), ProjectMove("ann", OTHER, "p", splits=True)


async def test_all_of_a_project_is_under_the_other_with_ids_vectors_and_times(store: MemoryStore) -> None:  # noqa: F811
    rows = [row(f"memory {number}", id=f"id-{number}") for number in range(5)]
    rows += [row("of bob", user="bob"), row("of another", OTHER)]
    inserted = await store.insert(rows, "m")
    before = await store.fetch([each.sequence for each in inserted[:5]])
    moved = await store.move_project(MOVE)
    assert sorted(moved.removed) == sorted(each.sequence for each in inserted[:5])
    after = await store.fetch(moved.added)
    assert sorted(each.id for each in after.values()) == [f"id-{number}" for number in range(5)]
    expected = {each.id: replace(each, project=OTHER) for each in before.values()}
    assert {each.id: each for each in after.values()} == expected
    inventory = await store.inventory("m")
    assert inventory.embedded.all()
    assert len(inventory.sequences) == len(rows)
    assert await store.choose("ann", Chosen(project="p")) == []
    assert len(await store.choose("bob", Chosen(project="p"))) == 1
    assert (await store.move_project(MOVE)).removed == []
    (again,) = await store.find_existing([row("memory 3", OTHER)])
    assert again == 0


async def test_what_both_projects_say_is_there_once(store: MemoryStore) -> None:  # noqa: F811
    await store.insert([row("said in both", "p"), row("said in both", OTHER), row("here alone", "p")], "m")
    moved = await store.move_project(MOVE)
    assert (len(moved.removed), len(moved.added)) == (2, 1)
    found = await store.visible("ann", await store.choose("ann", Chosen(project=OTHER)))
    assert sorted(each.content for each in found.values()) == ["here alone", "said in both"]


async def test_what_was_merged_is_split_again_and_no_more(store: MemoryStore) -> None:  # noqa: F811
    await store.insert([row(f"of p {number}", "p") for number in range(4)] + [row("of the other", OTHER)], "m")
    await store.insert([row("of bob", "p", user="bob")], "m")
    merged = await store.move_project(MERGE)
    await store.insert([row("said since", OTHER)], "m")
    assert await store.count_move(SPLIT) == 4
    assert len((await store.move_project(SPLIT)).removed) == 4
    assert len(merged.added) == 4
    by_project = {each: await _contents(store, each) for each in ("p", OTHER)}
    assert by_project == {"p": [f"of p {number}" for number in range(4)], OTHER: ["of the other", "said since"]}
    assert (await store.move_project(SPLIT)).removed == []
    await store.move_project(MOVE)  # a new name is no merger
    assert await store.count_move(SPLIT) == 0


async def test_what_was_deleted_stays_out_under_the_projects_new_name_and_not_of_another_of_the_old_one(
    store: MemoryStore,  # noqa: F811
) -> None:
    names = [each for each in (f"r{n}" for n in range(99)) if all(_is_beside(each, count) for count in (2, 3))]
    await store.insert([row("said and deleted", "p"), row("kept", "p")], "m")
    (meant,) = [each for each in await store.choose("ann", Chosen(project="p")) if await _says(store, each, "deleted")]
    await store.delete([meant], Removing("ann"))
    for earlier, later in (("p", names[0]), (names[0], names[1])):
        await store.move_project(ProjectMove("ann", earlier, later))
        (again,) = (await store.find_existing([row("said and deleted", later)])).values()
        assert again.was_deleted
    assert await store.find_existing([row("said and deleted", "p")]) == {}  # it is another project by now
    assert await store.find_existing([row("said and deleted", names[2])]) == {}
    assert await store.find_existing([row("said and deleted", names[1], user="bob")]) == {}


async def _contents(store: MemoryStore, project: str) -> list[str]:  # noqa: F811
    found = await store.visible("ann", await store.choose("ann", Chosen(project=project)))
    return sorted(each.content for each in found.values())


def _is_beside(name: str, shards: int) -> bool:
    return shard_of("ann", name, shards) == shard_of("ann", "p", shards)


async def _says(store: MemoryStore, sequence: int, word: str) -> bool:  # noqa: F811
    (found,) = (await store.fetch([sequence])).values()
    return word in found.content


async def test_links_and_the_retention_rule_follow(store: MemoryStore) -> None:  # noqa: F811
    for source, target in (("p", "r"), ("r", "p"), ("p", OTHER), (OTHER, "r")):
        await store.link("ann", Link(source, target, LinkType.RELATED, "why", NOW))
    await store.link("bob", Link("p", "r", LinkType.RELATED, "why", NOW))
    await store.set_rule("ann", Rule("p", 30, None, False), NOW)
    await store.move_project(MOVE)
    assert {(each.source, each.target) for each in await store.links("ann")} == {(OTHER, "r"), ("r", OTHER)}
    assert [(each.source, each.target) for each in await store.links("bob")] == [("p", "r")]
    assert await store.rules("ann") == [Rule(OTHER, 30, None, False)]


async def test_a_rule_of_the_others_own_stays(store: MemoryStore) -> None:  # noqa: F811
    await store.set_rule("ann", Rule("p", 30, None, False), NOW)
    await store.set_rule("ann", Rule(OTHER, 7, None, False), NOW)
    await store.move_project(MOVE)
    assert await store.rules("ann") == [Rule(OTHER, 7, None, False)]


@pytest.fixture
async def moving(store: MemoryStore, tmp_path: Path) -> AsyncIterator[MovingProject]:  # noqa: F811
    with MemoryIndex(384) as index:
        generations = Generations(None)
        yield MovingProject(Storing(store, index, None, generations), Linking(store, generations))


async def test_the_next_search_finds_them_under_the_new_name_alone(moving: MovingProject) -> None:
    storing = moving.storing
    await storing.remember("ann", [row(f"the heron {number}").memory for number in range(3)])
    assert await moving.move(ProjectMove("ann", "p", OTHER), dry_run=True) == 3
    assert await _found(storing, "p") == 3
    assert await moving.move(ProjectMove("ann", "p", OTHER)) == 3
    assert (await _found(storing, "p"), await _found(storing, OTHER)) == (0, 3)
    assert await moving.move(ProjectMove("ann", "p", OTHER)) == 0


@pytest.mark.parametrize(("source", "target"), [("p", "p"), ("", "p"), ("p", ""), ("default", "p"), ("p", "default")])
async def test_only_two_projects_of_a_name_are_moved(moving: MovingProject, source: str, target: str) -> None:
    with pytest.raises(InvalidInput):
        await moving.move(ProjectMove("ann", source, target))


async def _found(storing: Storing, project: str) -> int:
    asked = Asked(["heron"], frozenset(), np.zeros(384, np.float32))
    return len((await storing.index.candidates("ann", [project], asked, EVERYTHING)).sequence)
