"""The embedder of a running service: the ONNX model behind worker threads, a queue and a cache."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from services.kit.errors import Unavailable
from services.kit.observability import telemetry
from services.memory.embedder import DIMENSIONS, MODEL
from services.memory.embedder.cache import EmbeddingCache
from services.memory.embedder.model import Model, open_model
from services.memory.embedder.waiting import INTERACTIVE_TEXTS_MAX, Position, Request, WaitingTexts

_labels: telemetry.Attributes = {"gen_ai.operation.name": "embeddings", "gen_ai.request.model": MODEL}


class _Opened(NamedTuple):
    model: Model
    executor: ThreadPoolExecutor
    loop: asyncio.AbstractEventLoop


class OnnxEmbedder:
    """Implements Embedder. Opened with `async with`; that raises ModelUnusable for a missing or damaged model.

    `workers` texts are embedded at the same time, each on `intra_op_threads` cores: more workers for throughput, more
    threads for the latency of long texts on an idle machine. Up to `embed_queue_max` texts wait, queries before
    imports.
    """

    model = MODEL
    dimensions = DIMENSIONS

    def __init__(
        self,
        directory: Path,
        *,
        embed_queue_max: int = 4096,
        workers: int | None = None,
        intra_op_threads: int = 1,
    ) -> None:
        self._directory = directory
        self._waiting = WaitingTexts(embed_queue_max)
        self._workers = workers or min(2, os.cpu_count() or 1)
        self._intra_op_threads = intra_op_threads
        self.cache = EmbeddingCache()
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._opened: _Opened | None = None

    @property
    def texts_waiting(self) -> int:
        """The number of texts that no worker has taken yet."""
        return len(self._waiting)

    async def __aenter__(self) -> Self:
        executor = ThreadPoolExecutor(self._workers, thread_name_prefix="embed")
        opening = partial(open_model, self._directory, intra_op_threads=self._intra_op_threads)
        loop = asyncio.get_running_loop()
        try:
            model = await loop.run_in_executor(executor, opening)
        except BaseException:
            executor.shutdown(wait=False)
            raise
        self._opened = _Opened(model, executor, loop)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Waits for texts in progress; waiting ones get Unavailable."""
        opened, self._opened = self._opened, None
        for request in self._waiting.drop_all():
            _fail(request, Unavailable("the embedder is closing"))
        await self._idle.wait()
        if opened:
            opened.executor.shutdown()

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See Embedder. Up to eight texts count as a query: they go before larger requests and are cached."""
        # An import would only evict the queries from the cache.
        embeddings = await (
            self._cached_embeddings(texts) if len(texts) <= INTERACTIVE_TEXTS_MAX else self._infer(texts)
        )
        embeddings.flags.writeable = False
        return embeddings

    async def _cached_embeddings(self, texts: Sequence[str]) -> NDArray[np.float32]:
        known = [self.cache.get(self.model, text) for text in texts]
        missing = [position for position, embedding in enumerate(known) if embedding is None]
        embeddings = np.empty((len(texts), self.dimensions), dtype=np.float32)
        for position, embedding in enumerate(known):
            telemetry.looked_up("embedding", hit=embedding is not None)
            if embedding is not None:
                embeddings[position] = embedding
        if missing:
            embeddings[missing] = await self._infer([texts[position] for position in missing])
        for position in missing:
            self.cache.put(self.model, texts[position], embeddings[position])
        return embeddings

    async def _infer(self, texts: Sequence[str]) -> NDArray[np.float32]:
        request = Request(texts, asyncio.get_running_loop().create_future())
        took = telemetry.duration("segue.embedding.duration", "Duration of embedding what one call sends")
        with telemetry.operation("embed", took, _labels) as embedding:
            self._waiting.put(request)
            try:
                self._start_workers()
                await request.done
            finally:
                # If the caller is cancelled, the rest is not needed.
                self._waiting.drop(request)
            counts = {"segue.texts": len(texts), "gen_ai.usage.input_tokens": sum(request.token_counts)}
            embedding.span.set_attributes(counts)
        return request.embeddings

    def _start_workers(self) -> None:
        if self._opened is None:
            raise Unavailable("the embedder is not open")
        while self._busy < self._workers and (batch := self._waiting.take()):
            self._busy += 1
            self._idle.clear()
            self._opened.executor.submit(self._work, self._opened, batch)

    def _work(self, opened: _Opened, batch: list[Position]) -> None:
        """Runs in a worker thread and reports to the event loop itself: a future would cost one more loop iteration."""
        error: Exception | None = None
        try:
            _embed_batch(opened.model, batch)
        except Exception as caught:
            error = caught
        opened.loop.call_soon_threadsafe(self._finish_batch, batch, error)

    def _finish_batch(self, batch: list[Position], error: Exception | None) -> None:
        self._busy -= 1
        for request, _ in batch:
            request.finished += 1
            if error is not None:
                self._waiting.drop(request)
                _fail(request, error)
            elif request.finished == len(request.texts) and not request.done.done():
                request.done.set_result(None)
        if self._opened is not None:
            self._start_workers()
        if not self._busy:
            self._idle.set()


def _embed_batch(model: Model, batch: list[Position]) -> None:
    """Every position belongs to one worker, so no two workers write to the same place."""
    for request, position in batch:
        # The caller may have been cancelled meanwhile.
        if not request.done.done():
            embedding, request.token_counts[position] = model.embed(request.texts[position])
            request.embeddings[position] = embedding


def _fail(request: Request, error: Exception) -> None:
    if not request.done.done():
        request.done.set_exception(error)
