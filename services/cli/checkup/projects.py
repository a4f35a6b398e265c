"""Checks the registry of projects: names that several have, and what a person has to say of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

from services.cli.checkup.finding import DEGRADED, OK, Finding
from services.cli.gateway.failures import plain
from services.cli.gateway.http_call import Endpoint
from services.cli.gateway.mcp_call import CallFailed

ANSWER_TIMEOUT_S = 30.0
PAGE = 1_000
SHOWN_MAX = 5
"""Findings of a kind; the rest are counted."""

Project = dict[str, Any]


def projects() -> Iterator[Finding]:
    """What is registered, and what of it is in doubt; an earlier gateway has no registry."""
    try:
        found = _registry()
    except (CallFailed, ValueError, KeyError):
        return
    shared = [its for its in _by_name(found).values() if len(its) > 1]
    names = f"; {len(shared):,} of their names are shared" if shared else ""
    yield Finding("projects", OK, f"{len(found):,}{names}")
    yield from _some(f"{_name(its[0])} is called the same as {_labels(its[1:])}" for its in shared)
    for each in found:
        yield from _doubts(each)
    yield from _twins(found)


def _registry() -> list[Project]:
    endpoint, cursor = Endpoint(), ""
    found: list[Project] = []
    while True:
        query = urlencode({"limit": PAGE, "cursor": cursor})
        page = endpoint.answer(f"/v1/projects?{query}", ANSWER_TIMEOUT_S)
        found += page["projects"]
        cursor = page["next_cursor"] or ""
        if not cursor:
            return found


def _by_name(found: Sequence[Project]) -> dict[str, list[Project]]:
    """Whole repositories and directories by their name."""
    named: defaultdict[str, list[Project]] = defaultdict(list)
    for each in found:
        if not each["package"] and not each["contested"]:
            named[each["name"].casefold()].append(each)
    return named


def _some(details: Iterator[str]) -> Iterator[Finding]:
    listed = list(details)
    yield from (Finding("projects", OK, each) for each in listed[:SHOWN_MAX])
    if len(listed) > SHOWN_MAX:
        yield Finding("projects", OK, f"and {len(listed) - SHOWN_MAX:,} more names are shared; see segue project list")


def _doubts(project: Project) -> Iterator[Finding]:
    """What is nobody's yet, or not all moved."""
    label = plain(project["label"])
    if project["contested"]:
        detail = f"what was stored as {label} before projects had identities is nobody's: several fit"
        yield Finding("projects", DEGRADED, detail, f"segue project merge {_name(project)} PROJECT  # the right one")
    elif project["unmoved"]:
        what = plain(", ".join(project["unmoved"]))
        yield Finding("projects", DEGRADED, f"{what} is not all moved yet", f"segue project rename {label} {label}")
    if likely := project.get("likely"):  # servers of earlier versions say nothing of it
        detail = f"{_name(project)} has handoffs of {plain(likely)} in its directory: it may be the same one, moved"
        yield Finding("projects", OK, detail, f"segue project merge {_name(project)} {plain(likely)}  # if it is")


def _twins(found: Sequence[Project]) -> Iterator[Finding]:
    """Two that may be one repository: the same first commit, and only one of them has a remote, or both have one, as
    where it was known by a name that ssh has for its host."""
    by_commit: defaultdict[str, list[Project]] = defaultdict(list)
    for each in found:
        if each["first_commit"]:
            by_commit[each["first_commit"]].append(each)
    for its in by_commit.values():
        bare, known = [each for each in its if not each["remote"]], [each for each in its if each["remote"]]
        are_two = len(its) == 2 and (len(bare) == 1 or its[0]["remote"] == its[1]["remote"] != "")
        if are_two:
            both = " ".join(map(_name, [*bare, *known]))
            detail = f"{both.replace(' ', ' and ')} have one first commit: they may be one repository"
            yield Finding("projects", OK, detail, f"segue project merge {both}  # if they are")


def _name(project: Project) -> str:
    """The label or alias that means this project alone."""
    return plain(next((each for each in (project["label"], *project["aliases"]) if "/" in each), project["label"]))


def _labels(found: Sequence[Project]) -> str:
    more = len(found) - SHOWN_MAX
    return ", ".join(map(_name, found[:SHOWN_MAX])) + (f" and {more:,} more" if more > 0 else "")
