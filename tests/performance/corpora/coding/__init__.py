"""What coding agents remember: made-up sessions of six projects, and questions about them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.memory.domain.memories import Kind, Memory
from services.memory.domain.queries import EVERYTHING, Query
from services.memory.domain.rows import NewRow
from services.memory.embedder import DIMENSIONS
from services.memory.embedder.onnx import OnnxEmbedder
from services.memory.index.asked import Candidates
from services.memory.index.entries import new_entry
from services.memory.index.memory_index import MemoryIndex
from services.memory.index.parts import misspelt_max
from services.memory.operations.memory_embeddings import Said, memory_vectors, texts_of
from services.memory.search.index_query import IndexQueries
from services.memory.search.result_list import ranking
from services.memory.search.scoring import rank
from services.memory.text.misspellings import meant_terms
from services.memory.text.terms import parted_words, query_terms, terms
from tests.performance.rows import Row

HERE = Path(__file__).parent
PROJECTS = ("shop", "web", "pipeline", "firmware", "infra", "cli")
NOW = datetime(2026, 7, 1, tzinfo=UTC)
_heading = re.compile(r"== (\d{4}-\d{2}-\d{2}) (\S+)")
_turn = re.compile(r"([a-z]\d+) (user|assistant): (.+)")
_question = re.compile(r"(\w+) (\w+): (.+) = ((?:[a-z]\d+ ?)+)")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked in a project, of which kind it is, and the memories that answer it."""

    category: str
    project: str
    text: str
    evidence: frozenset[str]


def memories() -> Iterator[Memory]:
    """All turns, in the order of their files; a turn a minute."""
    for project in PROJECTS:
        session, said = "", NOW
        for line in (HERE / f"{project}.txt").read_text(encoding="utf-8").splitlines():
            if heading := _heading.fullmatch(line):
                session, said = heading[2], datetime.fromisoformat(heading[1]).replace(hour=9, tzinfo=UTC)
                continue
            turn = _turn.fullmatch(line)
            assert turn, line
            said += timedelta(minutes=1)
            yield Memory(turn[3], Kind.CONVERSATION, project, said, f"{project}-{session}", turn[2], id=turn[1])


def questions() -> Iterator[Question]:
    """All questions."""
    for line in (HERE / "questions.txt").read_text(encoding="utf-8").splitlines():
        asked = _question.fullmatch(line)
        assert asked, line
        yield Question(asked[1], asked[2], asked[3], frozenset(asked[4].split()))


def unanswered() -> Iterator[Question]:
    """Questions about something that is not told of a project, in its own field."""
    for line in (HERE / "unanswered.txt").read_text(encoding="utf-8").splitlines():
        project, _, text = line.partition(": ")
        yield Question("unanswered", project, text, frozenset())


def measures(found: list[str], evidence: frozenset[str]) -> dict[str, float]:
    """Of one question."""
    ranks = [rank for rank, name in enumerate(found, start=1) if name in evidence]
    best = min(ranks, default=0)
    return {"MRR": 1 / best if best else 0.0} | {f"any@{k}": float(0 < best <= k) for k in (1, 5, 10)}


Answers = dict[Question, dict[str, list[str]]]


def texts() -> list[str]:
    """What is embedded: of each memory its content, the same in its context, and its chunks; and each question, with
    its words that occur nowhere in a project, and the others."""
    contents = (text for said in _said(list(memories())) for text in texts_of(said))
    words = {name: {term for each in its for term in terms(each.content)} for name, its in _by_project().items()}
    asked = (
        text
        for question in (*questions(), *unanswered())
        for project in (question.project, _another(question.project))
        for text in (question.text, *_parts(question.text, words[project]))
    )
    return list(dict.fromkeys([*contents, *asked]))


def _by_project() -> Mapping[str, list[Memory]]:
    return {name: [each for each in memories() if each.project == name] for name in PROJECTS}


def _parts(question: str, words: set[str]) -> list[str]:
    absent = frozenset(query_terms(question)) - words
    missing, _ = parted_words(question, absent)
    misspelt = " ".join(word for word in missing[:misspelt_max] if meant_terms(word) & words)
    return [" ".join(part) for part in parted_words(question, absent - frozenset(query_terms(misspelt)))]


def _said(stored: Sequence[Memory]) -> list[Said]:
    return [
        Said(before.content if before.session_id == memory.session_id else "", memory.content)
        for before, memory in zip([stored[-1], *stored], stored, strict=False)
    ]


async def answered(model: Path) -> Answers:
    """For each question, those without an answer among them, what is found, best first: by words alone, by meaning
    alone, and by search; what of the latter is shown where the caller names no least score, and what then is shown of
    another project."""
    async with OnnxEmbedder(model) as embedder:
        return await answers_by(await embedder.embed(texts()))


class _Known:
    """An embedder of texts whose vectors are known."""

    def __init__(self, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        self._vectors = vectors

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([self._vectors[text] for text in texts])


async def answers_by(embeddings: NDArray[np.float32]) -> Answers:
    """The same with the embeddings of `texts`."""
    known: Any = _Known(dict(zip(texts(), embeddings, strict=True)))
    stored, asked = list(memories()), [*questions(), *unanswered()]
    vectors = await memory_vectors(known, _said(stored))
    with MemoryIndex(DIMENSIONS) as index:
        rows = [
            NewRow(memory, "ann", vectors[place].content, vectors[place].context) for place, memory in enumerate(stored)
        ]
        await index.add([new_entry(place, row.user, row.memory, *_packed(row)) for place, row in enumerate(rows)])
        found: Answers = {}
        queries = IndexQueries(index, known)
        for question in asked:
            candidates, elsewhere = [
                await index.candidates("ann", [project], await queries.of("ann", [project], question.text), EVERYTHING)
                for project in (question.project, _another(question.project))
            ]
            orders = {**_orders(candidates, question), "elsewhere": _orders(elsewhere, question)["shown"]}
            found[question] = {name: [stored[place].id for place in places] for name, places in orders.items()}
    return found


def _another(project: str) -> str:
    """A project that has nothing to do with this one."""
    return PROJECTS[(PROJECTS.index(project) + 1) % len(PROJECTS)]


def _packed(row: NewRow) -> tuple[bytes, bytes]:
    assert row.content_vector is not None
    assert row.context_vector is not None
    return row.content_vector.tobytes(), row.context_vector.tobytes()


def _orders(candidates: Candidates, question: Question) -> dict[str, list[int]]:
    signals = candidates.signals
    vector = np.zeros(len(signals.words)) if signals.vector is None else signals.vector
    scores = rank(signals, NOW.timestamp())
    by_both = ranking(candidates, scores, Query(question.text))
    usual = ranking(candidates, scores, Query(question.text, min_score=None))
    return {
        "words alone": candidates.sequence[np.argsort(-signals.words, kind="stable")].tolist(),
        "meaning alone": candidates.sequence[np.argsort(-vector, kind="stable")].tolist(),
        "search": by_both.sequences,
        "shown": usual.sequences,
    }


def mean(answers: Answers, name: str, measure: str, category: str = "") -> float:
    """Of all questions, or of those of one category, in percent."""
    values = [
        measures(found[name], question.evidence)[measure]
        for question, found in answers.items()
        if question.evidence and category in {"", question.category}
    ]
    return 100 * sum(values) / len(values)


def silent(answers: Answers, name: str, *, answered: bool = True) -> float:
    """Of all questions with an answer, or of those without, the ones that find nothing, in percent."""
    hidden = [not found[name] for question, found in answers.items() if bool(question.evidence) is answered]
    return 100 * sum(hidden) / len(hidden)


async def rows(model: Path) -> list[Row]:
    """The measures, each beside words alone and meaning alone."""
    answers = await answered(model)
    count = sum(bool(question.evidence) for question in answers)
    categories = sorted({question.category for question in answers if question.evidence})
    wanted = [(measure, "") for measure in ("any@1", "any@5", "any@10", "MRR")]
    wanted += [("any@5", category) for category in categories]
    abstention = [
        Row("coding: answered, but finds nothing", silent(answers, "shown"), "%", "without a min_score"),
        Row("coding: asked of another project, finds nothing", silent(answers, "elsewhere"), "%", "the same questions"),
        Row("coding: without an answer, finds nothing", silent(answers, "shown", answered=False), "%", "in its field"),
    ]
    return abstention + [
        Row(
            f"coding {measure}{f', {category}' if category else f' ({count} questions)'}",
            mean(answers, "search", measure, category),
            "%",
            f"words alone {mean(answers, 'words alone', measure, category):.0f}, "
            f"meaning alone {mean(answers, 'meaning alone', measure, category):.0f}",
        )
        for measure, category in wanted
    ]
