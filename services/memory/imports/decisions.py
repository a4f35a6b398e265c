"""Detects decisions and corrections in a person's text, by rules (`decision_rules.py`) and not by a model.

The rules apply to prose only, sentence by sentence. What the text quotes, pastes, or hands over to be worked on (a text
to translate, a sentence to review) is somebody's words, but decides nothing; neither does a question or a supposition.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from services.kit.late_pattern import late_pattern
from services.memory.imports.decision_rules import CORRECTION, DECISION, RULES, Rule
from services.memory.imports.standing_rules import FROM_NOW_ON

__all__ = ["CORRECTION", "DECISION", "RULES", "Rule", "marks"]

sentences_max = 40
sentence_max_chars = 400
half_max_chars = sentences_max * sentence_max_chars // 2

_asks = late_pattern(
    r"[?\uff1f]\s*$|[\u5417\u5462]\s*$|か\s*$|^(?:should|shall|could|can|would|do(?! not\b)|does|did|is|are|was|what|which|how|when|where|who|whether|sollen|kannst"
    r"|puedes|peux)\b|^(?:please )?(?:show|tell|explain|list|describe) (?:me |us )?(?:what|how|why|which|whether|if|when|where)\b",
    re.IGNORECASE,
)
_supposes = late_pattern(
    r"^(?:and |but |so )?(?:if|suppose|assuming|imagine|maybe|perhaps|i think we (?:could|might)|i wonder|we could|in case)\b"
    r"|\bwhat if\b|\bi (?:think|guess|believe) (?:we )?(?:could|might)\b",
    re.IGNORECASE,
)
_looks = late_pattern(
    r"^(?:please |now )*(?:show|list|find|check|tell|see|explain|print|look|which|what)\b", re.IGNORECASE
)
_once = late_pattern(
    r"\b(?:just |only )?(?:this once|this time|for this one|for today|for the moment|so it (?:runs|is) faster)\b"
    r"|\bonce\b(?! (?:per|an?|each|every)\b)|\bfirst\b$|\bfor (?:later|a moment|a second)\b",
    re.IGNORECASE,
)
_for_good = late_pattern(
    "|".join([*(pattern for pattern, _ in FROM_NOW_ON), r"\b(?:more than|at most) once\b"]), re.IGNORECASE
)
# Work on a text: what it names, and what follows a colon, is not what the person says.
_works_on_text = late_pattern(
    r"^(?:please |can you |could you |now |then |also )*(?:translate|proofread|rewrite|rephrase|paraphrase|summari[sz]e|review"
    r"|polish|correct|fix the (?:typo|grammar|wording)|write|draft|explain|describe|search|grep|look for|find|cite|quote"
    r"|name the|commit with|change the (?:text|label|title|message)|add .{1,60} to |add a (?:section|sentence|note|comment)"
    r"|make it a rule in|generate|compare|answer|reply|ask(?! (?:before|first|me|us)\b)|read|use the (?:text|message)|übersetze|schreibe? |traduce|traduis)\b",
    re.IGNORECASE,
)
_hands_over = late_pattern(
    r"\b(?:translate|proofread|rewrite|rephrase|paraphrase|summari[sz]e|review|polish|correct|fix|write|draft|answer|reply"
    r"|add|comment|quote|message|text|says?|said|wrote|writes|übersetze|traduce|traduis)\b[^:\n]{0,80}:\s*(?=\S|$)",
    re.IGNORECASE,
)
_others_say = late_pattern(
    r"\b(?:customer|client|user|reviewer|designer|he|she|they|docs?|documentation|readme|runbook|abstract|article|comment"
    r"|linter|error|test|spec|log|output|page|book|article|colleague|boss)\b(?: \w+){0,3} (?:says?|said|wrote|writes|thinks?|claims?|suggests?|decided)\b",
    re.IGNORECASE,
)
# A report of what somebody else wants decides nothing, but may well correct.
_reports = late_pattern(
    r"^(?:he|she|they|(?:the|my|our|their) \w+) wants?\b|\b(?!i\b|we\b|you\b)\w+ (?:said|says|told|announced|insist(?:s|ed))\b"
    r"|\b(?!ich\b|wir\b)\w+ (?:sagte|sagten|sagt|meinte|meint|schrieb|schreibt|hat gesagt)\b|\b(?:dijo|dice|dicen|escribió)\b"
    r"|\b(?:il|elle|ils|client|chef)\b.{0,20} (?:a|ont) (?:dit|écrit)\b|\b(?:dit|disent) que\b|\b(?:ha|hanno) (?:detto|scritto)\b|\bdice che\b"
    r"|\b(?:disse|disseram|diz que)\b|\b(?!ik\b|we\b)\w+ (?:zei|zeiden|zegt)\b|\b(?!я\b)\w+ (?:сказал|сказала|сказали|говорит|говорят|написал)\b"
    r"|(?<!我)(?<!我们)(?:他|她|们|户|师|板|理)说|と(?:言|い)(?:った|って|い)|とのこと|라고 (?:했|말|하|합)|다고 (?:했|말|하|합)",
    re.IGNORECASE,
)
_quoted = late_pattern(
    r"\"[^\"\n]{3,400}\"|\u201c[^\u201d\n]{3,400}\u201d|\u201e[^\u201c\u201d\n]{3,400}[\u201c\u201d]|\u00ab[^\u00bb\n]{3,400}\u00bb"
    r"|(?<![\w`])'[^'\n]{3,400}'(?!\w)|`[^`\n]{3,400}`"
)
_fence = late_pattern(r"^\s*(?:```|~~~)")
_pasted = late_pattern(
    r"^(?:\s{4}|\t|>|\$ |[+-]{1,3} |\d{4}-\d\d-\d\d|\[\d|Traceback|\s*(?:at|File) |[\[{(<#|*/])|[;{}]\s*$|\w+\(.*\)\s*$"
    r"|^(?:[A-Z]+ )?(?:error|warn(?:ing)?|info|debug|fatal)\b[: ]|^\s*[|│⎿●✗✓]",
    re.IGNORECASE,
)
_ends = late_pattern(r"(?<=[.!?;])\s+|(?<=[\u3002\uff01\uff1f\uff1b])|\s+[\u2014\u2013]\s+")
_compiled = tuple((rule, late_pattern(rule.pattern, re.IGNORECASE)) for rule in RULES)


def marks(text: str) -> tuple[str, ...]:
    """The marks of a person's text, sorted; most texts have none."""
    found = {rule.mark for sentence in _sentences(text) for rule, pattern in _compiled if _is(rule, pattern, sentence)}
    return tuple(sorted(found))


def _is(rule: Rule, pattern: re.Pattern[str], sentence: str) -> bool:
    """Whether the rule matches; of questions, only one that blames can be a correction."""
    if not pattern.search(sentence):
        return False
    if rule.mark == CORRECTION:
        is_blame = sentence.lower().startswith(("why did you", "why are you"))
        return is_blame or not (sentence.endswith("?") or _supposes.search(sentence) or _looks.search(sentence))
    is_passing = _once.search(sentence) and not _for_good.search(sentence)
    return not (is_passing or any(each.search(sentence) for each in (_asks, _supposes, _reports)))


def _sentences(text: str) -> Iterator[str]:
    """The sentences of prose, up to the number that a prompt can reasonably have: its first ones and its last ones."""
    text = text.replace("\u2019", "'")
    if len(text) <= 2 * half_max_chars:
        yield from _own_sentences(text, sentences_max)
    else:
        yield from _own_sentences(text[:half_max_chars], sentences_max // 2)
        yield from _own_sentences(text[-half_max_chars:].partition("\n")[2], sentences_max // 2)


def _own_sentences(text: str, most: int) -> Iterator[str]:
    count = 0
    for line in _prose(text):
        handed_over = False
        for part in _ends.split(line):
            sentence = _quoted.sub("…", part[: 2 * sentence_max_chars])[:sentence_max_chars].strip(" -*")
            if not sentence or handed_over:
                continue
            if found := _hands_over.search(sentence):
                handed_over = bool(_works_on_text.search(sentence)) or found.end() >= len(sentence) - 1
            if _works_on_text.search(sentence) or _others_say.search(sentence):
                continue
            count += 1
            if count > most:
                return
            yield sentence


def _prose(text: str) -> Iterator[str]:
    """The lines that are neither code nor pasted."""
    fenced = False
    for line in text.splitlines():
        if _fence.match(line):
            fenced = not fenced
        elif not fenced and len(line) <= 4 * sentence_max_chars and not _pasted.search(line):
            yield line.strip()
