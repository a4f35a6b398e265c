"""`segue import`: reads transcripts and memories, sends them to the gateway, and reports the result.

Reading and storing overlap, with a bounded number of batches in flight; they are acknowledged in reading order, so that
the position up to which a file is stored is known at any time. Standard library only.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from services.cli.checkup.transcripts import expiring_here
from services.cli.gateway.credentials import BadToken, credentials
from services.cli.gateway.mcp_call import CallFailed, gateway_call
from services.cli.local_server import NotStarted, default_data_dir, ensure_server
from services.cli.transfer.client_memory import ClientMemory, Steps, folders_of, memory_entries
from services.cli.transfer.delivery import Delivery, NoRoom, NotDelivered, Receipt, Stopped
from services.cli.transfer.import_log import ImportLog, NewImport, list_imports, undo_import
from services.cli.transfer.places import Places
from services.cli.transfer.progress import Done, ImportProgress
from services.cli.transfer.state import ImportState
from services.cli.transfer.tally import Survey, Tally, report, summary
from services.memory.domain.memories import name_max_chars
from services.memory.imports.containers.unreadable import UnknownFormat, Unreadable
from services.memory.imports.formats.entries import Entry
from services.memory.imports.json_lines import ImportedMemory, Position
from services.memory.imports.sources import SourceFile, find_files, open_source
from services.memory.imports.tool_calls import Outcome

batch_max_lines = 64
batch_max_bytes = 512 * 1024
batches_in_flight_max = 2
server_start_timeout_s = 60.0
state_interval_s = 2.0
# How long batches in flight may take to arrive after Ctrl-C.
farewell_timeout_s = 3.0
LOCAL = "local"
AGAIN = "Run it again to continue from here; nothing is stored twice."
MAKE_ROOM = "Or set how long they are kept (`segue retention`), or ask whoever runs this Segue for more."
# The exit status of a command that was ended with Ctrl-C.
INTERRUPTED = 130


@dataclass(slots=True)
class Batch:
    """Lines to send, the origin of each, and the position in each file once they are stored."""

    lines: list[bytes] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    reached: dict[SourceFile, tuple[Position, bool]] = field(default_factory=dict)
    size: int = 0

    def add(self, line: bytes, origin: str) -> None:
        """Adds a memory."""
        self.lines.append(line)
        self.origins.append(origin)
        self.size += len(line)

    def has_room_for(self, line: bytes) -> bool:
        """Whether the line still fits; an empty batch accepts any."""
        return not self.lines or (len(self.lines) < batch_max_lines and self.size + len(line) <= batch_max_bytes)


class Asked(NamedTuple):
    """What the command line asks for; a caller from before an option was there leaves it out."""

    paths: list[Path]
    project: str | None
    deleted_too: bool
    dry_run: bool
    lists: bool
    undo: str

    @classmethod
    def of(cls, options: argparse.Namespace) -> Asked:
        """The options."""
        paths = [Path(path) for path in options.paths]

        def flag(name: str) -> bool:
            return bool(getattr(options, name, False))

        undo = str(getattr(options, "undo", None) or "")
        return cls(paths, options.project, flag("deleted_too"), flag("dry_run"), flag("list"), undo)


class Import:
    """One run: reads files in order and keeps a bounded number of batches in flight."""

    def __init__(
        self,
        connect: Callable[[], Delivery],
        state: ImportState,
        project: str | None,
        outcomes: Mapping[str, Outcome] | None = None,
        *,
        record: NewImport | None = None,
        survey: Survey | None = None,
    ) -> None:
        """`record` notes what is stored, so that it can be undone; with `survey`, nothing is stored."""
        self._outcomes = outcomes
        self._record = record
        self._survey = survey
        self.tally = Tally()
        self._connect = connect
        self._delivery: Delivery | None = None
        self._pool = ThreadPoolExecutor(batches_in_flight_max, "import")
        self._under_way: deque[tuple[Batch, Future[Receipt]]] = deque()
        self._batch = Batch()
        self._state = state
        self._project = project
        self._places = Places()
        self._done = Done()
        self._progress = ImportProgress(self._done)
        self._next_save = time.monotonic() + state_interval_s

    def run(self, paths: Sequence[Path]) -> None:
        """Imports everything. Raises NotDelivered; acknowledged positions are saved in any case."""
        try:
            for file in self._files_to_read(paths):
                self._import_file(file)
            self._send()
            while self._under_way:
                self._settle()
            self._note(self._batch)
        except KeyboardInterrupt:
            self._take_leave()
            raise
        except NoRoom:
            self._count_under_way()
            raise
        finally:
            self._progress.clear()
            self._close()

    def _files_to_read(self, paths: Sequence[Path]) -> list[SourceFile]:
        """The files to read; they are counted first, so that the progress has a total."""
        files = []
        for found in find_files(paths):
            if isinstance(found, Unreadable):
                self.tally.unreadable.append(found.message)
            elif self._state.is_unchanged(found):
                self.tally.unchanged += 1
            else:
                files.append(found)
        self._done.files_total = len(files)
        self._done.bytes_total = sum(file.size for file in files)
        return files

    def _import_file(self, file: SourceFile) -> None:
        try:
            with open_source(file.path, self._state.start(file), self._outcomes, file.root) as source:
                for number, entry in enumerate(source.entries()):
                    if not number:
                        self.tally.files += 1
                        self.tally.formats[source.format.name] += 1
                    self._take(file, entry)
        except UnknownFormat as problem:
            self._pass_over(file, problem)
        except Unreadable as problem:
            self.tally.unreadable.append(problem.message)
        except OSError as problem:
            self.tally.unreadable.append(f"{file.path}: {problem.strerror}")
        self._done.files += 1
        self._done.bytes_before += file.size
        self._done.bytes_of_file = 0

    def _pass_over(self, file: SourceFile, problem: UnknownFormat) -> None:
        """A file that was found below a directory may be anything; one that was named is asked for."""
        if file.root:
            self.tally.passed_over += 1
        else:
            self.tally.unreadable.append(problem.message)
            self.tally.unknown = True

    def _take(self, file: SourceFile, entry: Entry) -> None:
        origin = f"{file.path}:{entry.line}"
        if entry.problem:
            self.tally.skip(entry.problem, origin)
        elif entry.link and self._project:
            self.tally.skip("a link, where everything is filed under one project", origin)
        elif self._survey:
            self._survey.take(entry, self._project or (entry.memory.project if entry.memory else ""))
        elif entry.link:
            self._add(entry.link.to_line(), origin)
        elif entry.memory:
            if "cut" in entry.memory.metadata:
                self.tally.cut.add(origin)
            if entry.is_untimed:
                self.tally.untimed.add(origin)
            self._add(self._with_place(entry.memory).to_line(), origin)
        last = not (entry.problem or entry.memory or entry.link)
        self._batch.reached[file] = (entry.resume, last)
        self._done.bytes_of_file = max(entry.resume.offset, entry.bytes_read)
        self._progress.show()

    def _with_place(self, memory: ImportedMemory) -> ImportedMemory:
        """The memory with its project: the one that is named, else what tells that of the directory it was said in."""
        if self._project:
            return replace(memory, project=self._project)
        return self._places.with_place(memory)

    def _add(self, line: bytes, origin: str) -> None:
        if not self._batch.has_room_for(line):
            self._send()
        self._batch.add(line, origin)

    def _send(self) -> None:
        """Sends the batch, once fewer than the limit are in flight."""
        if not self._batch.lines:
            return
        self._delivery = self._delivery or self._connect()
        while len(self._under_way) >= batches_in_flight_max:
            self._settle()
        self._under_way.append((self._batch, self._pool.submit(self._delivery.deliver, self._batch.lines)))
        self._batch = Batch()

    def _settle(self) -> None:
        """Waits for the oldest batch: later ones count only once it is stored."""
        batch, receipt = self._under_way[0]
        while not wait((receipt,), timeout=0.1).done:
            self._progress.show()
        self._under_way.popleft()
        answered = receipt.result()
        self._count(batch, answered)
        self._done.memories = self.tally.stored + self.tally.duplicates
        if answered.over_quota:  # the next import reads from the beginning of this batch
            raise NoRoom(answered.over_quota)
        self._note(batch)

    def _count(self, batch: Batch, receipt: Receipt) -> None:
        self.tally.take(batch.origins, receipt)
        if self._record:
            self._record.note(receipt.ids)

    def _note(self, batch: Batch) -> None:
        if self._survey:
            return
        for file, (position, whole) in batch.reached.items():
            self._state.record_position(file, position, whole=whole)
        if time.monotonic() >= self._next_save:
            self._save()

    def _save(self) -> None:
        """Saves the state; if that fails, the next import is only slower."""
        self._next_save = time.monotonic() + state_interval_s
        with suppress(OSError):
            self._state.save()

    def _take_leave(self) -> None:
        """Counts what arrives within a moment after Ctrl-C."""
        if self._delivery:
            self._delivery.stop()
        wait([receipt for _, receipt in self._under_way], farewell_timeout_s)
        while self._under_way and self._under_way[0][1].done() and not self._under_way[0][1].exception():
            self._settle()

    def _count_under_way(self) -> None:
        """Counts what later batches already stored; their files are read again from an earlier position."""
        wait([receipt for _, receipt in self._under_way], farewell_timeout_s)
        for batch, receipt in self._under_way:
            if receipt.done() and not receipt.exception():
                self._count(batch, receipt.result())

    def _close(self) -> None:
        self._save()
        if self._delivery:
            self._delivery.hang_up()
        self._pool.shutdown(cancel_futures=True)
        if self._delivery:
            self._delivery.close()


def gateway_address() -> str:
    """The address in `SEGUE_URL` without the /mcp that MCP clients need; empty for the local server."""
    return os.environ.get("SEGUE_URL", "").strip().rstrip("/").removesuffix("/mcp").rstrip("/")


def connect(*, deleted_too: bool = False) -> Delivery:
    """A connection to the gateway; the local server is started if none runs. Raises NotDelivered."""
    try:
        address = gateway_address() or ensure_server(default_data_dir(), server_start_timeout_s).url
    except NotStarted as problem:
        raise NotDelivered(str(problem)) from problem
    try:
        return Delivery(address.rstrip("/").removesuffix("/mcp"), credentials(), deleted_too=deleted_too)
    except BadToken as problem:
        raise NotDelivered(str(problem)) from problem


def run(options: argparse.Namespace) -> int:
    """Imports `options.paths`: 0 if everything was readable, 1 if not, 2 for wrong arguments."""
    asked = Asked.of(options)
    if asked.lists or asked.undo:
        imports = ImportLog(default_data_dir(), gateway_address() or LOCAL)
        return list_imports(imports) if asked.lists else undo_import(imports, asked.undo)
    if not asked.paths:
        print("segue import: name what to import: segue import ~/.claude/projects", file=sys.stderr)
        return 2
    if len(asked.project or "") > name_max_chars:
        print(f"segue import: the name of a project has at most {name_max_chars} characters", file=sys.stderr)
        return 2
    return _survey(asked) if asked.dry_run else _import(asked)


def _survey(asked: Asked) -> int:
    """Says what an import of everything would bring, and stores nothing."""
    survey = Survey()
    state = ImportState(default_data_dir(), gateway_address() or LOCAL, anew=True)
    work = Import(connect, state, asked.project, survey=survey)
    work.run(asked.paths)
    for entry in memory_entries(asked.paths):
        survey.take(entry, asked.project or (entry.memory.project if entry.memory else ""))
    for line in report(work.tally, ""):
        print(line, file=sys.stderr)
    print("\n".join(survey.lines(work.tally.files)), flush=True)
    _name_expiring(ImportState(default_data_dir(), gateway_address() or LOCAL))
    return int(bool(work.tally.unreadable))


def _keep_memories(asked: Asked, connecting: Callable[[], Delivery]) -> Steps:
    """Keeps the client's own memory files in step, if the paths have any. Raises NotDelivered, CallFailed."""
    memories = ClientMemory(default_data_dir(), gateway_address() or LOCAL, asked.project, anew=asked.deleted_too)
    folders = folders_of(asked.paths)
    return Steps() if memories.is_in_step(folders) else memories.keep_in_step(folders, connecting, gateway_call)


def _name_expiring(state: ImportState) -> None:
    """Says which transcripts Claude Code deletes soon that are not stored, with the command that stores them."""
    for finding in expiring_here(state):
        print(f"{finding.name}: {finding.detail}; {finding.remedy}", file=sys.stderr)


def _import(asked: Asked) -> int:
    began = time.monotonic()
    state = ImportState(default_data_dir(), gateway_address() or LOCAL, anew=asked.deleted_too)
    record = ImportLog(default_data_dir(), gateway_address() or LOCAL).begin(asked.paths)
    work = Import(partial(connect, deleted_too=asked.deleted_too), state, asked.project, record=record)
    trouble, status, steps = "", 0, Steps()
    try:
        work.run(asked.paths)
        steps = _keep_memories(asked, partial(connect, deleted_too=asked.deleted_too))
        record.note(steps.ids)
    except (KeyboardInterrupt, Stopped):
        trouble, status = f"interrupted. {AGAIN}", INTERRUPTED
    except NoRoom as problem:
        trouble, status = f"over quota: {problem} {MAKE_ROOM} {AGAIN}", 1
    except (NotDelivered, CallFailed) as problem:
        trouble, status = f"{str(problem).rstrip('.')}. {AGAIN}", 1
    for line in report(work.tally, trouble):
        print(line, file=sys.stderr)
    if str(steps):
        print(f"Claude Code's own memories: {steps}", file=sys.stderr)
    print(summary(work.tally, time.monotonic() - began), flush=True)
    if undoing := record.end():
        print(undoing, file=sys.stderr)
    _name_expiring(state)
    return status or bool(work.tally.unreadable)
