"""Git: how active and how tidy a project is, and which files are tracked."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from services.kit.errors import ServiceError
from services.kit.late_pattern import late_pattern
from services.quality.collectors.change_times import is_shallow, status_of
from services.quality.collectors.directory import Place, Unmeasured
from services.quality.domain.evidence import Evidence, no_measurement
from services.workspace.git.filtered_files import touched_files, without_touched
from services.workspace.git.repository import Repository, find_repository
from services.workspace.git.status import Status
from services.workspace.text import wide_letters

commits_max = 1000
subjects_max = 50
subject_columns_max = 72
active_within = timedelta(days=30)
_says_nothing = late_pattern(
    r"((wip|tmp|temp|fix(es|ed)?|bug ?fix(es)?|update[sd]?|change[sd]?|stuff|things?|misc|commit|tests?|asdf\w*|code"
    r"|more|minor|small|some|final|last|new|again|work|working|save|cleanup|edits?|file|files|it|the|a|and"
    r"|\d+)\b[\s,.:!-]*)+",
    re.IGNORECASE,
)
_by_hand = frozenset({"add files via upload", "create readme.md", "update readme.md"})
"""What a host's web page writes where nobody says anything."""
_pull_request = late_pattern(r"\s*\((?:#|GH-|!)\d+\)\s*$")
_prefix = late_pattern(r"^(?:\w+(?:\([^)]*\))?!?: )")
_word = late_pattern(r"[^\W\d_]{2}")
_merge = late_pattern(r"(Merge |Revert |fixup! |squash! )")
NAMES = ("active_days", "uncommitted", "commit_subjects")


@dataclass(frozen=True, slots=True)
class GitFound:
    """Evidence, facts for the report, and the tracked files below the place; None if git is unavailable."""

    evidence: Sequence[Evidence]
    facts: Mapping[str, Any] = field(default_factory=dict)
    tracked: Sequence[str] | None = None


def git(place: Place) -> GitFound:
    """Evidence from git; never raises."""
    try:
        return _git_facts(place)
    except (ServiceError, Unmeasured) as trouble:
        reason = trouble.message if isinstance(trouble, ServiceError) else str(trouble)
        return GitFound(
            [no_measurement(name, reason, "git") for name in NAMES], {"state": "unreadable", "problem": reason}
        )


def _git_facts(place: Place) -> GitFound:
    repository = place.repository or find_repository(place.root, place.roots)
    if repository is None or repository.bare:
        state = "bare" if repository else "none"
        reason = "the repository has no working tree" if repository else "no git repository"
        return GitFound([no_measurement(name, reason, "git") for name in NAMES], {"state": state})
    status = status_of(place, repository)
    tracked = sorted(place.tracked) if place.tracked is not None else _tracked_paths(place, repository)
    if not status.head:
        reason = "no commits yet; make one"
        return GitFound([no_measurement(name, reason, "git") for name in NAMES], {"state": "empty"}, tracked)
    if not tracked:
        reason = "git tracks nothing here"
        return GitFound([no_measurement(name, reason, "git") for name in NAMES], {"state": "untracked"}, tracked)
    days, subjects, committed_at = _history(repository, place.now)
    status = without_touched(status, touched_files(repository, status), with_likely=True)
    evidence = [
        _activity(repository, days, place.now),
        _uncommitted_changes(status, place.now),
        _subjects(subjects, place.now),
    ]
    return GitFound(evidence, {**_facts(status), "committed_at": committed_at}, tracked)


def _activity(repository: Repository, days: int, now: datetime) -> Evidence:
    if is_shallow(repository):
        return no_measurement("active_days", "a shallow clone does not have the commits", "git log")
    return Evidence("active_days", float(days), True, "git log", now, detail=f"{days} of the last 30 days")


def _facts(status: Status) -> dict[str, Any]:
    counts = {
        "staged": len(status.staged_paths),
        "unstaged": len(status.unstaged_paths),
        "untracked": len(status.untracked),
        "conflicted": len(status.conflicted),
    }
    named = {"branch": status.branch or "", "head": status.head or ""}
    return {"state": "ready", **named, **counts, "ahead": status.ahead or 0, "behind": status.behind or 0}


def _uncommitted_changes(status: Status, now: datetime) -> Evidence:
    """Changed tracked files, including conflicts. Untracked files are private until they are added."""
    count = len(status.changes) + len(status.conflicted)
    return Evidence("uncommitted", float(count), True, "git status", now, detail=f"{count} changed files")


def _subjects(subjects: Sequence[str], now: datetime) -> Evidence:
    own = [subject for subject in subjects if not _merge.match(subject)][:subjects_max]
    if not own:
        return no_measurement("commit_subjects", "only merge commits", "git log")
    good = sum(_says_what_changed(subject) for subject in own)
    share, detail = round(good / len(own), 4), f"{good} of the last {len(own)}"
    return Evidence("commit_subjects", share, True, "git log", now, detail=detail)


def _says_what_changed(subject: str) -> bool:
    """Whether it has two or more words, at most 72 columns, and says more than that there was a change.

    A host's own suffix, as `(#123)`, is not the author's; of a script without spaces four letters are words enough.
    """
    text = _pull_request.sub("", subject).strip()
    own = _prefix.sub("", text).strip(" .:!-_")
    if not own or _says_nothing.fullmatch(own) or own.lower() in _by_hand:
        return False
    has_words = len(own.split()) >= 2 and _word.search(own) is not None
    is_wide = len(wide_letters.findall(own)) >= 4
    columns = len(text) + len(wide_letters.findall(text))
    return (has_words or is_wide or own != text.strip(" .:!-_")) and columns <= subject_columns_max


def _history(repository: Repository, now: datetime) -> tuple[int, list[str], str]:
    """The number of days with a commit out of the last 30, the subjects of the last commits, newest first, and when the
    last one was made."""
    options = (f"--max-count={commits_max}", "-z", "--no-show-signature", "--no-mailmap", "--format=%ct %s")
    finished = repository.git("log", *options, "--end-of-options", "HEAD", "--")
    if not finished.ok:
        raise Unmeasured("git log failed")
    days, subjects, committed_at = set(), [], ""
    for record in finished.output.decode("utf-8", "replace").split("\0"):
        stamp, _, subject = record.partition(" ")
        if stamp.isdigit():
            time = datetime.fromtimestamp(min(int(stamp), 2**33), UTC)
            subjects.append(subject)
            committed_at = committed_at or time.isoformat()
            if now - active_within < time <= now:
                days.add(time.date())
    if len(subjects) >= commits_max:
        days |= _days_of_many(repository, now)
    return min(len(days), active_within.days), subjects, committed_at


def _days_of_many(repository: Repository, now: datetime) -> set[date]:
    """The days with a commit out of the last 30, of any number of commits."""
    since = f"--since={(now - active_within).timestamp():.0f}"
    finished = repository.git("log", since, "--no-show-signature", "--format=%ct", "--end-of-options", "HEAD", "--")
    stamps = (int(stamp) for stamp in finished.output.split() if stamp.isdigit())
    times = (datetime.fromtimestamp(min(stamp, 2**33), UTC) for stamp in stamps)
    return {time.date() for time in times if now - active_within < time <= now}


def _tracked_paths(place: Place, repository: Repository) -> list[str]:
    """Paths relative to the place, which may be a directory inside the repository."""
    below = os.path.relpath(place.root, repository.root)
    prefix = b"" if below == "." else os.fsencode(below) + b"/"
    finished = repository.git("ls-files", "-z", "--cached", "--", below)
    names = finished.output.split(b"\0")[:-1] if finished.ending != "timed out" else []
    return [os.fsdecode(name[len(prefix) :]) for name in names if name.startswith(prefix)]
