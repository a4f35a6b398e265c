"""Phrases that ask for nothing and say nothing, as patterns: thanks, consent, goodbyes, orders to commit, announcements.

Languages with spaces are matched by clause, Chinese and Japanese without their spaces. A clause counts only if phrases
make up all of it: "thanks, but it still fails" asks for something.
"""

from __future__ import annotations

import re

from services.kit.late_pattern import late_pattern

THANKS = (
    r"(?:many |a thousand |no,? )?(?:thanks|thank you|thank u|thx|ty|tysm|cheers|kudos)"
    r"(?: (?:so|very) much| a (?:lot|million|bunch)| again| everyone| claude| mate| man| you)*"
    r"(?: for (?!now\b)(?!.*\b(?:now|please|can you|could you|but)\b).*)?",
    r"much appreciated|(?:i )?appreciate (?:it|that|this)|you(?:'re| are) (?:very )?welcome|my pleasure|no problem"
    r"|(?:i'?m )?(?:glad|happy) (?:to help|i could help|that helped|it (?:worked|works|helped))",
    r"(?:vielen |herzlichen |besten |tausend |nein,? )?dank(?:e|eschön)?(?: (?:dir|ihnen|euch|schön|sehr|vielmals|nochmals?))*"
    r"(?: für .*)?|gern(?:e| geschehen)?|bitte schön",
    r"(?:un grand |mille |non,? )?merci(?: (?:beaucoup|bien|infiniment|à toi|à vous|encore|mille fois))*(?: pour .*)?"
    r"|de rien|avec plaisir",
    r"(?:muchas |muchísimas |mil |no,? )?gracias(?: (?:a ti|a todos|de nuevo))?(?: por .*)?|de nada",
    r"(?:本当に|どうも|助かりました|助かる|ありがとう(?:ございます|ございました|ね)?|感謝(?:します|です)?)+",
    r"(?:非常|十分|太|真的)?(?:谢谢|多谢|感谢|謝謝)(?:你们?|您|大家|啦|了|你的帮助)*|不客气|辛苦(?:你)?(?:了|啦)?|帮了(?:我)?大忙(?:了)?",
)

GOODBYES = (
    r"(?:ok(?:ay)? )?(?:so )?(?:i think )?(?:that|this)(?:'s| is| was| will be|'ll be)? (?:all|it|everything|enough)"
    r"(?: (?:for|from) (?:today|now|tonight|this|me|the moment|this week))*(?: then)?|nothing (?:else|more)(?: for \w+)?",
    r"(?:i'?m|we'?re|i am|we are) (?:all )?(?:done|finished)(?: (?:here|for (?:today|now)))?|(?:let'?s )?(?:stop|call it a day)"
    r"(?: here| for (?:today|now))*|for (?:today|now)",
    r"good ?(?:night|morning|afternoon|evening|day)|(?:good)?bye(?: ?bye)?|see (?:you|ya)(?: (?:tomorrow|later|soon|then|on \w+|next \w+))*"
    r"|have an? (?:good|nice|great|lovely|pleasant|wonderful) (?:day|evening|night|weekend|one|rest of .*)"
    r"|(?:until|till) (?:tomorrow|then|next time)|(?:talk|speak) (?:to you )?(?:later|soon|tomorrow)|(?:hi|hello|hey)(?: there| claude)?",
    r"das (?:war'?s|ist alles|wars|wäre alles|reicht)(?: (?:für|fürs) (?:heute|erste|jetzt))?|bis (?:morgen|später|dann|bald)"
    r"|(?:einen )?schönen? (?:tag|abend|feierabend|wochenende)(?: noch)?|gute nacht|guten? (?:morgen|tag|abend)|feierabend|tschüss|hallo|moin",
    r"(?:c'est|ce sera|ça sera) tout(?: pour (?:aujourd'hui|le moment|ce soir|maintenant))?|bonne (?:journée|soirée|nuit)|bonjour|bonsoir"
    r"|salut|au revoir|à (?:demain|bientôt|plus(?: tard)?|tout à l'heure)",
    r"(?:eso|esto) es todo(?: por (?:hoy|ahora|el momento))?|nada más|hasta (?:mañana|luego|pronto)|adiós|buenas (?:noches|tardes)"
    r"|buenos días|hola|que tengas? (?:un )?buen (?:día|fin de semana)",
    r"(?:今日は|それでは|では|じゃあ?)?(?:以上(?:です)?|ここまで(?:です|にします|にしましょう)?)|また(?:明日|後で|今度)|おやすみ(?:なさい)?"
    r"|お(?:疲れ様|つかれさま)(?:です|でした)?|こんにちは|おはよう(?:ございます)?|こんばんは|今日は",
    r"(?:今天)?(?:就|先)?(?:到这里?|到此为止|这样|这些)(?:吧|了|啦)?|今天|再见|拜拜|晚安|明天见|早上好|你好|没有?(?:别的|其他)(?:的)?了?",
)

CONSENTS = (
    r"(?:(?:that|this|it)(?:'s| is| was)? |looks |sounds |seems |very |really |so |all |just |much |you(?:'re| are) |even )*"
    r"(?:great|good|nice|nicely done|perfect|excellent|awesome|amazing|cool|wonderful|lovely|brilliant|fantastic|beautiful|fine|super"
    r"|neat|impressive|well done|the best|a star|correct|right|better)(?: (?:job|work|stuff|one|idea|catch|to me|enough|then|now|so far))*",
    r"(?:(?:that|it|this|all|everything|yes) )*works(?: (?:for me|now|great|fine|well|perfectly))*|lgtm|ship ?it|makes sense|got it|understood",
    r"yes|yep|yeah|y|yup|sure|ok|okay|k|alright|all right|exactly|agreed|go (?:ahead|on|for it)|go|let'?s go|continue|proceed|resume"
    r"|carry on|keep going|do (?:it|that|so)|please(?: do| go on| continue)?|i see|no|nope|n|hmm+|ah|oh|aha|wow|done|of course|indeed|same here|and|then|now|again",
    r"(?:sehr |ganz |alles |ist |das ist |sieht |so |echt )*(?:gut|super|toll|perfekt|prima|klasse|schön|wunderbar|spitze|passt|genau|richtig"
    r"|klar|in ordnung|gut aus|bestens|top)(?: gemacht| so| danke)*|ja|jawohl|jo|jep|okay|weiter(?: so)?|mach(?:e)? (?:weiter|das|es|so weiter)|bitte|nein",
    r"(?:c'est |très |trop |tout )*(?:bon|bien|parfait|super|génial|excellent|bravo|nickel|top|impeccable)(?: joué| travail)?|oui|ouais|d'accord"
    r"|vas-y|allez-y|continue[rz]?|non|bon travail|s'il (?:te|vous) plaît|stp|svp",
    r"(?:muy |todo |está |es )*(?:bien|perfecto|genial|excelente|estupendo|fantástico|bueno|correcto)(?: hecho)?|vale|sí|si|de acuerdo|claro"
    r"|adelante|continúa|sigue|listo|no|buen trabajo|por favor|dale",
    r"完璧(?:です)?|いい(?:です)?ね|(?:とても)?(?:いい|良い|よい)(?:です)?|素晴らしい(?:です)?|了解(?:です|しました)?|わかりました|はい|うん|ええ|いいえ"
    r"|オッケー|お願い(?:します|いたします)?|続けて(?:ください)?|よくできました|問題(?:ない|ありません)(?:です)?|大丈夫(?:です)?|さすが",
    r"(?:很|太|非常|真)?(?:好|棒|完美|不错|可以|厉害|对)(?:的|了|啊|吧|极了)*|没问题|继续(?:吧)?|是的?|嗯+|行(?:了|吧)?|不用了?|做得(?:很)?好|干得(?:很)?好|请|明白了?|收到",
)

_object = (
    r"(?:it|this|that|them|these|those|all|everything|(?:(?:all|all of|the|my|your|our|these|those) )+(?:changes?|work|branch|commits?|fix(?:es)?"
    r"|code|files?|rest|results?|pr|pull request)|as is|now|please|too|again|then|with a (?:good|nice|proper|short) message)"
)
_target = r"(?:(?:to|into|on) )?(?:the )?(?:main|master|origin|remote|upstream|github|gitlab|trunk|develop|branch)"
_lead = r"(?:(?:please|now|then|just|and|also|ok(?:ay)?|great|so|let'?s|can you|could you|you can|you may|would you|let us|go ahead and) )*"
COMMITS = (
    rf"{_lead}(?:git )?(?:commit|check in)(?:ting|s)?\b.*",
    rf"{_lead}(?:git )?(?:push|merge|squash|amend|rebase|stage|tag)(?: (?:{_object}|{_target}))*",
    rf"{_lead}(?:open|create|make|send|raise|write|do) (?:a|an|the|another) (?:commit|pr|pull request|merge request|checkpoint)"
    rf"(?: (?:for|with|of|from) .*| {_object})?",
    r"(?:(?:bitte|das|es|alles|jetzt|dann|kannst du|könntest du|noch|mal|die|alle|änderungen|den stand|mach|einen|nen|und) )*"
    r"(?:committ?en|committ?e|commit|pushen|pushe|push|einchecken)(?: (?:bitte|das|es|alles|jetzt|die|alle|änderungen|den stand|auf main))*",
    r"(?:(?:s'il te plaît|stp|maintenant|peux-tu|tu peux|pouvez-vous|et|fais|faites|un) )*(?:commit(?:e|er|te|ter|ez)?|push(?:e|er|ez)?|pousse[rz]?)"
    r"(?: (?:le|la|les|ça|tout|tes|mes|ces|ce|changements|modifications|stp|s'il te plaît|maintenant|code))*",
    r"(?:(?:por favor|ahora|puedes|y|haz|hacer|un|el) )*(?:commit(?:ea|ear)?|pushea|push|sube(?:lo|los)?)"
    r"(?: (?:los|las|el|la|cambios|todo|esto|eso|de|por favor|ahora|a main))*",
    r"(?:それを|これを|変更を|全部|では|じゃあ|そして|今|すべて)*(?:コミット|プッシュ|commit|push)(?:して|し)?(?:ください|おいて|を|お願い(?:します)?|で|ね|よろしく)*",
    r"(?:请|然后|现在|帮我|把|好|那就|先)*(?:它|代码|改动|修改|更改|变更|所有的?|全部|这些)*(?:都)?(?:提交|推送|commit|push)"
    r"(?:一下|吧|了|代码|改动|修改|更改|所有|到|主分支|main|master|远程|远端|并推送)*",
)
"""Orders to put the work into version control: what to do was asked before them."""

REPORTS = (
    r"(?:all |it'?s |that'?s |i(?:'ve| have) |now )*(?:done|committed|pushed|merged|fixed|finished|completed|updated|noted|saved|stored|staged|ready|rebased|tagged)"
    r"(?: (?:and|as|in|to|it|that|this|everything|all|the|your|changes?|work|on|with|main|master|origin|branch|pushed|committed|commit|remote"
    r"|successfully|[0-9a-f]{7,40}|`[^`]*`|\"[^\"]*\"))*",
    r"(?:erledigt|fertig|gemacht|committet|gepusht|gespeichert)(?: (?:als|und|auf|in|gepusht|main|[0-9a-f]{7,40}|`[^`]*`))*",
    r"(?:c'est )?(?:fait|terminé|commité|poussé|noté)(?: .*)?|hecho|terminado|guardado|listo",
    r"(?:コミット|プッシュ|完了|保存)(?:しました|です|済み(?:です)?)?|(?:已经?)?(?:提交|推送|完成|保存|搞定)(?:了|成功)?",
    r"(?:is there )?anything else(?: i can .*| you .*)?|(?:please )?let me know (?:if|what|when|how|whether) .*|feel free to .*|happy to .*|enjoy .*"
    r"|(?:if you )?need anything(?: else)?|melde dich .*|sag(?:en sie)? (?:einfach )?bescheid.*|n'hésite[zs]? pas .*|no dudes en .*",
)
"""What an agent says of work that is told elsewhere, and courtesies at the end of an answer."""

ANNOUNCES = (
    r"(?:(?:ok(?:ay)?|sure|great|perfect|good|right|now|first|next|alright|yes|so|then|hmm|i see|understood|got it|of course|interesting"
    r"|and|but|also|before that|to (?:start|begin)|let'?s see)[,.!:;\u2014-]* )*"
    r"(?:let me|let'?s|i'?ll|i will|i'?m going to|i am going to|i'?m now|i need to|i'?d like to|i should|we'?ll|we will|we need to|going to|time to"
    r"|(?:now )?(?:checking|looking|reading|searching|running|starting|examining|inspecting|opening|verifying|investigating|exploring)"
    r"|next,? i|now i)\b.*",
    r"(?:zuerst|als nächstes|jetzt|nun|gut|okay|dann)?[, ]*(?:ich (?:werde|schaue|sehe|prüfe|lese|lasse|führe|fange|suche|starte)|lass(?:en sie)? mich"
    r"|(?:werde|schaue|prüfe|lese) ich|schauen wir|sehen wir)\b.*",
    r"(?:d'abord|ensuite|maintenant|bien|ok)?[, ]*(?:je (?:vais|regarde|vérifie|lis|commence|cherche|lance)|laisse[zs]?-moi|voyons|regardons|commençons|vérifions)\b.*",
    r"(?:primero|ahora|luego|bien|ok)?[, ]*(?:voy a|vamos a|déjame|déjeme|veamos|empiezo|reviso|revisaré)\b.*",
    r".{0,60}(?:見てみ|確認し|調べ|読み|始め|実行し|探し|検索し|してみ|見)ます(?:ね)?",
    r"(?:好的?|首先|现在|接下来|然后|那么)*(?:让我|讓我|我(?:来|先|会|将|要|现在|需要|正在))(?:先|来|去)?.{0,60}",
)
"""What an agent is about to do: worth nothing once it is done."""


ACKNOWLEDGES = (
    r"(?:noted|understood|got it|acknowledged|i(?:'ll| will) (?:remember|keep) (?:that|this|it)|notiert|verstanden|gemerkt|noté|compris|anotado|entendido)\b.{0,90}",
    r"(?:了解(?:です|しました)?|わかりました|承知しました|明白了?|记住了?|好的?).{0,40}",
)
"""That something was heard, perhaps in the same words."""


class Phrases:
    """Some of these tables, to match clauses that consist of their phrases alone, in time that grows with the clause."""

    def __init__(self, *tables: tuple[str, ...]) -> None:
        every = (phrase for table in tables for phrase in table)
        self._patterns = [
            late_pattern(rf"(?:{phrase})(?![a-z\u00df-\u00ff0-9'])[\s,]*", re.IGNORECASE) for phrase in every
        ]

    def make_up(self, clause: str) -> bool:
        """Whether phrases make up all of the clause."""
        waiting, seen = [0], {0}
        while waiting:
            start = waiting.pop()
            if start == len(clause):
                return True
            ends = {found.end() for each in self._patterns if (found := each.match(clause, start))}
            waiting += ends - seen
            seen |= ends
        return False
