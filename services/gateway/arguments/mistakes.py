"""Error messages for a wrong tool name or wrong arguments: they name the mistake and the correct form.

A model that misspells an argument, or sends a list as a number, has only this text to correct its call.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from services.kit.errors import InvalidInput, NotFound
from services.workspace.serialization import readable

Schema = Mapping[str, Any]

problems_max = 4
name_max_characters = 60
similarity_min = 0.6
likeness_min = 0.8
_word = re.compile(r"\w+")
_unexpected = "unexpected_keyword_argument"
_missing = frozenset({"missing", "missing_argument", "missing_keyword_only_argument"})

SYNONYMS: Mapping[str, frozenset[str]] = {
    "query": frozenset({"q", "question", "search", "searchquery", "text", "prompt", "keywords", "term", "terms"}),
    "content": frozenset({"text", "body", "message", "memory", "reflection", "insight", "conversation", "value"}),
    "concept": frozenset({"query", "q", "topic", "subject", "text"}),
    "file_path": frozenset({"file", "path", "filename", "query", "q"}),
    "working_directory": frozenset({"cwd", "dir", "directory", "path", "root", "workdir", "projectpath"}),
    "limit": frozenset({"n", "k", "topk", "top", "count", "max", "maxresults", "numresults", "size", "pagesize"}),
    "min_score": frozenset({"threshold", "score", "minsimilarity", "similarity"}),
    "project": frozenset({"projectname", "projectid", "repo", "repository", "workspace", "namespace"}),
    "since": frozenset({"from", "after", "start", "startdate", "fromdate"}),
    "until": frozenset({"to", "before", "end", "enddate", "todate"}),
    "id": frozenset({"memoryid", "uuid", "conversationid", "reflectionid", "identifier"}),
    "ids": frozenset({"id", "memoryids", "memoryid"}),
    "tags": frozenset({"labels", "tag", "keywords", "categories"}),
    "note": frozenset({"message", "commitmessage", "summary", "description", "text"}),
    "summary": frozenset({"note", "message", "description", "text"}),
    "operation": frozenset({"tool", "toolname", "action", "command", "name"}),
    "target": frozenset({"command", "path", "resource", "args", "file"}),
}
"""Alternative names that models use for an argument; lower case, letters only."""

FORMS: Mapping[str, str] = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": 'a list, such as ["a", "b"]',
    "object": 'an object, such as {"key": "value"}',
}


def no_such_tool(name: str, tools: Collection[str]) -> NotFound:
    """NotFound for an unknown tool; suggests the nearest names, or lists all."""
    meant = name.rsplit("__", maxsplit=1)[-1][:name_max_characters]  # clients put the server's name in front
    near = (
        difflib.get_close_matches(meant, tools, n=1, cutoff=likeness_min)
        or difflib.get_close_matches(meant, tools, n=3, cutoff=similarity_min)
        or [each for each in tools if each in name]
    )
    tip = f"Did you mean {' or '.join(near)}?" if near else f"The tools are {', '.join(sorted(tools))}."
    return NotFound(f"There is no tool {readable(name, name_max_characters)}.", tip)


def wrong_arguments(tool: str, schema: Schema, given: Collection[str], error: ValidationError) -> InvalidInput:
    """The errors that pydantic found, with the arguments' names and without the values that were sent."""
    details = error.errors(include_input=False, include_url=False, include_context=False)
    missing = [_path(each) for each in details if each["type"] in _missing]
    unexpected = [str(each["loc"][0]) for each in details if each["type"] == _unexpected]
    others = [each for each in details if each["type"] not in {*_missing, _unexpected}]
    free = [each for each in schema.get("properties", {}) if each not in given]
    said = [  # a call may have a hundred thousand mistakes
        *(_name_problem(tool, each, likely_name(each, free, missing)) for each in unexpected[:problems_max]),
        *(f"{each} is required." for each in missing[:problems_max]),
        *(_value_problem(each) for each in others[:problems_max]),
    ][:problems_max]
    more = [f"{len(details) - problems_max} more are wrong."] if len(details) > problems_max else []
    tips = list(_tips(schema, dict.fromkeys(str(each["loc"][0]) for each in others if each["loc"])))
    if missing or unexpected:
        tips.append(f"{tool} takes {', '.join(_argument_list(schema)) or 'no arguments'}.")
    return InvalidInput(" ".join([*said, *more]), *tips)


def argument_tips(schema: Schema, message: str) -> Iterator[str]:
    """A description of each argument that the message names."""
    words = dict.fromkeys(_word.findall(message))
    return _tips(schema, [each for each in words if each in schema.get("properties", {})])


def likely_name(name: str, free: Sequence[str], missing: Sequence[str]) -> str:
    """The argument most likely meant, of those not given; empty if none is likely."""
    plain = _letters(name[:name_max_characters])
    by_letters = {_letters(each): each for each in free}
    near = difflib.get_close_matches(plain, by_letters, n=1, cutoff=similarity_min)
    candidates = [
        *(each for letters, each in by_letters.items() if letters == plain),
        *(each for each in missing if plain in SYNONYMS.get(each, ())),
        *(by_letters[each] for each in near),
        *(each for each in free if plain in SYNONYMS.get(each, ())),
        *(each for letters, each in by_letters.items() if len(plain) > 2 and (plain in letters or letters in plain)),
    ]
    return next(iter(candidates), "")


def _letters(name: str) -> str:
    """A name without case and punctuation: `workingDirectory` and `working-directory` are equal."""
    return "".join(character for character in name.lower() if character.isalnum())


def _name_problem(tool: str, name: str, likely: str) -> str:
    hint = f": did you mean {likely}?" if likely else "."
    return f"{readable(name, name_max_characters)} is not an argument of {tool}{hint}"


def _value_problem(detail: ErrorDetails) -> str:
    said = detail["msg"]
    return f"{_path(detail)}: {said[0].lower()}{said[1:]}."


def _path(detail: ErrorDetails) -> str:
    return readable(".".join(map(str, detail["loc"])), name_max_characters) or "arguments"


def _tips(schema: Schema, names: Collection[str]) -> Iterator[str]:
    for name in list(names)[: problems_max - 1]:
        if argument := schema.get("properties", {}).get(name):
            described = argument.get("description")
            yield f"Send {name} as {_form(argument)}{f': {described}' if described else ''}."


def _form(argument: Schema) -> str:
    """The form of an argument, from its schema."""
    kinds = [argument, *argument.get("anyOf", ())]
    allowed = [str(each) for kind in kinds for each in kind.get("enum", ())]
    if allowed:
        return f"one of {', '.join(allowed)}"
    ranged = next((kind for kind in kinds if "minimum" in kind and "maximum" in kind), None)
    if ranged:
        return f"a number from {ranged['minimum']} to {ranged['maximum']}"
    return next((FORMS[str(kind.get("type"))] for kind in kinds if kind.get("type") in FORMS), "described")


def _argument_list(schema: Schema) -> Iterator[str]:
    """Each argument with its allowed values, the required ones first."""
    required = schema.get("required", ())
    for name in [*required, *(each for each in schema.get("properties", {}) if each not in required)]:
        kinds = [schema["properties"][name], *schema["properties"][name].get("anyOf", ())]
        allowed = "|".join(str(each) for kind in kinds for each in kind.get("enum", ()))
        yield f"{name}{f'={allowed}' if allowed else ''}{' (required)' if name in required else ''}"
