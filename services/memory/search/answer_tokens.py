"""About how many tokens a result costs whoever reads it, as text and as structured content, with all its fields.

Estimated from the characters by the kinds of runs that public tokenizers make one token of; rather too many than too
few (a test holds it against a tokenizer).
"""

from __future__ import annotations

import json
import re

from services.memory.domain.queries import Found

answer_tokens = 95
"""What surrounds the results, in both forms."""
_result_tokens = 108
"""The names of a result's fields, its score and its time, in both forms."""
_run = re.compile(r"[^\W\d_]{1,7}|\d{1,3}|[^\w\s]+|_|\s{2,}")


def estimated_tokens(text: str) -> int:
    """Of any text."""
    rare = 0 if text.isascii() else sum(ord(character) > _common for character in text)
    return sum(1 + (len(run) > 4 and not run.isalpha()) for run in _run.findall(text)) + rare * 2 // 3


_common = 0x24F
"""Beyond the Latin letters, most tokenizers need a token for a character or two."""


def fields_tokens(found: Found) -> int:
    """Of a result in both forms, without its content."""
    memory = found.memory
    twice = (memory.id, memory.project, memory.role)
    once = (memory.session_id, memory.author, *memory.tags, *found.folded_ids)
    beside = [each.content for each in (found.before, found.after) if each]
    metadata = json.dumps(dict(memory.metadata)) if memory.metadata else ""
    tokens = 2 * sum(map(estimated_tokens, twice)) + sum(map(estimated_tokens, (*once, *beside, metadata)))
    return tokens + _result_tokens
