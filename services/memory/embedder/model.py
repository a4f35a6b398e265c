"""The loaded model: one text in, one vector out, in the calling thread."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from services.memory.embedder import DIMENSIONS, TOKENS_MAX, ModelUnusable
from services.memory.embedder.manifest import MODEL_FILE, TOKENIZER_FILE, unusable, verify

if TYPE_CHECKING:  # without them the service matches by words alone
    import onnxruntime
    from tokenizers import Tokenizer

# 256 tokens are about 1,200 characters of English. Longer texts are cut here rather than in the tokenizer, whose
# running time grows with the whole text.
_CHARACTERS_MAX = 16_384
# A tokenizer spells out, letter by letter, what it has no pieces for: scripts that the model was not trained on. On
# notes in eight such scripts less than 0.3 of the letters are in longer pieces, in Latin ones more than 0.7.
_KNOWN_MIN = 0.5
OVERFLOWING = (
    b'\x08\x08:\xd6\x08\n\x18\n\x01a\n\x01b\x12\x01c"\rMatMulInteger\x12\x01p'
    b"*\x8c\x08\x08@\x08\x10\x10\x03B\x01bJ\x80\x08"
    b"%s"
    b"Z\x13\n\x01a\x12\x0e\n\x0c\x08\x02\x12\x08\n\x02\x08\x01\n\x02\x08@"
    b"b\x13\n\x01c\x12\x0e\n\x0c\x08\x06\x12\x08\n\x02\x08\x01\n\x02\x08\x10B\x04\n\x00\x10\x11"
) % (b"\x7f" * 1024)
"""An ONNX model: 64 unsigned bytes, `a`, times 64 by 16 weights of 127."""


class Model:
    """Tokenizer and inference session. Thread-safe.

    Texts are never batched into one tensor. The int8 model scales activations by the range of the whole tensor, so the
    other texts of a batch would change a text's vector (mean cosine 0.990, no better than the quantisation itself), and
    little would be gained: 32 texts of 89 tokens take longer per text in one batch than one at a time.
    """

    def __init__(self, session: onnxruntime.InferenceSession, tokenizer: Tokenizer) -> None:
        self._session = session
        self._tokenizer = tokenizer

    def embed(self, text: str) -> tuple[NDArray[np.float32], int]:
        """The vector [dimensions] of unit length, and how many tokens went into it; zeros for an unknown script."""
        encoded = self._tokenizer.encode(encodable(text[:_CHARACTERS_MAX]))
        tokens = encoded.ids
        if known_share(encoded.tokens) < _KNOWN_MIN:
            return np.zeros(DIMENSIONS, np.float32), len(tokens)
        ids = np.array([tokens], dtype=np.int32)
        outputs = self._session.run(["embedding"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        embedding: NDArray[np.float32] = outputs[0][0]
        return embedding, len(tokens)


def open_model(directory: Path, *, intra_op_threads: int = 1) -> Model:
    """Opens a model directory that `build.py` made. Raises ModelUnusable unless its checksums are right,
    or if the libraries to run it are missing."""
    verify(directory)
    try:
        session = inference_session(directory / MODEL_FILE, intra_op_threads)
        return Model(session, _tokenizer(directory / TOKENIZER_FILE))
    except ImportError as error:
        raise ModelUnusable(f"What runs the embedding model is not installed ({error}).") from error
    # Neither library documents its errors, and the checksums were right: this version cannot read the files.
    except Exception as error:
        raise unusable(directory, f"it does not load ({error})") from error


def known_share(tokens: Sequence[str]) -> float:
    """The share of a text's letters that the tokenizer knows as parts of words; 1 where there are no letters.

    Single ASCII letters say nothing: they are parts of identifiers and hashes.
    """
    known = spelled = 0
    for token in tokens:
        piece = token.removeprefix("##")
        if token in _SPECIAL:
            continue
        if token == _UNKNOWN or (len(piece) == 1 and piece.isalpha() and not piece.isascii()):
            spelled += 1
        elif len(piece) > 1:
            known += sum(map(str.isalpha, piece))
    return known / (known + spelled) if known + spelled else 1.0


_UNKNOWN = "[UNK]"
_SPECIAL = frozenset({"[CLS]", "[SEP]"})


def encodable(text: str) -> str:
    """The text as the tokenizer takes it: halves of a surrogate pair are joined, lone ones replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def inference_session(path: Path, intra_op_threads: int) -> onnxruntime.InferenceSession:
    """Of the ONNX file at `path`; integers are multiplied exactly, on every processor."""
    return _session(path, intra_op_threads, by_unsigned=not multiplies_exactly())


@cache
def multiplies_exactly() -> bool:
    """Whether onnxruntime's usual kernel of int8 weights is exact on this processor; tried out, as nothing tells.

    Without VNNI an x86-64 adds pairs of products in 16 bits, which overflow.
    """
    session = _session(OVERFLOWING, 1, by_unsigned=False)
    (found,) = session.run(None, {"a": np.full((1, 64), 255, np.uint8)})
    return bool((found == 64 * 127 * 255).all())


def _session(model: Path | bytes, intra_op_threads: int, *, by_unsigned: bool) -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = intra_op_threads
    # A thread that spins while waiting takes the core from the event loop and other processes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if by_unsigned:  # products of unsigned bytes do not overflow anywhere, and take half as long again
        options.add_session_config_entry("session.x64quantprecision", "1")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _tokenizer(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    tokenizer: Tokenizer = Tokenizer.from_file(str(path))
    # The file sets 128, and padding to 128.
    tokenizer.enable_truncation(TOKENS_MAX)
    tokenizer.no_padding()
    return tokenizer
