"""Which turns of a transcript were taken back: the client keeps them, and goes on from an earlier line.

Every line names its parent. A turn begins with a prompt; it is abandoned once a later prompt does not descend from it,
though both descend from the same line or both begin the conversation. Lines are not always written in their order, and
an excerpt may lack some: of what does not show, nothing is assumed. What was compacted was not taken back, and a
history that was written twice has no abandoned copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from services.memory.imports.json_lines import Line, Position

Fields = dict[str, Any]

COMPACTION = "compact_boundary"


@dataclass(slots=True)
class Branches:
    """The lines of a transcript by their parents, and the prompts among them in the order of the file."""

    parents: dict[str, str | None] = field(default_factory=dict)
    begins: dict[str, Position] = field(default_factory=dict)
    prompts: list[str] = field(default_factory=list)
    _have_children: set[str] = field(default_factory=set)
    _said: dict[str, tuple[str, int]] = field(default_factory=dict)
    _before: dict[str, str] = field(default_factory=dict)
    _last: str = ""
    _turns: dict[str, str] = field(default_factory=dict)

    def add(self, line: Line, *, is_prompt: bool) -> None:
        """Adds a line; those of subagents have a tree of their own."""
        fields = line.fields or {}
        uuid = fields.get("uuid")
        if not isinstance(uuid, str) or not uuid or fields.get("isSidechain") is True or uuid in self.parents:
            return
        parent = fields.get("logicalParentUuid") or fields.get("parentUuid")
        if fields.get("subtype") == COMPACTION:
            self._before[uuid] = self._last
        elif is_summary_of_end(fields) and self._before.get(str(parent)):
            self.parents[str(parent)] = self._before[str(parent)]
        known = isinstance(parent, str) and parent
        # A line that names no parent at all shows nothing: it is its own unknown parent.
        self.parents[uuid] = str(parent) if known else (None if _is_root(fields) else uuid)
        self.begins[uuid] = line.start
        self._last = uuid
        if known:
            self._have_children.add(str(parent))
        if is_prompt:
            self.prompts.append(uuid)
            self._turns[uuid] = uuid
            self._said[uuid] = str(fields.get("timestamp")), hash(repr(fields.get("message")))

    def lacks_parents(self, since: Position) -> bool:
        """Whether a prompt from `since` on has its parent in lines that are not here, or none."""
        fresh = [each for each in self.prompts if self.begins[each].offset >= since.offset]
        return any(self.parents[each] is None or self.parents[each] not in self.parents for each in fresh)

    def abandoned_turns(self, before: Position | None = None) -> set[str]:
        """The prompts of the abandoned turns, as it showed once the lines before `before` were there."""
        prompts = [each for each in self.prompts if before is None or self.begins[each].offset < before.offset]
        if len(prompts) < 2:
            return set()
        current = list(self._ancestors(prompts[-1]))
        here = set(current)
        left = dict.fromkeys(current, True)  # whoever descends from one of these, and is none, was left
        begins_too = self.parents[current[-1]] is None
        still_said = {self._said[each] for each in prompts if each in here}
        return {
            each
            for each in prompts[:-1]
            if each not in here and self._said[each] not in still_said and self._is_left(each, left, begins_too)
        }

    def first_line(self, prompts: Iterable[str]) -> Position | None:
        """Where the first line of these turns stands."""
        wanted = set(prompts)
        return min((self.begins[each] for each in self.parents if self.turn(each) in wanted), default=None)

    def turn(self, uuid: str) -> str:
        """The prompt of the turn that a line belongs to; empty if that is unknown."""
        way: list[str] = []
        found = ""
        for each in self._ancestors(uuid):
            if (found := self._turns.get(each, "")) or each in self._turns:
                break
            way.append(each)
        self._turns.update(dict.fromkeys(way, found))
        return found

    def _is_left(self, prompt: str, left: dict[str, bool], begins_too: bool) -> bool:
        """Whether the prompt's branch leaves the present one; `left` knows it of lines already looked at."""
        way: list[str] = []
        for each in self._ancestors(prompt):
            if each in left:
                break
            way.append(each)
        else:
            each = way[-1]
            left[each] = begins_too and self.parents[each] is None and prompt in self._have_children
        left.update(dict.fromkeys(way, left[each]))
        return left[each]

    def _ancestors(self, uuid: str) -> Iterator[str]:
        """The line and those before it on its branch, as far as they are here."""
        seen: set[str] = set()
        each: str | None = uuid
        while each is not None and each in self.parents and each not in seen:
            seen.add(each)
            yield each
            each = self.parents[each]


def is_summary_of_end(fields: Fields) -> bool:
    """Whether the client summarised what followed a line, and goes on from there: its user chose so in a dialog."""
    how = fields.get("summarizeMetadata")
    return isinstance(how, dict) and how.get("direction") == "from"


def _is_root(fields: Fields) -> bool:
    return "parentUuid" in fields and fields["parentUuid"] is None and fields.get("subtype") != COMPACTION


def branches_of(lines: Iterable[Line], is_prompt: Callable[[Fields], bool]) -> Branches:
    """The branches in these lines."""
    made = Branches()
    for line in lines:
        if line.fields is not None:
            made.add(line, is_prompt=is_prompt(line.fields))
    return made
