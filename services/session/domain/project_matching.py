"""Which project a sighting belongs to, and what a project learns from it. Pure functions.

A remote tells a repository, else its first commit, else its root on this machine. What differs on both sides keeps two
apart, whatever else is the same: a fork has its upstream's first commit and another remote, and a path may be used
again by another repository. What nothing else tells, as a directory without a repository, is known after a move by its
mark, which that very directory has and no other. Two repositories without a remote that stand beside each other are
two, though they have one first commit, as copies of a template do; it tells one that has moved. What is not known, as
the first commit of a shallow clone, proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from services.session.domain.projects import (
    Marked,
    Project,
    Registered,
    Root,
    Sighting,
    commit_key,
    first_commits_max,
    left_key,
    mark_key,
    marked_max,
    name_key,
    names_max,
    package_key,
    remote_key,
    remotes_max,
    root_key,
    roots_max,
)

seen_every = timedelta(hours=1)
"""The precision of when a project was seen."""
parents_max = 64
LOCAL = "local/"
"""How the address of a remote on the same machine begins; the machine and the path follow."""


def lookup_keys(sighting: Sighting) -> list[str]:
    """The keys of all that a sighting may belong to, or share its name with."""
    names = {sighting.name, sighting.given_name, sighting.package} - {""}
    keys = [name_key(each) for each in sorted(names)]
    keys += [root_key(sighting.machine, path) for path in {sighting.root, sighting.directory, package_root(sighting)}]
    keys += [_clone_key(sighting), left_key(sighting.machine, sighting.root)]
    keys += map(remote_key, _remotes(sighting))
    if sighting.first_commit:
        keys.append(commit_key(sighting.first_commit))
    if sighting.mark:
        keys.append(mark_key(sighting.machine, sighting.mark))
    return keys


def matching_project(sighting: Sighting, registered: Registered) -> Project | None:
    """The project of the sighting's repository or directory, not of a package in it."""
    of_remote = _of_remote(sighting, registered)
    if of_remote and (_is_elsewhere(sighting.remote) or _has_root(of_remote[0], sighting)):
        return of_remote[0]
    marked = _projects_of_mark(sighting, registered)
    for each in _whole(registered.at(root_key(sighting.machine, sighting.root))):
        if each in marked or (not marked and _goes_on(each, sighting)):
            return each
    of_clone = [each for each in _whole(registered.at(_clone_key(sighting))) if _has_commit(each, sighting)]
    if not sighting.remote.startswith(
        LOCAL
    ):  # it is where a clone's origin was: another one, if that has left the place
        of_clone = [each for each in of_clone if sighting.root not in _left_roots(each, sighting.machine)]
    return next(iter([*of_clone, *of_remote]), None)


def _of_remote(sighting: Sighting, registered: Registered) -> list[Project]:
    """The projects of the sighting's remote that may be its own, the likeliest first."""
    of_both = [each for remote in _remotes(sighting) for each in _whole(registered.at(remote_key(remote)))]
    found = [each for each in dict.fromkeys(of_both) if _may_be(each, sighting)]
    return sorted(found, key=lambda each: (not _has_root(each, sighting), not _has_commit(each, sighting)))


def _remotes(sighting: Sighting) -> list[str]:
    """Where the sighting's remote leads, and how it is written, by which its project may be known since before."""
    return [each for each in (sighting.remote, sighting.written_remote) if each]


def moved_project(sighting: Sighting, registered: Registered, standing: frozenset[str] | None) -> Project | None:
    """The one project without a remote that has the sighting's first commit, where none of its roots on this machine is
    among those that are `standing`. None where nobody looked for them, or several have moved."""
    roots = {each.id: set(_roots_on(each, sighting.machine)) for each in _of_commit(sighting, registered)}
    moved = [
        each
        for each in _of_commit(sighting, registered)
        if not roots[each.id] or (standing is not None and not standing & roots[each.id])
    ]
    return moved[0] if len(moved) == 1 else None


def marked_project(sighting: Sighting, registered: Registered) -> Project | None:
    """The one project that was seen in this very directory, at another path: it goes on here, if that path is not the
    same directory's, too."""
    marked = _projects_of_mark(sighting, registered)
    return marked[0] if len(marked) == 1 else None


def _projects_of_mark(sighting: Sighting, registered: Registered) -> list[Project]:
    if not sighting.mark:
        return []
    found = _whole(registered.at(mark_key(sighting.machine, sighting.mark)))
    is_repository_known = bool(sighting.remote or sighting.first_commit)  # else nothing says that it is another one
    return [each for each in found if not is_repository_known or _goes_on(each, sighting)]


def marked_paths(project: Project, sighting: Sighting) -> list[str]:
    """Where the sighting's very directory was seen, if that is not where it is now."""
    paths = [each.path for each in project.marked if (each.machine, each.mark) == (sighting.machine, sighting.mark)]
    return [each for each in paths if each != sighting.root]


def without_mark(project: Project, sighting: Sighting) -> Project:
    """The project as its directory has left: without the mark, and with the places where it was as left."""
    marked = tuple(each for each in project.marked if (each.machine, each.mark) != (sighting.machine, sighting.mark))
    left = {(sighting.machine, path) for path in marked_paths(project, sighting)}
    left -= {(each.machine, each.path) for each in marked}  # another one of the project's is there
    roots = (replace(each, is_left=True) if (each.machine, each.path) in left else each for each in project.roots)
    return replace(project, marked=marked, roots=tuple(roots))


def roots_elsewhere(project: Project, sighting: Sighting) -> list[str]:
    """Where else on this machine the project is known to be, if the sighting's directory is new: it may have moved."""
    here = {sighting.root, sighting.directory}
    known = _roots_on(project, sighting.machine) if sighting.remote or sighting.first_commit else []
    return [] if here <= set(known) else [each for each in known if each not in here]


def without_left_roots(project: Project, machine: str, standing: frozenset[str]) -> Project:
    """The project with the roots on this machine that it is in no longer marked as left."""
    gone = set(_roots_on(project, machine)) - standing
    roots = tuple(
        replace(each, is_left=True) if each.machine == machine and each.path in gone else each for each in project.roots
    )
    return replace(project, roots=roots) if gone else project


def earlier_roots(sighting: Sighting, registered: Registered) -> list[str]:
    """Where a repository without a remote and with the sighting's first commit was."""
    return [path for each in _of_commit(sighting, registered) for path in _roots_on(each, sighting.machine)]


def _of_commit(sighting: Sighting, registered: Registered) -> list[Project]:
    if _is_elsewhere(sighting.remote) or not sighting.first_commit:
        return []
    of_commit = _whole(registered.at(commit_key(sighting.first_commit)))
    return [each for each in of_commit if not any(map(_is_elsewhere, each.remotes))]


def _is_elsewhere(remote: str) -> bool:
    """Whether it is the address of a remote that is not a directory of the same machine."""
    return bool(remote) and not remote.startswith(LOCAL)


def _roots_on(project: Project, machine: str) -> list[str]:
    return [each.path for each in project.roots if each.machine == machine and not each.is_left]


def matching_package(sighting: Sighting, repository: Project, registered: Registered) -> Project | None:
    """The project of the package that the sighting is of."""
    return next(iter(registered.at(package_key(repository.id, sighting.inside))), None)


def is_same_project(one: Sighting, other: Sighting) -> bool:
    """Whether two directories that nothing is registered of are of one project."""
    if one.inside != other.inside:
        return False
    if one.machine == other.machine and one.root == other.root:
        return True
    is_clone = _clone_key(one) == root_key(other.machine, other.root) or _clone_key(other) == root_key(
        one.machine, one.root
    )
    return is_clone or bool({*_remotes(one)} & {*_remotes(other)})


def paths_upwards(path: str) -> list[str]:
    """A path and those that contain it, the longest first; of POSIX or of Windows."""
    paths, end = [path], len(path)
    while len(paths) < parents_max:
        end = max(path.rfind("/", 0, end), path.rfind("\\", 0, end))
        if end <= 0:
            break
        paths.append(path[:end])
    return paths


def grown_project(project: Project, sighting: Sighting, now: datetime) -> Project:
    """The project with what the sighting adds; itself where that is nothing."""
    is_package = bool(project.repository)
    paths = [package_root(sighting)] if is_package else [sighting.root, sighting.directory]
    name = (sighting.package if is_package else sighting.given_name) or sighting.name
    written, remote, commits = (
        ("", "", "") if is_package else (sighting.written_remote, sighting.remote, sighting.first_commit)
    )
    following = replace(
        project,
        remotes=_with_last(_with_last(project.remotes, written, remotes_max), remote, remotes_max),
        first_commits=_with_last(project.first_commits, commits, first_commits_max),
        names=project.names if name == project.name else _with_last(project.names, name, names_max),
        roots=_with_roots(project.roots, sighting.machine, paths, now),
        marked=project.marked if is_package else _with_mark(project.marked, sighting),
    )
    if following == project and now - project.seen_at < seen_every:
        return project
    return replace(following, seen_at=now)


def without_roots(project: Project, machine: str, paths: Sequence[str]) -> Project:
    """The project without roots that have become another's."""
    kept = tuple(each for each in project.roots if (each.machine, each.path) not in {(machine, path) for path in paths})
    return project if len(kept) == len(project.roots) else replace(project, roots=kept)


def package_root(sighting: Sighting) -> str:
    """The directory of the package, or of this working tree where there is none."""
    return f"{sighting.directory}/{sighting.inside}" if sighting.inside else sighting.directory


def _clone_key(sighting: Sighting) -> str:
    """The key of a repository on this machine that the sighting's is a clone of, or of its clones."""
    here = f"{LOCAL}{sighting.machine}"
    if sighting.remote.startswith(here):
        return root_key(sighting.machine, sighting.remote.removeprefix(here))
    return remote_key(f"{here}{sighting.root}")


def _whole(projects: Sequence[Project]) -> list[Project]:
    """Those of repositories and directories, not of packages, the oldest first."""
    return sorted(
        (each for each in projects if not each.repository and not each.is_contested),
        key=lambda each: (each.created_at, each.id),
    )


def _may_be(project: Project, sighting: Sighting) -> bool:
    """Whether a project of the same remote may be the sighting's: no other first commit is known, or it is at home."""
    is_known = bool(sighting.first_commit and project.first_commits)
    return not is_known or _has_commit(project, sighting) or _has_root(project, sighting)


def _goes_on(project: Project, sighting: Sighting) -> bool:
    """Whether the project at the sighting's root is still the one there."""
    if sighting.first_commit and project.first_commits:
        return _has_commit(project, sighting)
    if sighting.first_commit:
        return not project.remotes
    if sighting.is_first_commit_unknown:
        is_only_moved = not sighting.remote or not project.first_commits
        return not project.remotes and is_only_moved
    return not project.remotes and not project.first_commits


def _left_roots(project: Project, machine: str) -> list[str]:
    return [each.path for each in project.roots if each.machine == machine and each.is_left]


def _has_root(project: Project, sighting: Sighting) -> bool:
    return sighting.root in _roots_on(project, sighting.machine)


def _has_commit(project: Project, sighting: Sighting) -> bool:
    return bool(sighting.first_commit) and sighting.first_commit in project.first_commits


def _with_last(known: tuple[str, ...], new: str, most: int) -> tuple[str, ...]:
    """The values with this one as the last, which is the present one."""
    if not new or (known and known[-1] == new):
        return known
    return (*(each for each in known if each != new), new)[-most:]


def _with_mark(known: tuple[Marked, ...], sighting: Sighting) -> tuple[Marked, ...]:
    seen = Marked(sighting.machine, sighting.mark, sighting.root)
    if not sighting.mark or seen in known:
        return known
    rest = (each for each in known if (each.machine, each.mark) != (seen.machine, seen.mark))
    return (seen, *rest)[:marked_max]


def _with_roots(known: tuple[Root, ...], machine: str, paths: Sequence[str], now: datetime) -> tuple[Root, ...]:
    for path in dict.fromkeys(paths):
        found = next((each for each in known if (each.machine, each.path) == (machine, path)), None)
        if found is None or found.is_left or now - found.seen_at >= seen_every:
            rest = tuple(each for each in known if each is not found)
            known = (Root(machine, path, now), *rest)[:roots_max]
    return known
