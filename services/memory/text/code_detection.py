"""Detects code in a text: a fenced or indented block, a diff, a traceback, or lines that look like statements.

Reads each line once and skips overlong ones: linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from services.kit.late_pattern import late_pattern

line_max_chars = 300
lines_min = 2
"""Lines that look like code needed to detect code; of those that only code has, one suffices."""

_certain = late_pattern(
    r"""\s*(?:```|~~~)
    |diff\ --git\ |@@\ -\d+(?:,\d+)?\ \+\d+|\#!/
    |Traceback\ \(most\ recent\ call\ last\)|\s+File\ "[^"]+",\ line\ \d+|\s+at\ [\w.$<>/]+\(""",
    re.VERBOSE,
)
_statement = late_pattern(
    r"""\s*(?:
        (?:async\ )?def\ \w+\(|class\ \w+[(:{]|from\ [\w.]+\ import\ |package\ \w+(?:\.\w+)*;?\s*$
        |import\ (?:[{*"'<(]|[\w.]+(?:\ as\ \w+)?(?:,\ ?[\w.]+)*;?\s*$|(?:static|type)\ .*;|[\w{}, *]+\ from\ ["'])
        |return(?:;|\ \w+|\ (?=[^\s.]*[\d("'\[{_+*/=<>.-])[^;]{1,80})?(?<!\.);?\s*$
        |@\w+(?:\.\w+)*(?:\(.*\))?\s*$
        |(?:export\ |public\ |private\ |static\ |pub\ )*(?:function|func|fn|const|let|var|struct|enum|interface
            |impl|type)\ \w+.*[({=;]
        |export\ default\ |(?:try|else|finally):\s*$|for\ \w+(?:,\ \w+)*\ in\ \S.*:\s*$|except\b.*:\s*$
        |(?:if|elif|while|with)\ .*[=<>()\[\]_].*:\s*$|[\w.]+!?\(.*\)\s*$
        |\}|\#include\ |</?\w+[^>]*>\s*$
        |[\w.\[\]]+(?:,\ ?[\w.\[\]]+){0,4}\ :=\ \S
        |[\w.\[\]"']+\ ?[-+*/|:]?=\ ?\S+.*[;)\]}"']\s*$
        |\S+;\s*$|.*\{\s*$
    )""",
    re.VERBOSE,
)
_ended_statement = late_pattern(r"\w\(|[=\[\]{}]|->|::")
_sql = late_pattern(
    r"""\s*(?:
        select\ (?:distinct\ )?(?:\*|[\w.()"*]+(?:\ as\ \w+)?(?:,\ *[\w.()"*]+(?:\ as\ \w+)?)*)(?:\ from\ [\w."]+.*)?,?
        |insert\ into\ \w+.*|update\ [\w."]+\ set\ \w+.*|delete\ from\ \w+.*
        |(?:create|alter|drop)\ (?:table|index|view)\ \S+.*|from\ [\w."]+(?:\ \w+)?,?
        |(?:(?:left|right|inner|outer|full|cross)\ )*join\ \w+.*|where\ .*(?:[=<>]|\ (?:in|is|like)\ ).*
        |(?:group|order)\ by\ [\w."]+.*|set\ \w+\ ?=.*|values\ ?\(.*)(?<![.?!:])\s*$""",
    re.VERBOSE | re.IGNORECASE,
)
_one_line_sql = late_pattern(
    r"""\s*(?:select\b.{1,200}\bfrom\ [\w."]+\ (?:where|join|left|inner|group|order|limit)\b|select\ \*\ from\ \w
        |insert\ into\ [\w."]+\ ?\(|delete\ from\ [\w."]+\ where\ |update\ [\w."]+\ set\ \w+\ ?=
        |(?:create|alter)\ table\ (?:if\ not\ exists\ )?[\w."]+\ ?(?:\(|add|drop|rename))""",
    re.VERBOSE | re.IGNORECASE,
)
_shell = late_pattern(
    r"""\s*(?:(?:\$|%|>)\ )?(?:sudo\ )?(?:
        (?:cd|ls|cp|mv|rm|mkdir|cat|echo|grep|sed|awk|find|curl|wget|chmod|chown|ssh|scp|tar|export|source|kill
            |python3?|node|make|pytest|go|java|psql|systemctl|journalctl|tail|head|xargs|rsync|touch|test|env)[ ]
            (?=.*(?:(?<=\s)-{1,2}[A-Za-z]|\s[|>&]{1,2}\s|\$[{(\w]|\w/|\./|~/|\w\.\w|\w=\S)).*
        |(?:git|npm|pnpm|yarn|pip3?|uv|docker|kubectl|cargo|apt|apt-get|brew|poetry|helm|terraform|npx)
            \ [a-z][\w-]*(?:\ \S+){0,7}
        |(?:if|while)\ \[.*\](?:;\ *(?:then|do))?|for\ \w+\ in\ .*;\ *do|then|else|fi|do|done|esac
        |(?:FROM|RUN|COPY|ENTRYPOINT)\ \S+.*
        )(?<![.?!:,])\s*$|\s*\$\ \w""",
    re.VERBOSE,
)
_indented = late_pattern(r"(?:\ {4}|\t)\s*(?![-*\u2022>\s]|\d+[.)]\s)\S", re.VERBOSE)
_symbol = late_pattern(r"[(){}\[\]=;<>_$|\\]|\w[./:]\w")


def has_code(content: str) -> bool:
    """Whether the text contains code."""
    lines = content.splitlines()
    seen = 0
    for line in lines:
        if len(line) > line_max_chars or not line.strip():
            continue
        if _certain.match(line) or _one_line_sql.match(line):
            return True
        seen += _looks_like_code(line)
        if seen >= lines_min:
            return True
    return _has_indented_block(lines)


def _looks_like_code(line: str) -> bool:
    if _statement.match(line) or _sql.match(line) or _shell.match(line):
        return True
    return line.rstrip().endswith(";") and bool(_ended_statement.search(line))


def _has_indented_block(lines: Sequence[str]) -> bool:
    """Whether there is a block of two or more lines after an empty one, half of which have signs of code."""
    begins, block, signs = True, 0, 0
    for line in lines:
        if len(line) <= line_max_chars and (block or begins) and _indented.match(line):
            block += 1
            signs += bool(_symbol.search(line))
            if block >= lines_min and 2 * signs >= block:
                return True
        else:
            block, signs, begins = 0, 0, not line.strip()
    return False
