"""What a page of results shows: excerpts, as many as fit, and nothing where nothing is about the query."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from tokenizers import Tokenizer

from services.gateway.answers.compact_text import search_result
from services.gateway.answers.search_results import search_answer
from services.memory.domain.queries import Query, Sort
from services.memory.search.answer_tokens import estimated_tokens
from services.pb import memory_pb2
from tests.unit.memory.operations.test_store_memories import served

LOG = "".join(f"2026-03-01 INFO line {number} of the pump log says all is well\n" for number in range(1_500))
NOTES = [
    f"Note {number}: the ferret pipeline was measured by team {number} and found to be in order."
    for number in range(12)
]


@pytest.fixture(scope="module")
def tokenizer(model_directory: Path) -> Tokenizer:
    """The public one of BERT, which divides text at least as finely as those of chat models."""
    made = Tokenizer.from_file(str(model_directory / "tokenizer.json"))
    made.no_truncation()
    made.no_padding()
    return made


def tokens(tokenizer: Tokenizer, answer: memory_pb2.SearchResponse) -> tuple[int, int]:
    """Of the text that a client is sent, and of the structured content."""
    sent = search_result(search_answer(answer))
    structured = json.dumps(sent.structured_content, separators=(",", ":"), ensure_ascii=False)
    text = sent.content[0].text  # type: ignore[union-attr]
    return len(tokenizer.encode(text, add_special_tokens=False)), len(
        tokenizer.encode(structured, add_special_tokens=False)
    )


def asked(text: str = "ferret pipeline", **given: Any) -> Query:
    fields: dict[str, Any] = {"min_score": None, "content_max_chars": 300, "context_max_chars": 60}
    return Query(text, **fields | given)


async def test_ten_ordinary_results_are_less_than_1200_tokens_of_text(tmp_path: Path, tokenizer: Tokenizer) -> None:
    async with served(tmp_path) as service:
        await service.stored(*(f"{note} {note} {note}"[:250] for note in NOTES))
        answer = await service.search("ann", asked())
        assert len(answer.results) == 10
        assert tokens(tokenizer, answer)[0] <= 1_200


@pytest.mark.slow
async def test_long_memories_are_shown_around_what_was_asked_for(tmp_path: Path) -> None:
    async with served(tmp_path) as service:
        await service.stored(*(f"{LOG}summary {number}: the ferret pipeline finished" for number in range(10)))
        answer = await service.search("ann", asked("ferret pipeline finished"))
        assert len(answer.results) == 10
        assert answer.ByteSize() < 10_000
        for each in answer.results:
            assert "the ferret pipeline finished" in each.memory.content
            assert each.memory.content_chars > len(LOG)
            assert each.memory.excerpt_begin > 0


@pytest.mark.parametrize("most", [300, 600, 1_000, 1_500])
async def test_max_tokens_bounds_all_that_a_client_is_sent(tmp_path: Path, tokenizer: Tokenizer, most: int) -> None:
    async with served(tmp_path) as service:
        await service.stored(LOG + "the ferret pipeline", *NOTES)
        answer = await service.search("ann", asked(max_tokens=most))
        assert answer.truncated
        assert answer.results
        assert sum(tokens(tokenizer, answer)) <= most * 1.15  # BERT's makes a token of each mark of JSON


@pytest.mark.parametrize("most", [1, 100])
async def test_the_best_result_is_shown_however_few_tokens_there_are(tmp_path: Path, most: int) -> None:
    async with served(tmp_path) as service:
        await service.stored(LOG + "the ferret pipeline", *NOTES)
        answer = await service.search("ann", asked(max_tokens=most))
        assert len(answer.results) == 1
        assert answer.truncated
        assert "ferret pipeline" in answer.results[0].memory.content


async def test_of_a_template_each_copy_with_another_name_is_shown(tmp_path: Path) -> None:
    template = "The review of customer {} praises the quick delivery, the packing and the support. " * 3
    async with served(tmp_path) as service:
        await service.stored(*(template.replace("{}", f"Name{number}") for number in range(20)))
        for given in ({}, {"sort": Sort.NEWEST}):
            answer = await service.search("ann", asked("customer review", limit=50, min_score=0.0, **given))
            assert len({each.memory.id for each in answer.results}) == answer.total_found == 20
            assert not any(each.folded for each in answer.results)


async def test_a_large_result_does_not_hide_the_small_ones(tmp_path: Path) -> None:
    async with served(tmp_path) as service:
        await service.stored("Lantern rollout plan " + "with many steps and more words " * 300)
        await service.stored(*(f"Lantern rollout note {number}: the harbour team goes first." for number in range(5)))
        assert (
            len((await service.search("ann", asked("lantern rollout plan", max_tokens=1_300, min_score=0))).results)
            == 6
        )


async def test_pages_of_a_cut_answer_hold_everything_once(tmp_path: Path) -> None:
    async with served(tmp_path) as service:
        await service.stored(*NOTES)
        query = asked(max_tokens=700, limit=10)
        seen: list[str] = []
        cursor = ""
        while True:
            page = await service.search("ann", Query(**{**_fields(query), "paged": True, "cursor": cursor}))
            seen += [each.memory.id for each in page.results]
            cursor = page.next_cursor
            if not cursor:
                break
        assert len(seen) == len(set(seen)) == len(NOTES)


async def test_a_query_about_nothing_that_is_stored_finds_nothing_and_says_what_was_nearest(tmp_path: Path) -> None:
    async with served(tmp_path) as service:
        await service.stored(*NOTES)
        answer = await service.search("ann", asked("sourdough bread recipe"))
        assert not answer.results
        assert answer.total_found == 0
        assert any(note.startswith(answer.nearest.memory.content) for note in NOTES)
        assert any("min_score=0" in each for each in answer.suggestions)
        everything = await service.search("ann", asked("sourdough bread recipe", min_score=0))
        assert len(everything.results) == 10


async def test_what_is_found_is_counted_without_what_is_hidden(tmp_path: Path) -> None:
    async with served(tmp_path) as service:
        await service.stored("The heron nests by the lake in spring.", *NOTES)
        answer = await service.search("ann", asked("where does the heron nest"))
        assert answer.total_found == len(answer.results) < 5


async def test_an_estimate_of_tokens_is_no_less_than_a_tokenizer_makes(tokenizer: Tokenizer) -> None:
    stored = memory_pb2.StoredMemory(id="71d77881-f5ca-4cb4-b457-6df5dcb25a6f", content="x y z", project="shop")
    for text in (*NOTES, LOG[:5_000], json.dumps(MessageToDict(stored))):
        assert estimated_tokens(text) >= 0.75 * len(tokenizer.encode(text, add_special_tokens=False))


def _fields(query: Query) -> dict[str, Any]:
    names = ("text", "limit", "min_score", "max_tokens", "content_max_chars")
    return {name: getattr(query, name) for name in names}
