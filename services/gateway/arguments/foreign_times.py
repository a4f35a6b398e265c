"""Times in the words of other languages, said in English: `letzten Montag`, `lundi dernier`, `hace tres días`.

Word by word, where every word of the phrase is known; what is not is left to dateparser.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

_table: Mapping[str, str] = {
    "monday": "montag lundi lunes lunedi segunda-feira maandag понедельник",
    "tuesday": "dienstag mardi martes martedi terca-feira dinsdag вторник",
    "wednesday": "mittwoch mercredi miercoles mercoledi quarta-feira woensdag среда среду",
    "thursday": "donnerstag jeudi jueves giovedi quinta-feira donderdag четверг",
    "friday": "freitag vendredi viernes venerdi sexta-feira vrijdag пятница пятницу",
    "saturday": "samstag sonnabend samedi sabado sabato zaterdag суббота субботу",
    "sunday": "sonntag dimanche domingo domenica zondag воскресенье",
    "january": "januar janner janvier enero gennaio janeiro januari января январе",
    "february": "februar fevrier febrero febbraio fevereiro februari февраля феврале",
    "march": "marz mars marzo marco maart марта марте",
    "april": "april avril abril aprile апреля апреле",
    "may": "mai mayo maggio maio mei мая мае",
    "june": "juni juin junio giugno junho июня июне",
    "july": "juli juillet julio luglio julho июля июле",
    "august": "august aout agosto augustus августа августе",
    "september": "september septembre septiembre settembre setembro сентября сентябре",
    "october": "oktober octobre octubre ottobre outubro октября октябре",
    "november": "november novembre noviembre novembro ноября ноябре",
    "december": "dezember decembre diciembre dicembre dezembro december декабря декабре",
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
_digits = {sign: str(number) for number, sign in enumerate("一二三四五六七八九十", 1)} | {"两": "2", "兩": "2"}
_chinese_count = re.compile(
    r"[一二两兩三四五六七八九十](?=\s?(?:个?月|か月|ヶ月|天|日|周|週間?|年|小时|時間|分钟|分)前)"
)


def _plain(text: str) -> str:
    """Without accents and case: they are left out in a hurry."""
    folded = unicodedata.normalize("NFKD", text.casefold().replace("\u2019", "'"))
    return "".join(sign for sign in folded if not unicodedata.combining(sign))


_english = {_plain(word): english for english, words in _table.items() for word in words.split()}


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
