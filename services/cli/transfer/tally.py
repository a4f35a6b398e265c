"""The totals of an import, and what is said of them at its end. Standard library only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from services.cli.gateway.failures import plain
from services.cli.transfer.delivery import Receipt
from services.memory.imports.formats.entries import Entry
from services.memory.imports.formats.known_formats import known_formats
from services.memory.imports.json_lines import UNFINISHED

reasons_max = 20
origins_max = 10
projects_max = 10
ids_max = 2_000_000
PLURALS = {
    "file": "files",
    "line": "lines",
    "memory": "memories",
    "text": "texts",
    "project": "projects",
    "time": "times",
}


@dataclass(slots=True)
class Skipped:
    """The number of lines skipped for one reason, and the first of them: `file:line` each."""

    count: int = 0
    origins: list[str] = field(default_factory=list)

    def add(self, origin: str) -> None:
        """Counts a line."""
        self.count += 1
        if len(self.origins) < origins_max:
            self.origins.append(origin)

    def places(self) -> str:
        """Their positions: the first in full, further ones in the same file as line numbers."""
        said, last_file = [], ""
        for file, _, line in (origin.rpartition(":") for origin in self.origins):
            said.append(line if file == last_file else f"{file}:{line}")
            last_file = file
        more = self.count - len(self.origins)
        return ", ".join(map(plain, said)) + (f" and {more:,} more" if more else "")


@dataclass(slots=True)
class Tally:
    """The totals of an import."""

    stored: int = 0
    duplicates: int = 0
    embedded: int = 0
    deleted: int = 0
    files: int = 0
    unchanged: int = 0
    skipped: dict[str, Skipped] = field(default_factory=dict)
    cut: Skipped = field(default_factory=Skipped)
    untimed: Skipped = field(default_factory=Skipped)
    unreadable: list[str] = field(default_factory=list)
    passed_over: int = 0
    """Files below a directory that are of no known format, and were not named."""
    unknown: bool = False
    """A file that was named is of no known format."""
    formats: Counter[str] = field(default_factory=Counter)
    """How many files of each format were read."""

    def skip(self, reason: str, origin: str) -> None:
        """Counts a skipped line; `reason` never quotes it."""
        if reason not in self.skipped and len(self.skipped) >= reasons_max:
            reason = "other reasons"
        self.skipped.setdefault(reason, Skipped()).add(origin)

    def take(self, origins: Sequence[str], receipt: Receipt) -> None:
        """Counts the results of a batch, whose memories have these origins."""
        self.stored += receipt.stored
        self.duplicates += receipt.duplicates
        self.embedded += receipt.embedded
        self.deleted += receipt.deleted
        for refusal in receipt.rejected:
            origin = origins[refusal.line] if 0 <= refusal.line < len(origins) else "?"
            self.skip(f"{refusal.code}: {refusal.reason}", origin)


@dataclass(slots=True)
class Survey:
    """What a dry run found: how much of what kind, of which projects, and from when until when."""

    kinds: Counter[str] = field(default_factory=Counter)
    projects: Counter[str] = field(default_factory=Counter)
    first: str = ""
    last: str = ""
    links: int = 0
    repeated: int = 0
    _ids: set[str] = field(default_factory=set)

    def take(self, entry: Entry, project: str) -> None:
        """Counts an entry."""
        self.links += entry.link is not None
        if not (memory := entry.memory):
            return
        if memory.id in self._ids:
            self.repeated += 1
            return
        if len(self._ids) < ids_max:
            self._ids.add(memory.id)
        self.kinds[memory.kind] += 1
        self.projects[project] += 1
        if memory.timestamp:
            self.first = min(self.first or memory.timestamp, memory.timestamp)
            self.last = max(self.last, memory.timestamp)

    def lines(self, files: int) -> Iterator[str]:
        """The survey, for a person."""
        total = self.kinds.total()
        kinds = ", ".join(f"{count:,} {kind}s" for kind, count in sorted(self.kinds.items()))
        of = f"{quantity(total, 'memory')} from {quantity(files, 'file')}"
        yield f"Would import {of}: {kinds}" if kinds else f"Would import {of}"
        if self.first:
            yield f"said between {self.first[:10]} and {self.last[:10]}"
        for project, count in self.projects.most_common(projects_max):
            yield f"  {count:>8,}  {plain(project) or '(no project)'}"
        if (more := len(self.projects) - projects_max) > 0:
            yield f"  and {more:,} more projects"
        if self.links:
            yield f"and {self.links:,} links between projects"
        if self.repeated:
            yield f"{self.repeated:,} of the files' texts come twice, and would be stored once"
        yield "Nothing was stored. What Segue has already is not counted here: it is never stored twice."


def report(tally: Tally, trouble: str) -> Iterator[str]:
    """The lines that a user may want to act on."""
    yield from _sources(tally)
    for reason, skipped in sorted(tally.skipped.items(), key=lambda item: -item[1].count):
        yield f"skipped {quantity(skipped.count, 'line')}: {reason} (at {skipped.places()})"
    if tally.cut.count:
        of = quantity(tally.cut.count, "text")
        yield f"{of} over the limit: only the beginning and the end were stored (at {tally.cut.places()})"
    if tally.untimed.count:
        of = quantity(tally.untimed.count, "time")
        yield f"{of} that cannot be: stored as of now (at {tally.untimed.places()})"
    if tally.embedded < tally.stored:
        yield f"{quantity(tally.stored - tally.embedded, 'memory')} not embedded yet: found by words, not by meaning"
    if tally.deleted:
        yield f"{quantity(tally.deleted, 'memory')} not stored, deleted before: --deleted-too stores such, too"
    if tally.unchanged:
        yield f"{quantity(tally.unchanged, 'file')} unchanged since the last import"
    if trouble:
        yield f"segue import: {trouble}"


def _sources(tally: Tally) -> Iterator[str]:
    """What the files were, and what is known where one is none of these."""
    yield from (f"segue import: {plain(path)}" for path in tally.unreadable)
    if tally.unknown:
        yield "Segue imports:"
        yield from (f"  {each}" for each in known_formats())
    for name, count in tally.formats.most_common():
        yield f"{name}: {quantity(count, 'file')}"
    if tally.passed_over:
        yield f"{quantity(tally.passed_over, 'file')} of no known format passed over"


def omissions(tally: Tally) -> Iterator[str]:
    """What of the transcripts was not stored, and why; a line that is still being written is no omission."""
    for reason, skipped in tally.skipped.items():
        if reason != UNFINISHED:
            yield f"skipped {quantity(skipped.count, 'line')}: {reason}"
    if tally.cut.count:
        yield f"{quantity(tally.cut.count, 'text')} over the limit: only the beginning and the end were stored"


def summary(tally: Tally, elapsed_s: float) -> str:
    """The last line."""
    skipped = sum(reason.count for reason in tally.skipped.values())
    return (
        f"Imported {quantity(tally.stored, 'memory')} ({tally.duplicates:,} already there, {skipped:,} skipped)"
        f" from {quantity(tally.files, 'file')} in {elapsed_s:.1f} s"
    )


def quantity(count: int, thing: str) -> str:
    """A number with its noun, in English."""
    return f"{count:,} {thing if count == 1 else PLURALS[thing]}"
