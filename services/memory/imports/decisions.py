"""Detects decisions and corrections in a user's text. Rules, not a model; each has an example it matches.

The rules apply to prose only, sentence by sentence: pasted code, logs and quotations are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

DECISION, CORRECTION = "decision", "correction"
sentences_max = 40
sentence_max_chars = 400

_choose = (
    r"(?:use|using|go(?:ing)? with|stick(?:ing)? (?:with|to)|stay(?:ing)? (?:with|on)|switch(?:ing)? to|mov(?:e|ing) to"
    r"|adopt(?:ing)?|drop(?:ping)?|keep(?:ing)?|avoid(?:ing)?|settl(?:e|ing) (?:on|for)|standardi[sz](?:e|ing) on"
    r"|store|storing|put(?:ting)?|nam(?:e|ing)|call(?:ing)?|target(?:ing)?|support(?:ing)?|replac(?:e|ing)"
    r"|postpon(?:e|ing)|defer(?:ring)?|split(?:ting)?|merge|pin(?:ning)?|deploy(?:ing)? (?:to|on|with)|host(?:ing)?"
    r"|not (?:use|support|do|add|change|store))"
)


class Rule(NamedTuple):
    """A pattern for a sentence, the mark of a sentence that matches, and an example."""

    mark: str
    pattern: str
    example: str


RULES = (
    Rule(DECISION, rf"\blet'?s (?:just |rather |all |instead |better |simply )?{_choose}\b", "Let's go with Postgres."),
    Rule(
        DECISION,
        rf"\b(?:we|i)(?:'ll| will|'re going to| are going to|'m going to) (?:just )?{_choose}\b",
        "We'll use uv.",
    ),
    Rule(
        DECISION,
        r"\b(?:we|i)(?:'ve| have)? (?:just |now |finally )?(?:decided|chosen|chose|agreed|settled)\b",
        "We decided to ship on Friday.",
    ),
    Rule(
        DECISION,
        r"\b(?:team|lead|customer|management|boss|they) (?:has |have )?(?:decided|agreed|chose)\b",
        "The team agreed on trunk-based development.",
    ),
    Rule(DECISION, r"^(?:decision|decided|agreed|conclusion)\s*:", "Decision: one schema per tenant."),
    Rule(DECISION, r"\bfrom now on\b|\bgoing forward\b|\bas of now\b", "From now on, write tests first."),
    Rule(
        DECISION,
        r"\b(?:always|never) (?!mind|seen|heard|worked|been|had|got|happen|tried|understood|knew|sure)[a-z]+",
        "Never commit generated files.",
    ),
    Rule(
        DECISION,
        r"\b(?:prefer|favou?r) .{1,60} (?:over|to|instead of|rather than)\b",
        "Prefer composition over inheritance.",
    ),
    Rule(
        DECISION,
        r"^(?:ok(?:ay)?,? |yes,? |alright,? |fine,? |please )*(?:use|go with|take|keep|stick with|stay with)\b"
        r".{1,80}\b(?:instead of|rather than|not|over|for (?:now|everything|all|this project))\b",
        "Use httpx instead of requests.",
    ),
    Rule(
        DECISION,
        r"\b(?:option|variant|approach|plan|number|choice) (?:\d|[a-z]\b|one|two|three)[^?]{0,20}(?:it is|please|wins)\b",
        "Option B it is.",
    ),
    Rule(
        DECISION,
        r"^(?:ok(?:ay)?,? |yes,? |alright,? |good,? |right,? )+(?:let'?s )?(?:do|go with|take|use) (?:option|variant"
        r"|approach|plan|the (?:first|second|third|last)|that one|number)",
        "Ok, go with the second one.",
    ),
    Rule(DECISION, r"\b[\w.+#-]+ it is(?:,? then)?\s*[.!]?$", "Redis it is."),
    Rule(
        DECISION,
        r"\b(?:our|the) (?:rule|convention|policy|standard|agreement) (?:is|here is|will be)\b",
        "The convention is snake_case.",
    ),
    Rule(
        DECISION,
        r"\b(?:remember|keep in mind|note) (?:that|this|for later)\b|^remember:",
        "Remember that staging has no GPU.",
    ),
    Rule(
        DECISION,
        r"\bwe (?:do not|don'?t|won'?t|will not|no longer) (?:use|want|need|support|do|allow|ship|store|log|rely on)\b",
        "We don't support Windows.",
    ),
    Rule(
        DECISION,
        r"\bin this (?:project|repo(?:sitory)?|codebase),? (?:we|use|all|every|always)\b",
        "In this project we use tabs.",
    ),
    Rule(
        CORRECTION,
        r"^(?:no|nope|nah|no no)\b(?! (?:problem|worries|need|rush|idea|hurry|doubt|objection))[,.!;:\s\u2014-]+(?!\bthanks\b)\w",
        "No, the other file.",
    ),
    Rule(CORRECTION, r"^(?:no|nope|wrong|incorrect)\s*[.!]*$", "Wrong!"),
    Rule(
        CORRECTION,
        r"\b(?:that|this|it|which)(?:'s| is| was|'re| are) (?:still |just |also |completely |totally )?(?:wrong|incorrect|not (?:right"
        r"|correct|true|what i|how (?:i|we)|the (?:right|file|one|way|point|problem)|quite)|the wrong)",
        "That's not what I asked for.",
    ),
    Rule(
        CORRECTION,
        r"\byou(?:'re| are| were)? (?:wrong|mistaken|misunderst\w+|misread|forgot|missed|skipped|ignored|broke|deleted"
        r"|removed|overwrote|changed the wrong|edited the wrong|put it in the wrong|introduced|reintroduced|still)",
        "You forgot the migration.",
    ),
    Rule(
        CORRECTION,
        r"\byou (?:should(?:n'?t| not) have|were not supposed|weren'?t supposed|did(?:n'?t| not) (?:do|update|run|add|fix|read|change|follow|test|handle))",
        "You shouldn't have touched the lock file.",
    ),
    Rule(
        CORRECTION,
        r"\bi (?:meant|said|told you|asked (?:you )?(?:for|to)|wanted|never (?:said|asked)|did(?:n'?t| not) (?:ask|say|mean|want))\b",
        "I meant the staging database.",
    ),
    Rule(
        CORRECTION,
        r"^(?:please )?(?:don'?t|do not|stop|quit)\b (?!hesitate|worry|forget)\w+",
        "Stop adding comments everywhere.",
    ),
    Rule(
        CORRECTION,
        r"\b(?:undo|revert|roll ?back|take back|back out) (?:that|this|it|your|the last|those|these)\b",
        "Revert that.",
    ),
    Rule(
        CORRECTION,
        r"^(?:actually|wait|hold on|hmm,? no|sorry),? .*\b(?:should|instead|not|use|wrong|meant|rather|don'?t|keep|is|are)\b",
        "Actually, use the v2 endpoint.",
    ),
    Rule(
        CORRECTION,
        r"\b(?:should|must|needs? to|has to) (?:be|go|live|return|use|have|stay)\b.{1,60}(?:,| and)? (?:not|instead of|rather than)\b",
        "It should return 404, not 500.",
    ),
    Rule(
        CORRECTION,
        r"\b(?:still (?:fails|broken|wrong|not working|does(?:n'?t| not) work|crashes|failing|the same error))\b",
        "It still fails with the same error.",
    ),
    Rule(CORRECTION, r"^not (?:like )?(?:that|this|there|here|in|the|what)\b", "Not like that."),
    Rule(CORRECTION, r"\bwhy did you\b", "Why did you delete the test?"),
)

_asks = re.compile(
    r"\?\s*$|^(?:should|shall|could|can|would|do|does|is|are|what|which|how|when|where|who) \w+.*\?", re.IGNORECASE
)
_fence = re.compile(r"^\s*(?:```|~~~)")
_pasted = re.compile(
    r"^(?:\s{4}|\t|>|\$ |[+-]{1,3} |\d{4}-\d\d-\d\d|Traceback|\s*(?:at|File) |[\[{(<#|*/])|[;{}]\s*$|\w+\(.*\)\s*$"
)
_ends = re.compile(r"(?<=[.!?;])\s+|\s+[\u2014\u2013]\s+")
_compiled = tuple((rule, re.compile(rule.pattern, re.IGNORECASE)) for rule in RULES)


def marks(text: str) -> tuple[str, ...]:
    """The marks of a user's text, sorted; most texts have none."""
    found = {rule.mark for sentence in _sentences(text) for rule, pattern in _compiled if _is(rule, pattern, sentence)}
    return tuple(sorted(found))


def _is(rule: Rule, pattern: re.Pattern[str], sentence: str) -> bool:
    """Whether the rule matches; a question can be a correction, but not a decision."""
    return bool(pattern.search(sentence)) and not (rule.mark == DECISION and _asks.search(sentence))


def _sentences(text: str) -> Iterator[str]:
    """The sentences of prose, up to the number that a prompt can reasonably have."""
    fenced, count = False, 0
    for line in text[: sentences_max * sentence_max_chars].replace("\u2019", "'").splitlines():
        if _fence.match(line):
            fenced = not fenced
        if fenced or _fence.match(line) or len(line) > 4 * sentence_max_chars or _pasted.search(line):
            continue
        for sentence in _ends.split(line.strip()):
            count += 1
            if count > sentences_max:
                return
            yield sentence[:sentence_max_chars].strip(" -*")
