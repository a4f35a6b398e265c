"""Recognises narration: what an agent announces between its tools, such as "Let me read the file first.".

It is stored with its tool calls, and marked, so that a briefing can leave it out. A text that also tells a finding is
none.
"""

from __future__ import annotations

import re

narration_max_chars = 400

_ANNOUNCES = (
    r"let me|let's|i'?ll|i will|i'm going to|i am going to|i'm now going to|i need to|i want to|i should|i can now"
    r"|time to|next,? i|now i|first,? i|next up|next:|first:|now (?:for|to|the|let)\b"
    r"|(?:now |next |first )?(?:looking|checking|reading|searching|running|opening|inspecting|exploring|examining"
    r"|starting|verifying|updating|adding|fixing|writing|creating|testing|trying|reviewing)\b"
    r"|ich (?:werde|schaue|sehe|lese|prüfe|suche|öffne|starte|führe|mache|passe|schreibe)|schauen wir|lass mich"
    r"|als nächstes|je vais|voyons|regardons|commençons|voy a|vamos a|veamos|déjame|ahora voy"
)
_LEADS = (
    r"(?:(?:ok(?:ay)?|good|great|perfect|right|alright|sure|understood|got it|now|next|first|then|also|so|and|gut|also"
    r"|zuerst|jetzt|dann|d'abord|maintenant|ensuite|bien|primero|ahora)[,.!:\u2014-]?\s+){0,3}"
)
_announcement = re.compile(rf"{_LEADS}(?:{_ANNOUNCES})", re.IGNORECASE)
_filler = re.compile(
    r"(?:ok(?:ay)?|good|great|perfect|right|alright|sure|understood|got it|done|thanks|nice|excellent)[ a-z]{0,20}",
    re.IGNORECASE,
)
_tells = re.compile(
    r"\b(?:because|since|turns out|found that|instead of|decided|therefore|weil|denn|parce que|porque)\b",
    re.IGNORECASE,
)
_ends = re.compile(r"(?<=[.!:;])\s+|\n+")


def is_narration(text: str) -> bool:
    """Whether the text announces what comes next, and says nothing else."""
    if len(text) > narration_max_chars or "```" in text:
        return False
    sentences = [each.strip(" .!:;…\u2019") for each in _ends.split(text.replace("\u2019", "'")) if each.strip()]
    announced = [each for each in sentences if _announcement.match(each)]
    rest = [each for each in sentences if not _announcement.match(each) and not _filler.fullmatch(each)]
    return bool(announced) and not rest and not any(_tells.search(each) for each in announced)
