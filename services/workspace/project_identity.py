"""What tells which project a directory belongs to: the repository's remote, its first commit, its root on this machine.

Read from git's files without running git, but for the first commit, which `first_commits` gives. Nothing of a
repository is believed further than git itself would: a git directory that belongs to another working tree is not read.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from services.kit.errors import InvalidInput
from services.kit.systems import PLAIN, machine_identity
from services.workspace.allowed_roots import home, inside, real_path, upwards
from services.workspace.directory_identity import directory_mark
from services.workspace.git.config_file import read_config
from services.workspace.git.repository import Located, locate, pointer_target
from services.workspace.handoff_files import last_handoff
from services.workspace.project import NAME_MAX_CHARS, project_root
from services.workspace.remote_address import SshDestination, local_path, remote_address
from services.workspace.serialization import readable
from services.workspace.user_remotes import rewritten_url, ssh_destination

SETTINGS_FILE = ".segue.toml"
SETTINGS_MAX_BYTES = 4096
PATH_MAX_CHARS = 4096
HIDDEN_NAMES = frozenset({"", "git", "bare", "repo", "repository"})
"""Names of git directories that say nothing: the directory around them has the repository's name."""
PREFERRED_REMOTES = ("origin", "upstream")

FirstCommit = Callable[[Path], "str | None"]
"""The first commit of the repository with this common directory: empty if it has none, None if it is not known."""


@dataclass(frozen=True)
class Sighting:
    """A directory as it is seen: all that tells which project it belongs to.

    `root` is the repository's place, the same for all its working trees; `directory` the top of this one. `inside` is
    the path of a package with a manifest of its own. Names are for people. What no remote tells has a `mark`, by which
    the very directory is known after a move, and the name of the last `handoff` that was left in it. `written_remote`
    is the remote as the repository has it, where the user's own settings of ssh or git lead it elsewhere.
    """

    name: str
    machine: str
    root: str
    directory: str
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

    def to_dict(self) -> dict[str, Any]:
        """As a JSON object."""
        return {name: getattr(self, name) for name in _FIELDS}

    @classmethod
    def from_dict(cls, content: object) -> Sighting:
        """Parses what a client tells; counts for its user alone. Raises InvalidInput."""
        if not isinstance(content, Mapping):
            raise InvalidInput("What tells the project is not an object.")
        values: dict[str, Any] = {name: content.get(name, False if name.startswith("is_") else "") for name in _FIELDS}
        for name, value in values.items():
            kind = bool if name.startswith("is_") else str
            if not isinstance(value, kind) or len(str(value)) > PATH_MAX_CHARS:
                raise InvalidInput(f"{name} of a project is not what it may be.")
        texts: dict[str, Any] = {
            name: value if isinstance(value, bool) else _encodable(value) for name, value in values.items()
        }
        return cls(**{**texts, **{each: _checked_address(texts[each]) for each in ("remote", "written_remote")}})


_FIELDS = tuple(Sighting.__dataclass_fields__)


def sight(directory: Path, roots: Sequence[Path], first_commit: FirstCommit | None = None) -> Sighting:
    """What is seen of a directory (already resolved), within the roots."""
    root = project_root(directory, roots)
    repository = _repository_around(root, roots)
    if repository is None:
        plain = Sighting(_name(root), machine(), _root_path(root), str(root), given_name=_given_name(root))
        return replace(plain, mark=directory_mark(str(root)), handoff=last_handoff(root))
    config = read_config(repository.common_dir / "config")
    place = _place(repository, config)
    package = "" if root == repository.top else str(root.relative_to(repository.top))
    found = first_commit(repository.common_dir) if first_commit else None
    remote, written = _remote(config, place)
    return Sighting(
        name=_name(place),
        machine=machine(),
        root=_root_path(place),
        directory=str(repository.top),
        is_repository=True,
        remote=remote,
        first_commit=found or "",
        is_first_commit_unknown=found is None,
        inside=package,
        package=(_given_name(root) or _name(root)) if package else "",
        given_name=_given_name(repository.top),
        mark=directory_mark(str(place)) if first_commit and not remote else "",
        written_remote=written if written != remote else "",
    )


def sight_path(path: str, roots: Sequence[Path], first_commit: FirstCommit | None = None) -> Sighting | None:
    """What is seen of a path from a transcript, which may be gone: then of the repository that it was in, if that is
    still there, else the path alone. None for the home directory or the whole file system."""
    trimmed = path.rstrip("/\\") or path
    there = _nearest(path)
    if there is not None:
        real = real_path(there)
        if str(there) == trimmed:
            return None if is_no_project(real) else sight(real, roots, first_commit)
        if not is_no_project(real) and (seen := sight(real, roots, first_commit)).is_repository:
            gone = str(real / Path(trimmed).relative_to(there))
            return replace(seen, directory=gone, is_gone=True, inside="", package="")
    name = readable(trimmed.replace("\\", "/").rpartition("/")[2], NAME_MAX_CHARS) or "unnamed"
    return Sighting(name, machine(), trimmed, trimmed, is_gone=True) if trimmed not in {"", "/"} else None


def is_no_project(directory: Path) -> bool:
    """Whether it is the whole file system, or a home directory without a repository: no project is there."""
    return directory == Path(directory.anchor) or (directory == home() and not (directory / ".git").exists())


def _nearest(path: str) -> Path | None:
    """The directory itself or the nearest above it that is there."""
    if not path.startswith("/"):
        return None
    try:
        return next((each for each in (Path(path), *Path(path).parents) if each.is_dir()), None)
    except (OSError, ValueError):
        return None


def sighting_here(directory: str, first_commit: FirstCommit | None = None) -> dict[str, Any]:
    """What a client tells of its directory for a gateway that does not see it; empty where that is nothing."""
    try:
        real = Path(directory).resolve(strict=True)
        return {} if is_no_project(real) else sight(real, (Path("/"),), first_commit).to_dict()
    except (OSError, RuntimeError, ValueError):
        return {}


@cache
def machine() -> str:
    """A digest of this machine's identity: paths are those of one machine."""
    return hashlib.sha256(f"segue machine {machine_identity()}".encode("utf-8", "replace")).hexdigest()[:16]


class _Repository(NamedTuple):
    top: Path
    git_dir: Path
    common_dir: Path


def _repository_around(root: Path, roots: Sequence[Path]) -> _Repository | None:
    """The repository whose working tree has `root` in it; None if there is none that this is a tree of."""
    for place in upwards(root, roots):
        if place != root and place in {home(), Path(place.anchor)}:  # what lies in a home is not of the home's own
            return None
        try:
            found = locate(place)
        except OSError:
            return None
        if found:
            is_visible = inside(found.git_dir, roots) and inside(found.common_dir, roots)
            return (
                _Repository(place, found.git_dir, found.common_dir) if is_visible and _belongs(place, found) else None
            )
    return None


def _belongs(top: Path, found: Located) -> bool:
    """Whether the git directory is this working tree's: git's own, a linked one that points back, one inside the tree,
    or one whose configuration names no other tree."""
    if not (found.git_dir / "HEAD").is_file() or not (found.common_dir / "HEAD").is_file():
        return False
    if found.git_dir in {top, top / ".git"}:
        return True
    if found.git_dir != found.common_dir:
        back = found.git_dir / "gitdir"
        is_in_place = found.git_dir.parent == found.common_dir / "worktrees" and back.is_file()
        return is_in_place and real_path(pointer_target(back, "")) == real_path(top / ".git")
    if found.git_dir.is_relative_to(top):
        return True
    config = read_config(found.common_dir / "config")
    named = config.get("core.worktree")
    if named is not None:
        return real_path(found.git_dir / named) == top
    return found.git_dir.name != ".git" and config.get("core.bare", "false") == "false"


def _place(repository: _Repository, config: Mapping[str, str]) -> Path:
    """The directory that has the repository's name, the same for all its working trees."""
    common = repository.common_dir
    if named := config.get("core.worktree"):
        return real_path(common / named)
    is_unnamed = common.name.startswith(".") or common.name.removesuffix(".git") in HIDDEN_NAMES
    if is_unnamed or _points_to(common.parent / ".git", common):
        return common.parent
    is_separate = repository.git_dir == common and not common.is_relative_to(repository.top)
    return repository.top if is_separate else common


def _points_to(marker: Path, git_dir: Path) -> bool:
    """Whether the file names that git directory, as in the directory around a bare repository and its trees."""
    try:
        return marker.is_file() and real_path(pointer_target(marker, "gitdir:")) == git_dir
    except OSError:
        return False


def _root_path(place: Path) -> str:
    """The place as a key: what is anywhere in a home directory does not belong to the repository of the home itself."""
    return str(place / ".git") if place == home() else str(place)


def _name(place: Path) -> str:
    return readable(place.name.removesuffix(".git"), NAME_MAX_CHARS) or "unnamed"


def _remote(config: Mapping[str, str], place: Path) -> tuple[str, str]:
    """The address of the repository's remote, of origin, else of upstream, else of the first by name: where the user's
    own settings lead, and as it is written."""
    urls = {
        key.removeprefix("remote.").removesuffix(".url"): value
        for key, value in config.items()
        if key.startswith("remote.") and key.endswith(".url")
    }
    names = [each for each in (*PREFERRED_REMOTES, *sorted(urls)) if each in urls]
    if not names:
        return "", ""
    url = urls[names[0]]
    return _address(rewritten_url(url), place, ssh_destination), _address(url, place)


def _address(url: str, place: Path, destination: SshDestination | None = None) -> str:
    path = local_path(url)
    return _local_remote(path, place) if path else remote_address(url, destination)


def _local_remote(path: str, place: Path) -> str:
    """Of a clone of a directory: where that is; whose it is, the registry knows."""
    expanded = os.path.join(str(place), os.path.expanduser(path))  # noqa: PTH111, PTH118 - it may not be there
    target = real_path(expanded)
    origin = target.parent if target.name == ".git" else target
    return f"{LOCAL}{machine()}{origin}" if origin != place else ""


LOCAL = "local/"
"""How the address of a remote on this machine begins."""


def _given_name(directory: Path) -> str:
    """The name that the repository gives itself: `project = "…"` in `.segue.toml`."""
    import tomllib

    try:
        descriptor = os.open(directory / SETTINGS_FILE, os.O_RDONLY | PLAIN)
    except (OSError, ValueError):
        return ""
    with os.fdopen(descriptor, "rb") as file:
        try:
            settings = tomllib.loads(file.read(SETTINGS_MAX_BYTES).decode())
        except (OSError, ValueError, RecursionError):
            return ""
    name = settings.get("project")
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > NAME_MAX_CHARS:
        return ""
    return name.strip()


def _checked_address(remote: str) -> str:
    """What a client calls an address; one with credentials or in another spelling is none."""
    is_address = remote.startswith((LOCAL, "sha256/")) or remote_address(f"https://{remote}") == remote
    return remote if is_address and "@" not in remote else ""


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
