"""Whatever is made of repositories and directories: nothing of one is in another's, and each stays what it is."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.directory.project_labels import is_same_directory, is_standing
from services.session.domain.projects import Sighting
from services.session.store.sqlite import open_sqlite
from services.workspace.git.first_commit import FirstCommits
from services.workspace.project_identity import sight, sight_path
from tests.fuzz.budget import tried
from tests.repositories import RepositoryOnDisk, home_of_its_own
from tests.unit.session.operations.test_project_registry import Registry

ROOTS = [Path("/")]
NAMES = ("api", "web")
OWNERS = ("acme", "bolt", "zeta")
STEPS = 9


@pytest.fixture(scope="module", autouse=True)
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        home_of_its_own(tmp_path_factory.mktemp("user"), environment)
        yield


class World:
    """Directories, and of which repository each really is."""

    def __init__(self, top: Path, data: st.DataObject) -> None:
        self.top, self.data = top, data
        self.truth: dict[Path, int] = {}
        self.trees: dict[Path, list[Path]] = {}
        """The places of repositories that are not linked trees, each with its linked trees."""
        self.remotes: dict[int, str] = {}
        self.plain: set[Path] = set()
        """Directories without a repository, or with one that has no commit."""
        self.links: set[Path] = set()
        """Where moved directories were, as people leave a link there."""
        self.dropped: set[Path] = set()
        """Places of plain directories that were deleted: what is made there next goes on with the project."""
        self.count = 0

    def draw(self, choices: Any) -> Any:
        return self.data.draw(st.sampled_from(sorted(choices)))

    def free(self) -> Path:
        """A place of a usual name where nothing is, maybe where something was."""
        places = [self.top / owner / name for owner in OWNERS for name in NAMES]
        free = [each for each in places if not each.exists() and each not in self.dropped]
        if not free:
            return Path(self.top, f"owner{self.count}-{len(self.truth)}", self.draw(NAMES))
        return Path(self.draw(map(str, free)))

    def another(self) -> int:
        self.count += 1
        return self.count

    def create(self) -> None:
        """A repository, with the first commit that all have; or a plain directory, or one without a commit."""
        place, truth = self.free(), self.another()
        kind = self.draw(("commit", "remote", "empty", "plain"))
        if kind == "plain":
            place.mkdir(parents=True)
        else:
            self._repository(place, truth, kind)
        self.truth[place] = truth
        if kind in {"commit", "remote"}:
            self.trees[place] = []
        else:
            self.plain.add(place)

    def _repository(self, place: Path, truth: int, kind: str) -> None:
        repository = RepositoryOnDisk(place)
        if kind != "empty":
            repository.commit(a__py="the same everywhere\n")
        if kind == "remote":
            self.remotes[truth] = f"git@host:owner{truth}/{place.name}.git"
            repository.git("remote", "add", "origin", self.remotes[truth])

    def clone(self) -> None:
        """A clone, which may be shallow, or have the address of its origin's remote; or a fork."""
        if self.trees:
            origin, place = Path(self.draw(map(str, self.trees))), self.free()
            truth = self.truth[origin]
            kind = self.draw(("plain", "remote", "shallow", "fork") if truth in self.remotes else ("plain", "fork"))
            shallow = ("--depth=1",) if kind == "shallow" else ()
            place.parent.mkdir(parents=True, exist_ok=True)
            RepositoryOnDisk(self.top / "git").git("clone", "--quiet", *shallow, f"file://{origin}", str(place))
            made = RepositoryOnDisk(place)
            if kind == "fork":
                truth = self.another()
                self.remotes[truth] = f"https://host/fork{truth}/x"
            if kind != "plain":
                made.git("remote", "set-url", "origin", self.remotes[truth])
            self.truth[place] = truth
            self.trees[place] = []

    def copy(self) -> None:
        """A copy without history of where it came from: of a template without a remote, a project of its own."""
        templates = [each for each in self.trees if self.truth[each] not in self.remotes and not self.trees[each]]
        templates = [each for each in templates if not self._has_origin(each)]
        if templates:
            place = self.free()
            shutil.copytree(self.draw(map(str, templates)), place)
            self.truth[place], self.trees[place] = self.another(), []

    def _has_origin(self, place: Path) -> bool:
        return "origin" in RepositoryOnDisk(place).git("remote")

    def work(self) -> None:
        """A linked tree, or a folder within."""
        if self.trees:
            origin = Path(self.draw(map(str, self.trees)))
            self.count += 1
            tree = self.draw((str(self.top / "trees" / f"t{self.count}"), str(origin / ".trees" / f"t{self.count}")))
            RepositoryOnDisk(origin).git("worktree", "add", "--quiet", "--detach", tree)
            (Path(tree) / "src").mkdir()
            for each in (Path(tree), Path(tree) / "src"):
                self.truth[each] = self.truth[origin]
            self.trees[origin].append(Path(tree))

    def plain_move(self) -> None:
        """A plain directory goes elsewhere, maybe to where another one was, and two may change places."""
        if not self.plain:
            return
        place, kind = Path(self.draw(map(str, self.plain))), self.draw(("move", "swap", "copy", "drop"))
        if kind == "swap":
            self._swap(place, Path(self.draw(map(str, self.plain))))
        elif kind == "drop":
            self.plain.remove(place)
            shutil.rmtree(place)
            self.dropped.add(place)
            self.truth.pop(place)
        else:
            target = self.free()
            target.parent.mkdir(parents=True, exist_ok=True)
            self.plain.add(target)
            if kind == "copy":
                shutil.copytree(place, target)
                self.truth[target] = self.another()
            else:
                place.rename(target)
                self.plain.remove(place)
                if self.draw((True, False)):
                    place.symlink_to(target)
                    self.links.add(place)
                self.truth[target] = self.truth.pop(place)

    def _swap(self, one: Path, other: Path) -> None:
        if one != other:
            beside = one.with_name("beside")
            one.rename(beside)
            other.rename(one)
            beside.rename(other)
            self.truth[one], self.truth[other] = self.truth[other], self.truth[one]

    def move(self) -> None:
        """A repository that nothing is linked to goes elsewhere; its place is free for another."""
        movable = [each for each, trees in self.trees.items() if not trees]
        if movable:
            place, target = Path(self.draw(map(str, movable))), self.free()
            target.parent.mkdir(parents=True, exist_ok=True)
            place.rename(target)
            self.truth[target], self.trees[target] = self.truth.pop(place), self.trees.pop(place)

    def step(self) -> None:
        getattr(self, self.draw(("create", "create", "clone", "copy", "work", "move", "plain_move", "plain_move")))()


class Looking(Registry):
    """The registry with what is really there."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self.commits = FirstCommits()

    async def label_of(self, place: Path) -> str:
        found = await self.store.projects.page("ada", 1_000)
        roots = sorted({each.path for project in found.projects for each in project.roots})
        seen = {path: sight_path(path, ROOTS, self.commits) for path in roots}
        here = sight(place, ROOTS, self.commits)
        self.standing = {path for path, each in seen.items() if each and is_standing(each, here, roots)}
        self.same = {path for path, each in seen.items() if each and is_same_directory(each, path, here)}
        self.clones = {path for path, each in seen.items() if each and each.remote}
        return await self.label(Sighting(**asdict(here)))


async def play(data: st.DataObject, top: Path) -> None:
    async with open_sqlite(top / "session.sqlite", queue_max=100) as store:
        world, registry = World(top / "world", data), Looking(store)
        known: dict[int, str] = {}
        for _ in range(STEPS):
            world.step()
            for place, truth in list(world.truth.items()):
                label = await registry.label_of(place)
                assert known.setdefault(truth, label) == label, f"{place} was {known[truth]} and is {label}"
            assert len(set(known.values())) == len(known), known


@tried(6)
@given(data=st.data())
def test_no_repository_gets_what_is_anothers_and_each_stays_what_it_is(data: st.DataObject) -> None:
    top = Path(tempfile.mkdtemp(prefix="layouts-")).resolve()
    try:
        asyncio.run(play(data, top))
    finally:
        shutil.rmtree(top)
