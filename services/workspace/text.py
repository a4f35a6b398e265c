"""The text of a file in whatever encoding a tool or a shell wrote it.

PowerShell's `>` writes UTF-16, other tools a byte order mark.
"""

from __future__ import annotations

import codecs

from services.kit.late_pattern import late_pattern

wide_letters = late_pattern(r"[\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff\u0e00-\u0e7f]")
"""Letters of scripts that write words without spaces between them, or a word in two or three letters."""
_marks = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def text_of(content: bytes) -> str:
    """The text, by its byte order mark or as UTF-8; what is neither is replaced."""
    encoding = next((name for mark, name in _marks if content.startswith(mark)), "utf-8")
    return content.decode(encoding, "replace")
