"""Which files a piece of work is likely to change, by the words that it begins with and the last commits.

Three things speak for a file: commits whose words are like these changed it, its path has some of them, and it changed
lately. `tests/performance/foresight/next_files.py` says how often that is right, and chose the weights.
"""

from __future__ import annotations

import math
import os
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from services.kit.errors import ServiceError
from services.workspace.git.commit_log import Commit, latest_commits, prefix_of
from services.workspace.git.repository import find_repository
from services.workspace.process import Limits

files_max = 3
commits_max = 1000
commits_min = 100
"""Of fewer nothing is said."""
known_words_min = 2
"""So many of the words must occur in the commits: one says too little."""
alike_max = 20
paths_max = 30
"""A commit that changed more files says nothing of each."""
text_max_chars = 1_000
common_share = 0.3
recent_half = 20.0
"""Commits after which a change counts half."""
recent_max = 30
git_limits = Limits(timeout_s=2.0, output_max_bytes=2 << 20)


class Weights(NamedTuple):
    """What a path's words and a late change weigh beside commits that are alike."""

    path: float
    recent: float


WEIGHTS = Weights(path=0.9, recent=0.7)
_word = re.compile(r"[^\W\d_]{2,}|\d{2,}")
_camel = re.compile(r"(?<=[a-z])(?=[A-Z])")


def likely_files(directory: Path, roots: Sequence[Path], text: str) -> list[str]:
    """At most `files_max` paths that exist, below the directory (already resolved), the likeliest first; none where the
    commits do not tell, or there are none."""
    try:
        repository = find_repository(directory, roots, git_limits)
        if repository is None or repository.bare:
            return []
        commits = latest_commits(repository, prefix_of(directory, repository), commits_max)
    except ServiceError:
        return []
    return likeliest(commits, text, lambda path: os.path.lexists(directory / path))


def likeliest(
    commits: Sequence[Commit], text: str, is_there: Callable[[str], bool], weights: Weights = WEIGHTS
) -> list[str]:
    """The same of these commits, oldest first."""
    telling = [each for each in commits if each.paths and len(each.paths) <= paths_max]
    words = words_of(text[:text_max_chars])
    if len(telling) < commits_min or not words:
        return []
    documents = [_document(each.subject, tuple(each.paths)) for each in telling]
    by_words = _by_words(telling, documents, words)
    if not by_words:
        return []
    last = {path: place for place, each in enumerate(telling) for path in each.paths}
    by_path = _by_path(last, words)
    recent = {path: 0.5 ** ((len(telling) - place) / recent_half) for path, place in last.items()}
    among = {*by_words, *by_path, *sorted(last, key=lambda path: -last[path])[:recent_max]}
    scores = {
        path: by_words.get(path, 0.0) + weights.path * by_path.get(path, 0.0) + weights.recent * recent[path]
        for path in among
    }
    best = sorted(among, key=lambda path: (-scores[path], path))
    found: list[str] = []
    for path in best:
        if len(found) == files_max:
            break
        if is_there(path):
            found.append(path)
    return found


@lru_cache(maxsize=16_384)
def words_of(text: str) -> frozenset[str]:
    """The words of a text or path, in lower case; those of names that are written together apart."""
    return frozenset(_word.findall(_camel.sub(" ", text).casefold()))


def _document(subject: str, paths: tuple[str, ...]) -> frozenset[str]:
    return words_of(subject).union(*map(words_of, paths))


def _by_words(
    commits: Sequence[Commit], documents: Sequence[frozenset[str]], words: frozenset[str]
) -> Mapping[str, float]:
    """By the commits that are most like the words: the cosine of their rare words; 1 for the best file."""
    shared = [words & each for each in documents]
    rarity = _rarity(shared, common_share)
    if len(rarity) < known_words_min:
        return {}
    scored = [
        (sum(rarity.get(word, 0.0) ** 2 for word in its) / math.sqrt(len(document) + 1), place)
        for place, (its, document) in enumerate(zip(shared, documents, strict=True))
        if its
    ]
    found: defaultdict[str, float] = defaultdict(float)
    for score, place in sorted(scored, reverse=True)[:alike_max]:
        for path in commits[place].paths:
            found[path] += score / math.sqrt(len(commits[place].paths))
    return _shares(found)


def _by_path(paths: Mapping[str, int], words: frozenset[str]) -> Mapping[str, float]:
    """By the words of their paths; 1 for the best file."""
    shared = {path: its for path in paths if (its := words & words_of(path))}
    rarity = _rarity([*shared.values(), *[frozenset[str]()] * (len(paths) - len(shared))], 1.0)
    return _shares(
        {path: sum(rarity[word] for word in its) / math.sqrt(len(words_of(path))) for path, its in shared.items()}
    )


def _rarity(documents: Sequence[frozenset[str]], most_share: float) -> Mapping[str, float]:
    """The logarithm of how rare each word is; without those that are in more than this share of the documents."""
    counts: defaultdict[str, int] = defaultdict(int)
    for document in documents:
        for word in document:
            counts[word] += 1
    most = most_share * len(documents)
    return {word: math.log(1 + len(documents) / count) for word, count in counts.items() if count <= most}


def _shares(scores: Mapping[str, float]) -> Mapping[str, float]:
    most = max(scores.values(), default=0.0)
    return {path: score / most for path, score in scores.items()} if most else {}
