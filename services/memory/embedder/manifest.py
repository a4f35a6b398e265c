"""The manifest of a built model: its name, and the checksums of its files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from services.memory.embedder import DIMENSIONS, MODEL, TOKENS_MAX, ModelUnusable

MODEL_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"
MANIFEST_FILE = "manifest.json"


def write_manifest(directory: Path, weights_sha256: str) -> None:
    """Writes the manifest of the model and tokenizer files in the directory."""
    checksums = {name: _sha256(directory / name) for name in (MODEL_FILE, TOKENIZER_FILE)}
    manifest = {
        "model": MODEL,
        "dimensions": DIMENSIONS,
        "max_tokens": TOKENS_MAX,
        "sha256": checksums | {"weights": weights_sha256},
    }
    (directory / MANIFEST_FILE).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def verify(directory: Path) -> None:
    """Raises ModelUnusable unless this is the model that this version of Segue uses, undamaged."""
    try:
        manifest = json.loads((directory / MANIFEST_FILE).read_bytes())
        _check(directory, manifest)
    except OSError as error:
        raise unusable(directory, f"{error.filename} cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise unusable(directory, f"{MANIFEST_FILE} is not a manifest") from error


def unusable(directory: Path, what: str) -> ModelUnusable:
    """The error for an unusable model directory, with the way to fix it."""
    return ModelUnusable(
        f"the embedding model in {directory} cannot be used: {what}. "
        "Delete that directory and start again, it is then built anew; in a container, rebuild the image."
    )


def _check(directory: Path, manifest: dict[str, Any]) -> None:
    if (manifest["model"], manifest["dimensions"]) != (MODEL, DIMENSIONS):
        raise unusable(directory, f"it is {manifest['model']}, and {MODEL} is needed")
    for name in (MODEL_FILE, TOKENIZER_FILE):
        if _sha256(directory / name) != manifest["sha256"][name]:
            raise unusable(directory, f"{name} is damaged, its checksum is not the manifest's")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
