"""What search finds on the coding set: each question in its own project, in all of them, and in another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from services.gateway.arguments.query_times import query_time
from services.memory.domain.corrections import Void
from services.memory.domain.memories import Memory
from services.memory.domain.queries import EVERYTHING, Period, Query
from services.memory.domain.rows import NewRow
from services.memory.embedder import DIMENSIONS, Embedder
from services.memory.embedder.onnx import OnnxEmbedder
from services.memory.index.asked import Candidates
from services.memory.index.entries import new_entry
from services.memory.index.memory_index import MemoryIndex
from services.memory.index.parts import misspelt_max
from services.memory.operations.memory_embeddings import Said, memory_vectors, texts_of
from services.memory.search.index_query import IndexQueries
from services.memory.search.relevance import relevance
from services.memory.search.result_list import ranking
from services.memory.search.voids import Voids
from services.memory.text.misspellings import meant_terms
from services.memory.text.terms import parted_words, query_terms, terms
from tests.performance.corpora.coding import (
    NOW,
    PROJECTS,
    SMALL,
    Question,
    memories,
    questions,
    turns,
    unanswered,
)
from tests.performance.corpora.reliability import Scored
from tests.performance.rows import Row

Answers = dict[Question, dict[str, list[str]]]
Projects = Sequence[str]


def measures(found: list[str], evidence: frozenset[str]) -> dict[str, float]:
    """Of one question."""
    ranks = [rank for rank, name in enumerate(found, start=1) if name in evidence]
    best = min(ranks, default=0)
    shares = {f"any@{k}": float(0 < best <= k) for k in (1, 5, 10)}
    return {"MRR": 1 / best if best else 0.0, **shares, "frac@10": len(evidence & {*found[:10]}) / len(evidence)}


def texts(projects: Projects = SMALL) -> list[str]:
    """What is embedded: of each memory its content, the same in its context, and its chunks; and each question, with
    its words that occur nowhere in what is searched, and the others."""
    contents = (text for said in _said(projects) for text in texts_of(said))
    words = {name: _words([name]) for name in projects} | {"": _words(projects)}
    asked = (
        text
        for question in _asked(projects)
        for project in (question.project, _another(question.project, projects), "")
        for asked_for in (question.text, subject(question))
        for text in _parts(asked_for, words[project])
    )
    return list(dict.fromkeys([*contents, *asked]))


def _words(projects: Projects) -> set[str]:
    return {term for each in memories(projects) for term in terms(each.content)}


def subject(question: Question) -> str:
    """What is asked, without the time that it names."""
    period = _period(question.text)
    return period.rest if period else question.text


def _period(text: str) -> Period | None:
    named = query_time(text, NOW, ZoneInfo("UTC"))
    return Period(named.span.begin, named.span.end, named.rest) if named else None


def _asked(projects: Projects) -> list[Question]:
    return [*questions(projects), *unanswered(projects)]


def _parts(question: str, words: set[str]) -> Iterator[str]:
    yield question
    absent = frozenset(query_terms(question)) - words
    missing, _ = parted_words(question, absent)
    misspelt = " ".join(word for word in missing[:misspelt_max] if meant_terms(word) & words)
    yield from (" ".join(part) for part in parted_words(question, absent - frozenset(query_terms(misspelt))))


def _said(projects: Projects) -> list[Said]:
    stored = list(memories(projects))
    return [
        Said(before.content if before.session_id == memory.session_id else "", memory.content)
        for before, memory in zip([stored[-1], *stored], stored, strict=False)
    ]


class Known:
    """An embedder of texts whose vectors are known."""

    def __init__(self, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        self._vectors = vectors

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([self._vectors[text] for text in texts])


async def answered(model: Path, projects: Projects = PROJECTS, scored: list[Scored] | None = None) -> Answers:
    """See `answers`."""
    async with OnnxEmbedder(model) as embedder:
        return await answers(embedder, projects, scored)


async def answers_by(embeddings: NDArray[np.float32]) -> Answers:
    """The same with the embeddings of `texts`."""
    known: Any = Known(dict(zip(texts(), embeddings, strict=True)))
    return await answers(known, SMALL)


async def answers(embedder: Embedder, projects: Projects, scored: list[Scored] | None = None) -> Answers:
    """For each question, those without an answer among them, what is found, best first, in its project: by words alone,
    by meaning alone, and by search; by search `everywhere`; what is `shown` where the caller names no least score; and
    what then is shown `elsewhere`, in another project. What is found first in a question's project, whatever it
    scores, is added to `scored`."""
    stored = list(memories(projects))
    with MemoryIndex(DIMENSIONS) as index:
        await fill(index, embedder, projects)
        found: Answers = {}
        for question in _asked(projects):
            (own, best), (elsewhere, _), (everywhere, _) = [
                await _orders(index, embedder, question, scope)
                for scope in ([question.project], [_another(question.project, projects)], [])
            ]
            orders = {**own, "elsewhere": elsewhere["shown"], "everywhere": everywhere["search"]}
            if scored is not None and own["search"]:
                scored.append(_scored(stored[own["search"][0]], best, question, stored))
            found[question] = {name: [stored[place].id for place in places] for name, places in orders.items()}
    return found


async def fill(index: MemoryIndex, embedder: Embedder, projects: Projects) -> None:
    """Adds the memories of the projects, in their order, and what replaces what."""
    vectors = await memory_vectors(embedder, _said(projects))
    said = list(turns(projects))
    rows = [NewRow(turn.memory, "ann", vectors[n].content, vectors[n].context) for n, turn in enumerate(said)]
    await index.add([new_entry(place, row.user, row.memory, *_packed(row)) for place, row in enumerate(rows)])
    place_of = {turn.memory.id: place for place, turn in enumerate(said)}
    replaced = {
        place_of[turn.replaces]: Void(at_s, (place,), (at_s,))
        for place, turn in enumerate(said)
        if turn.replaces
        for at_s in [turn.memory.timestamp.timestamp()]
    }
    await index.set_voids(Voids(replaced, is_empty=not replaced))


async def candidates_of(
    index: MemoryIndex, embedder: Embedder, text: str, projects: Projects
) -> tuple[Query, Candidates]:
    """The query as a search makes it, with the time that it names, and what it considers."""
    query = Query(text, limit=50, min_score=None, period=_period(text))
    queries = IndexQueries(index, embedder)
    if query.period and query.within and await index.holds_any("ann", projects, query.within):
        asked = replace(await queries.of("ann", projects, query.period.rest), within=query.within)
    else:
        asked = await queries.of("ann", projects, query.text)
    return query, await index.candidates("ann", projects, asked, EVERYTHING)


def _another(project: str, projects: Projects) -> str:
    """A project that has nothing to do with this one."""
    return projects[(projects.index(project) + 1) % len(projects)]


def _packed(row: NewRow) -> tuple[bytes, bytes]:
    assert row.content_vector is not None
    assert row.context_vector is not None
    return row.content_vector.tobytes(), row.context_vector.tobytes()


async def _orders(
    index: MemoryIndex, embedder: Embedder, question: Question, projects: Projects
) -> tuple[dict[str, list[int]], float]:
    """What is found by each, and the best score."""
    query, candidates = await candidates_of(index, embedder, question.text, projects)
    signals = candidates.signals
    vector = np.zeros(len(signals.words)) if signals.vector is None else signals.vector
    scores = relevance(candidates, NOW.timestamp(), index.voids)
    by_both = ranking(candidates, scores, replace(query, min_score=0.0))
    usual = ranking(candidates, scores, query)
    orders = {
        "words alone": candidates.sequence[np.argsort(-signals.words, kind="stable")].tolist(),
        "meaning alone": candidates.sequence[np.argsort(-vector, kind="stable")].tolist(),
        "search": by_both.sequences[: len(by_both)],
        "shown": usual.sequences[: len(usual)],
    }
    return orders, float(scores.max(initial=0.0))


def _scored(found: Memory, score: float, question: Question, stored: Sequence[Memory]) -> Scored:
    right = {memory.session_id for memory in stored if memory.id in question.evidence}
    return Scored(score, found.session_id in right)


def mean(found: Answers, name: str, measure: str, category: str = "") -> float:
    """Of all questions, or of those of one category, in percent."""
    values = [
        measures(its[name], question.evidence)[measure]
        for question, its in found.items()
        if question.evidence and category in {"", question.category}
    ]
    return 100 * sum(values) / len(values)


def silent(found: Answers, name: str, *, answered: bool = True) -> float:
    """Of all questions with an answer, or of those without, the ones that find nothing, in percent."""
    hidden = [not its[name] for question, its in found.items() if bool(question.evidence) is answered]
    return 100 * sum(hidden) / len(hidden)


async def rows(model: Path, scored: list[Scored]) -> list[Row]:
    """The measures, each beside words alone and meaning alone; what is found first is added to `scored`."""
    found = await answered(model, scored=scored)
    count = sum(bool(question.evidence) for question in found)
    abstention = [
        Row("coding: answered, but finds nothing", silent(found, "shown"), "%", "without a min_score"),
        Row("coding: asked of another project, finds nothing", silent(found, "elsewhere"), "%", "the same questions"),
        Row("coding: without an answer, finds nothing", silent(found, "shown", answered=False), "%", "in its field"),
    ]
    categories = sorted({question.category for question in found if question.evidence})
    wanted = [(measure, "") for measure in ("any@1", "any@5", "any@10", "MRR", "frac@10")]
    wanted += [("any@5", category) for category in categories]
    return abstention + [
        Row(
            f"coding {measure}{f', {category}' if category else f' ({count} questions)'}",
            mean(found, "search", measure, category),
            "%",
            f"all projects {mean(found, 'everywhere', measure, category):.1f}, "
            f"words alone {mean(found, 'words alone', measure, category):.0f}, "
            f"meaning alone {mean(found, 'meaning alone', measure, category):.0f}",
        )
        for measure, category in wanted
    ]
