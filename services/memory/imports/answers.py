"""What a person said in a dialog of the client: the reason of a refusal, answers to the agent's questions, a plan.

The client hands these to the agent as results of tools. Whatever another tool returns in the same form is not believed.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from services.memory.imports.decisions import CORRECTION, DECISION, marks

Fields = dict[str, Any]

ASK, PLAN = "AskUserQuestion", "ExitPlanMode"
REFUSAL, QUESTION, APPROVED = "refusal", "question", "plan"
PLAN_HEADING = "Approved plan:"
calls_max = 200

_refused = re.compile(
    r"(?:The user doesn't want to proceed with this tool use|Permission for this tool use was denied)\."
    r"[^\n]{0,400}\b[Tt]he user said:\n(?P<words>.*)",
    re.DOTALL,
)
_answered = re.compile(r"(?:Your questions have been answered|User has answered your questions|The user answered): ")
_pair = re.compile(r'"(?P<question>[^"]{1,2000})"="(?P<answer>[^"]{1,20000})"')
_responded = re.compile(r"The user responded: (?P<words>.*)", re.DOTALL)
_approved = re.compile(r"User has approved (?:your plan|exiting plan mode)")
_plan = re.compile(r"\n## Approved Plan(?: \(edited by user\))?:\n(?P<plan>.*)", re.DOTALL)
# Answers that let the work go on, and settle nothing.
_go_on = re.compile(
    r"(?:yes|no|ok(?:ay)?|sure|go (?:on|ahead)|continue|proceed|skip|cancel|later|not now|ja|nein|weiter|oui|non|sí)\b"
    r"[^\n]{0,20}",
    re.IGNORECASE,
)
# What the client adds for the agent.
_ADVICE = "\nNote: The user's next message may contain"
_UNANSWERED = "__NO_ANSWER__"


class Answer(NamedTuple):
    """What a person said in a dialog: its place in the line, the words, which dialog it was, and the marks."""

    place: int
    text: str
    dialog: str
    marks: tuple[str, ...] = ()


class Dialogs:
    """The agent's calls that wait for their results: by which tool, and with which plan."""

    def __init__(self) -> None:
        self._tools: OrderedDict[str, tuple[str, str]] = OrderedDict()

    def note_call(self, tool: Fields) -> None:
        """Remembers a tool call of the agent."""
        given = tool.get("input")
        plan = given.get("plan") if isinstance(given, dict) else ""
        name, key = tool.get("name"), tool.get("id")
        if isinstance(name, str) and isinstance(key, str):
            self._tools[key] = name, plan if name == PLAN and isinstance(plan, str) else ""
            while len(self._tools) > calls_max:
                self._tools.popitem(last=False)

    def answers(self, fields: Fields, results: Sequence[tuple[int, Fields]]) -> Iterator[Answer]:
        """What a person said in the results of a line."""
        for index, result in results:
            tool, plan = self._tools.get(str(result.get("tool_use_id")), ("", ""))
            answer = _refusal(fields, result, tool) if result.get("is_error") is True else ""
            if answer:
                yield Answer(index, answer, REFUSAL, tuple(sorted({*marks(answer), CORRECTION})))
            elif result.get("is_error") is not True:
                yield from _agreement(index, fields, result, tool, plan)


def _agreement(index: int, fields: Fields, result: Fields, tool: str, plan: str) -> Iterator[Answer]:
    given = fields.get("toolUseResult")
    details: Fields = given if isinstance(given, dict) else {}
    tool = tool or _tool_of(details)
    if tool == ASK:
        yield from _answers(index, details, _text(result))
    elif tool == PLAN and _approved.match(_text(result)):
        in_text = _plan.search(_text(result))
        approved = _string(details, "plan") or (in_text["plan"] if in_text else "") or plan
        if approved.strip():
            yield Answer(index, f"{PLAN_HEADING}\n{approved.strip()}", APPROVED, (DECISION,))
    elif words := _feedback(fields):
        yield Answer(index, words, REFUSAL, marks(words))


def _tool_of(details: Fields) -> str:
    """The tool of a result whose call is not here, by what the client keeps of it."""
    if "questions" in details and "answers" in details:
        return ASK
    return PLAN if "plan" in details and "isAgent" in details else ""


def _refusal(fields: Fields, result: Fields, tool: str) -> str:
    """The reason of a refusal; a server's own error text is nobody's, whatever it says."""
    if words := _feedback(fields):
        return words
    found = _refused.match(_text(result).partition(_ADVICE)[0])
    is_clients = "toolDenialKind" in fields or not tool.startswith("mcp__")
    return found["words"].strip() if found and is_clients else ""


def _feedback(fields: Fields) -> str:
    return _string(fields, "userFeedback").strip()


def _answers(index: int, details: Fields, text: str) -> Iterator[Answer]:
    pairs = list(_pairs(details)) or [(each["question"], each["answer"]) for each in _pairs_in(text)]
    responded = _string(details, "response").strip()
    if not responded and (found := _responded.match(text)):
        responded = found["words"].strip()
    lines = [f"{question.strip()} → {answer.strip()}" for question, answer in pairs]
    words = [answer for _, answer in pairs] + ([responded] if responded else [])
    if said := "\n".join([*lines, *([responded] if responded else [])]):
        yield Answer(index, said, QUESTION, _answer_marks(details, pairs, words))


def _pairs_in(text: str) -> Iterator[re.Match[str]]:
    return _pair.finditer(text) if _answered.match(text) else iter(())


def _pairs(details: Fields) -> Iterator[tuple[str, str]]:
    """Each question with its answer and the person's note on it."""
    answers, notes = details.get("answers"), details.get("annotations")
    for question, answer in answers.items() if isinstance(answers, dict) else ():
        parts = answer if isinstance(answer, list) else [answer]
        said = ", ".join(each for each in parts if isinstance(each, str) and each.strip() and each != _UNANSWERED)
        note = notes.get(question) if isinstance(notes, dict) else None
        remark = _string(note, "notes").strip() if isinstance(note, dict) else ""
        if said or remark:
            yield str(question), ". ".join(filter(None, (said, remark)))


def _answer_marks(details: Fields, pairs: Sequence[tuple[str, str]], words: Sequence[str]) -> tuple[str, ...]:
    """Who chooses one of several options decides; free words are read like a prompt."""
    found = {mark for each in words for mark in marks(each)}
    labels = set(_labels(details))
    chosen = any(_is_choice(answer, labels) for _, answer in pairs)
    return tuple(sorted({*found, DECISION} if chosen else found))


def _is_choice(answer: str, labels: set[str]) -> bool:
    parts = [answer] if answer in labels else answer.split(", ")
    return all(part.strip() in labels for part in parts) and not _go_on.fullmatch(answer)


def _labels(details: Fields) -> Iterator[str]:
    """The labels of the options that the agent offered."""
    questions = details.get("questions")
    for question in questions if isinstance(questions, list) else []:
        options = question.get("options") if isinstance(question, dict) else None
        for option in options if isinstance(options, list) else []:
            if isinstance(option, dict) and isinstance(option.get("label"), str):
                yield option["label"].strip()


def _text(result: Fields) -> str:
    content = result.get("content")
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "\n".join(_string(block, "text") for block in blocks if isinstance(block, dict))


def _string(fields: Mapping[str, Any], key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""
