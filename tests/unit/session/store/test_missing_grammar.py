"""Bash's grammar is installed with the session service; commands that only move its store run without it."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT = """
import sys
class Hidden:
    def find_spec(self, name, *_):
        if name.split(".")[0] in {"tree_sitter", "tree_sitter_bash"}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Hidden())
"""


@pytest.mark.parametrize(
    "module",
    [
        "services.session.operations.backup",
        "services.session.store.reencryption",
        "services.cli.commands.restore",
        "services.cli.commands.key",
        "services.cli.commands.token",
    ],
)
def test_what_only_moves_a_store_needs_no_grammar(module: str) -> None:
    subprocess.run([sys.executable, "-c", f"{WITHOUT}import {module}"], check=True)
