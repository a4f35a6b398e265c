"""The rules that recognise decisions and corrections: patterns for one sentence, each with an example that it matches.

A rule would rather miss than mark too much: what is marked is told at the start of every conversation.
"""

from __future__ import annotations

from typing import NamedTuple

from services.memory.imports.standing_rules import FROM_NOW_ON, NEVER_AGAIN

DECISION, CORRECTION = "decision", "correction"

_choose = (
    r"(?:us(?:e|ing)|go(?:ing)? with|stick(?:ing)? (?:with|to)|stay(?:ing)? (?:with|on)|switch(?:ing)? to"
    r"|adopt(?:ing)?"
    r"|drop(?:ping)?|keep(?:ing)?|avoid(?:ing)?|settl(?:e|ing) (?:on|for)|standardi[sz](?:e|ing) on|target(?:ing)?"
    r"|support(?:ing)?|pin(?:ning)?|postpon(?:e|ing)|nam(?:e|ing)|call(?:ing)? (?:it|the)|store \w+ as"
    r"|defer(?:ring)?"
    r"|no longer|stop supporting|move(?:ing)? (?:everything |all \w+ )?to|vendor(?:ing)?)"
)
_idiom = (
    r"(?!.*\b(?:debugger|profiler|fingers|an eye|in touch|it (?:at|short|simple|brief)|a day|the time|this time"
    r"|time to|in mind|later|the flow|on topic|posted|the meeting)\b)(?!keep (?:\w+ing|you|this (?:short|brief))\b)"
)
# What stands before one's eyes, rather than what holds for all that comes.
_passing = (
    r"(?! (?:this|that|these|those|you|me)\b"
    r"| the (?:existing|other|second|third|last|failing|next|previous|wrong|first)\b)"
)
_do = (
    r"(?!mind\b|seen\b|heard\b|worked\b|been\b|had\b|got\b|gets?\b|happen|tried\b|understood\b|knew\b"
    r"|sure\b|gonna\b"
    r"|works\b|fails?\b|again\b|failed\b|is\b|was\b|did\b|wrote\b|used\b|the\b|a\b|in\b|on\b|at\b|on time"
    r"|said\b|say\b|saw\b|see\b|wrong\b)"
)
_describes = r"(?!(?:it|this|that|he|she|they|i|which|there|error|warn)\b)"
_group = r"(?:team|lead|management|boss|board|legal|security|architects?|ops|platform team|product|stakeholders)"


class Rule(NamedTuple):
    """A pattern for a sentence, the mark of a sentence that matches, and an example."""

    mark: str
    pattern: str
    example: str


def _decisions(*pairs: tuple[str, str]) -> tuple[Rule, ...]:
    return tuple(Rule(DECISION, pattern, example) for pattern, example in pairs)


def _corrections(*pairs: tuple[str, str]) -> tuple[Rule, ...]:
    return tuple(Rule(CORRECTION, pattern, example) for pattern, example in pairs)


DECISIONS = _decisions(
    (
        rf"\blet'?s (?:just |rather |all |instead |better |simply )?{_idiom}{_choose}\b{_passing}"
        r"|\blet'?s do [^,]{3,40}, not\b",
        "Let's go with Postgres.",
    ),
    (
        rf"\b(?:we|i)(?:'ll| will|'re going to| are going to|'m going to"
        rf"| am going to) (?:just )?(?:be )?{_idiom}{_choose}\b{_passing}",
        "We'll use uv.",
    ),
    (
        r"^(?:ok(?:ay)?,? |so |yes,? )*(?:we|i)(?:'re| are|'m| am)? (?:go(?:ing)? with|stick(?:ing)? with"
        r"|stay(?:ing)? (?:with|on))\b",
        "We go with Godot.",
    ),
    (
        rf"^(?:ok(?:ay)?,? |so |yes,? )*(?:for now )?we (?:stay|stick|(?:only|never|always) {_do}) ?\w+",
        "We only train on new data.",
    ),
    (
        r"^going with \w+|^(?:we(?:'re| are) )(?:dropping|adopting|switching to|moving to|standardi[sz]ing on) \w+"
        r"|^(?:ok(?:ay)?,? |please )*(?:go with|stick (?:to|with)) (?!it\b|that\b|this\b|the flow|you\b|me\b)\w+",
        "Going with Terraform.",
    ),
    (
        r"(?<!what )(?<!whether )(?<!if )(?<!how )(?<!why )(?<!as )(?<!sure )\b(?:we|i)(?:'ve"
        r"| have)?(?: just| now| finally)?"
        r" (?:decided|chosen|chose|agreed|settled|standardi[sz]ed)\b"
        r"(?! anything| something| nothing| to (?:meet|talk|call|wait|take a break)| poorly| badly"
        r"| (?:the )?wrong)",
        "We decided to ship on Friday.",
    ),
    (
        rf"\b{_group} (?:has |have )?(?:decided|agreed|chose|signed off)\b(?! something| anything)",
        "The team agreed on trunk-based development.",
    ),
    (
        r"\bthat was decided\b|, (?:as )?(?:decided|agreed)(?: on| with| yesterday| last|[.!]|$)|^agreed with\b",
        "The API stays versioned, as agreed with design.",
    ),
    (
        r"^(?:decision(?: made)?|decided|agreed|conclusion|ok final|final|policy|rule|convention)\s*:",
        "Decision: one schema per tenant.",
    ),
    (
        r"\bthat'?s (?:settled|final|decided|our (?:policy|rule|convention)|the rule|the policy|policy"
        r"|how we do it)\b"
        r"|\bthat is (?:settled|final|decided|(?:the|our) (?:rule|policy|convention)|how we do it)\b"
        r"|^(?:decided|settled|end of discussion|decision stands|no exceptions)[.!]?$|, (?:no exceptions"
        r"|end of discussion"
        r"|that's it|settled|always)[.!]?$"
        r"|^(?:always|ever)[.!]$|\bis (?:final|settled|out of scope)\b",
        "The checkout has three steps, that's final.",
    ),
    *FROM_NOW_ON,
    *NEVER_AGAIN,
    (
        rf"^(?:please |and |but |so |also |ok,? )*(?:always|never|don'?t ever) {_do}[a-z]+",
        "Never commit generated files.",
    ),
    (
        rf"(?<!if )(?<!when )\b(?:we|you) (?:must |should |have to )?(?:always|never) {_do}[a-z]+"
        rf"|^(?:all|every|each|any)\b.{{3,60}}\b(?:must|should|has to|have to) (?:always|never) {_do}[a-z]+"
        r"|^(?:all|every|each) (?:new |public |our )?\w+ (?:in the \w+ )?(?:must|has to|have to) (?!pass"
        r"|work|run)\w+"
        r"|^i want you to (?:always|never)\b",
        "We always lock the table.",
    ),
    (
        rf"^{_describes}[^,;:]{{3,80}}[,;:\u2014-]\s?(?:but |and |we )?(?:never|always) {_do}\w+",
        "Secrets come from Vault, never from files.",
    ),
    (
        r"^(?:please |we |i )?(?:prefer|favou?r) .{1,60} (?:over|to|instead of|rather than)\b",
        "Prefer composition over inheritance.",
    ),
    (
        r"^(?:ok(?:ay)?,? |yes,? |alright,? |fine,? |please )*(?:use|go with|take|stick with|stay with)\b"
        r"(?!.*\b(?:word|label|sample|fixture)s?\b).{1,80}\b(?:instead of|rather than|not|over)\b",
        "Use httpx instead of requests.",
    ),
    (
        r"\b(?:option|variant|approach|plan|number|choice) (?:\d|[a-z]\b|one|two|three)[^?]{0,20}(?:it is|wins)\b"
        r"|^(?:option|variant) (?:\d|[a-z])\b.{0,10}please",
        "Option B it is.",
    ),
    (
        r"^(?:ok(?:ay)?,? |yes[,.]? |alright,? |good,? |right,? |please )*(?:let'?s )?(?:do|go with|take"
        r"|use) (?:option|variant"
        r"|approach|plan [a-z\d]\b|the (?:first|second|third|last) (?:one|option|approach|variant)|number)",
        "Ok, go with the second one.",
    ),
    (r"^(?:[\w.+#-]+: ?)?[\w.+#-]+ it is(?:,? then)?\s*[.!]?$", "Redis it is."),
    (
        r"\b(?:our|the) (?:rule|convention|policy|standard|agreement)(?: here)? (?:is|will be)(?: that\b|:| to\b)"
        r"|\bour (?:rule|convention|policy|standard) (?:is|here is) (?!not\b|never\b|applied)"
        r"|\bthe (?:convention|agreement) is (?!not\b|never\b|wrong)",
        "The convention is snake_case.",
    ),
    (
        r"^(?:please |and |also )*(?:remember|keep in mind|bear in mind)(?: that\b|:)|^remember this",
        "Remember that staging has no GPU.",
    ),
    (
        r"^(?:\w+,? )?we (?:do not|don'?t|won'?t|will not|no longer) (?:use|support|do|allow|ship|store|log"
        r"|rely on|deploy"
        r"|accept|train|test|commit|write|run|cite|impute|expose|maintain)\b|^we(?:'re| are) not (?:doing"
        r"|using|supporting|going to)\b",
        "We don't support Windows.",
    ),
    (
        r"^(?:in|for) this (?:project|repo(?:sitory)?|codebase),? (?:we|use|all|every|always|no)\b",
        "In this project we use tabs.",
    ),
    (
        r"^we (?:support|deploy|ship|release|use|cite|test|target|build)\b.{1,60}\b(?:only|nothing else"
        r"|nothing older|everywhere)\b",
        "We deploy on Thursdays only.",
    ),
    # German, Spanish, French
    (
        r"^(?:beschluss|entscheidung|entschieden)\s*:"
        r"|\bwir haben (?:uns )?(?:\w+ ){0,8}(?:entschieden|beschlossen|geeinigt)|^wir (?:nehmen|bleiben"
        r"|verwenden|nutzen)\b"
        r"|^(?:bitte )?(?:verwende|nutze|benutze|schreibe?|nimm) (?:immer|nie|niemals)\b|^(?:niemals|nie"
        r"|immer) (?!wieder|noch)\w+"
        r"|^(?:merk dir|denk daran|bedenke?)\b|\bwir \w+ (?:hier |das )?(?:nie|niemals|immer|kein|keine|keinen)\b",
        "Wir haben uns für Postgres entschieden.",
    ),
    (
        r"^(?:decisión|decidido)\s*:|\b(?:hemos decidido"
        r"|decidimos|acordamos|hemos acordado)\b"
        r"|^(?:vamos a usar|nos quedamos con|usaremos|usamos siempre)\b|^(?:usa|utiliza) siempre\b"
        r"|^nunca (?!he\b|ha\b|había\b|más\b|mais\b|\w+ó\b)\w+|^siempre (?:usa|utiliza|escrib)\w*",
        "Decidimos usar Postgres.",
    ),
    (
        r"^(?:décision|décidé)\s*:|\b(?:nous avons|on a"
        r"|j'ai) (?:décidé|choisi|convenu)\b"
        r"|^on (?:part sur|garde|reste sur|passe à)\b|\bn'?e?\s?\w+ jamais d|^(?:utilise"
        r"|utilisez) toujours\b|^n'(?:utilise|utilisez) (?:jamais|pas)\b",
        "On a décidé de garder Postgres.",
    ),
)

_after_no = (
    r"(?!(?:that'?s|it'?s|that is) (?:fine|ok|okay|good|great|all)|thanks|thank you|thx|all good|all fine"
    r"|i think|problem|worries"
    r"|need|rush|idea|hurry"
    r"|doubt|objection|go ahead|not yet|nothing|leave it|same result|never mind|continue|carry on|luck|i'?m good)"
)
_negative = (
    r"(?:delete|remove|change|add|rename|drop|touch|revert|break|ignore|move|skip|replace|overwrite|disable"
    r"|rewrite|undo)"
)

CORRECTIONS = _corrections(
    (
        rf"^(?:uh+|hm+|um+|well)?[.,\s]*(?:no|nope|nah|no no)(?:\s*[,.!;:\u2014-]+\s*|\s+(?=not\b|wait\b"
        rf"|no\b|that\b|the\b|this\b|i\b|you\b|it\b|man\b)){_after_no}\w",
        "No, the other file.",
    ),
    (r"^(?:no|nope|wrong|incorrect|falsch|nein|so nicht)\s*[.!]*$", "Wrong!"),
    (r"^(?:wrong|incorrect)\b[,:]? (?!with\b|in the\b)\w+", "Wrong table, I meant the other one."),
    (
        r"\b(?:that|this|it|which|result|plot|reference|docstring|date|name|total|output|table|answer|value"
        r"|number|column"
        r"|path|order|sign|unit|format|test|code)(?:'s| is|'re| are) (?:still |just |also |completely "
        r"|totally )?(?:wrong|incorrect"
        r"|not (?:right|correct|true|what i|how (?:i|we)|the (?:right|file|one|way|point|problem|bug)|quite"
        r"|centred|centered)"
        r"|the wrong|in the wrong|on the wrong|(?:still |way |slightly )off\b|off by (?!default))",
        "That's not what I asked for.",
    ),
    (
        r"\b(?:that|this|it) (?:is|was)(?:n'?t| not) (?:what|how|the|right|correct|idiomatic|centred"
        r"|centered)\b|^that can'?t be right",
        "This isn't what the mockup shows.",
    ),
    (
        r"\byou(?!.*\b(?:nice|great|thanks|good|perfect|cool|well done)\b)"
        r"(?:'re| are| were)? (?:wrong|mistaken|misunderst\w+|misread|forgot|missed|skipped|ignored"
        r"|broke|deleted"
        r"|removed|overwrote|dropped|introduced|reintroduced|duplicated|swapped|still (?:have|do|use|don'?t"
        r"|haven'?t))\b",
        "You forgot the migration.",
    ),
    (
        r"^you \w+ .{0,60}\b(?:wrong|twice|the wrong way|the other way round|before \w+ing|instead of)\b"
        r"|\byou treated \w+ as\b",
        "You read the wrong file.",
    ),
    (
        r"\byou (?:should(?:n'?t| not) have|were (?:not )?supposed|weren'?t supposed|did(?:n'?t| not) (?:do|answer"
        r"|update|run|add|fix|read|change|follow|test|handle|use))",
        "You shouldn't have touched the lock file.",
    ),
    (
        r"\bi (?:meant|told you|asked (?:you )?(?:for|to)|never (?:said|asked)|did(?:n'?t| not) (?:ask|say"
        r"|mean|want))\b"
        r"|\bi said (?!hello|hi\b|thanks|goodbye|yes|that|it)|\bi wanted (?:the|a|an|only|it to|you to)\b",
        "I meant the staging database.",
    ),
    (
        r"^(?:please )?(?:don'?t|do not) (?!hesitate|worry|forget|bother|need|have to|know|think|see"
        r"|remember|get|care|mind|ever"
        r"|we\b|you\b|they\b|want|like|stop|implement|write any|start|commit|push)(?!.*\b(?:yet|until"
        r"|before|just|for now|only)\b)\w+",
        "Don't touch the generated files.",
    ),
    (r"^(?:please )?(?:stop|quit) \w+ing\b|^stop(?:,|!| that)", "Stop adding comments everywhere."),
    (
        r"\b(?:undo|revert|roll ?back|take back|back out) (?:that|this|it|your|the last|the rename|those"
        r"|these)\b|\bput (?:it|that|them) back\b"
        r"|\b(?:take|remove) (?:it|that|this) (?:out )?again\b",
        "Revert that.",
    ),
    (
        r"^(?:actually|wait|hold on|hmm,? no|sorry),? (?!.*\b(?:looks? good|works|merge|great|nice|for my"
        r"|for me)\b)(?!(?:what|how|why|where|when)\b)"
        r".*\b(?:should|instead|not|wrong|meant|rather|don'?t|must|no)\b",
        "Actually, it should use the v2 endpoint.",
    ),
    (
        r"\b(?:should|must|needs? to|has to) (?:be|go|live|return|use|have|stay|say)\b.{1,60}(?:,"
        r"| and)? (?:not|instead of|rather than)\b",
        "It should return 404, not 500.",
    ),
    (
        r"^(?:no,? )?(?:the|it|that|this|it'?s|that'?s)\b[^,;?]{1,50}(?:\b(?:is|are|was)\b"
        r"|'s)[^,;?]{1,50}(?:,| and) not\b",
        "The port is 8443, not 8080.",
    ),
    (
        r"^(?!.*\b(?:do|does|is|are) \w+ still\b)(?:\w+ ){0,6}?still (?:fail|broken|wrong|off\b|crash|hang"
        r"|throw|not |does(?:n'?t| not)|the same error|missing"
        r"|overlap|duplicat|leak|vulnerable|in crash|flaky|there\b|charges|shows|returns|too)",
        "It still fails with the same error.",
    ),
    (r"^not (?:like )?(?:that|this|there|here|the|what|in the)\b(?! hurry)", "Not like that."),
    (
        rf"\bwhy did you {_negative}\b|\bwhy are you (?:deleting|removing|changing|touching|renaming|rewriting)\b",
        "Why did you delete the test?",
    ),
    (
        r"^(?:no,? )?(?:it'?s|that'?s|this is|the \w+ is) not [^,;]{2,50}[,;] (?:it'?s|that'?s|but)\b"
        r"|^(?:that|this|it|your change) (?:broke|breaks)\b|^(?:the|all) [^,]{2,40}\b(?:is|are) (?:reversed"
        r"|swapped|inverted|mirrored|doubled)\b"
        r"|\b(?:worked|(?:was|were) (?:working|passing|green)|passed) before (?:your|you|that change)\b"
        r"|\bput .{1,30} back\b",
        "It's not the parser, it's the lexer.",
    ),
    (r"^too (?:long|short|much|many|verbose|complicated)\b", "Too long. I asked for a paragraph."),
    # German, Spanish, French
    (
        r"^nein[,.] (?!danke|passt|alles gut|schon gut)\w+|\bdas (?:ist|war) (?:falsch|nicht richtig|nicht das)\b"
        r"|\bdu hast .{1,60}\b(?:vergessen|übersehen|gelöscht|kaputt|falsch)|\bimmer noch (?:nicht|falsch"
        r"|kaputt)|\brückgängig\b|\bich meinte\b",
        "Nein, ich meinte die andere Datei.",
    ),
    (
        r"^no[,.] (?:me refería|quería|quise|eso|no|la|el|es|era)\b|\beso está mal\b|\b(?:te olvidaste"
        r"|olvidaste|has olvidado)\b"
        r"|\bsigue (?:sin|fallando|mal)\b|\bme refería\b|^deshaz\b",
        "No, me refería al otro archivo.",
    ),
    (
        r"^non[,.] (?!merci|c'est bon)\w+|\bc'est (?:faux|incorrect|pas ça)\b|\btu as (?:oublié|supprimé"
        r"|cassé|effacé)\b"
        r"|\b(?:ne |n')?\w*\s?(?:marche|fonctionne) toujours pas\b|\bje parlais d|\bje voulais dire\b|^annule\b",
        "Non, je parlais de l'autre fichier.",
    ),
)

RULES = (*DECISIONS, *CORRECTIONS)
