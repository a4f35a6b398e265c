"""`segue restore`: restores a backup to the data directory, all of it or nothing."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from services.cli import local_server
from services.cli.hooks.state_files import HOOK_LOG, HOOKS_DIRECTORY
from services.kit.backup import Manifest, PartContent, read_manifest, verify
from services.kit.durable_files import sync
from services.kit.errors import InvalidInput, ServiceError

FILES_OF_NO_CONTENT = {
    *(local_server.SERVER_LOCK, local_server.START_LOCK, local_server.LOG_FILE, f"{local_server.LOG_FILE}.1"),
    *("run", "program", HOOK_LOG, f"{HOOK_LOG}.1", HOOKS_DIRECTORY),  # hooks may have run already
}
_staging = ".restoring"


def run(options: argparse.Namespace) -> int:
    """Restores `options.directory` to the data directory: 1, with nothing changed, if that is impossible."""
    data_dir = local_server.default_data_dir()
    try:
        manifest = restore(options.directory.expanduser().absolute(), data_dir, verifiers())
    except ServiceError as problem:
        print(" ".join((f"segue restore: {problem.message}", *problem.suggestions)), file=sys.stderr)
        return 1
    except local_server.AlreadyServing as problem:
        print(f"segue restore: {problem}. End it first.", file=sys.stderr)
        return 3
    except OSError as problem:
        print(f"segue restore: {data_dir} cannot be used: {problem.strerror}.", file=sys.stderr)
        return 1
    counted = ", ".join(f"{count:,} {name}" for part in manifest.parts.values() for name, count in part.counts.items())
    print(f"Restored {counted} of {manifest.created_at} into {data_dir}")
    return 0


Verifier = Callable[[Path, PartContent], None]


def verifiers() -> Mapping[str, Verifier]:
    """For each part of a backup, the function that checks a copy of it against the manifest."""
    from services.memory.operations.verify_restored import verify_memory
    from services.quality.storage.backup import verify_quality
    from services.session.operations.backup import verify_session

    return {"memory": verify_memory, "quality": verify_quality, "session": verify_session}


def restore(backup: Path, data_dir: Path, verifiers: Mapping[str, Verifier]) -> Manifest:
    """Copies a valid backup into an empty data directory; InvalidInput if either is not."""
    manifest = read_manifest(backup)
    for name in manifest.parts:
        if name not in verifiers:
            raise InvalidInput(f"{backup} has a part {name!r} that this version of Segue does not know.")
    verify(backup, manifest)
    _require_keys(backup)
    _require_empty(data_dir)
    with local_server.hold(data_dir):
        _require_empty(data_dir)  # a server may have run since the first check
        staged = data_dir / _staging
        shutil.rmtree(staged, ignore_errors=True)
        try:
            _copy(backup, manifest, staged)
            for name, content in manifest.parts.items():
                verifiers[name](staged / name, content)
            _put_in_place(staged, data_dir, manifest)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    return manifest


def _require_keys(backup: Path) -> None:
    """Raises NotReady or InvalidInput if the key of an encrypted part is not available."""
    from services.memory.config import MemorySettings
    from services.session.config import SessionSettings

    memory, session = MemorySettings(directory=backup / "memory"), SessionSettings(directory=backup / "session")
    memory.place.backup_vault(memory.encryption_key_file)
    session.place.backup_vault(session.encryption_key_file)


def _require_empty(data_dir: Path) -> None:
    with suppress(FileNotFoundError):
        found = {path.name for path in data_dir.iterdir()} - FILES_OF_NO_CONTENT - {_staging}
        if found:
            raise InvalidInput(
                f"{data_dir} is not empty: it has {', '.join(sorted(found)[:5])}.",
                "Move it aside, or name another directory with SEGUE_DATA_DIR.",
            )


def _copy(backup: Path, manifest: Manifest, staged: Path) -> None:
    for file in manifest.files:
        target = staged / file.path
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(backup / file.path, target)
        target.chmod(0o600)
        sync(target)
    for folder, _, _ in os.walk(staged):
        os.chmod(folder, 0o700)  # noqa: PTH101  # a parent that mkdir made has other rights
        sync(Path(folder))
    verify(staged, manifest)  # reads the copy back from this disk


def _put_in_place(staged: Path, data_dir: Path, manifest: Manifest) -> None:
    try:
        for name in manifest.parts:
            (staged / name).rename(data_dir / name)
        sync(data_dir)
    except OSError:
        for name in manifest.parts:  # none was there before
            shutil.rmtree(data_dir / name, ignore_errors=True)
        raise
