"""Makes the directory of the embedding model: model.onnx, tokenizer.json, manifest.json.

Needed once on a machine, or once in an image: `python -m services.memory.embedder.build DIRECTORY`.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from contextlib import suppress
from errno import EEXIST, ENOTEMPTY
from pathlib import Path

from services.kit.durable_files import sync
from services.memory.embedder import ModelUnusable
from services.memory.embedder.graph import (
    WEIGHTS_SHA256,
    load_weights,
    model_graph,
    weights_directory,
    write_quantised,
)
from services.memory.embedder.manifest import MODEL_FILE, TOKENIZER_FILE, verify, write_manifest


def build_model(directory: Path) -> None:
    """Leaves a whole model in the directory; does nothing where there is one.

    The directory appears complete or not at all, also when several processes build it at once or one is killed.
    Raises ModelUnusable when the published weights are not installed.
    """
    if _is_good(directory):
        return
    directory.parent.mkdir(parents=True, exist_ok=True)
    building = _beside(directory)
    # Not tempfile.mkdtemp: that is for its owner only, and an image is built by root and run by somebody else.
    building.mkdir()
    try:
        _write_model(building)
        _put_in_place(building, directory)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    sync(directory.parent)


def _write_model(directory: Path) -> None:
    source = weights_directory()
    weights = load_weights(source / "model.safetensors")
    write_quantised(model_graph(weights), directory / MODEL_FILE)
    shutil.copyfile(source / TOKENIZER_FILE, directory / TOKENIZER_FILE)
    write_manifest(directory, WEIGHTS_SHA256)
    for path in (*directory.iterdir(), directory):
        sync(path)


def _put_in_place(building: Path, directory: Path) -> None:
    while True:
        try:
            building.rename(directory)
        except OSError as error:
            if error.errno not in {EEXIST, ENOTEMPTY}:
                raise
        else:
            return
        # Somebody else was first, or a damaged model is in the way.
        if _is_good(directory):
            return
        _remove(directory)


def _remove(directory: Path) -> None:
    """Out of the way in one step, so that nobody opens half a model."""
    aside = _beside(directory)
    with suppress(FileNotFoundError):
        directory.rename(aside)
        shutil.rmtree(aside)


def _is_good(directory: Path) -> bool:
    try:
        verify(directory)
    except ModelUnusable:
        return False
    return True


def _beside(directory: Path) -> Path:
    """A new name on the same file system, so that a rename is atomic."""
    return directory.with_name(f".{directory.name}.{os.getpid()}.{secrets.token_hex(4)}")


def _main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python -m services.memory.embedder.build DIRECTORY")
    try:
        build_model(Path(sys.argv[1]).absolute())
    except ModelUnusable as error:
        sys.exit(f"segue: {error}")


if __name__ == "__main__":
    _main()
