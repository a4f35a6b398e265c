"""The `stack` fixture: the same scenarios on one process and on compose."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.integration.stack import ComposeStack, ProcessStack, Stack


@pytest.fixture(scope="session", params=["process", pytest.param("compose", marks=pytest.mark.containers)])
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running Segue; each scenario uses a project of its own."""
    made: Stack = ComposeStack() if request.param == "compose" else ProcessStack(tmp_path_factory.mktemp("segue"))
    with made:
        yield made


@pytest.fixture
def project() -> str:
    """A project nobody else has."""
    return f"project-{secrets.token_hex(4)}"
