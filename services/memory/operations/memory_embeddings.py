"""The embeddings of memories: of the content, of the content in its context, and of a long content's chunks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.memory.domain.rows import Vectors
from services.memory.embedder import Embedder
from services.memory.text.chunks import chunks, in_context

texts_at_once = 512
"""Texts in one request to the embedder: a call may have more of them than may wait there."""

read_at_once_chars = 10_000
"""Longer contents are divided in a thread: that takes a millisecond for each ten thousand characters or so."""


class Said(NamedTuple):
    """A memory's content, and what was said before it in its session; empty for nothing."""

    before: str
    content: str


class MemoryVectors(NamedTuple):
    """The vector of the content; and that of the content in its context, followed by those of the chunks."""

    content: Vectors
    context: Vectors


async def memory_vectors(embedder: Embedder, said: Sequence[Said]) -> list[MemoryVectors]:
    """The embeddings of each memory (float16). Raises RateLimited if too many texts are waiting."""
    is_long = any(len(each.content) > read_at_once_chars for each in said)
    texts = await asyncio.to_thread(_all_texts, said) if is_long else _all_texts(said)
    vectors = await _vectors_by_text(embedder, list(dict.fromkeys(text for its in texts for text in its)))
    made = []
    for content, context, *parts in texts:
        made.append(MemoryVectors(vectors[content], np.concatenate([vectors[text] for text in (context, *parts)])))
    return made


def _all_texts(said: Sequence[Said]) -> list[list[str]]:
    return [texts_of(each) for each in said]


def texts_of(said: Said) -> list[str]:
    """The texts to embed: content, context, and chunks; often the first two are the same."""
    parts = [said.content[span.begin : span.end] for span in chunks(said.content)]
    return [said.content, in_context(said.before, said.content), *parts]


async def _vectors_by_text(embedder: Embedder, texts: Sequence[str]) -> dict[str, NDArray[np.float16]]:
    found: dict[str, NDArray[np.float16]] = {}
    for first in range(0, len(texts), texts_at_once):
        some = texts[first : first + texts_at_once]
        found |= zip(some, (await embedder.embed(some)).astype(np.float16), strict=True)
    return found
