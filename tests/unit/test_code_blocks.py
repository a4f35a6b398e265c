"""Every code block of the documents is one that works, as far as it can be seen without typing it, or says why not."""

from __future__ import annotations

import pytest

from tests.documents.code_blocks import ROOT, Block, blocks, documents, faults

ALL = [each for path in documents() for each in blocks(path.read_text(), path.relative_to(ROOT).as_posix())]


@pytest.mark.parametrize("block", ALL, ids=[each.place for each in ALL])
def test_a_block_of_the_documents_has_no_fault(block: Block) -> None:
    assert block.reason or not faults(block)


def test_no_block_is_overlooked() -> None:
    fences = sum(line.strip().startswith("```") for path in documents() for line in path.read_text().splitlines())
    assert fences == 2 * len(ALL) > 60
    assert not [path for path in documents() if "\n~~~" in path.read_text() or "<pre" in path.read_text()]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("", "segue remember everything\n"),
        ("", "SEGUE_URL=http://127.0.0.1:8377/mcp segue doctor --harder\n"),
        ("", ".venv/bin/segue status && .venv/bin/segue statsu\n"),
        ("", "cat memories | segue improt -\n"),
        ("", "segue export\n"),
        ("", "make everything\n"),
        ("", "make setup; make everything\n"),
        ("", "docker compose stop memroy\n"),
        ("", "docker compose exec session python -m services.cli token craete ada\n"),
        ("", "docker compose run --rm memory sh -c 'segue doctor --harder'\n"),
        ("", "docker compose cp memroy:/backups ./backups\n"),
        ("", ".venv/bin/python -m pytest tests/unit/test_nothing.py\n"),
        ("", "suego doctor\n"),
        ("", "for name in a b; do echo $name\n"),
        ("", "echo 'unended\n"),
        ("", "if true; then segue doctro; fi\n"),
        ("json", '{"a": }'),
        ("toml", "[a"),
        ("yaml", "a: [b"),
        ("python", "def"),
        ("cobol", "STOP RUN."),
    ],
)
def test_what_does_not_work_is_a_fault(language: str, text: str) -> None:
    assert faults(Block("here", language, text, ""))


@pytest.mark.parametrize(
    "text",
    [
        "segue retention shop --days 90   # conversations go\n",
        "cat > said.jsonl <<'END'\nsegue nothing of this is a command\nEND\nsegue import said.jsonl\n",
        "docker compose up --detach --wait --scale gateway=2\n",
        "SEGUE_WORKSPACE=/home/me/projects\n",
        "segue restore /backups/segue-<time>-<id>\n",
    ],
)
def test_what_works_is_none(text: str) -> None:
    assert faults(Block("here", "", text, "")) == []


def test_a_mark_needs_a_reason_and_stands_right_before_its_block() -> None:
    unsaid = "<!-- not tried: -->\n```\na\n```\ntext\n   ```\n   b\n   ```\n"
    one, other, third = blocks(f"<!-- not tried: a talk -->\n\n```\n> hello\n```\n\n{unsaid}", "x")
    assert (one.reason, other.reason, third.reason, third.text) == ("a talk", "", "", "b\n")
