"""Wherever a text is cut, no part of a secret is kept that is longer than a few characters."""

from __future__ import annotations

import pytest

from services.kit.redaction import redact
from services.memory.imports.clipping import clip_line, clip_middle
from services.memory.imports.tool_calls import Doings, Failures, line_max_chars
from tests.security.redaction.corpus import Line, secret_lines

FEW_CHARS = 4
"""So many characters of a secret may stand elsewhere by chance."""


def secrets_of(line: Line) -> list[str]:
    return [line.text[start:end] for start, end in line.secrets]


def has_part(text: str, secret: str) -> bool:
    """Whether a part of the secret is there that is longer than a few characters."""
    size = FEW_CHARS + 1
    return any(secret[at : at + size] in text for at in range(max(1, len(secret) - size + 1)))


def is_found(line: Line) -> bool:
    """Whether redaction leaves nothing of the line's secrets when it sees all of it: cutting is measured, not rules."""
    redacted = redact(line.text).text
    return all(len(each) > 3 * FEW_CHARS and not has_part(redacted, each) for each in secrets_of(line))


FOUND = [line for line in secret_lines() if is_found(line)]


def paddings(line: Line) -> range:
    """So much before the line that the cut goes through every place of its first secret."""
    start, end = line.secrets[0]
    return range(max(0, line_max_chars - end - 1), max(1, line_max_chars - start + 2))


def test_most_of_the_corpus_is_tried() -> None:
    assert len(FOUND) >= 300


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_a_line_that_is_cut_anywhere_keeps_no_part_of_a_secret(part: int) -> None:
    for line in FOUND[part::8]:
        for padding in paddings(line)[:: 3 if len(paddings(line)) > 60 else 1]:
            cut = clip_line(f"{'y ' * (padding // 2)}{' ' * (padding % 2)}{line.text}", line_max_chars)
            assert not any(has_part(cut, each) for each in secrets_of(line)), line.text[:40]


def test_a_text_that_is_cut_in_its_middle_keeps_no_part_of_a_secret() -> None:
    for line in FOUND[::5]:
        for offset in range(0, 120, 7):
            text = f"{'z ' * 100}{'z' * offset}\n{line.text}\n{'x ' * 400}\n{line.text}\n{'y' * offset} {'y ' * 80}"
            kept = clip_middle(text, 700, 260).text
            assert not any(has_part(kept, each) for each in secrets_of(line)), line.text[:40]


def test_a_failures_line_is_taken_out_of_a_text_without_secrets() -> None:
    inner = "error" + "Qk3vJ8sT0pWz" * 4  # the line that tells most, were it not a key's
    output = f"-----BEGIN RSA PRIVATE KEY-----\n{inner}\n{inner[::-1]}\n-----END RSA PRIVATE KEY-----\n"
    failures, doings = Failures(), Doings()
    doings.record_call({"id": "t", "name": "Bash", "input": {"command": "cat key.pem"}})
    failures.take({"tool_use_id": "t", "is_error": True, "content": output}, doings, "m")
    assert not has_part(repr(doings.metadata()), inner)
