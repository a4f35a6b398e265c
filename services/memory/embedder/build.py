"""Builds the directory of the embedding model: model.onnx, tokenizer.json, manifest.json.

Needed once per machine or image: `python -m services.memory.embedder.build DIRECTORY`.
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
from services.memory.embedder.manifest import MANIFEST_FILE, MODEL_FILE, TOKENIZER_FILE, verify, write_manifest
from services.memory.embedder.packed import packed_model


def build_model(directory: Path) -> None:
    """Builds a complete model in the directory; does nothing if there is one.

    The directory appears complete or not at all, even if several processes build it at once or one is killed.
    Its files are those of the package `segue-model`, where that is installed; else they are made of the published
    weights. Raises ModelUnusable if there is neither.
    """
    if _is_good(directory):
        return
    directory.parent.mkdir(parents=True, exist_ok=True)
    building = _beside(directory)
    # Not tempfile.mkdtemp: its directory is private to the owner, but images are built by root and run by another user.
    building.mkdir()
    try:
        _write_model(building)
        _put_in_place(building, directory)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    sync(directory.parent)


def _write_model(directory: Path) -> None:
    if packed := packed_model():
        verify(packed)
        for name in (MODEL_FILE, TOKENIZER_FILE, MANIFEST_FILE):
            shutil.copyfile(packed / name, directory / name)
    else:
        _make_model(directory)
    for path in (*directory.iterdir(), directory):
        sync(path)


def _make_model(directory: Path) -> None:
    from services.memory.embedder.graph import (  # what it needs is not installed where nothing is built
        WEIGHTS_SHA256,
        load_weights,
        model_graph,
        weights_directory,
        write_quantised,
    )

    source = weights_directory()
    weights = load_weights(source / "model.safetensors")
    write_quantised(model_graph(weights), directory / MODEL_FILE)
    shutil.copyfile(source / TOKENIZER_FILE, directory / TOKENIZER_FILE)
    write_manifest(directory, WEIGHTS_SHA256)


def _put_in_place(building: Path, directory: Path) -> None:
    while True:
        try:
            building.rename(directory)
        except OSError as error:
            if error.errno not in {EEXIST, ENOTEMPTY}:
                raise
        else:
            return
        # Another process was first, or a damaged model is in the way.
        if _is_good(directory):
            return
        _remove(directory)


def _remove(directory: Path) -> None:
    """Renames it away in one step, so that no process opens half a model."""
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
