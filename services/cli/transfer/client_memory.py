"""Keeps the client's own memory files in step: each is a memory of Segue's, which changes and is withdrawn with it.

The files are only read. What the user deleted in Segue stays deleted, whatever becomes of the file. The state says
which file was stored as what; it only saves time, since a file's memory always has the same id. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from services.cli.gateway.mcp_call import CallFailed
from services.cli.transfer.delivery import Delivery, NoRoom, Receipt
from services.cli.transfer.places import Places
from services.cli.transfer.state import gateways_of, load_json, write_atomically
from services.kit.systems import is_own
from services.memory.imports.containers.unreadable import Unreadable
from services.memory.imports.formats.claude_memory import AGENTS, FOLDER, memory_place
from services.memory.imports.formats.entries import Entry
from services.memory.imports.json_lines import ImportedMemory
from services.memory.imports.sources import open_source
from services.workspace.project_identity import sight_path

STATE_FILE = "client-memory.json"
VERSION = 1
files_max = 5_000
batch_max_files = 32
NOT_THERE = "NOT_FOUND"

Call = Callable[..., dict[str, Any]]
"""Calls a tool of the gateway, by its name, with its arguments. Raises CallFailed."""


class Known(NamedTuple):
    """What is known of a file: its memory's id, and how the file was when it was last in step."""

    id: str
    size: int
    mtime_ns: int
    digest: str
    is_gone: bool = False


@dataclass(slots=True)
class Steps:
    """What was done, by the number of memories."""

    stored: int = 0
    changed: int = 0
    withdrawn: int = 0
    deleted: int = 0
    """Not stored, since they were deleted in Segue before."""
    skipped: int = 0
    ids: list[str] = field(default_factory=list)
    """Of what was stored."""

    def __str__(self) -> str:
        counts = ((self.stored, "new"), (self.changed, "changed"), (self.withdrawn, "withdrawn, their files are gone"))
        more = ((self.deleted, "not stored, deleted before"), (self.skipped, "that could not be read"))
        return ", ".join(f"{count:,} {what}" for count, what in (*counts, *more) if count)


class ClientMemory:
    """The client's memory files in some folders, for one gateway."""

    def __init__(self, data_dir: Path, gateway: str, project: str | None = None, *, anew: bool = False) -> None:
        """`project`: where everything is filed, in place of what the directories tell. `anew`: whatever was stored."""
        self._path, self._gateway, self._project, self._anew = data_dir / STATE_FILE, gateway, project, anew
        said = gateways_of(load_json(self._path)).get(gateway)
        read = {path: _entry(value) for path, value in said.items()} if isinstance(said, dict) else {}
        self._files = {path: known for path, known in read.items() if known}
        self._places = Places()

    def is_in_step(self, folders: Sequence[Path]) -> bool:
        """Whether nothing in the folders has changed since."""
        there = _files(folders)
        return not any(self._changes(there)) and not any(self._losses(folders, there))

    def keep_in_step(self, folders: Sequence[Path], connect: Callable[[], Delivery], call: Call) -> Steps:
        """Stores what is new, changes what changed and withdraws what is gone.

        Raises NotDelivered, CallFailed. What was done before is remembered in any case.
        """
        there, steps = _files(folders), Steps()
        changed, gone = list(self._changes(there)), list(self._losses(folders, there))
        fresh = [path for path in changed if self._anew or str(path) not in self._files]
        try:
            for path in changed:
                if path not in fresh:
                    self._change(path, there[path], call, steps)
            for name in gone:
                steps.withdrawn += _attempt(call, "withdraw", id=self._files[name].id)
                self._files[name] = self._files[name]._replace(is_gone=True)
            if fresh:
                self._store_all({path: there[path] for path in fresh}, connect, call, steps)
        finally:
            if changed or gone:
                self._save()
        return steps

    def _store_all(
        self, fresh: Mapping[Path, os.stat_result], connect: Callable[[], Delivery], call: Call, steps: Steps
    ) -> None:
        paths = list(fresh)
        with closing(connect()) as delivery:
            for at in range(0, len(paths), batch_max_files):
                read = {path: self._memory(path, steps) for path in paths[at : at + batch_max_files]}
                batch = {path: memory for path, memory in read.items() if memory}
                receipt = delivery.deliver([memory.to_line() for memory in batch.values()]) if batch else Receipt()
                self._take(receipt, batch, fresh, call, steps)

    def _take(
        self,
        receipt: Receipt,
        batch: Mapping[Path, ImportedMemory],
        status: Mapping[Path, os.stat_result],
        call: Call,
        steps: Steps,
    ) -> None:
        """Counts and remembers what became of a batch. Raises NoRoom if its rest had none."""
        steps.ids += receipt.ids
        steps.stored += receipt.stored
        steps.deleted += receipt.deleted
        steps.skipped += len(receipt.rejected)
        refused = {each.line for each in receipt.rejected}
        for number, (path, memory) in enumerate(batch.items()):
            if number in refused or receipt.over_quota:
                continue
            if receipt.duplicates and memory.id not in receipt.ids:  # stored when nothing was known of it
                steps.changed += _attempt(call, "update_memory", id=memory.id, content=memory.content)
            self._remember(path, status[path], memory)
        if receipt.over_quota:
            raise NoRoom(receipt.over_quota)

    def _change(self, path: Path, status: os.stat_result, call: Call, steps: Steps) -> None:
        known = self._files[str(path)]
        memory = self._memory(path, steps)
        if memory is None:
            return
        if known.is_gone:
            _attempt(call, "withdraw", id=known.id, withdrawn=False)
        if known.is_gone or _digest(memory) != known.digest:
            arguments = {"content": memory.content, "tags": list(memory.tags)}
            steps.changed += _attempt(call, "update_memory", id=known.id, **arguments)
        self._remember(path, status, memory)

    def _memory(self, path: Path, steps: Steps) -> ImportedMemory | None:
        """The memory in a file; None where it has none that could be stored."""
        try:
            with open_source(path) as source:
                entry = next(iter(source.entries()), None)
        except (Unreadable, OSError):
            entry = None
        if entry is None or entry.memory is None:
            steps.skipped += 1
            return None
        if self._project:
            return replace(entry.memory, project=self._project)
        return self._places.with_place(entry.memory)

    def _remember(self, path: Path, status: os.stat_result, memory: ImportedMemory) -> None:
        self._files[str(path)] = Known(memory.id, status.st_size, status.st_mtime_ns, _digest(memory))

    def _changes(self, there: Mapping[Path, os.stat_result]) -> Iterator[Path]:
        for path, status in there.items():
            known = self._files.get(str(path))
            is_same = known and (known.size, known.mtime_ns) == (status.st_size, status.st_mtime_ns)
            if self._anew or not known or known.is_gone or not is_same:
                yield path

    def _losses(self, folders: Sequence[Path], there: Mapping[Path, os.stat_result]) -> Iterator[str]:
        """Files that were in these folders. Of a folder that is gone itself nothing is concluded."""
        standing = {folder for folder in folders if folder.is_dir()}
        for name, known in self._files.items():
            path = Path(name)
            if not known.is_gone and path not in there and not standing.isdisjoint(path.parents):
                yield name

    def _save(self) -> None:
        said = gateways_of(load_json(self._path))
        said[self._gateway] = {path: list(known) for path, known in self._files.items()}
        with suppress(OSError):  # the next time is only slower
            write_atomically(self._path, json.dumps({"version": VERSION, "gateways": said}).encode())


def folders_of(paths: Iterable[Path]) -> list[Path]:
    """The folders of memory files at or below these paths, as a user names them for an import."""
    found: dict[Path, None] = {}
    for path in (Path(os.path.abspath(each)) for each in paths):  # noqa: PTH100  # links are left as they are
        if place := memory_place(path if path.suffix else path / "any.md"):
            found[place.folder] = None
        elif path.is_dir():
            below = (*path.glob(f"*/{FOLDER}"), *path.glob(f"projects/*/{FOLDER}"), path / FOLDER)
            agents = (
                folder for name in AGENTS for folder in (*path.glob(f"{name}/*"), *path.glob(f".claude/{name}/*"))
            )
            found |= dict.fromkeys(each for each in (*below, *agents) if memory_place(each / "any.md"))
    return [folder for folder in islice(found, files_max) if folder.is_dir()]


def memory_entries(paths: Iterable[Path]) -> Iterator[Entry]:
    """What the memory files at or below these paths hold."""
    for path in _files(folders_of(paths)):
        with suppress(Unreadable, OSError), open_source(path) as source:
            yield from (entry for entry in source.entries() if entry.memory)


def folders_beside(transcript: Path, directory: str) -> list[Path]:
    """The folders of a conversation: its project's, which all worktrees of a repository share, and its agents'."""
    projects, config = transcript.parent.parent, transcript.parent.parent.parent
    seen = sight_path(directory, (Path("/"),)) if directory else None
    names = {transcript.parent.name, *([_folder_name(seen.root)] if seen else [])}
    bases = (config, *([Path(directory) / ".claude"] if directory else []))
    agents = [folder for name in AGENTS for base in bases for folder in base.glob(f"{name}/*")]
    folders = [*(projects / name / FOLDER for name in sorted(names)), *agents]
    return [folder for folder in folders if folder.is_dir() and memory_place(folder / "any.md")]


def _folder_name(directory: str) -> str:
    return "".join(each if each.isascii() and each.isalnum() else "-" for each in directory)


def _files(folders: Iterable[Path]) -> dict[Path, os.stat_result]:
    """The user's own regular files in these folders that may be memories; links are not followed."""
    found: dict[Path, os.stat_result] = {}
    for folder in folders:
        for at, subfolders, names in os.walk(folder):
            subfolders.sort()
            for path in (Path(at, name) for name in sorted(names)):
                try:
                    status = path.lstat()
                except OSError:
                    continue
                place = memory_place(path)
                if place and place.folder == folder and stat.S_ISREG(status.st_mode) and is_own(status):
                    found[path] = status
                if len(found) >= files_max:
                    return found
    return found


def _attempt(call: Call, tool: str, **arguments: Any) -> bool:
    """Whether the call changed anything; not where the user deleted the memory. Raises CallFailed."""
    try:
        answer = call(tool, **arguments)
    except CallFailed as problem:
        if str(problem).startswith(NOT_THERE):
            return False
        raise
    return bool(answer.get("changed", True))


def _digest(memory: ImportedMemory) -> str:
    return hashlib.sha256("\0".join((memory.content, *memory.tags)).encode()).hexdigest()[:32]


def _entry(value: Any) -> Known | None:
    try:
        known = Known(*value)
    except TypeError:
        return None
    texts, numbers = (known.id, known.digest), (known.size, known.mtime_ns)
    is_whole = all(isinstance(each, str) for each in texts) and all(isinstance(each, int) for each in numbers)
    return known if is_whole and isinstance(known.is_gone, bool) else None
