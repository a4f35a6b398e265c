"""Encryption at rest through the public door: what is stored is in no file, and only its key brings it back."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from services.cli.__main__ import main
from services.kit.encryption.key_file import generate_key
from services.memory.config import KEY_FILE_SETTING
from services.memory.embedder.onnx import OnnxEmbedder
from tests.integration.calls import ask
from tests.integration.memory.test_deletion import delete
from tests.integration.operations.test_one_process import serve
from tests.integration.stack import ProcessStack, Stack, client, segue
from tests.torture.run import Torture, kill

CONTENT = "The walrus Obadiah counts lanterns behind the observatory."
TEXTS = {
    "content": "walrus Obadiah",
    "deleted content": "pelican Hezekiah",
    "metadata": "zinc-colored envelope",
    "tag": "marzipan-tag",
    "role": "night-watchman",
    "session": "vestibule-session",
    "project": "observatory-project",
    "link": "lanterns light both",
    "checkpoint's note": "varnish the telescope",
    "handoff": "marzipan for the pelicans",
}


class Keyed(ProcessStack):
    """Writes snapshots of its index often; with a key where there is one."""

    key_file: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        key = {KEY_FILE_SETTING: str(self.key_file)} if self.key_file else {}
        return super().environment | {"SEGUE_MEMORY_SNAPSHOT_EVERY_CHANGES": "2"} | key


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    generate_key(tmp_path / "key")
    return tmp_path / "key"


@pytest.fixture(autouse=True)
def others_may_read() -> Iterator[None]:
    """What is private is so without the help of the user's mask."""
    mask = os.umask(0o022)
    yield
    os.umask(mask)


async def needles(model: Path) -> dict[str, bytes]:
    """What must be in no file: the texts, and the beginning of the embedding in both widths."""
    async with OnnxEmbedder(model, workers=1) as embedder:
        vector = (await embedder.embed([CONTENT]))[0]
    halves, floats = vector.astype(np.float16), vector.astype(np.float16).astype(np.float32)
    vectors = {"float16": halves.tobytes()[:64], "float32": floats.tobytes()[:64]}
    return {name: text.lower().encode() for name, text in TEXTS.items()} | vectors


def files(*directories: Path) -> list[Path]:
    every = [path for directory in directories for path in (directory, *directory.rglob("*"))]
    return [path for path in every if "model" not in path.parts]


def found(sought: Mapping[str, bytes], *directories: Path) -> set[str]:
    contents = [path.read_bytes() for path in files(*directories) if path.is_file()]
    lowered = [content.lower() for content in contents]
    return {name for name, text in sought.items() if any(text in each for each in contents + lowered)}


def open_to_others(*directories: Path) -> list[str]:
    return [str(path) for path in files(*directories) if not path.is_symlink() and path.stat().st_mode & 0o077]


async def used(stack: Stack, work: Path) -> str:
    """Segue after a day's work: all that a user can say to it, and one memory deleted."""
    async with client(stack) as mcp:
        told = {"project": TEXTS["project"], "session_id": TEXTS["session"], "role": TEXTS["role"]}
        metadata = {"note": TEXTS["metadata"]}
        stored = await mcp.call_tool("store_conversation", {"content": CONTENT, "metadata": metadata} | told)
        for number in range(4):
            lesson = {"content": f"lesson {number} of the observatory", "tags": [TEXTS["tag"]]}
            await mcp.call_tool("store_reflection", lesson | {"project": TEXTS["project"]})
        await mcp.call_tool("store_reflection", {"content": "another", "project": "elsewhere"})
        link = {"source_project": TEXTS["project"], "target_project": "elsewhere", "description": TEXTS["link"]}
        await mcp.call_tool("link_projects", link | {"dependency_type": "related"})
        gone = await mcp.call_tool("store_reflection", {"content": f"The {TEXTS['deleted content']} left."})
        assert await delete(mcp, ids=[(gone.structured_content or {})["reflection_id"]]) == 1
        await mcp.call_tool("init", {"working_directory": str(work)})
        await mcp.call_tool("checkpoint", {"note": TEXTS["checkpoint's note"]})
        await mcp.call_tool("end", {"summary": TEXTS["handoff"]})
        return str((stored.structured_content or {})["conversation_id"])


async def lived(stack: ProcessStack, tmp_path: Path, sought: Mapping[str, bytes]) -> tuple[str, Path, set[str]]:
    """A day's work, a kill, a restart, a backup and an end: the memory's id, the backup, and what was ever found."""
    seen: set[str] = set()
    with stack:
        (tmp_path / "work").mkdir()
        stored = await used(stack, tmp_path / "work")
        seen |= found(sought, stack.data_dir)  # the logs are long now
        assert open_to_others(stack.data_dir) == []
        kill(stack)
        seen |= found(sought, stack.data_dir)
        stack.__enter__()
        done = segue(stack, "backup", tmp_path / "backups")
        assert done.returncode == 0, done.stderr
        assert open_to_others(stack.data_dir, tmp_path / "backups") == []
        seen |= found(sought, stack.data_dir, tmp_path / "backups")
    return stored, Path(done.stdout.splitlines()[-1]), seen | found(sought, stack.data_dir)


@pytest.mark.slow
async def test_without_a_key_all_that_is_sought_is_found(data: Path, tmp_path: Path, model_directory: Path) -> None:
    sought = await needles(model_directory)
    _, _, seen = await lived(Keyed(data), tmp_path, sought)
    assert set(sought) - seen <= {"float32"}  # embeddings are kept in half precision alone


@pytest.mark.slow
async def test_with_a_key_nothing_is_found_and_the_key_alone_brings_it_back(
    data: Path, tmp_path: Path, model_directory: Path, key_file: Path
) -> None:
    sought = await needles(model_directory)
    stack = Keyed(data)
    stack.key_file = key_file
    stored, backup, seen = await lived(stack, tmp_path, sought)
    assert seen == set()

    there = Keyed(tmp_path / "there")
    wrong = tmp_path / "wrong"
    generate_key(wrong)
    for key, said in ((None, "is not set"), (wrong, "is another one"), (tmp_path / "none", "cannot be read")):
        there.key_file = key
        refused = segue(there, "restore", backup)
        assert refused.returncode == 1
        assert said in refused.stderr
        assert not there.data_dir.exists()
    there.key_file = key_file
    assert segue(there, "restore", backup).returncode == 0
    (there.data_dir / "memory" / "model").symlink_to(model_directory)
    with there:
        memory = (await ask(there, "get_memory", id=stored))["memory"]
        assert (memory["content"], memory["metadata"]) == (CONTENT, {"note": TEXTS["metadata"]})
        assert (memory["role"], memory["session_id"]) == (TEXTS["role"], TEXTS["session"])
        assert memory["project"] == TEXTS["project"]
        query = {"query": "who counts the lights?", "project": TEXTS["project"], "limit": 1}
        assert (await ask(there, "reflect_on_past", **query))["results"][0]["id"] == stored
        assert (await ask(there, "list_project_links"))["links"][0]["description"] == TEXTS["link"]
        assert (await ask(there, "reflection_stats", project=TEXTS["project"]))["total_reflections"] == 4
        assert TEXTS["content"] in segue(there, "export", "-").stdout  # in clear, as the user wishes


@pytest.mark.slow
def test_a_server_refuses_a_key_that_others_can_read_before_it_writes_anything(
    tmp_path: Path, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_file.chmod(0o644)
    monkeypatch.setenv(KEY_FILE_SETTING, str(key_file))
    done = serve(tmp_path / "new")
    assert done.returncode == 1
    assert f"chmod 600 {key_file}" in done.stderr
    assert "Traceback" not in done.stderr
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"server.lock", "program"}


@pytest.mark.slow
async def test_what_is_there_is_encrypted_by_the_command_that_the_refusal_names(
    data: Path, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Keyed(data)
    with stack:
        async with client(stack) as mcp:
            await mcp.call_tool("store_reflection", {"content": CONTENT})
        monkeypatch.setenv("SEGUE_DATA_DIR", str(data))
        assert main(["key", "encrypt", str(key_file)]) == 3  # while it serves
    monkeypatch.setenv(KEY_FILE_SETTING, str(key_file))
    refused = serve(data)
    assert f"segue key encrypt {key_file}" in refused.stderr
    encrypted = segue(stack, "key", "encrypt", key_file)
    assert encrypted.returncode == 0, encrypted.stderr
    stack.key_file = key_file
    with stack:
        results = (await ask(stack, "reflect_on_past", query=CONTENT, limit=1))["results"]
        assert results[0]["content"] == CONTENT
    monkeypatch.delenv(KEY_FILE_SETTING)
    refused = serve(data)
    assert refused.returncode == 1
    assert f"{KEY_FILE_SETTING} is not set" in refused.stderr


@pytest.mark.slow
async def test_nothing_acknowledged_is_lost_in_two_kills_of_an_encrypted_one(data: Path, key_file: Path) -> None:
    torture = Torture(data, 11, {KEY_FILE_SETTING: str(key_file)})
    for _ in range(2):
        await torture.round()
    assert torture.counts.clean, str(torture.counts)
