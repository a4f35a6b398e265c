"""Which files the next session of work changes, by replay of git histories: how often what is named is right.

`python -m tests.performance.foresight.next_files [GIT_DIRECTORY …]`. In `make bench` the repositories are those of
SEGUE_BENCH_HISTORIES, see `replays`. A session is a run of commits of one author with less than eight hours between
them, its beginning the subject of the first. What it needs are the files it changes that were there before.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from services.gateway.workflows.briefing import FILES_HEADING, estimated_tokens, quote
from services.workspace.git.commit_log import Commit
from services.workspace.git.likely_files import Weights, commits_max, files_max, likeliest, paths_max
from tests.performance.foresight.replays import SEEN, project_name
from tests.performance.rows import Row

read_max = 3000
sessions_max = 150
session_gap_s = 8 * 3600
_bots = ("bot", "pre-commit", "renovate")


@dataclass(frozen=True)
class Past:
    """What is known when a session begins: the commits before it, oldest first, the files there are, and its first
    words."""

    commits: Sequence[Commit]
    present: frozenset[str]
    words: str


Method = Callable[[Past], Sequence[str]]


@dataclass(frozen=True)
class Replayed:
    """Of one session and method: which share of what it needed was named (of at most three), how many names were right,
    how many there were, and in how many tokens."""

    recall: float
    right: int
    named: int
    tokens: int


def latest(past: Past) -> Sequence[str]:
    """The files changed last."""
    paths = (path for commit in reversed(past.commits) if len(commit.paths) <= paths_max for path in commit.paths)
    return [path for path in dict.fromkeys(paths) if path in past.present][:files_max]


def most_similar(past: Past) -> Sequence[str]:
    """The files of the commits most like the words."""
    return likeliest(past.commits, past.words, past.present.__contains__, Weights(path=0.0, recent=0.0))


def as_shown(past: Past) -> Sequence[str]:
    """What the product names."""
    return likeliest(past.commits, past.words, past.present.__contains__)


METHODS: dict[str, Method] = {"as shown": as_shown, "latest": latest, "most similar": most_similar}


@dataclass(frozen=True)
class Logged:
    """A commit, its author, and which of its files it deleted."""

    author: str
    commit: Commit
    deleted: frozenset[str]


def replay(directory: Path) -> dict[str, list[Replayed]]:
    """The last `sessions_max` sessions, by method."""
    log = _log(directory)
    sessions = _sessions(log)
    begins = sorted(sessions)[-sessions_max:]
    present, found = set[str](), {method: list[Replayed]() for method in METHODS}
    for place, logged in enumerate(log):
        if place in begins:
            changed = (log[at].commit.paths for at in sessions[place] if len(log[at].commit.paths) <= paths_max)
            if needed := {path for paths in changed for path in paths} & present:
                before = [each.commit for each in log[max(0, place - commits_max) : place]]
                past = Past(before, frozenset(present), logged.commit.subject)
                for name, method in METHODS.items():
                    found[name].append(_replayed(method(past), needed))
        present |= set(logged.commit.paths) - logged.deleted
        present -= logged.deleted
    return found


def _replayed(named: Sequence[str], needed: set[str]) -> Replayed:
    right = len(needed.intersection(named))
    told = f"{FILES_HEADING}\n{quote(', '.join(named))}"
    return Replayed(right / min(files_max, len(needed)), right, len(named), estimated_tokens(told) if named else 0)


def _sessions(log: Sequence[Logged]) -> dict[int, list[int]]:
    """The places of each session's commits, by that of its first."""
    begun: dict[str, int] = {}
    found: dict[int, list[int]] = {}
    for place, each in enumerate(log):
        if any(word in each.author.casefold() for word in _bots):
            continue
        first = begun.get(each.author)
        gap = each.commit.time - log[found[first][-1]].commit.time if first is not None else -1.0
        if first is not None and 0 <= gap <= session_gap_s:
            found[first].append(place)
        else:
            begun[each.author] = place
            found[place] = [place]
    return found


def _log(directory: Path) -> list[Logged]:
    """The last commits but merges, oldest first."""
    options = ("--no-merges", "--no-renames", f"-n{read_max}", "--name-status", "--format=%x00%an%x01%at%x01%s")
    run = subprocess.run(["git", "log", *options], cwd=directory, check=True, capture_output=True)
    return [_logged(each) for each in run.stdout.decode("utf-8", "replace").split("\0")[1:]][::-1]


def _logged(text: str) -> Logged:
    head, _, rest = text.partition("\n")
    author, stamp, subject = head.split("\x01", 2)
    named = [line.split("\t", 1) for line in rest.splitlines() if "\t" in line]
    commit = Commit(float(stamp), subject, [path for _, path in named])
    return Logged(author, commit, frozenset(path for state, path in named if state == "D"))


def rows(directories: Sequence[str] | None = None) -> Iterator[Row]:
    """A row for each repository, and the means of those that weights were chosen by and of the others, each repository
    counting once."""
    if directories is None:
        directories = [each for each in os.environ.get("SEGUE_BENCH_HISTORIES", "").split(":") if each]
    if not directories:
        yield Row("files of the next session, repositories", 0, "", "left out: SEGUE_BENCH_HISTORIES names none")
        return
    replayed = {project_name(each): replay(Path(each)) for each in directories}
    for name, found in replayed.items():
        others = ", ".join(f"{method} {_recall(found[method]):.1f}" for method in ("latest", "most similar"))
        note = f"recall@{files_max} of {len(found['as shown'])} sessions; {others}"
        yield Row(f"files of the next session, {name}", _recall(found["as shown"]), "%", note)
    for title, names in (("looked at", SEEN & set(replayed)), ("not looked at", set(replayed) - SEEN)):
        if names:
            yield from _means(title, [replayed[name] for name in names])


def _means(title: str, replayed: Sequence[dict[str, list[Replayed]]]) -> Iterator[Row]:
    for method in METHODS:
        parts = [found[method] for found in replayed]
        better = sum(_recall(found["as shown"]) > _recall(found[method]) for found in replayed)
        right = 100 * mean(
            sum(each.right for each in part) / max(1, sum(each.named for each in part)) for part in parts
        )
        tokens = mean(mean(each.tokens for each in part) for part in parts)
        note = f"recall@{files_max}; precision {right:.1f} %, {tokens:.0f} tokens; {len(parts)} repositories"
        note += f", what is shown is better in {better}" if method != "as shown" else ""
        yield Row(f"files of the next session, {method}, {title}", mean(map(_recall, parts)), "%", note)


def _precision(part: Sequence[Replayed]) -> float:
    return sum(each.right for each in part) / max(1, sum(each.named for each in part))


def _recall(part: Sequence[Replayed]) -> float:
    return 100 * mean(each.recall for each in part)


if __name__ == "__main__":
    for row in rows(sys.argv[1:]):
        print(f"{row.name:66} {row.value:10.2f} {row.unit:6} {row.note}", flush=True)
