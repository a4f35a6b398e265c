"""`segue explain`: the evidence of each result of a search, and why a memory is not among them."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from services.cli.gateway.failures import plain
from services.cli.gateway.http_call import Endpoint
from services.cli.gateway.mcp_call import CallFailed

call_timeout_s = 30.0
width = 100
WORDS: Mapping[str, str] = {
    "words": "its words",
    "passage": "words of it and around it",
    "chance": "words that so long a text has anyway",
    "session_words": "words of its session",
    "session_vector": "what its session is about",
    "vector": "its meaning",
    "context_vector": "its meaning in context",
    "answers": "it answers a question that fits",
    "asks": "it is a question itself",
    "speaker": "said by whom the query names",
    "substance": "its length",
    "date": "of the date that is named",
    "outside": "not of the time that is named",
    "project": "of the project that is named",
    "answerable": "whether there is an answer at all",
    "beside": "its place beside a reply or what replaces it",
}


def run(options: argparse.Namespace) -> int:
    """Prints it."""
    asked = {"query": options.query, "project": options.project, "limit": options.limit, "id": options.id}
    given = {name: value for name, value in asked.items() if value is not None}
    try:
        answer = Endpoint().answer("/v1/explain", call_timeout_s, given)
    except CallFailed as problem:
        print(f"segue explain: {problem}", file=sys.stderr)
        return 1
    print("\n".join(_lines(answer)))
    return 0


def _lines(answer: Mapping[str, Any]) -> Iterator[str]:
    how = "by words and by meaning" if answer["by_meaning"] else "by words"
    if answer["terms"]:
        yield f"Looked for {how}: {plain(' '.join(answer['terms']))}"
    for number, each in enumerate(answer["results"], start=1):
        yield from _explained_lines(f"{number}.", each, answer)
    if not answer["results"]:
        yield "Nothing is shown."
    if answer["whereabouts"]:
        yield f"\n{plain(answer['whereabouts'])}"
    if answer["named"] and answer["named"]["id"] not in {each["id"] for each in answer["results"]}:
        yield from _explained_lines("-", answer["named"], answer)


def _explained_lines(mark: str, found: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n{mark} {found['score']:.2f}  {plain(found['project'])}  {found['timestamp'][:10]}  {plain(found['id'])}"
    yield f"   > {plain(found['content'])[:width]}"
    told = [f"{value:+.1f} {WORDS.get(name, name)}" for name, value in found["evidence"].items() if abs(value) >= 0.05]
    yield from textwrap.wrap(", ".join(told), width, initial_indent="   ", subsequent_indent="   ")
    total = sum(found["evidence"].values())
    yield f"   = {total:.1f} ({answer['middle']:g} is a score of one half), times {found['age']:.2f} for its age"
