"""`segue project`: the projects of a user; lists them, gives one another name, makes two of them one, or two again."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from services.cli.confirmation import confirm
from services.cli.gateway.failures import plain
from services.cli.gateway.http_call import Endpoint
from services.cli.gateway.mcp_call import CallFailed

call_timeout_s = 30.0
move_timeout_s = 600.0
page_size = 1_000
ROOTS_SHOWN = 3
Answer = dict[str, Any]


def run(options: argparse.Namespace) -> int:
    """Does what `options.action` says; 2 for wrong arguments."""
    names = [options.project, options.name]
    if options.action == "list" and options.name:
        print("segue project list: one name at most", file=sys.stderr)
        return 2
    if options.action != "list" and not all(names):
        print(f"segue project {options.action}: name the project and the other name", file=sys.stderr)
        return 2
    try:
        return ACTIONS[options.action](options)
    except CallFailed as problem:
        print(f"segue project: {problem}", file=sys.stderr)
        return 1


def _list(options: argparse.Namespace) -> int:
    found = list(_projects(options.project or ""))
    if options.json:
        print("\n".join(json.dumps(each) for each in found))
        return 0
    if not found:
        print("There are none yet: a project is registered when it is first worked in.", file=sys.stderr)
    for each in found:
        print(_line(each))
    return 0


def _projects(name: str) -> Iterator[Answer]:
    endpoint, cursor = Endpoint(), ""
    while True:
        asked = {"limit": page_size, "name": name, "cursor": cursor}
        page = endpoint.answer(f"/v1/projects?{urlencode(asked)}", call_timeout_s)
        yield from page["projects"]
        cursor = page["next_cursor"] or ""
        if not cursor:
            return


def _line(project: Answer) -> str:
    """A project in one line: what it is called, its repository, where it was seen."""
    also = [each for each in dict.fromkeys([project["name"], *project["aliases"]]) if each != project["label"]]
    names = f" (also {', '.join(also)})" if also else ""
    places = [project["remote"] or "", *project["roots"][:ROOTS_SHOWN]]
    where = "; ".join(each for each in places if each) or "nowhere seen"
    if project["contested"]:
        where = "stored before projects were told by their repositories, and several fit: merge it into the right one"
    elif project["unmoved"]:
        where += f"; not all is moved yet: segue project rename {project['label']} {project['label']}"
    if project["merged"]:
        where += f"; has what was {', '.join(project['merged'])}"
    seen = datetime.fromisoformat(project["seen_at"]).astimezone().strftime("%Y-%m-%d")
    return plain(f"{project['label']}{names}  {seen}  {where}")


def _rename(options: argparse.Namespace) -> int:
    done = _change(action="rename", project=options.project, name=options.name)
    label = plain(done["project"]["label"])
    print(f"It is {label} now; {done['memories']:,} memories and {done['sessions']:,} sessions moved along.")
    return 0


def _merge(options: argparse.Namespace) -> int:
    if options.project == options.name:
        raise CallFailed("a project cannot be merged into itself")
    meant = {"action": "merge", "project": options.project, "name": options.name}
    would = _change(**meant, dry_run=True)
    label = plain(would["project"]["label"])
    what = f"{would['memories']:,} memories, {would['sessions']:,} sessions and {would['rules']:,} permission rules"
    if options.dry_run:
        print(f"{what} of {plain(options.project)} would go to {label}. Nothing was changed.")
        return 0
    if not options.yes and not _agrees(f"{what} of {plain(options.project)} go to {label}."):
        return 1
    done = _change(**meant)
    print(f"{label} has them now: {done['memories']:,} memories and {done['sessions']:,} sessions moved.")
    print(f"segue project split {label} {plain(options.project)} takes that back.")
    return 0


def _split(options: argparse.Namespace) -> int:
    done = _change(action="split", project=options.project, name=options.name, dry_run=options.dry_run)
    label = plain(done["project"]["label"])
    what = f"{done['memories']:,} memories, {done['sessions']:,} sessions and {done['rules']:,} permission rules"
    if options.dry_run:
        print(f"{what} of {plain(options.project)} would go back to {label}. Nothing was changed.")
    else:
        print(f"{label} is a project of its own again, with {what}.")
    return 0


def _agrees(what: str) -> bool:
    if not sys.stdin.isatty():
        print("segue project: nothing was merged; add --yes to merge without being asked.", file=sys.stderr)
        return False
    return confirm(f"{what} Merge?")


def _alias(options: argparse.Namespace) -> int:
    action = "unalias" if options.remove else "alias"
    project = _change(action=action, project=options.project, name=options.name)["project"]
    print(f"{plain(project['label'])} is also called {plain(', '.join(project['aliases']) or 'nothing else')}.")
    return 0


def _change(**asked: Any) -> Answer:
    answer: Answer = Endpoint().answer("/v1/projects", move_timeout_s, asked)
    return answer


ACTIONS = {"list": _list, "rename": _rename, "merge": _merge, "split": _split, "alias": _alias}
