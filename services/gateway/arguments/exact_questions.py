"""What a query asks for exactly: the newest of what matches (`latest gearbox note`, `what did we decide last about …`), or
how many match (`how many notes mention …`). The rest of the query says what.

It must ask for something that was said, and end there or go on to its subject: `the last row of the table`, `npm latest
tag`, `last message id` and `latest.json` are words like others. So is what stands in quotes or in code.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from services.gateway.arguments.query_times import READ_MAX_CHARS, without_verbatim
from services.kit.late_pattern import late_pattern

_ends = r"(?=[\s.?!]*$"
_decides = "decid|agree|settle|cho[os]s?e|conclu|entsch|beschl|beschloss|vereinbar|déci|convenu|acord|deci|beslis|beslo|besluit|реш|决定|決|결정"
"""How the words begin, or what they contain, that ask for a decision."""


def _nouns(plain: str, before: str, after: str, between: int = 2, joined: str = "") -> str:
    """A superlative, at most `between` words of the subject, and a word for what was said; then what may follow."""
    words = rf"(?P<keep>(?:(?!(?:of|in|on|at|for|to|and|or|is|was)\b)[\w'-]+ ){{0,{between}}}?{joined})"
    return rf"(?<![\w./'-])(?:{before}) {words}(?P<noun>{plain})\b{_ends}|: |,? (?:{after})\b)"


_who = r"(?:we|i|you|they|the \w+|[a-z]+)"
_say = (
    r"(?:decided?|agreed?(?: on)?|sa(?:y|id)|conclud(?:e|ed)|discuss(?:ed)?|noted?|talk(?:ed)?|mention(?:ed)?"
    r"|settled?(?: on)?|choose|chose|wr[io]te|record(?:ed)?|t(?:ell|old)|spoke|speak)"
)
_on = "on|about|regarding|concerning|for|with|in|of|to"
_superlative = r"(?:the |our |my |your )?(?:very )?(?:latest|newest|most recent|last)(?: (?:\d{1,2}|two|three|few))?"
_newest: tuple[str, ...] = (
    _nouns(
        r"(?:decision|note|memory|memorie|reflection|conversation|agreement|conclusion)s?|(?:discussion|mention)s?(?: of)?",
        _superlative,
        r"re|on|about|regarding|concerning|for|with|from|by|to|that|which|where|we|i|you|they|said|saying|mentioning|made"
        r"|in (?:this|the|our) (?:project|session|conversation)|in project|of (?:the|our) (?:team|board|meeting)|(?<=of )[a-z]+",
    ),
    _nouns(
        "(?:message|remark|comment|statement|entry|entrie)s?(?: (?:by|from) [a-z]+(?= (?:on|about)\\b))?",
        _superlative,
        "re|on|about|regarding|concerning|that (?:we|i|you|they)|we|i|you|they|mentioning"
        "|in (?:this|our) (?:project|session|conversation)",
    ),
    r"^(?:so |and )?(?:what(?:'s| is| are)? |tell me |give me |show me |is there |any )?(?:the )?"
    r"(?:latest|newest|most recent)(?: news| word)? (?:on|about|regarding|concerning)\b",
    rf"\b(?:did|have|had|has) {_who} (?:last|most recently) (?P<noun>{_say})\b",
    r"\b(?:was|were) (?P<keep>[\w' -]{1,40}?) (?:last|most recently) (?P<noun>decided(?: on)?|discussed|mentioned|talked about"
    r"|noted|agreed(?: on)?)\b",
    rf"\b{_who} (?:last|most recently) (?P<noun>{_say}){_ends}| (?:{_on})\b)",
    rf"\b(?:did|have|had|has) {_who} (?P<noun>{_say})(?P<keep> (?:(?:on|about) [\w' -]{{1,40}}?)?)\b ?"
    rf"(?:last|most recently){_ends}| (?:{_on})\b)",
    rf"\b(?:the )?(?:very )?(?:last|latest|newest|most recent) (?:time|things?|words?)(?: that)? {_who} (?P<noun>{_say})\b",
    r"\b(?:the )?(?:latest|newest|most recent) things? (?:on|about|regarding|concerning)\b",
    r"\b(?:the )?last time (?P<keep>[\w' -]{1,40}?) (?:was|were) (?:mentioned|discussed|decided(?: on)?|talked about|noted)\b",
    rf"\b(?:was|were) (?P<noun>decided|agreed|said|noted|discussed)(?: on)? (?:last|most recently){_ends}| (?:{_on})\b)",
    r"\bwhich (?P<noun>decision|note|message|memory|reflection|conversation|discussion)s? (?P<keep>[\w' -]{1,60}?) (?:is|was|are) "
    r"(?:the )?(?:latest|newest|most recent|last)(?=[\s.?!]*$)",
    _nouns(
        "(?:notiz|nachricht|entscheidung|erinnerung|bemerkung|aussage|diskussion|unterhaltung|reflexion)(?:en)?|beschluss"
        "|beschlüsse|eintrag|einträge|gespräch|gespräche",
        r"(?:letzte|neueste|jüngste)[nrsm]?",
        "zum|zur|zu|über|bezüglich|von|vom|für|die|der|das|wir",
        joined=r"[\w-]*?",
    ),
    r"\b(?:haben wir|habe ich|hatten wir|wurde) (?P<keep>[\w' -]{0,60}?) ?(?:zuletzt|als letztes) (?P<more>[\w' -]{0,60}?) ?"
    r"(?P<noun>entschieden|beschlossen|gesagt|besprochen|vereinbart|notiert|erwähnt|geredet|gesprochen)\b",
    r"\bzuletzt (?P<noun>entschieden|beschlossen|vereinbart|besprochen|notiert)\b",
    r"\bla dernière chose (?:que nous avons|qu'on a) (?P<noun>décidée?|dite?|convenue?|notée?)\b",
    r"\b(?:lo último que|l'ultima cosa che abbiamo|a última coisa que) (?P<noun>decidimos|dijimos|acordamos|deciso|detto|dissemos)\b",
    r"(?<![\w./'-])(?:derni(?:ère|er)s?) (?P<noun>(?:note|message|décision|souvenir|réflexion|remarque|conversation|discussion"
    rf")s?)\b{_ends}| (?:sur|au sujet|à propos|concernant|de|du|des|que|qui)\b)",
    rf"\b(?P<noun>(?:note|décision|remarque|conversation|discussion)s?|message|souvenir) l[ae]s? plus récente?s?{_ends}"
    r"| (?:sur|au sujet|à propos|concernant|de|du|des|que|qui)\b)",
    r"\b(?:avons-nous|on a|a-t-on|nous avons) (?P<noun>décidé|dit|convenu|noté|discuté)(?: en dernier(?: lieu)?"
    r"| la dernière fois)\b",
    r"(?<![\w./'-])últim[ao]s? (?P<noun>(?:nota|mensaje|decisión|decisione|recuerdo|reflexión|conversación|discusión"
    rf"|comentario|mensagem|decisão|lembrança|conversa|discussão|comentário)s?)\b{_ends}"
    r"| (?:sobre|acerca|de|del|do|da|para|que|em)\b)",
    r"\b(?P<noun>(?:nota|mensaje|decisión|conversación|mensagem|decisão|conversa)s?) m(?:ás|ais) recientes?"
    rf"{_ends}| (?:sobre|acerca|de|del|do|da|para|que|em)\b)",
    rf"\b(?P<noun>(?:nota|mensagem|decisão|conversa)s?) mais recentes?{_ends}| (?:sobre|de|do|da|para|que|em)\b)",
    r"\b(?P<noun>decidimos|dijimos|acordamos|hemos decidido|dissemos|combinamos) (?:por última vez|por último|la última vez"
    r"|da última vez)\b",
    r"(?<![\w./-])(?:l')?ultim[aoie] (?P<noun>not[ae]|messaggi[o]?|decision[ei]|ricord[oi]|riflession[ei]|conversazion[ei]"
    rf"|discussion[ei]|comment[oi]){_ends}| (?:su|sul|sulla|sullo|sui|riguardo|di|del|della|che|per)\b)",
    rf"\b(?P<noun>not[ae]|decision[ei]|messaggi[o]?) più recent[ei]{_ends}| (?:su|sul|sulla|riguardo|di|del|della|che|per)\b)",
    r"\babbiamo (?P<noun>deciso|detto|concordato) (?:per ultimo|l'ultima volta)\b",
    _nouns(
        "notities?|berichten|bericht|beslissing(?:en)?|besluit|herinnering(?:en)?|opmerking(?:en)?|gesprek|discussie",
        "laatste|nieuwste|meest recente|recentste",
        "over|van|voor|met|betreffende|die|dat|we",
        joined=r"[\w-]*?",
    ),
    r"\b(?:hebben we|heb ik) (?P<keep>[\w' -]{0,60}?) ?(?:het laatst|laatst|als laatste) (?P<more>[\w' -]{0,60}?) ?"
    r"(?P<noun>besloten|gezegd|besproken|afgesproken|genoteerd)\b",
    r"(?<![\w./-])(?:последн\w+|новейш\w+|сам\w+ (?:нов|свеж)\w+) (?P<noun>заметк\w+|сообщени\w+|решени\w+|запис\w+"
    rf"|разговор\w*|обсуждени\w+|воспоминани\w+){_ends}| (?:о|об|про|по|насчет|для|от|что)\b)",
    r"\bмы (?:в последний раз|последним) (?P<noun>решили|сказали|обсуждали|записали)\b",
    r"\bмы (?P<noun>решили|сказали|обсуждали|записали) в последний раз\b",
    r"(?:最后|最後|上次)(?:我们|我們)?(?:怎么|怎麼)?(?P<noun>决定|決定|说|說|讨论|討論)(?:了|的)?",
    r"(?:最新的?|最后的?|最後的?|最近的)(?:那?一?[条條个個次项項])?(?P<keep>[^\s的，。？]{0,12}?)的?(?P<noun>笔记|筆記|消息|决定|決定|记录|記錄|讨论|討論)"
    + r"(?=是|[\s.?!\uff1f\u3002]*$"
    + ")",
    r"(?:最新|最後|直近)の(?P<keep>[^\sはを、。]{0,12}?)の?(?P<noun>メモ|メッセージ|決定|ノート|記録|議論|発言)(?=[はを?？。\s]|$)",
    r"(?:最後|さいご)に(?P<noun>決め|話し|言っ|合意し)(?:た|ました)",
    r"(?:가장 최근의?|최신|마지막) (?P<keep>[\w ]{0,12}?)(?P<noun>메모|메시지|결정|노트|기록|논의|대화)(?=[은는이가를을?\s.]|$)",
)
_having = r"(?: (?:are there|do (?:we|i|you) have|did (?:we|i|you) (?:make|write|store|have)|have (?:we|i|you)))"
_of = r"about|on|regarding|concerning|mention\w*|nam(?:e|ing)|that (?:mention|name|speak of|contain)|which (?:mention|name|contain)"
_count: tuple[str, ...] = (
    rf"\bhow many (?:of (?:the|our|my) )?(?P<keep>(?:[\w'-]+ ){{0,2}}?)(?P<noun>notes|memories|reflections|decisions){_having}?"
    rf"(?: (?:{_of}|for|contain\w*|say\w*|in (?:this|the|our) project)\b|[\s.?!]*$)",
    r"\bhow many (?:of (?:the|our|my) )?(?P<keep>(?:[\w'-]+ ){0,2}?)(?P<noun>messages|entries|conversations|discussions|mentions"
    rf"|comments|remarks){_having}?(?: (?:{_of})\b)",
    rf"\bhow (?:many times|often) (?:did|have|has) {_who} {_say}(?: about| on)?\b",
    r"\bhow (?:many times|often) (?:was|were|has|have) (?P<keep>[\w' -]{1,40}?) (?:been )?(?:mentioned|discussed|talked about"
    r"|brought up|decided(?: on)?|noted)\b",
    r"\bwie viele (?P<keep>(?:[\w-]+ ){0,2}?[\w-]*?)(?P<noun>notizen|nachrichten|entscheidungen|erinnerungen|gespräche)"
    r"(?: gibt es| haben wir| habe ich)?(?= (?:zum|zur|zu|über|mit|von)\b|[\s.?!]*$)",
    r"\bcombien de (?P<noun>notes|messages|décisions|conversations)(?: (?:y a-t-il|avons-nous))?(?= (?:sur|à propos|de|du)\b|[\s.?!]*$)",
    r"\bcu[aá]nt[ao]s (?P<noun>notas|mensajes|decisiones|conversaciones)(?: (?:hay|tenemos))?(?= (?:sobre|acerca|de)\b|[\s.?!]*$)",
)


@dataclass(frozen=True, slots=True)
class ExactQuestion:
    """The words that ask, and the query without them; whether they ask for the newest (else for how many), and whether of
    decisions."""

    words: str
    rest: str
    is_newest: bool
    of_decisions: bool = False


def exact_question(query: str) -> ExactQuestion | None:
    """What the query asks for exactly; None where it does not."""
    if len(query) > READ_MAX_CHARS:
        return None
    plain = _plain_text(without_verbatim(query))
    for patterns, is_newest in ((_newest_patterns, True), (_count_patterns, False)):
        for pattern in patterns:
            if found := pattern.search(plain):
                return _question(query, found, is_newest)
    return None


def _question(query: str, found: re.Match[str], is_newest: bool) -> ExactQuestion:
    groups = found.groupdict()
    kept = [query[found.start(name) : found.end(name)] for name in ("keep", "more") if groups.get(name)]
    rest = " ".join([query[: found.start()], *kept, query[found.end() :]])
    words = " ".join(found[0].split())
    of_decisions = bool(groups.get("noun") and _decision.search(groups["noun"]))
    return ExactQuestion(words, " ".join(rest.split()), is_newest, of_decisions)


def _plain_text(text: str) -> str:
    """The text in lower case, without the accents of Latin letters, which are left out in a hurry; as long as it was."""
    return "".join(map(_fold, text))


def _fold(sign: str) -> str:
    plain = unicodedata.normalize("NFKD", sign)[0] if sign < "\u0250" else "'" if sign == "\u2019" else sign
    lower = plain.lower()
    return lower if len(lower) == 1 else plain


def _patterns_of(patterns: Sequence[str]) -> tuple[re.Pattern[str], ...]:
    return tuple(late_pattern(_plain(each)) for each in patterns)


def _plain(pattern: str) -> str:
    """The pattern for folded text."""
    return "".join(_fold(sign) if sign >= "\u0080" else sign for sign in pattern)


_newest_patterns, _count_patterns = _patterns_of(_newest), _patterns_of(_count)
_decision = late_pattern(_plain(_decides))
