"""What clients add to a user's text, in elements such as `<system-reminder>`; and the user's own words without it.

Elements of later clients are recognised by their form: a name of several words, on lines of its own. They are not the
user's words, whoever's they are. Linear in the text, even if elements are never closed.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Callable, Iterable
from typing import NamedTuple

from services.memory.imports.speakers import PEER, PERSON, SYSTEM

# Elements that hold what another agent says, and the ones around a prompt that a client made by itself.
PEERS = frozenset(("teammate-message", "agent-message", "cross-session-message", "channel", "coordinator-relay"))
NOTICES = frozenset(("task-notification", "tick", "mcp-resource-update", "mcp-polling-update"))
# Elements that may stand anywhere in a text.
ANYWHERE = frozenset(
    (
        "system-reminder",
        "system_reminder",
        "local-command-stdout",
        "local-command-stderr",
        "local-command-caveat",
        "command-message",
        "command-name",
        "command-args",
        "skill-format",
        "bash-input",
        "bash-stdout",
        "bash-stderr",
        "task-notification",
        "user-prompt-submit-hook",
        "post-tool-use-hook",
        "ide_opened_file",
        "ide_selection",
    )
)
# Elements of one word, which might be anybody's: they count on lines of their own.
OWN_LINE = frozenset(("channel", "tick", "terminal", "browser"))
# What Segue itself told the model: older clients, and people who paste it, have it in the prompt.
BRIEFING = "segue-memories-"
PASTED = "pasted_content"
REMEMBERED = "user-memory-input"
UNKNOWN_MAX = 50
INDENT_MAX = 200
INTERRUPTED = "[Request interrupted by user"

_opening = re.compile(r"<([a-z][a-z0-9]{0,40}(?:[-_][a-z0-9]{1,40}){0,8})(?:\s[^<>]{0,2000})?>")
_pasted_tag = re.compile(rf"</?{PASTED}(?:\s[^<>]{{0,200}})?>")
_remembered_tag = re.compile(rf"</?{REMEMBERED}>")
_command = re.compile(r"\s*<(?:command-message|command-name)>")
_command_name = re.compile(r"<command-name>\s*(/[^\s<]{1,200})\s*</command-name>")
_SUMMARY, _SUMMARY_END = "<summary>", "</summary>"
_ARGUMENTS, _ARGUMENTS_END = "<command-args>", "</command-args>"
# Commands of the client itself: what they are given is for the client.
CLIENT_COMMANDS = frozenset(
    ("/compact", "/model", "/rename", "/config", "/permissions", "/add-dir", "/resume", "/export")
)


class Typed(NamedTuple):
    """A user's text: all of it, and the part that the user typed rather than pasted."""

    text: str
    typed: str


NOTHING = Typed("", "")


class Element(NamedTuple):
    """An element in a text: its name, where it begins and ends, where its content does, and whether it stands alone."""

    name: str
    start: int
    inner: int
    inner_end: int
    end: int
    stands_alone: bool


def typed_text(text: str) -> Typed:
    """The user's own text, without the client's additions; a slash command keeps its arguments."""
    if _command.match(text) and (name := _command_name.search(text)):
        return _command_text(text, name[1])
    if "<" not in text:
        return NOTHING if text.strip().startswith(INTERRUPTED) else Typed(text.strip(), text.strip())
    kept = _without(_remembered_tag.sub("", text), _is_clients).strip()
    if kept.startswith(INTERRUPTED):
        return NOTHING
    return Typed(_pasted_tag.sub("", kept).strip(), _without(kept, lambda _: True).strip())


def summary_text(text: str) -> str:
    """A client's own summary of a conversation, without the reasoning before it and the tags around it."""
    begin, end = text.find(_SUMMARY), text.rfind(_SUMMARY_END)
    if begin < 0:
        return text.strip()
    return text[begin + len(_SUMMARY) : end if end > begin else None].strip()


def wrapped_words(text: str) -> tuple[str, str]:
    """The speaker that elements of the text show, and what they hold: a person's where there are no such elements."""
    elements = [each for each in _elements(text) if each.stands_alone] if "<" in text else []
    if peers := [text[each.inner : each.inner_end].strip() for each in elements if each.name in PEERS]:
        return PEER, "\n\n".join(filter(None, peers))
    return (SYSTEM, "") if any(each.name in NOTICES for each in elements) else (PERSON, text)


def _command_text(text: str, name: str) -> Typed:
    begin, end = text.find(_ARGUMENTS), text.rfind(_ARGUMENTS_END)
    arguments = text[begin + len(_ARGUMENTS) : end].strip() if 0 <= begin < end else ""
    if not arguments:
        return NOTHING
    return Typed(f"{name} {arguments}", "" if name in CLIENT_COMMANDS else arguments)


def _elements(text: str) -> list[Element]:
    """The outermost elements that are closed and may be a client's, in order."""
    openings = list(_opening.finditer(text))
    following: dict[str, int] = {}
    bounds = [len(text)] * len(openings)  # where the next opening of the same name stands
    for place in range(len(openings) - 1, -1, -1):
        bounds[place] = following.get(openings[place][1], len(text))
        following[openings[place][1]] = openings[place].start()
    return _closed_elements(text, zip(openings, bounds, strict=True))


def _closed_elements(text: str, openings: Iterable[tuple[re.Match[str], int]]) -> list[Element]:
    found: list[Element] = []
    unknown: set[str] = set()
    fences = [each.start() for each in re.finditer("```", text)]
    at = 0
    for opening, bound in openings:
        name, start = opening[1], opening.start()
        if start < at or not _may_be_clients(name, unknown):
            continue
        # The last closing tag before the next one opens: what an element holds may speak of its own end.
        inner_end = text.rfind(f"</{name}", opening.end(), bound)
        if inner_end >= 0:
            at = text.find(">", inner_end) + 1 or len(text)
            alone = bisect(fences, start) % 2 == 0 and _is_on_own_lines(text, start, at)
            found.append(Element(name, start, opening.end(), inner_end, at, alone))
    return found


def _may_be_clients(name: str, unknown: set[str]) -> bool:
    if name in ANYWHERE or name in OWN_LINE or name in PEERS or name in NOTICES or name == PASTED:
        return True
    if "-" not in name and "_" not in name:
        return False
    if len(unknown) < UNKNOWN_MAX or name.startswith(BRIEFING):
        unknown.add(name)
    return name in unknown


def _is_clients(element: Element) -> bool:
    if element.name == PASTED:
        return False
    return element.stands_alone or element.name in ANYWHERE or element.name.startswith(BRIEFING)


def _is_on_own_lines(text: str, start: int, end: int) -> bool:
    before = text[max(text.rfind("\n", max(0, start - INDENT_MAX), start) + 1, start - INDENT_MAX, 0) : start]
    newline = text.find("\n", end, end + INDENT_MAX)
    return not before.strip() and not text[end : newline if newline >= 0 else end + INDENT_MAX].strip()


def _without(text: str, is_left_out: Callable[[Element], bool]) -> str:
    kept, at = [], 0
    for element in _elements(text):
        if is_left_out(element):
            kept.append(text[at : element.start])
            at = element.end
    return "".join([*kept, text[at:]])
