"""`segue advice`: what you say of the recommendations of a project, and what you said."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any
from urllib.parse import urlencode

from services.cli.confirmation import confirm
from services.cli.gateway.failures import plain
from services.cli.gateway.http_call import Endpoint
from services.cli.gateway.mcp_call import CallFailed
from services.kit.systems import canonical_path

call_timeout_s = 30.0
PATH = "/v1/recommendations"
ANSWERS = ("done", "not-now", "never", "undo")


def run(options: argparse.Namespace) -> int:
    """Lists, answers or forgets; 2 for wrong arguments."""
    if (options.action in ANSWERS) != bool(options.id) or (options.days is not None and options.action != "not-now"):
        print("segue advice: done, not-now, never and undo take an id; --days goes with not-now", file=sys.stderr)
        return 2
    try:
        if options.action == "list":
            return _list(options)
        return _forget(options) if options.action == "forget" else _answer(options)
    except CallFailed as problem:
        print(f"segue advice: {problem}", file=sys.stderr)
        return 1


def _list(options: argparse.Namespace) -> int:
    whose = _whose(options)
    asked = urlencode({name: each if isinstance(each, str) else json.dumps(each) for name, each in whose.items()})
    found = Endpoint().answer(f"{PATH}?{asked}", call_timeout_s)
    if not found["recommendations"]:
        print("None was shown or answered here yet.", file=sys.stderr)
    for each in found["recommendations"]:
        print(f"{plain(each['id']):<32}{'; '.join(_facts(each))}")
    return 0


def _facts(each: dict[str, Any]) -> list[str]:
    facts = []
    if each["answer"]:
        when = each["answered_at"][:10]
        back = f", but {each['returned']}" if each["returned"] else _until(each)
        facts.append(f"you said {_words(each['answer'])} on {when}{back}")
    elif each["shown_at"]:
        facts.append(f"shown since {each['shown_at'][:10]}")
    if each["followed"]:
        facts.append(f"followed {each['followed']} times" if each["followed"] > 1 else "followed once")
    if each["helped_others"]:
        facts.append(f"helped {each['helped_others']} others")
    return [plain(fact) for fact in facts] or ["no answer"]


def _words(answer: str) -> str:
    return answer.replace("_", " ")


def _until(each: dict[str, Any]) -> str:
    return f"; until {each['until'][:10]}" if each["until"] else ""


def _answer(options: argparse.Namespace) -> int:
    asked = {"id": options.id, "answer": options.action.replace("-", "_"), **_whose(options)}
    asked |= {"days": options.days} if options.days is not None else {}
    each = Endpoint().answer(PATH, call_timeout_s, asked)
    said = f"{_words(each['answer'])}{_until(each)}" if each["answer"] else "no answer"
    print(f"{plain(each['id'])} in {plain(each['project'])}: {said}")
    return 0


def _forget(options: argparse.Namespace) -> int:
    where = f"in {options.project}" if options.project else "in all projects"
    if not options.yes:
        if not sys.stdin.isatty():
            print("segue advice: nothing was forgotten; add --yes to forget without being asked.", file=sys.stderr)
            return 1
        if not confirm(f"All that you answered and followed {plain(where)} is forgotten, for good. Forget?"):
            return 1
    asked = {"forget": True, **({"project": options.project} if options.project else {})}
    done = Endpoint().answer(PATH, call_timeout_s, asked)
    print(f"Forgotten: {done['forgotten']} recommendations {plain(where)}.")
    return 0


def _whose(options: argparse.Namespace) -> dict[str, Any]:
    """The project that is named, else what is seen of the directory."""
    from services.workspace.git.first_commit import first_commit
    from services.workspace.project_identity import sighting_here

    if options.project:
        return {"project": options.project}
    place = sighting_here(canonical_path("."), first_commit)
    return {"place": place} if place else {}
