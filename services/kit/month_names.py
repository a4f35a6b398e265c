"""The months in other languages than English, in lower case and without accents, with what leads to one alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Months(NamedTuple):
    """Of a language: what stands before a month that is meant as a time, and the twelve, each with all its forms."""

    before: str
    names: Sequence[str]


def _months(before: str, names: str) -> Months:
    return Months(before, tuple(each.replace("/", " ") for each in names.split()))


MONTHS_ABROAD: Mapping[str, Months] = {
    "de": _months(
        "im seit bis ab anfang mitte ende vom",
        "januar/janner februar marz april mai juni juli august september oktober november dezember",
    ),
    "fr": _months(
        "en depuis de debut mi fin du",
        "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre",
    ),
    "es": _months(
        "en desde de principios mediados finales",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    ),
    "it": _months(
        "a ad nel da di inizio meta fine",
        "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    ),
    "pt": _months(
        "em desde de inicio meados fim",
        "janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro dezembro",
    ),
    "nl": _months(
        "in sinds van begin medio eind",
        "januari februari maart april mei juni juli augustus september oktober november december",
    ),
    "ru": _months(
        "в с со от до начале середине конце",
        "января/январе февраля/феврале марта/марте апреля/апреле мая/мае июня/июне июля/июле августа/августе"
        " сентября/сентябре октября/октябре ноября/ноябре декабря/декабре",
    ),
}
