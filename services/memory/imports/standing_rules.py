"""What a person says to hold from now on, or never again, in eleven languages: patterns for one sentence, each with an
example that it matches.

The words alone are no rule where they tell what was (`nie wieder gesehen`), so each asks for the form of an order.
"""

from __future__ import annotations

_please = r"^(?:please,? |and |but |so |also |ok(?:ay)?,? )*"
_order = r"(?:always|never|please|don'?t|do not|only|use|ask|make sure|no|all|every|each)\b"
_we_hold = r"we (?:only|always|never|no longer|use|don'?t|do not|won'?t)\b"
_past_ru = r"(?!\w*л(?:а|о|и)?(?:с[ья])?\b)"

FROM_NOW_ON: tuple[tuple[str, str], ...] = (
    (
        r"\bfrom (?:now|here|today|tomorrow|th(?:is|at) (?:point|moment|day))(?: on| onwards?| forwards?| out)\b"
        rf"|\b(?:from|starting|as of|beginning) (?:today|tomorrow|now),? (?:{_order}|{_we_hold})"
        r"|\bgoing forward\b|^as of now,|^henceforth\b|, henceforth[.!]*$"
        rf"|^in (?:the )?future,? (?:{_order}|{_we_hold})",
        "Retry once, never twice, from now on.",
    ),
    (
        r"\b(?:ab jetzt|ab sofort|von (?:jetzt|nun|heute) an|künftig|zukünftig|in zukunft|fortan)\b"
        r"|\bab (?:heute|morgen) (?:immer|nie|niemals|nur|kein\w*|alle|jede\w*|bitte)\b",
        "Ab jetzt schreiben wir Kommentare auf Englisch.",
    ),
    (
        r"\b(?:désormais|dorénavant|à partir (?:de maintenant|d'aujourd'hui)|à l'avenir)\b",
        "Jamais deux fois, désormais.",
    ),
    (
        r"\b(?:a partir de ahora|(?:de|desde) (?:ahora|hoy|aquí) en adelante|desde ahora|en lo sucesivo)\b",
        "De ahora en adelante nunca dos veces.",
    ),
    (
        r"\b(?:d'ora|da (?:ora|adesso|oggi)) in (?:poi|avanti)\b|\ba partire da (?:ora|adesso)\b",
        "D'ora in poi mai due volte.",
    ),
    (
        r"\b(?:a partir de agora|(?:daqui|de agora|de hoje) (?:em|para|pra) (?:diante|a? ?frente)|doravante)\b",
        "A partir de agora nunca duas vezes.",
    ),
    (r"\b(?:vanaf nu|van nu af aan|voortaan|in het vervolg)\b", "Voortaan nooit twee keer."),
    (
        r"\b(?:с этого (?:момента|дня)|с сегодняшнего дня|отныне|впредь|в дальнейшем)\b",
        "Впредь никогда дважды.",
    ),
    (
        r"从(?:现在|今天|今)(?:开始|起)|从今(?:以|往)?后|今后"
        r"|(?:以后|往后),?(?:都|不要|别|请|一律|要|必须|再也|永远|总是|只)",
        "从现在开始总是先写测试",
    ),
    (r"(?:今後|これから|今日から|以後)は", "今後は必ずテストを書く"),
    (
        r"(?:앞으로|이제부터|지금부터|오늘부터)는? .*(?:항상|절대|반드시|꼭|사용|마$|마세요|해$|하자|하세요|금지)",
        "앞으로는 항상 테스트를 작성해",
    ),
)
"""These hold for good, also where the sentence says `once`."""

NEVER_AGAIN: tuple[tuple[str, str], ...] = (
    (
        rf"{_please}(?:never again|never ever|(?:don'?t|do not) (?:you )?ever) (?!did|have|has|had|was|were|is|i\b|he\b|it\b|worked)"
        r"[a-z]+|^never again[.!]*$|\bwe (?:won'?t|will not) ever\b|^i (?:never|don'?t ever) want to see .{3,60}\bagain\b"
        r"|^no more [\w -]{3,40}(?:,? please|, ever|,? in this (?:repo|project|codebase))\b",
        "Never again force-push to main.",
    ),
    (
        r"^(?:bitte |und |also |ok,? )*(?:nie|niemals) (?:wieder|mehr) (?!.*\b(?:\w*ge\w{2,}(?:t|en)|passiert|aufgetreten"
        r"|erlebt|war|hat|ist|kam|wurde)\b)\w+|^(?:bitte )?(?!\w+te )\w{2,}e (?:bitte )?(?:nie|niemals) (?:wieder|mehr)\b",
        "Nie wieder freitags deployen!",
    ),
    (
        r"^(?:s'il (?:te|vous) plaît,? |stp,? )?plus jamais (?:de |d'|ça\b)"
        r"|^n(?:e |')(?!marche|fonctionne|démarre)\w+ plus jamais\b",
        "Plus jamais de force push.",
    ),
    (
        r"^(?:por favor,? )?(?:no vuelv(?:as|an|a) a \w+|no volváis a \w+"
        r"|nunca más (?!(?:lo|la|los|las|le|se|me|nos|he|ha|hubo|vi)\b|\w+ó\b)\w+)",
        "No vuelvas a hacer push a main.",
    ),
    (
        r"^(?:per favore,? )?(?:mai più (?!\w+(?:t[oaie])\b)\w+|non (?!è|ha|ho|si\b)\w+ mai più (?!\w+t[oaie]\b)\w+)",
        "Mai più deploy di venerdì.",
    ),
    (r"^(?:por favor,? )?nunca mais (?!\w+(?:ou|eu|iu|vi)\b|vi\b|foi\b)\w+", "Nunca mais faça deploy na sexta."),
    (r"^(?:alsjeblieft )?nooit (?:meer|weer) (?!.*\bge\w{2,}(?:d|t|en)\b)\w+", "Nooit meer op vrijdag deployen."),
    (
        rf"^(?:пожалуйста,? )?(?:больше никогда|никогда больше) (?:\w+ )?не {_past_ru}\w+",
        "Больше никогда не деплой в пятницу.",
    ),
    (r"(?:再也|永远|绝对)(?:不要|别)", "再也不要在周五部署"),
    (r"二度と.*(?:ないで|するな|しないこと|しないように|禁止)", "二度と main に push しないで"),
    (r"다시는 .*(?:지 ?마|말자|말 ?것|금지)", "다시는 금요일에 배포하지 마"),
)
