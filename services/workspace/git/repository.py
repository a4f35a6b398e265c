"""Finds a repository without git, and runs git in it so that no program of the repository is run.

A repository's configuration can name programs, and git runs some of them even for `status`. So every call gets a clean
environment, a fixed set of overrides, and one more for each filter and hook that the configuration names; reading the
configuration first runs nothing. The user's own configuration stays in force, but its programs are switched off too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from services.kit.errors import Denied, Unavailable
from services.workspace.allowed_roots import inside, printable_path, real_path, upwards
from services.workspace.developer_tools import find_tool, safe_path
from services.workspace.process import Finished, Limits, observe_child, run

POINTER_MAX_BYTES = 4096
PROGRAM_NAMES_MAX = 64
DEFAULT_LIMITS = Limits()

OVERRIDES = (
    # Programs that git starts to read files or to record a change.
    *("core.fsmonitor=false", "core.hooksPath=/dev/null", "diff.external=", "core.alternateRefsCommand="),
    *("gpg.program=false", "gpg.openpgp.program=false", "gpg.x509.program=false", "gpg.ssh.program=false"),
    *("gpg.ssh.defaultKeyCommand=", "log.showSignature=false", "core.pager=cat", "core.editor=false"),
    # Programs that git starts to contact another repository.
    *("core.sshCommand=false", "core.gitProxy=", "core.askPass=", "credential.helper=", "uploadpack.packObjectsHook="),
    *("protocol.allow=never", "protocol.ext.allow=never", "protocol.file.allow=never"),
    # Unwanted work, in other repositories or in the background.
    *("submodule.recurse=false", "status.submoduleSummary=false", "maintenance.auto=false", "gc.auto=0"),
    # The format of files and output.
    *("core.splitIndex=false", "i18n.commitEncoding=UTF-8", "i18n.logOutputEncoding=UTF-8", "color.ui=false"),
)

ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "false",
    "GIT_ASKPASS": "false",
    # Missing objects are not fetched. Git before 2.45 knows only the second: no protocol at all.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_LITERAL_PATHSPECS": "1",
}


@dataclass(frozen=True)
class Repository:
    """A repository on this disk. `root` is the top of the working tree; for a bare one, the git directory itself.

    `git_dir` belongs to this working tree; `common_dir` is the same, or shared by linked working trees.
    """

    root: Path
    git_dir: Path
    common_dir: Path
    bare: bool
    limits: Limits

    def git(self, *arguments: str, given: bytes = b"", environment: Mapping[str, str] | None = None) -> Finished:
        """Runs one git command safely. Raises Denied for a configuration that cannot be made safe, and Unavailable."""
        overrides = (*OVERRIDES, *self._switched_off)
        options = [word for override in overrides for word in ("-c", override)]
        with observe_child("git", arguments[0]):
            return self._run([*options, "--no-pager", *arguments], given, environment or {})

    @cached_property
    def config(self) -> Mapping[str, str]:
        """The effective configuration: section and name in lower case, the last value of each. Raises Denied."""
        with observe_child("git", "config"):
            listed = self._run(["config", "--list", "--includes", "-z"], b"", {})
        if not listed.ok:
            # Anything that could not be read completely could name a program.
            raise Denied("git cannot read the repository's configuration", "Run `git config --list` there.")
        records = (record.partition("\n") for record in listed.output.decode("utf-8", "replace").split("\0") if record)
        return {key: value if separator else "true" for key, separator, value in records}

    @cached_property
    def _switched_off(self) -> tuple[str, ...]:
        names = {name for key in self.config if (name := _program_name(key))}
        if len(names) > PROGRAM_NAMES_MAX or any("=" in name for name in names):
            raise Denied(
                "The repository's git configuration names filters or hooks that cannot be switched off safely",
                "Remove the filter and hook sections that are not needed from .git/config.",
            )
        return tuple(override for name in sorted(names) for override in _off(name))

    @cached_property
    def _executable(self) -> str:
        executable = find_tool("git", safe_path(self.root), self.root)
        if not executable:
            raise Unavailable("git is not on the PATH", "Install git.")
        return str(executable)

    def _run(self, arguments: Sequence[str], given: bytes, environment: Mapping[str, str]) -> Finished:
        kept = {name: os.environ[name] for name in ("HOME", "XDG_CONFIG_HOME", "TMPDIR") if name in os.environ}
        path = os.pathsep.join(map(str, safe_path(self.root)))
        # With an explicit git directory, git searches for none, and `core.worktree` does not count.
        where = {"PATH": path, "GIT_DIR": str(self.git_dir), "GIT_COMMON_DIR": str(self.common_dir)}
        tree = {} if self.bare else {"GIT_WORK_TREE": str(self.root)}
        full = {**kept, **ENVIRONMENT, **where, **tree, **environment}
        return run([self._executable, *arguments], self.root, full, self.limits, given)


def find_repository(directory: Path, roots: Sequence[Path], limits: Limits = DEFAULT_LIMITS) -> Repository | None:
    """The repository that contains a directory (already resolved), searched no higher than the roots.

    Raises Denied if it is not readable, or if its git directory or its working tree is somewhere else.
    """
    for place in upwards(directory, roots):
        try:
            found = locate(place)
        except OSError:
            raise _elsewhere(place, "has a git directory that is not readable") from None
        if found:
            repository = Repository(place, *found, limits)
            _refuse_elsewhere(repository, roots)
            return repository
    return None


class Located(NamedTuple):
    """The locations that a repository claims; nothing is checked."""

    git_dir: Path
    common_dir: Path
    bare: bool


def locate(root: Path) -> Located | None:
    """The repository whose top is `root`, if there is one. Raises OSError if it cannot be read."""
    marker = root / ".git"
    if marker.is_dir():
        git_dir = real_path(marker)
    elif marker.is_file():
        git_dir = real_path(pointer_target(marker, "gitdir:"))
    elif (root / "HEAD").is_file() and (root / "objects").is_dir() and (root / "refs").is_dir():
        git_dir = root
    else:
        return None
    common = git_dir / "commondir"
    return Located(git_dir, real_path(pointer_target(common, "")) if common.is_file() else git_dir, git_dir == root)


def _refuse_elsewhere(repository: Repository, roots: Sequence[Path]) -> None:
    shared = (repository.common_dir / name for name in ("objects", "refs", "logs", "HEAD", "packed-refs"))
    if not all(inside(path, roots) for path in (repository.git_dir, repository.common_dir, *shared)):
        raise _elsewhere(repository.root, "keeps its git directory outside the allowed roots")
    if not repository.bare and not _belongs(repository):
        raise _elsewhere(repository.root, "uses the git directory of another working tree")


def refuse_links(repository: Repository, ref: str) -> None:
    """Checks before a write: git follows symbolic links among its own files, even out of its directory, and through a
    log that is a link, git would append a line chosen by the repository to the link's target. Raises Denied."""
    common = repository.common_dir
    written = (common / ref, common / "logs" / ref, repository.git_dir / "HEAD", repository.git_dir / "logs" / "HEAD")
    with os.scandir(common / "objects") as entries:
        is_linked = any(entry.is_symlink() for entry in entries)
    if is_linked or any(path.resolve() != path for path in (*written, common / "objects")):
        raise _elsewhere(repository.root, "has symbolic links among git's own files")


def _belongs(repository: Repository) -> bool:
    """Whether the git directory belongs to this working tree: a linked one is where git puts it and points back; any
    other is neither another tree's `.git` nor bare, and if it names a working tree, it is this one."""
    git_dir, root = repository.git_dir, repository.root
    if repository.common_dir != git_dir:
        back = git_dir / "gitdir"
        is_in_place = git_dir.parent == repository.common_dir / "worktrees" and back.is_file()
        return is_in_place and real_path(pointer_target(back, "")) == real_path(root / ".git")
    if (git_dir.name == ".git" and git_dir.parent != root) or repository.config.get("core.bare", "false") != "false":
        return False
    named = repository.config.get("core.worktree")
    return named is None or real_path(git_dir / named) == root


def pointer_target(file: Path, prefix: str) -> Path:
    """The path in a file, relative to the file's directory."""
    with file.open("rb") as opened:
        text = os.fsdecode(opened.read(POINTER_MAX_BYTES)).removesuffix("\n")
    return file.parent / text.removeprefix(prefix).strip().replace("\0", "")


def _elsewhere(root: Path, what: str) -> Denied:
    return Denied(
        f"The repository {what}: {printable_path(root)}",
        "Work in the directory that it belongs to, or add the root that it needs to the settings.",
    )


def _program_name(key: str) -> str | None:
    """`filter.NAME` or `hook.NAME` of a configuration key that belongs to one."""
    section, _, rest = key.partition(".")
    name, _, _ = rest.rpartition(".")
    return f"{section}.{name}" if section in {"filter", "hook"} and name else None


def _off(name: str) -> Iterator[str]:
    if name.startswith("hook."):
        yield f"{name}.enabled=false"
    else:
        yield from (f"{name}.clean=", f"{name}.smudge=", f"{name}.process=", f"{name}.required=false")
