"""Projects: what a directory's sighting tells, what is registered of a project, and by which keys it is found.

Independent of gRPC and of the store. Which sighting belongs to which project is decided in `project_matching`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from services.kit.errors import InvalidInput
from services.kit.names import plain_name
from services.session.domain.sessions import check_text, name_max_chars, normalise_directory

remotes_max = 8
first_commits_max = 8
roots_max = 64
marked_max = 64
aliases_max = 32
names_max = 8
merged_max = 16
"""How many of the projects that were merged into one can be split from it again."""
projects_max = 20_000
"""The most projects of one user."""
NOBODYS = "default"
"""The name under which memories of no project are stored."""
remote_max_chars = 500
commit_max_chars = 64
mark_max_chars = 64


@dataclass(frozen=True, slots=True)
class Root:
    """A directory of a project on one machine. One that was `left`, as by a move, tells only of what was said there."""

    machine: str
    path: str
    seen_at: datetime
    is_left: bool = False


@dataclass(frozen=True, slots=True)
class Marked:
    """A directory itself, whatever it is called: its mark on a machine, and the path at which it was seen last."""

    machine: str
    mark: str
    path: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """A directory as it was seen: all that tells which project it belongs to.

    `root` is the repository's place, the same for all its working trees, and `directory` the top of this one.
    """

    name: str
    machine: str = ""
    root: str = ""
    directory: str = ""
    is_repository: bool = False
    remote: str = ""
    first_commit: str = ""
    is_first_commit_unknown: bool = False
    inside: str = ""
    package: str = ""
    given_name: str = ""
    is_gone: bool = False
    mark: str = ""
    handoff: str = ""
    written_remote: str = ""
    """As the repository has it, where the user's settings lead it elsewhere."""


@dataclass(frozen=True, slots=True)
class Project:
    """A registered project. What is stored of it is stored under its `label`, unique for the user.

    `repository` is the id of the project that this is a package of. `unmoved` are earlier labels under which other
    services may still store something. `moved_from` is where its directory was, until its user has been told; `likely`
    is the label of the project that it may really be, by a handoff in its directory.
    """

    id: str
    user: str
    label: str
    name: str
    created_at: datetime
    seen_at: datetime
    remotes: tuple[str, ...] = ()
    first_commits: tuple[str, ...] = ()
    roots: tuple[Root, ...] = ()
    aliases: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    repository: str = ""
    inside: str = ""
    unmoved: tuple[str, ...] = ()
    is_contested: bool = False
    merged: tuple[Merger, ...] = ()
    marked: tuple[Marked, ...] = ()
    moved_from: str = ""
    likely: str = ""

    @property
    def keys(self) -> frozenset[str]:
        """All that the project is found by."""
        return frozenset(
            (
                *(remote_key(each) for each in self.remotes),
                *(commit_key(each) for each in self.first_commits),
                *((left_key if each.is_left else root_key)(each.machine, each.path) for each in self.roots),
                *(mark_key(each.machine, each.mark) for each in self.marked),
                *(path_key(each.path) for each in self.roots if not each.is_left),
                *(name_key(each) for each in (self.label, self.name, *self.names)),
                *(alias_key(each) for each in (self.label, *self.aliases)),
                *([package_key(self.repository, self.inside)] if self.repository else []),
            )
        )


@dataclass(frozen=True, slots=True)
class Merger:
    """A project as it was when it was merged into another one, which had the keys that are `shared` already."""

    project: Project
    shared: tuple[str, ...] = ()
    is_move: bool = False
    """Whether nobody merged it: the directory has moved. The next move takes its place."""


@dataclass(frozen=True, slots=True)
class RegistryChange:
    """One write to a user's registry, computed from `version`: it is written whole, or not at all."""

    user: str
    version: int
    put: Sequence[Project] = ()
    remove: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Relabelling:
    """What is stored by the session service under one label, as it is filed under another: all of it, or what is of
    directories in `roots`, and not in `others` that are nearer."""

    user: str
    source: str
    target: str
    roots: tuple[str, ...] | None = None
    others: tuple[str, ...] = ()

    def takes(self, directory: str) -> bool:
        """Whether what is of this directory is filed under the other label."""
        return self.roots is None or _nearest(directory, self.roots) > _nearest(directory, self.others)


def _nearest(directory: str, roots: Iterable[str]) -> int:
    """How long the longest of the roots is that has the directory in it; 0 for none."""
    containing = [each for each in roots if directory == each or directory.startswith((f"{each}/", f"{each}\\"))]
    return max(map(len, containing), default=0)


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a user's projects, and how many there are."""

    projects: Sequence[Project]
    total: int = 0


@dataclass(frozen=True, slots=True)
class Registered:
    """What is found of a user's registry by some keys: the version it was read at, and the projects by key."""

    version: int
    by_key: Mapping[str, Sequence[Project]] = field(default_factory=dict)

    def at(self, key: str) -> Sequence[Project]:
        """The projects of one key."""
        return self.by_key.get(key, ())


class ProjectStore(Protocol):
    """Registries of projects, one for each user. Every method raises Unavailable while the store does not answer."""

    async def find(self, user: str, keys: Iterable[str]) -> Registered:
        """The projects that any of the keys names."""
        ...

    async def project(self, user: str, id: str) -> Project | None:
        """One project."""
        ...

    async def page(self, user: str, most: int, after: tuple[datetime, str] | None = None) -> Page:
        """The user's projects, the one seen last first, after the one that `after` names."""
        ...

    async def commit(self, change: RegistryChange) -> None:
        """Writes all of it or nothing, durably; Stale if another change was first."""
        ...

    async def relabel(self, relabelling: Relabelling) -> int:
        """Files sessions, handoffs, rules and their log under another label, as far as it takes them; returns how many
        sessions. May be repeated."""
        ...

    async def session_roots(self, user: str, label: str) -> Mapping[str, int]:
        """The roots of the sessions stored under a label, and how many of each."""
        ...


# --- keys -------------------------------------------------------------------------------------------


def remote_key(remote: str) -> str:
    """Of a normalised remote URL."""
    return f"remote:{remote}"


def commit_key(commit: str) -> str:
    """Of a first commit."""
    return f"commit:{commit}"


def root_key(machine: str, path: str) -> str:
    """Of a directory on a machine."""
    return f"root:{machine}:{path}"


def left_key(machine: str, path: str) -> str:
    """Of a directory that the project is in no longer."""
    return f"left:{machine}:{path}"


def mark_key(machine: str, mark: str) -> str:
    """Of a directory itself, whatever it is called."""
    return f"mark:{machine}:{mark}"


def path_key(path: str) -> str:
    """Of a directory on whatever machine."""
    return f"path:{path}"


def name_key(name: str) -> str:
    """Of a name, which several projects may have."""
    return f"name:{name.casefold()}"


def alias_key(name: str) -> str:
    """Of a label or alias, which one project alone has."""
    return f"alias:{name}"


def package_key(repository: str, inside: str) -> str:
    """Of a package, by its repository's project."""
    return f"package:{repository}:{inside}"


# --- checks -----------------------------------------------------------------------------------------


def check_sighting(sighting: Sighting) -> Sighting:
    """The sighting with its names and paths in one spelling; InvalidInput or TooLarge for what cannot be one."""
    texts = (sighting.machine, sighting.name, sighting.package, sighting.given_name)
    for text in texts:
        check_text(text, name_max_chars, "a name")
    check_text(sighting.remote, remote_max_chars, "a remote")
    check_text(sighting.written_remote, remote_max_chars, "a remote")
    check_text(sighting.first_commit, commit_max_chars, "a first commit")
    check_text(sighting.mark, mark_max_chars, "a directory's mark")
    check_text(sighting.handoff, name_max_chars, "a handoff's name")
    root = normalise_directory(sighting.root)
    if not root:
        raise InvalidInput("A directory without a path belongs to no project.")
    check_text(sighting.inside, name_max_chars * 4, "a package's path")
    return Sighting(
        name=plain_name(sighting.name) or "unnamed",
        machine=sighting.machine,
        root=root,
        directory=normalise_directory(sighting.directory) or root,
        is_repository=sighting.is_repository,
        remote=sighting.remote,
        first_commit=sighting.first_commit,
        is_first_commit_unknown=sighting.is_first_commit_unknown,
        inside=sighting.inside.strip("/"),
        package=plain_name(sighting.package),
        given_name=plain_name(sighting.given_name),
        is_gone=sighting.is_gone,
        mark=sighting.mark if sighting.machine else "",
        handoff=sighting.handoff,
        written_remote=sighting.written_remote,
    )


def check_new_name(name: str) -> str:
    """A label or alias that a project may get; InvalidInput for the one that stands for no project."""
    label = check_label(name)
    if label.casefold() == NOBODYS:
        raise InvalidInput(f"{label} stands for what belongs to no project.", "Choose another name.")
    return label


def check_label(name: str) -> str:
    """A label or alias in one spelling; InvalidInput for one that cannot be told by its looks."""
    label = plain_name(name)
    check_text(label, name_max_chars, "a project's name")
    if not label or not label.isprintable():
        raise InvalidInput("A project's name is one line of printable text.")
    return label
