"""What a turn is worth to whoever goes on: whether it asks for something, says something, leaves something open.

Rules, not a model: each can be explained, and takes microseconds. See `phrases.py` for what they know of languages.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from services.gateway.workflows.handoffs.phrases import (
    ACKNOWLEDGES,
    ANNOUNCES,
    COMMITS,
    CONSENTS,
    GOODBYES,
    REPORTS,
    THANKS,
    Phrases,
)
from services.kit.late_pattern import late_pattern

read_max_chars = 4_000
"""Of longer texts the beginning and the end are read."""
letters_min = 12
wide_letters_min = 5
"""An answer with fewer letters says nothing by itself; Chinese and Japanese need fewer."""
announcement_max_chars = 300
refers_max_words, refers_max_chars = 8, 60
points_max = 5
point_max_chars = 300
HOUSEKEEPING = frozenset(
    (
        *(
            "clear",
            "compact",
            "resume",
            "continue",
            "rewind",
            "fork",
            "rename",
            "exit",
            "quit",
            "help",
            "status",
            "cost",
        ),
        *(
            "usage",
            "context",
            "model",
            "login",
            "logout",
            "config",
            "doctor",
            "memory",
            "export",
            "vim",
            "theme",
            "ide",
        ),
        *("permissions", "hooks", "mcp", "agents", "commit", "push"),
    )
)
"""Commands of the client that ask the agent for nothing."""

_empty = Phrases(THANKS, GOODBYES, CONSENTS, COMMITS)
_idle = Phrases(THANKS, GOODBYES, CONSENTS, COMMITS, REPORTS)
_announces = Phrases(ANNOUNCES)
_acknowledges = Phrases(ACKNOWLEDGES)
_sentence_ends = late_pattern(r"(?<=[.!?…])[\"')\]]*\s+|(?<=[。！？])|\n+")
_clause_ends = late_pattern(
    r"[,;:!?.…](?=\s|$)|[。！？，、；：]|\s+[\u2014\u2013-]+\s+|\s(?:and|then|but|also|und|dann|aber|et|puis|mais|y|luego|pero)\s|\n",
    re.IGNORECASE,
)
_refers = late_pattern(
    r"^(?:yes|yep|yeah|no|nope|ja|nein|oui|non|sí|はい|いいえ|是的?|不)\b|\b(?:it|this|that|them|these|those|both|again|das|es|beides|ça|eso|esto)\b"
    r"|それ|これ|它|这个",
    re.IGNORECASE,
)
_wide = late_pattern(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_bullet = late_pattern(r"^\s*(?:[-*+•·]|\d{1,2}[.)]|\[[ x]\])\s+(?:\[[ x]\]\s+)?")
_markup = late_pattern(r"\*+|`+|^\s*(?:#+|>+)\s*", re.MULTILINE)

_next = (
    r"next(?: steps?| up| actions?)?|to[- ]?dos?|(?:what|then) comes next|nächste[rs]? schritte?|als nächstes|prochaines? étapes?|ensuite|à faire"
    r"|próximos? pasos?|siguientes? pasos?|次(?:は|に|の(?:ステップ|作業))?|今後|下一步|接下来|待办"
)
_open = (
    r"(?:still )?open(?: (?:points?|questions?|issues?|items?|tasks?))?|left(?: to do| open| over)?|remaining(?: (?:work|tasks?|items?|issues?))?|remains"
    r"|outstanding|not (?:yet )?done(?: yet)?|missing|pending|unfinished|unresolved|what(?:'s| is) left|still to do|still missing|follow-?ups?"
    r"|blocked(?: by| on)?|known (?:issues?|problems?|failures?)|noch offen|offene? (?:punkte|fragen)|offen|es fehlt|reste à faire|il reste|points ouverts"
    r"|pendientes?|queda(?:n)? por hacer|falta(?:n)?|残り(?:の作業)?|未対応|未完了|課題|剩下的?|未完成|尚未完成|遗留问题"
)
_heading = late_pattern(
    rf"^(?:(?P<next>{_next})|(?P<open>{_open}))(?:\s*[:：]\s*(?P<rest>.*)|\s+[\u2014\u2013-]\s+(?P<dashed>.*)|$)",
    re.IGNORECASE,
)
_says_next = late_pattern(
    r"\bnext(?:,| step| up)\b(?!.*\bi(?:'ll| will)\b)|\b(?:tomorrow|later today|in the next session|another time)\b"
    r"|\bals nächstes\b|\bmorgen\b|\bprochaine étape\b|\bdemain\b|\bpróximo paso\b|\bmañana\b|次(?:は|に)|明日|下一步|明天",
    re.IGNORECASE,
)
_says_open = late_pattern(
    r"\bstill (?:open|fail\w*|broken|crash\w*|missing|needs?|has to|have to|to do|todo|pending|left|red|flaky|unclear|unsolved|leaks?|hangs?)\b"
    r"|\b(?:has|have|needs?|remains?|ha[sd] yet|is yet|are yet|left) (?:still )?to be \w+|\bneeds? (?:a|an|new|more|another|some|manual|your)\b"
    r"|\bremains? (?:open|unclear|to|untested|broken)\b|\bleft to (?:do|port|fix|test)\b|\b(?:to ?do|fixme)\b"
    r"|\b(?:is|are|was|were) (?:still )?(?:missing|pending|open|untested|unfinished|undone|unclear|unresolved|blocked)\b"
    r"|\b(?:not|n't) (?:yet )?(?:done|finished|implemented|tested|handled|ported|covered|migrated|fixed|run|written|deployed|merged)(?: yet)?\b|\bnot yet\b"
    r"|\bn't .{1,60}\byet\b|\b(?:noch (?:offen|nicht|zu)|fehlt noch|fehlen noch|muss noch|müssen noch|bleibt noch|offen (?:ist|bleibt|sind))\b"
    r"|\b(?:reste à|il reste|restent à|pas encore)\b|\b(?:queda(?:n)? (?:por|pendiente)|todavía no|aún no|falta(?:n)?)\b"
    r"|残って|まだ|未(?:対応|完了|テスト|実装)|还没|尚未|未完成|还需要|仍然",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Points:
    """What an answer says is next, and what it says is open."""

    next: tuple[str, ...] = ()
    open: tuple[str, ...] = ()


def asks_for_something(text: str) -> bool:
    """Whether a prompt asks for more than thanks, consent, a goodbye or a commit."""
    if text.lstrip().startswith("/"):
        name, _, rest = text.strip()[1:].partition(" ")
        return name.casefold() not in HOUSEKEEPING or len(rest.split()) > 2
    return any(not _empty.make_up(each) for each in clauses(text))


def refers_back(text: str) -> bool:
    """Whether a prompt is so short that it can only be understood with the one before it, as `Fix both.` is."""
    words = len(text.split())
    return words <= refers_max_words and (words < 3 or bool(_refers.search(text))) and len(text) <= refers_max_chars


def is_substantial(text: str) -> bool:
    """Whether an answer says something by itself, apart from what it announces, reports in a word, or is polite about."""
    said = [each for each in sentences(text) if not _is_idle(each)]
    letters = "".join(each for each in "".join(said) if each.isalnum())
    return len(letters) >= (wide_letters_min if _wide.search(letters) else letters_min)


def says_a_little(text: str) -> bool:
    """Whether an answer says anything, however short, that is no announcement, report in a word or courtesy."""
    return any(not _is_idle(each) and any(map(str.isalnum, each)) for each in sentences(text))


def statements(text: str) -> list[str]:
    """The sentences that say something, and neither announce, report in a word, ask, nor head what follows."""
    found = (" ".join(_markup.sub("", _bullet.sub("", each)).split()) for each in sentences(text))
    return [each for each in found if is_substantial(each) and not each.endswith(("?", "？", ":", "："))]


def is_courtesy(text: str) -> bool:
    """Whether a text is thanks, consent, a goodbye or a report in a word, and nothing else."""
    return all(_idle.make_up(each) for each in clauses(text))


def points_of(text: str) -> Points:
    """What the answer says is next and open, in its own words."""
    found: dict[str, dict[str, None]] = {"next": {}, "open": {}}
    under = ""
    for line in _read(text).splitlines():
        item, is_item = _bullet.sub("", line), bool(_bullet.match(line))
        plain = " ".join(_markup.sub("", item).split())
        if under and (is_item or not plain):
            _note(found[under], plain)
            continue
        under = ""
        for sentence in sentences(plain):
            kind, point = _point(sentence)
            under = "" if point else kind
            if kind:
                _note(found[kind], point)
    return Points(tuple(found["next"])[:points_max], tuple(found["open"])[:points_max])


def sentences(text: str) -> list[str]:
    """The sentences of a text, each on one line."""
    found = (" ".join(each.split()) for each in _sentence_ends.split(_read(text)))
    return [each for each in found if each]


def clauses(text: str) -> Iterator[str]:
    """The parts of its sentences in lower case, without emoji and punctuation around them; nothing for an empty one."""
    plain = _markup.sub(" ", _read(text)).replace("\u2019", "'")
    for part in _clause_ends.split(plain):
        kept = "".join(each for each in part if unicodedata.category(each)[0] not in "SC" or each in "+=<>|~^")
        clause = " ".join(kept.split()).strip(" .,;:!?¡¿-()[]\"'")
        if any(each.isalnum() for each in clause):
            yield clause.replace(" ", "") if _wide.search(clause) else clause.casefold()


def _is_idle(sentence: str) -> bool:
    """Whether a sentence announces what was to be done next, or is courtesy or a report in a word."""
    plain = _markup.sub("", _bullet.sub("", sentence)).replace("\u2019", "'").strip()
    is_asked = plain.endswith(("?", "？"))
    if is_courtesy(plain) or _acknowledges.make_up(plain[:announcement_max_chars]):
        return True
    return _announces.make_up(plain.rstrip(" .:!…。：！")[:announcement_max_chars]) and not is_asked


def _point(sentence: str) -> tuple[str, str]:
    """Whether a sentence says what is `next` or `open`, and what that is; a heading alone says neither what."""
    if heading := _heading.match(sentence):
        return "next" if heading["next"] else "open", heading["rest"] or heading["dashed"] or ""
    kind = _kind(sentence)
    return kind, sentence if kind else ""


def _kind(sentence: str) -> str:
    if _is_idle(sentence):
        return ""
    if _says_open.search(sentence) or sentence.endswith(("?", "？")):
        return "open"
    return "next" if _says_next.search(sentence) else ""


def _note(points: dict[str, None], text: str) -> None:
    if any(each.isalnum() for each in text):
        points[text if len(text) <= point_max_chars else f"{text[: point_max_chars - 1]}…"] = None


def _read(text: str) -> str:
    if len(text) <= read_max_chars:
        return text
    return f"{text[: read_max_chars // 2]}\n{text[-read_max_chars // 2 :]}"
