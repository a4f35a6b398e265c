"""Times in the words of other languages, said in English: `letzten Montag`, `lundi dernier`, `hace tres días`.

Word by word, where every word of the phrase is known; what is not is left to dateparser.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import NamedTuple

from services.kit.month_names import MONTHS_ABROAD

_months = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_table: Mapping[str, str] = {
    "monday": "montag lundi lunes lunedi segunda-feira maandag понедельник",
    "tuesday": "dienstag mardi martes martedi terca-feira dinsdag вторник",
    "wednesday": "mittwoch mercredi miercoles mercoledi quarta-feira woensdag среда среду",
    "thursday": "donnerstag jeudi jueves giovedi quinta-feira donderdag четверг",
    "friday": "freitag vendredi viernes venerdi sexta-feira vrijdag пятница пятницу",
    "saturday": "samstag sonnabend samedi sabado sabato zaterdag суббота субботу",
    "sunday": "sonntag dimanche domingo domenica zondag воскресенье",
    "minutes": "minute minuten minutes minuto minutos minuti минут минуты минуту",
    "hours": "stunde stunden heure heures hora horas ora ore uur час часа часов",
    "days": "tag tage tagen jour jours dia dias giorno giorni dag dagen день дня дней",
    "weeks": "woche wochen semaine semaines semana semanas settimana settimane week weken неделя неделе неделю недели"
    " недель",
    "months": "monat monate monaten mois mes meses mese mesi maand maanden месяц месяце месяца месяцев",
    "years": "jahr jahre jahren an ans annee annees ano anos anno anni jaar год году года лет",
    "weekend": "wochenende week-end weekend fine-settimana fim-de-semana",
    "a": "ein eine einem einer einen un une una uno um uma een один одну",
    "two": "zwei deux dos due dois duas twee два две",
    "three": "drei trois tres tre drie три",
    "four": "vier quatre cuatro quattro quatro четыре",
    "five": "funf cinq cinco cinque vijf пять",
    "six": "sechs six seis sei zes шесть",
    "seven": "sieben sept siete sette sete zeven семь",
    "eight": "acht huit ocho otto oito восемь",
    "nine": "neun neuf nueve nove negen девять",
    "ten": "zehn dix diez dieci dez tien десять",
    "last": "letzten letzter letzte letztes letztem vorigen voriger vorige voriges vergangenen vergangene vergangenes"
    " dernier derniere derniers dernieres passe passee pasado pasada ultimo ultimos ultima ultimas scorso scorsa ultimi"
    " ultime passato passada passado vorig afgelopen laatste прошлый прошлая прошлой прошлом прошлую прошлое последние"
    " последних",
    "this": "diesen dieser diese dieses diesem ce cette cet este esta questo questa deze dit этот эту этой этом",
    "before-last": "vorletzte vorletzten vorletztes vorletzter позапрошлой",
    "today": "heute aujourd'hui hoy oggi hoje vandaag сегодня",
    "yesterday": "gestern hier ayer ieri ontem gisteren вчера",
    "2-days-ago": "vorgestern avant-hier anteayer l'altroieri anteontem eergisteren позавчера 그저께",
    "morning": "morgen fruh vormittag matin manana mattina mattino manha ochtend утром",
    "afternoon": "nachmittag apres-midi tarde pomeriggio middag днем",
    "evening": "abend soir sera avond вечером",
    "night": "nacht nuit noche notte noite ночью",
    "early": "anfang debut principios inicios inizio inicio begin начале",
    "mid": "mitte mi mediados meta meados medio середине",
    "late": "ende fin finales fine fim eind конце",
    "recently": "neulich kurzlich recemment recientemente recentemente onlangs недавно",
    "ago-": "vor hace ha faz il-y-a",
    "-ago": "fa atras geleden назад",
    "": "am im in den der die das dem seit bis la le les el los las il lo i gli o os as no na nos nas de del della"
    " dello di du des do da en au a al por per op het sinds depuis desde dal dalla nelle negli nell' в на по",
}
_counts = frozenset(("a", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"))
_units = frozenset(("minutes", "hours", "days", "weeks", "months", "years"))
_joined = (
    ("il y a", "il-y-a"),
    ("l'altro ieri", "l'altroieri"),
    ("fine settimana", "fine-settimana"),
    ("fim de semana", "fim-de-semana"),
    ("segunda feira", "segunda-feira"),
    ("gisteravond", "gisteren avond"),
    ("vanmorgen", "deze ochtend"),
    ("vanochtend", "deze ochtend"),
    ("vanmiddag", "deze middag"),
    ("vanavond", "deze avond"),
)
_parts = frozenset(part for words, _ in _joined for part in words.split())
_digits = {sign: str(number) for number, sign in enumerate("一二三四五六七八九十", 1)} | {"两": "2", "兩": "2"}
_chinese_count = re.compile(
    r"[一二两兩三四五六七八九十](?=\s?(?:个?月|か月|ヶ月|天|日|周|週間?|年|小时|時間|分钟|分)前)"
)


def _plain(text: str) -> str:
    """Without accents and case: they are left out in a hurry."""
    folded = unicodedata.normalize("NFKD", text.casefold().replace("\u2019", "'"))
    return "".join(sign for sign in folded if not unicodedata.combining(sign))


_english = {
    _plain(word): month
    for of_language in MONTHS_ABROAD.values()
    for month, words in zip(_months, of_language.names, strict=True)
    for word in words.split()
} | {_plain(word): english for english, words in _table.items() for word in words.split()}
_weekdays = frozenset(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"))
words_max = 6
"""Of a time within a text."""
_elided = re.compile(r"\b(?:d|qu)['\u2019](?=\w)", re.IGNORECASE)
_since = frozenset("seit depuis desde dal dalla sinds с".split())  # noqa: SIM905 - one line
_until = frozenset("bis".split())  # noqa: SIM905
_on_weekdays = frozenset("am op el na no в во".split())  # noqa: SIM905
_genitives = frozenset("des der von de del della do da du di van".split())  # noqa: SIM905
_german = frozenset("was wer wie wo wir ich ist sind war der das und haben hat nicht gibt den dem ein eine".split())  # noqa: SIM905
_asian = tuple(
    (re.compile(pattern), english)
    for pattern, english in (
        ("昨天|昨日|어제", "yesterday"),
        ("今天|今日|오늘", "today"),
        ("前天|一昨日|おととい|그저께", "2 days ago"),
        ("昨晚|昨夜|어젯밤", "last night"),
        ("上周末|先週末|지난 ?주말", "last weekend"),
        ("上周|上週|上个?星期|上個?星期|先週|지난 ?주", "last week"),
        ("这周|這週|本周|本週|今週|이번 ?주", "this week"),
        ("上个?月|上個月|先月|지난 ?달", "last month"),
        ("这个?月|這個月|本月|今月|이번 ?달", "this month"),
        ("去年|작년", "last year"),
        ("今年|올해", "this year"),
        ("最近|최근에?", "recently"),
        (r"(\d{1,3}) ?(?:天|日|일) ?(?:前|전)", r"\1 days ago"),
        (r"(\d{1,3}) ?(?:周|週間?|个?星期|個?星期|주) ?(?:前|전)", r"\1 weeks ago"),
        (r"(\d{1,3}) ?(?:个月|個月|か月|ヶ月|개월|달) ?(?:前|전)", r"\1 months ago"),
        (r"(\d{1,3}) ?(?:年|년) ?(?:前|전)", r"\1 years ago"),
    )
)


class ForeignTime(NamedTuple):
    """A time within a text: where its words begin and end there, and the same in English."""

    begin: int
    end: int
    english: str


def foreign_times(text: str) -> Iterator[ForeignTime]:
    """What may be times in the text, each as long as possible; what they say must still be looked at."""
    if not text.isascii():
        yield from _asian_times(text)
    text = _elided.sub(lambda found: " " * len(found[0]), text)
    words = list(re.finditer(r"[\w'\u2019.-]*\w", text))
    known = [_is_known(_plain(each[0])) for each in words]
    first = 0
    while first < len(words):
        longest = len(list(takewhile(bool, known[first : first + words_max])))
        count = next((count for count in range(longest, 0, -1) if _said_in(text, words[first : first + count])), 0)
        following = words[first + count] if count and first + count < len(words) else None
        if count and not (following and _plain(following[0]) in _genitives):
            these = words[first : first + count]
            yield ForeignTime(these[0].start(), these[-1].end(), _said_in(text, these))
        first += count or 1


def _is_known(word: str) -> bool:
    """Whether the word may be one of a time's."""
    return word in _english or word in _parts or word.isdecimal()


def _said_in(text: str, words: Sequence[re.Match[str]]) -> str:
    """The time in English, with its preposition; empty where these words are not one, or not one time alone."""
    plain = [_plain(each[0]) for each in words]
    telling = [each for each in plain if _english.get(each)]
    between = text[words[0].start() : words[-1].end()]
    is_one = not re.search(r"[,;:!?()\n]", between) and (len(plain) > 1 or _english.get(plain[0]))
    if not is_one or not _english.get(plain[-1], " ") or (telling == ["hier"] and _is_german(text)):
        return ""
    english = re.sub(r"^today (?=morning|afternoon|evening)", "this ", in_english(" ".join(plain)))
    if not english:
        return ""
    if english in _weekdays:
        return f"on {english}" if plain[0] in _on_weekdays else ""
    return f"since {english}" if plain[0] in _since else f"until {english}" if plain[0] in _until else english


def _is_german(text: str) -> bool:
    return not _german.isdisjoint(_plain(text).replace("?", " ").split())


def _asian_times(text: str) -> Iterator[ForeignTime]:
    counted = with_digits(text)  # as long as the text
    taken = 0
    for pattern, english in _asian:
        for found in pattern.finditer(counted):
            if not taken & (1 << found.start()):
                taken |= ((1 << found.end()) - 1) ^ ((1 << found.start()) - 1)
                yield ForeignTime(found.start(), found.end(), found.expand(english))


def in_english(text: str) -> str:
    """The same time in English; empty where a word is not known, or none is another language's."""
    plain = _plain(text)
    for words, word in _joined:
        plain = plain.replace(words, word)
    given = plain.split()
    said = [word if re.fullmatch(r"\d{1,9}", word) else _english.get(word, "?") for word in given]
    return "" if "?" in said or not any(said) else _in_order([word for word in said if word])


def with_digits(text: str) -> str:
    """The text with the numbers of Chinese and Japanese before a unit of time as digits."""
    return _chinese_count.sub(lambda found: _digits[found[0]], text)


def _in_order(words: list[str]) -> str:
    """As English puts them: `last` first, `ago` last."""
    last = [word for word in words if word in {"last", "this"}]
    is_ago, is_before_last = "ago-" in words or "-ago" in words, "before-last" in words
    rest = [word for word in words if word not in {"last", "this", "ago-", "-ago", "before-last"}]
    is_counted = any(word.isdecimal() or word in _counts for word in rest)
    if is_counted and not last and not is_ago:
        return ""  # in three days, or of three days
    if not is_counted:
        rest = [word.removesuffix("s") if word in _units else word for word in rest]
    said = [*last[:1], *rest, *(["ago"] if is_ago else []), *(["before last"] if is_before_last else [])]
    return " ".join(said).replace("2-days-ago", "2 days ago")
