"""Encryption at rest in compose, by the commands of deploy/README.md."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.stack import ComposeStack, documented

pytestmark = pytest.mark.containers

MEMORY_USER = 10001
KEY_DIRECTORY = "/etc/segue/key"


@pytest.fixture
def key_directory(tmp_path: Path) -> Path:
    """As the document's first line makes it."""
    directory = tmp_path / "key"
    directory.mkdir(mode=0o700)
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory to another user")
    os.chown(directory, MEMORY_USER, MEMORY_USER)
    return directory


@pytest.fixture
def memory() -> Iterator[ComposeStack]:
    """The memory service alone, which needs nobody."""
    stack = ComposeStack()
    try:
        stack.compose("up", "--build", "--detach", "--wait", "memory")
        yield stack
    finally:
        stack.compose("down", "--volumes", "--remove-orphans")


def test_what_is_stored_is_encrypted_and_without_the_key_memory_does_not_start(
    memory: ComposeStack, key_directory: Path
) -> None:
    (making,) = documented("key generate", KEY_DIRECTORY, str(key_directory))
    memory.compose(*making)
    encrypted = memory.with_settings(
        COMPOSE_FILE="compose.yaml:deploy/encryption/compose.yaml",
        SEGUE_MEMORY_ENCRYPTION_KEY_FILE=str(key_directory / "memory.key"),
    )
    for command in documented("key encrypt", KEY_DIRECTORY, str(key_directory)):
        encrypted.compose(*command)
    encrypted.compose("stop", "memory")
    status = ["python", "-m", "services.cli", "key", "status", "--directory", "/data"]
    assert "/data is encrypted" in encrypted.compose("run", "--rm", "--no-deps", "--no-TTY", "memory", *status)
    assert memory.attempted("up", "--detach", "--wait", "memory").returncode != 0
    assert "are encrypted, and SEGUE_MEMORY_ENCRYPTION_KEY_FILE is not set" in memory.compose("logs", "memory")
